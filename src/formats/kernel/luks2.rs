//! LUKS2 headers, as far as they tell of keys that a TPM holds (LUKS2 On-Disk Format Specification, sections 2.1 and 3.4).

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;
use serde_json::Value;

use crate::formats::bytes::{Reader, Truncated, until_zero};

/// How the first header begins.
const MAGIC: &[u8; 6] = b"LUKS\xba\xbe";
/// Version of the format.
const VERSION: u16 = 2;
/// Size of the binary header, which the JSON area follows, in bytes.
pub const BINARY: usize = 4096;
/// Largest header, with both parts, in bytes.
const MAX_HEADER: u64 = 4 << 20;

/// Why bytes are no LUKS2 header.
#[derive(Debug, thiserror::Error)]
pub enum Luks2Error {
    /// A field reaches past the end.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// Something else.
    #[error("this is no LUKS2 header")]
    NotLuks2,
    /// A size that no header has.
    #[error("the LUKS2 header states a size of {0} bytes; the format has 16 KiB to 4 MiB")]
    Size(u64),
    /// The JSON area cannot be read.
    #[error("the JSON area is malformed: {0}")]
    Json(#[from] serde_json::Error),
}

/// A token: something outside that can give a passphrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its type, such as `systemd-tpm2`.
    pub kind: String,
    /// The PCRs that it is sealed to.
    pub pcrs: Vec<u32>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    #[serde(default)]
    tokens: std::collections::BTreeMap<String, Value>,
}

/// Size of the header in bytes, from its first 4096 bytes: the binary part, and the JSON area.
pub fn header_size(binary: &[u8]) -> Result<u64, Luks2Error> {
    let mut reader = Reader::new(binary);
    let magic: [u8; 6] = reader.array("magic")?;
    let version = u16::from_be_bytes(reader.array("version")?);
    if (&magic, version) != (MAGIC, VERSION) {
        return Err(Luks2Error::NotLuks2);
    }
    let size = u64::from_be_bytes(reader.array("hdr_size")?);
    if !(16 << 10..=MAX_HEADER).contains(&size) {
        return Err(Luks2Error::Size(size));
    }
    Ok(size)
}

/// The tokens of a whole header that a TPM takes part in.
pub fn tpm_tokens(header: &[u8]) -> Result<Vec<Token>, Luks2Error> {
    let size = header_size(header)?;
    let mut reader = Reader::new(header);
    reader.take("binary header", BINARY)?;
    let size = usize::try_from(size).map_err(|_| Luks2Error::Size(size))?;
    // A header has 16 KiB or more.
    let json = reader.take("JSON area", size - BINARY)?;
    let metadata: Metadata = serde_json::from_slice(until_zero(json))?;
    Ok(metadata.tokens.values().filter_map(tpm_token).collect())
}

fn tpm_token(token: &Value) -> Option<Token> {
    let kind = token.get("type")?.as_str()?;
    let numbers = |value: &Value| match value {
        Value::Array(numbers) => numbers
            .iter()
            .filter_map(|number| u32::try_from(number.as_u64()?).ok())
            .collect(),
        // Clevis writes them as a text.
        Value::String(text) => text
            .split(',')
            .filter_map(|number| number.trim().parse().ok())
            .collect(),
        _ => Vec::new(),
    };
    let pcrs = match kind {
        "systemd-tpm2" => token.get("tpm2-pcrs").map(numbers),
        "clevis" => token
            .pointer("/jwe/protected")
            .and_then(clevis_pcrs)
            .map(|pcrs| numbers(&pcrs)),
        _ => None,
    }?;
    let kind = kind.to_owned();
    Some(Token { kind, pcrs })
}

/// `pcr_ids` of the TPM pin in the protected header of clevis' JWE.
fn clevis_pcrs(protected: &Value) -> Option<Value> {
    let header = match protected {
        Value::String(text) => serde_json::from_slice(&Base64UrlUnpadded::decode_vec(text).ok()?).ok()?,
        other => other.clone(),
    };
    header.pointer("/clevis/tpm2/pcr_ids").cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(json: &str) -> Vec<u8> {
        let mut header = MAGIC.to_vec();
        header.extend(VERSION.to_be_bytes());
        header.extend((16_u64 << 10).to_be_bytes());
        header.resize(BINARY, 0);
        header.extend(json.as_bytes());
        header.resize(16 << 10, 0);
        header
    }

    #[test]
    fn tokens_tell_their_pcrs() {
        // {"clevis":{"pin":"tpm2","tpm2":{"pcr_bank":"sha256","pcr_ids":"1,7"}}}
        let clevis = "eyJjbGV2aXMiOnsicGluIjoidHBtMiIsInRwbTIiOnsicGNyX2JhbmsiOiJzaGEyNTYiLCJwY3JfaWRzIjoiMSw3In19fQ";
        let json = format!(
            r#"{{"tokens":{{"0":{{"type":"systemd-tpm2","tpm2-pcrs":[7,11]}},"1":{{"type":"luks2-keyring"}},
            "2":{{"type":"clevis","jwe":{{"protected":"{clevis}"}}}},"3":{{"type":7}}}}}}"#
        );
        let tokens = tpm_tokens(&header(&json)).unwrap();
        let found: Vec<(&str, &[u32])> = tokens
            .iter()
            .map(|token| (token.kind.as_str(), token.pcrs.as_slice()))
            .collect();
        assert_eq!(found, [("systemd-tpm2", &[7, 11][..]), ("clevis", &[1, 7][..])]);
    }

    #[test]
    fn what_is_no_header_is_refused() {
        assert!(matches!(tpm_tokens(&[0; 8192]), Err(Luks2Error::NotLuks2)));
        assert!(matches!(tpm_tokens(b"LUKS"), Err(Luks2Error::Truncated(_))));
        assert!(matches!(tpm_tokens(&header("{")), Err(Luks2Error::Json(_))));
        let mut huge = header("{}");
        huge[8] = 1;
        assert!(matches!(tpm_tokens(&huge), Err(Luks2Error::Size(_))));
        assert!(tpm_tokens(&header("{}")[..8192]).is_err());
    }
}
