//! A signed write to one of the four variables, read and checked.

use serde::Serialize;

use crate::formats::firmware::authenticated_variable::{APPEND, ATTRIBUTES, EfiTime, VariableName};
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::system::variables::RawVariable;

/// A write to the firmware.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedWrite {
    /// PK, KEK, db or dbx.
    pub variable: &'static str,
    /// Its origin: the `.auth` file, or the operation that made it.
    pub origin: String,
    /// SHA-256 of the signed write, lower-case hexadecimal.
    pub sha256: String,
    /// Size of the signed write, which the firmware receives whole, in bytes.
    pub bytes: usize,
    /// True if the entries are added to the present ones; otherwise they replace them.
    pub append: bool,
    /// Time of the signature, UTC.
    #[serde(serialize_with = "super::json::as_text")]
    pub time: EfiTime,
    /// Common name of the certificate whose key signed it; null if its signature does not hold.
    pub signed_by: Option<String>,
    /// True if the firmware holds the content already, so that nothing will be written.
    pub already_there: bool,
    /// The variable.
    #[serde(skip)]
    pub(super) name: VariableName,
    /// The attributes of the write.
    #[serde(skip)]
    pub(super) attributes: u32,
    /// The content of the `.auth` file: the bytes that are judged are the bytes that are written.
    #[serde(skip)]
    pub(super) auth: Vec<u8>,
    /// The signature lists in the write.
    #[serde(skip)]
    pub(super) content: SignatureDatabase,
    /// The entries that other writes of the plan append to the same variable.
    #[serde(skip)]
    pub(super) appended: SignatureDatabase,
}

impl PlannedWrite {
    /// True if the firmware holds the content of this write.
    pub(super) fn is_held_by(&self, present: Option<&RawVariable>) -> bool {
        let Some(present) = present else {
            return self.content.is_empty() && !self.append;
        };
        if present.attributes != ATTRIBUTES {
            return false;
        }
        let Ok(held) = SignatureDatabase::parse(&present.data) else {
            return false;
        };
        // The order of entries depends on the way that they came in, and means nothing.
        let is_meant = || {
            let mut meant = self.content.clone();
            meant.merge(&self.appended);
            meant.contains_all(&held)
        };
        let is_enough = self.append || (!self.content.is_empty() && is_meant());
        is_enough && held.contains_all(&self.content)
    }
}

/// True if a write with these attributes adds to the present content, rather than replaces it.
pub(super) const fn appends(attributes: u32) -> bool {
    attributes & APPEND != 0
}

/// The beginning of the refusal of a write from `origin`.
pub(super) fn cannot_enroll(origin: &str) -> String {
    format!("{origin} cannot be enrolled")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::firmware::signature_list::SignatureType;
    use crate::trust::identities::OWNER;

    fn database(digests: &[u8]) -> SignatureDatabase {
        let mut database = SignatureDatabase::default();
        for digest in digests {
            database.add(SignatureType::Sha256, OWNER, &[*digest; 32]);
        }
        database
    }

    #[test]
    fn the_same_entries_in_another_order_are_there_already() {
        let write = |append| PlannedWrite {
            variable: "db",
            origin: String::new(),
            sha256: String::new(),
            bytes: 0,
            append,
            time: EfiTime::from_bytes([0; 16]),
            signed_by: None,
            already_there: false,
            name: VariableName::Db,
            attributes: ATTRIBUTES,
            auth: Vec::new(),
            content: database(&[1, 2]),
            appended: SignatureDatabase::default(),
        };
        let present = |digests: &[u8]| RawVariable {
            attributes: ATTRIBUTES,
            data: database(digests).to_bytes(),
        };
        for (held, replaced, appended) in [
            (&[1, 2][..], true, true),
            (&[2, 1], true, true),
            (&[2], false, false),
            (&[3, 2, 1], false, true),
        ] {
            assert_eq!(write(false).is_held_by(Some(&present(held))), replaced, "{held:?}");
            assert_eq!(write(true).is_held_by(Some(&present(held))), appended, "{held:?}");
        }
    }
}
