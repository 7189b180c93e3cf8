//! Security version numbers: entries of dbx in the form of SHA-256 hashes, by which Windows' boot managers refuse older
//! ones of their kind. Firmware does nothing with them: no image has such a hash.

use std::fmt;

use crate::formats::bytes::Reader;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::{Signature, SignatureType};

/// Owner of these entries.
const OWNER: Guid = Guid::from_fields(
    0x9d13_2b6c,
    0x59d5,
    0x4388,
    [0xab, 0x1c, 0x18, 0x5c, 0xfc, 0xb2, 0xeb, 0x92],
);
/// The first byte: the version of the form.
const FORM: u8 = 1;
/// The zeros at the end, in bytes.
const PADDING: usize = 11;

/// The programs whose numbers Microsoft publishes.
const PROGRAMS: [(&str, Guid); 3] = [
    (
        "bootmgfw.efi",
        Guid::from_fields(
            0x9d13_2b61,
            0x59d5,
            0x4388,
            [0xab, 0x1c, 0x18, 0x5c, 0x3c, 0xb2, 0xeb, 0x92],
        ),
    ),
    (
        "cdboot.efi",
        Guid::from_fields(
            0xe8f8_2e9d,
            0xe127,
            0x4158,
            [0xa4, 0x88, 0x4c, 0x18, 0xab, 0xe2, 0xf2, 0x84],
        ),
    ),
    (
        "wdsmgfw.efi",
        Guid::from_fields(
            0xc999_cac2,
            0x7ffe,
            0x496f,
            [0x81, 0x27, 0x9e, 0x2a, 0x8a, 0x53, 0x59, 0x76],
        ),
    ),
];

/// The lowest version of a program that its kind still starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecurityVersion {
    /// The program, by its GUID.
    pub program: Guid,
    /// The part that counts first.
    pub major: u16,
    /// The part that counts then.
    pub minor: u16,
}

impl SecurityVersion {
    /// Reads an entry as a security version, known by its owner and by every byte of its form. An image's hash is never
    /// taken for one.
    #[must_use]
    pub fn from_entry(kind: SignatureType, entry: &Signature) -> Option<Self> {
        if kind != SignatureType::Sha256 || entry.owner != OWNER {
            return None;
        }
        let mut reader = Reader::new(&entry.data);
        let [form] = reader.array("form").ok()?;
        let program = Guid::from_bytes(reader.array("program").ok()?);
        let (minor, major) = (reader.u16("minor").ok()?, reader.u16("major").ok()?);
        let padding = reader.take("padding", PADDING).ok()?;
        let is_one = form == FORM && padding.iter().all(|byte| *byte == 0) && reader.is_empty();
        is_one.then_some(Self { program, major, minor })
    }
}

impl fmt::Display for SecurityVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, major, minor } = self;
        match PROGRAMS.iter().find(|(_, guid)| guid == program) {
            Some((name, _)) => write!(f, "{name} {major}.{minor}"),
            None => write!(f, "{program} {major}.{minor}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::firmware::authenticated_variable::AuthenticatedVariable;
    use crate::formats::firmware::signature_list::SignatureDatabase;

    #[test]
    fn the_published_ones_are_recognised_and_only_by_their_whole_form() {
        let update = AuthenticatedVariable::parse(include_bytes!("updates/DBXUpdateSVN.bin")).unwrap();
        let lists = SignatureDatabase::parse(&update.payload).unwrap();
        let read =
            |entry: &Signature| SecurityVersion::from_entry(SignatureType::Sha256, entry).map(|svn| svn.to_string());
        let said: Vec<String> = lists.entries().filter_map(|(_, entry)| read(entry)).collect();
        // As dbx_info_msft_latest.json names them.
        assert_eq!(said, ["bootmgfw.efi 9.0", "cdboot.efi 3.0", "wdsmgfw.efi 3.0"]);
        let (_, entry) = lists.entries().next().unwrap();
        for position in [0, 21, 31] {
            let mut changed = entry.clone();
            changed.data[position] ^= 1;
            assert_eq!(read(&changed), None, "{position}");
        }
        let owner = Guid::MICROSOFT;
        let data = entry.data.clone();
        assert_eq!(read(&Signature { owner, data }), None);
        let owner = entry.owner;
        for data in [vec![], entry.data[..31].to_vec(), [&entry.data[..], &[0]].concat()] {
            assert_eq!(read(&Signature { owner, data }), None);
        }
    }
}
