//! `/proc/keys` (`security/keys/proc.c`): serial number, flags, usage, timeout, permissions, user, group, type and
//! description of each key that the reader may see. Which keyring holds a key is not there.

use super::lines::{LineError, each_line};

/// `asymmetric`, cut to the nine characters that the kernel prints of a type.
const ASYMMETRIC: &str = "asymmetri";
const KEYRING: &str = "keyring";

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelKey {
    /// Its serial number.
    pub serial: u32,
    /// True if it is in use: instantiated, and neither revoked, dead, negative nor invalidated.
    pub is_valid: bool,
    /// The permissions, as `keyctl(2)` has them.
    pub permissions: u32,
    /// The first nine characters of its type's name.
    pub kind: String,
    /// The description that its type gives.
    pub description: String,
}

/// A key of an X.509 certificate (`crypto/asymmetric_keys`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsymmetricKey<'a> {
    /// The subject, as the kernel shortens it.
    pub subject: &'a str,
    /// The subject key identifier, or the serial number of a certificate without one.
    pub id: Vec<u8>,
    /// `X509.rsa`, `X509.ecdsa` and the like.
    pub algorithm: &'a str,
}

/// `KEY_POS_SETATTR`: whoever possesses the key may change its attributes. Keys that the kernel itself loads lack it
/// (`certs/system_keyring.c`, `security/integrity/digsig.c`); those that programs add have it.
const POSSESSOR_SETS_ATTRIBUTES: u32 = 0x2000_0000;

impl KernelKey {
    /// True if the kernel loaded it, and no program added it.
    #[must_use]
    pub const fn is_kernels(&self) -> bool {
        self.permissions & POSSESSOR_SETS_ATTRIBUTES == 0
    }

    /// The name of a keyring and how many keys are in it.
    #[must_use]
    pub fn keyring(&self) -> Option<(&str, usize)> {
        if self.kind != KEYRING {
            return None;
        }
        let (name, count) = self.description.rsplit_once(": ")?;
        match count.split(['/', ' ']).next()? {
            "empty" => Some((name, 0)),
            count => Some((name, count.parse().ok()?)),
        }
    }

    /// The certificate's key, if it is one.
    #[must_use]
    pub fn asymmetric(&self) -> Option<AsymmetricKey<'_>> {
        if self.kind != ASYMMETRIC {
            return None;
        }
        let (described, rest) = self.description.rsplit_once(": ")?;
        let (subject, id) = described.rsplit_once(": ")?;
        Some(AsymmetricKey {
            subject,
            id: hex::decode(id).ok()?,
            algorithm: rest.split(' ').next()?,
        })
    }
}

/// The keys in use that are that of a certificate with this subject key identifier.
pub fn find_keys<'k>(keys: &'k [KernelKey], id: &'k [u8]) -> impl Iterator<Item = &'k KernelKey> {
    // Old kernels left out a first byte of zero (`x509_key_preparse`).
    let shortened = id.strip_prefix(&[0]).filter(|rest| !rest.is_empty());
    let is_shown = move |shown: &[u8]| shown == id || Some(shown) == shortened;
    let is_it = move |key: &&KernelKey| key.is_valid && key.asymmetric().is_some_and(|key| is_shown(&key.id));
    keys.iter().filter(move |_| !id.is_empty()).filter(is_it)
}

/// Reads the list.
pub fn key_list(text: &str) -> Result<Vec<KernelKey>, LineError> {
    each_line(text, "not a key as /proc/keys shows it", key)
}

fn key(line: &str) -> Option<KernelKey> {
    let mut rest = line;
    let mut field = || {
        let (field, after) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = after.trim_start();
        (!field.is_empty()).then_some(field)
    };
    let serial = u32::from_str_radix(field()?, 16).ok()?;
    let flags = field()?;
    let [_usage, _timeout] = [field()?, field()?];
    let permissions = u32::from_str_radix(field()?, 16).ok()?;
    let _user: i64 = field()?.parse().ok()?;
    let _group: i64 = field()?.parse().ok()?;
    let kind = field()?.to_owned();
    Some(KernelKey {
        serial,
        permissions,
        is_valid: flags.starts_with('I') && !flags.contains(['R', 'D', 'N', 'i']),
        kind,
        description: rest.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIST: &str = "\
0f4e6a5b I------     1 perm 1f030000     0     0 asymmetri Debian: Debian Secure Boot CA: 6ccece7e4c6c0d1f6149f3dd27dfcc5cbb419ea1: X509.rsa bb419ea1 []
1c7a1ad1 IR-----     1 expd 1f030000     0     0 asymmetri gone: 01: X509.ecdsa 01 []
20ca892d I--Q---     1 perm 1f3f0000     0 65534 keyring   _uid_ses.0: 1
31e88efb I------     1 perm 1f0b0000     0     0 keyring   .builtin_trusted_keys: 2
39cfd311 I------     1 perm 0f0b0000    -1     0 keyring   .blacklist: empty
3a000000 I------     2  3w  1f030000     0     0 user      a: b
";

    #[test]
    fn keys_and_keyrings_are_told_apart() {
        let keys = key_list(LIST).unwrap();
        let debian = keys[0].asymmetric().unwrap();
        assert_eq!(debian.subject, "Debian: Debian Secure Boot CA");
        assert_eq!(hex::encode(&debian.id), "6ccece7e4c6c0d1f6149f3dd27dfcc5cbb419ea1");
        assert_eq!(debian.algorithm, "X509.rsa");
        assert!(keys[0].is_valid && !keys[1].is_valid);
        assert_eq!(keys[1].asymmetric().unwrap().id, [1]);
        let rings: Vec<_> = keys.iter().filter_map(KernelKey::keyring).collect();
        assert_eq!(
            rings,
            [("_uid_ses.0", 1), (".builtin_trusted_keys", 2), (".blacklist", 0)]
        );
        assert_eq!(keys[5].description, "a: b");
        assert_eq!(keys[5].asymmetric(), None);
    }

    #[test]
    fn a_certificates_key_is_found_by_all_of_its_identifier() {
        let keys = key_list(LIST).unwrap();
        let id = hex::decode("6ccece7e4c6c0d1f6149f3dd27dfcc5cbb419ea1").unwrap();
        assert_eq!(find_keys(&keys, &id).next(), Some(&keys[0]));
        let with_zero = [&[0], id.as_slice()].concat();
        assert_eq!(find_keys(&keys, &with_zero).next(), Some(&keys[0]));
        let all_of_it = key_list(&LIST.replace(&hex::encode(&id), &hex::encode(&with_zero))).unwrap();
        assert_eq!(find_keys(&all_of_it, &with_zero).next(), Some(&all_of_it[0]));
        assert_eq!(find_keys(&all_of_it, &id).next(), None);
        // The end of another's, one that was revoked, none.
        for other in [&id[16..], &[1], &[]] {
            assert_eq!(find_keys(&keys, other).next(), None, "{other:x?}");
        }
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        for line in ["", "nonsense", "0f4e6a5b I------ 1 perm 1f030000 0 x asymmetri a"] {
            assert_eq!(key_list(&format!("{LIST}{line}\n")).unwrap_err().line, 7, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            let _ = key_list(&text);
            let line = format!("0 I 1 perm 0 0 0 asymmetri {text}");
            let _ = key_list(&line).map(|keys| keys.first().map(|key| key.asymmetric().is_some()));
            let _ = key_list(&line.replace(ASYMMETRIC, KEYRING)).map(|keys| keys.first().map(|key| key.keyring().is_some()));
        }
    }
}
