//! PKCS#11 URIs (RFC 7512): they name a key, its token, the module and the source of the PIN.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The reason for which a text does not name a key on a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Another kind of URI, or none.
    #[error("it does not begin with pkcs11:")]
    Scheme,
    /// A part that is not NAME=VALUE. It is not quoted, since it may be a PIN.
    #[error("part {0} is not of the form NAME=VALUE")]
    Form(usize),
    /// White space or a control character, which has to be percent-encoded.
    #[error("it has white space or control characters in it; a space is written as %20")]
    Space,
    /// An attribute that the standard, or bootseal, does not know.
    #[error("the attribute {0} is unknown")]
    Unknown(String),
    /// An attribute that stands there twice.
    #[error("the attribute {0} is there twice")]
    Twice(String),
    /// A value with a malformed percent-encoding, or one that makes no sense for its attribute.
    #[error("the value of {0} is malformed")]
    Value(String),
    /// A PIN in the URI, where everybody can read it.
    #[error(
        "pin-value does not belong into a file that is not kept secret; name a file that is with pin-source=file:PATH"
    )]
    PinValue,
    /// Neither the key's name nor its identifier.
    #[error("neither object nor id says which key it is")]
    NoKey,
}

/// A key on a token.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenUri {
    /// Label of the token.
    pub token: Option<String>,
    /// Its manufacturer.
    pub manufacturer: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// The slot that it is in.
    pub slot_id: Option<u64>,
    /// Label of the key, `CKA_LABEL`.
    pub object: Option<Vec<u8>>,
    /// Identifier of the key, `CKA_ID`.
    pub id: Option<Vec<u8>>,
    /// The library that speaks to the token.
    pub module_path: Option<PathBuf>,
    /// Name of that library, for the usual places.
    pub module_name: Option<String>,
    /// File with the PIN.
    pub pin_source: Option<PathBuf>,
}

impl FromStr for TokenUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let rest = text.strip_prefix("pkcs11:").ok_or(UriError::Scheme)?;
        if rest.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(UriError::Space);
        }
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let mut uri = Self::default();
        let mut seen = Vec::new();
        let parts = path.split(';').map(|part| (part, true));
        let query = query.into_iter().flat_map(|query| query.split('&'));
        let parts = parts.chain(query.map(|part| (part, false)));
        for (number, (part, is_path)) in parts.enumerate() {
            let malformed = UriError::Form(number + 1);
            let (name, value) = part.split_once('=').ok_or(malformed)?;
            if seen.contains(&name) {
                return Err(UriError::Twice(name.to_owned()));
            }
            seen.push(name);
            let value = decode(value).ok_or_else(|| UriError::Value(name.to_owned()))?;
            if is_path {
                uri.take_path_attribute(name, value)?;
            } else {
                uri.take_query_attribute(name, value)?;
            }
        }
        if uri.object.is_none() && uri.id.is_none() {
            return Err(UriError::NoKey);
        }
        Ok(uri)
    }
}

impl TokenUri {
    fn take_path_attribute(&mut self, name: &str, value: Vec<u8>) -> Result<(), UriError> {
        let malformed = || UriError::Value(name.to_owned());
        let text = |value: Vec<u8>| String::from_utf8(value).map_err(|_| malformed());
        match name {
            "token" => self.token = Some(text(value)?),
            "manufacturer" => self.manufacturer = Some(text(value)?),
            "serial" => self.serial = Some(text(value)?),
            "model" => self.model = Some(text(value)?),
            "slot-id" if value.iter().all(u8::is_ascii_digit) => {
                self.slot_id = Some(text(value)?.parse().map_err(|_| malformed())?);
            }
            "object" if !value.is_empty() => self.object = Some(value),
            "id" if !value.is_empty() => self.id = Some(value),
            "type" if value == b"private" => {}
            "object" | "id" | "slot-id" | "type" => return Err(malformed()),
            _ => return Err(UriError::Unknown(name.to_owned())),
        }
        Ok(())
    }

    fn take_query_attribute(&mut self, name: &str, value: Vec<u8>) -> Result<(), UriError> {
        let malformed = || UriError::Value(name.to_owned());
        let text = String::from_utf8(value).map_err(|_| malformed())?;
        let absolute = |path: &str| {
            let path = Path::new(path);
            path.is_absolute().then(|| path.to_path_buf()).ok_or_else(malformed)
        };
        match name {
            "module-path" => self.module_path = Some(absolute(&text)?),
            "module-name" if !text.contains('/') && !text.is_empty() => self.module_name = Some(text),
            "module-name" => return Err(malformed()),
            "pin-source" => {
                // A file URI (RFC 8089) may have an authority: none, or this machine.
                let path = text.strip_prefix("file:").unwrap_or(&text);
                let path = path.strip_prefix("//").unwrap_or(path);
                self.pin_source = Some(absolute(path.strip_prefix("localhost").unwrap_or(path))?);
            }
            "pin-value" => return Err(UriError::PinValue),
            _ => return Err(UriError::Unknown(name.to_owned())),
        }
        Ok(())
    }
}

