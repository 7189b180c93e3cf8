//! The revocations that Microsoft marks as optional: Windows keeps dbx up to date without them, since the revocation of one
//! certificate and its security versions cover them.

/// Their hashes, one a line, in lower-case hexadecimal.
const OPTIONAL: &str = include_str!("updates/optional-x64.txt");

/// True if an entry of Microsoft's list, the SHA-256 of an image, is optional.
#[must_use]
pub fn is_optional(hash: &[u8]) -> bool {
    let wanted = hex::encode(hash);
    OPTIONAL.lines().any(|line| line == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::microsoft::revocations;

    #[test]
    fn optional_entries_are_a_part_of_the_list() {
        let lists = revocations().unwrap();
        let optional = lists.entries().filter(|(_, entry)| is_optional(&entry.data)).count();
        let listed = OPTIONAL.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!((optional, listed, lists.entries().count()), (154, 154, 443));
    }
}