impl fmt::Display for TokenUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slot = self.slot_id.map(|slot| slot.to_string());
        let text = |value: &Option<String>| value.as_ref().map(|value| encode(value.as_bytes()));
        let path = [
            ("token", text(&self.token)),
            ("manufacturer", text(&self.manufacturer)),
            ("serial", text(&self.serial)),
            ("model", text(&self.model)),
            ("slot-id", slot),
            ("object", self.object.as_deref().map(encode)),
            ("id", self.id.as_deref().map(encode_all)),
        ];
        let file = |path: &PathBuf| encode(path.as_os_str().as_bytes());
        let query = [
            ("module-path", self.module_path.as_ref().map(file)),
            ("module-name", text(&self.module_name)),
            (
                "pin-source",
                self.pin_source.as_ref().map(|path| format!("file:{}", file(path))),
            ),
        ];
        let join = |parts: &[(&str, Option<String>)], separator: &str| {
            let there = parts
                .iter()
                .filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
            there.collect::<Vec<_>>().join(separator)
        };
        write!(f, "pkcs11:{}", join(&path, ";"))?;
        match join(&query, "&") {
            query if query.is_empty() => Ok(()),
            query => write!(f, "?{query}"),
        }
    }
}

/// Percent-encodes every byte that is neither unreserved (RFC 3986, section 2.3) nor a slash.
fn encode(bytes: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'/' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02x}"),
    };
    bytes.iter().map(one).collect()
}

/// Percent-encodes every byte, as identifiers are written.
fn encode_all(bytes: &[u8]) -> String {
    let encoded: Vec<String> = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
    encoded.concat()
}

/// Undoes the percent-encoding; `None` if it is malformed.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                let mut value = [0];
                hex::decode_to_slice(digits, &mut value).ok()?;
                let [value] = value;
                value
            }
            byte => byte,
        });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_whole_uri_is_read() {
        let uri: TokenUri = "pkcs11:token=My%20token;manufacturer=m;serial=s;model=x;slot-id=7;object=db;id=%01%ff;\
            type=private?module-path=/usr/lib/softhsm/libsofthsm2.so&module-name=softhsm2&pin-source=file:/etc/pin"
            .parse()
            .unwrap();
        assert_eq!(uri.token.as_deref(), Some("My token"));
        assert_eq!((uri.slot_id, uri.object.as_deref()), (Some(7), Some(b"db".as_slice())));
        assert_eq!(uri.id, Some(vec![1, 0xff]));
        assert_eq!(uri.module_path.unwrap(), Path::new("/usr/lib/softhsm/libsofthsm2.so"));
        for source in [
            "file:/etc/pin",
            "file:///etc/pin",
            "file://localhost/etc/pin",
            "/etc/pin",
        ] {
            let uri: TokenUri = format!("pkcs11:object=a?pin-source={source}").parse().unwrap();
            assert_eq!(uri.pin_source.unwrap(), Path::new("/etc/pin"), "{source}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| text.parse::<TokenUri>().unwrap_err();
        assert_eq!(error("/etc/key.pem"), UriError::Scheme);
        for (text, part) in [
            ("object", 1),
            ("object=a;", 2),
            ("object=a;;id=%01", 2),
            ("object=a?pin-value:1", 2),
        ] {
            assert_eq!(error(&format!("pkcs11:{text}")), UriError::Form(part), "{text}");
        }
        assert_eq!(error("pkcs11:object=a\nb"), UriError::Space);
        assert_eq!(error("pkcs11:objekt=a"), UriError::Unknown("objekt".to_owned()));
        assert_eq!(error("pkcs11:object=a;object=b"), UriError::Twice("object".to_owned()));
        assert_eq!(error("pkcs11:object=a?pin-value=1234"), UriError::PinValue);
        assert_eq!(error("pkcs11:token=a"), UriError::NoKey);
        for value in [
            "id=%0",
            "id=%zz",
            "id=",
            "type=public",
            "slot-id=x",
            "slot-id=+7",
            "token=%ff",
        ] {
            let name = value.split('=').next().unwrap().to_owned();
            assert_eq!(error(&format!("pkcs11:object=a;{value}")), UriError::Value(name));
        }
        for value in ["module-path=lib.so", "pin-source=file:pin", "module-name=../x"] {
            let name = value.split('=').next().unwrap().to_owned();
            assert_eq!(error(&format!("pkcs11:object=a?{value}")), UriError::Value(name));
        }
    }

    proptest! {
        #[test]
        fn any_label_survives(label in prop::collection::vec(any::<u8>(), 1..64)) {
            let encoded: Vec<String> = label.iter().map(|byte| format!("%{byte:02X}")).collect();
            let encoded = encoded.concat();
            let uri: TokenUri = format!("pkcs11:object={encoded}").parse().unwrap();
            prop_assert_eq!(uri.object, Some(label));
        }

        #[test]
        fn what_is_written_is_read(
            token in prop::option::of(".*"),
            object in prop::collection::vec(any::<u8>(), 1..20),
            id in prop::option::of(prop::collection::vec(any::<u8>(), 1..20)),
            slot_id: Option<u64>,
            pin in prop::option::of("/[a-z ?&;%]{1,9}"),
        ) {
            let uri = TokenUri {
                token, slot_id, id,
                object: Some(object),
                pin_source: pin.map(PathBuf::from),
                module_path: Some("/usr/lib/x.so".into()),
                ..TokenUri::default()
            };
            prop_assert_eq!(uri.to_string().parse(), Ok(uri));
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = text.parse::<TokenUri>();
            let _ = format!("pkcs11:{text}").parse::<TokenUri>();
        }
    }
}
