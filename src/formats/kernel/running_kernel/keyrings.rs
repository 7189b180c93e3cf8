//! The kernel's keyrings, and the keys in each. Nobody but the kernel makes one whose name begins with a dot
//! (`security/keys/keyctl.c`).

use std::collections::{BTreeMap, BTreeSet};

use super::keys::KernelKey;

/// Certificates that the kernel brings along.
pub const BUILT_IN: &str = ".builtin_trusted_keys";
/// Certificates that those signed, with the keyrings of those and of the machine's owner linked to it.
pub const SECONDARY: &str = ".secondary_trusted_keys";
/// Certificates of the firmware's db.
pub const PLATFORM: &str = ".platform";
/// Certificates by which files are appraised.
pub const IMA: &str = ".ima";

/// The keyrings that could be read, by their names, with the serial numbers of the keys in each: those in a keyring that is linked
/// to it as well.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Keyrings(BTreeMap<String, BTreeSet<u32>>);

impl Keyrings {
    /// Reads the kernel's own keyrings among `keys`, by what `links` says that each holds.
    pub fn read(keys: &[KernelKey], links: impl Fn(u32) -> Option<Vec<u32>>) -> Self {
        let rings = keys.iter().filter_map(|key| Some((key.serial, key.keyring()?.0)));
        let linked: BTreeMap<u32, (&str, Vec<u32>)> = rings
            .filter(|(_, name)| name.starts_with('.'))
            .filter_map(|(serial, name)| Some((serial, (name, links(serial)?))))
            .collect();
        let held = |start: &u32| {
            let (mut found, mut open) = (BTreeSet::new(), vec![*start]);
            while let Some(serial) = open.pop() {
                if let Some((_, links)) = linked.get(&serial) {
                    open.extend(links.iter().copied().filter(|link| found.insert(*link)));
                }
            }
            found
        };
        Self(
            linked
                .iter()
                .map(|(serial, (name, _))| ((*name).to_owned(), held(serial)))
                .collect(),
        )
    }

    /// True if none could be read.
    #[must_use]
    pub fn are_unknown(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the keyrings that hold this key.
    pub fn holders(&self, serial: u32) -> impl Iterator<Item = &str> {
        let holds = move |(_, held): &(&String, &BTreeSet<u32>)| held.contains(&serial);
        self.0.iter().filter(holds).map(|(name, _)| name.as_str())
    }

    /// True if one of the named ones holds this key.
    #[must_use]
    pub fn hold(&self, names: &[&str], serial: u32) -> bool {
        self.holders(serial).any(|name| names.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::kernel::running_kernel::key_list;

    const LIST: &str = "\
00000001 I------     1 perm 1f0b0000     0     0 keyring   .builtin_trusted_keys: 1
00000002 I------     1 perm 1f0b0000     0     0 keyring   .secondary_trusted_keys: 2
00000003 I------     1 perm 1f0b0000     0     0 keyring   .platform: 1
00000004 I------     1 perm 3f3f0000     0     0 keyring   _ima: 1
00000011 I------     1 perm 1f030000     0     0 asymmetri builtin: 0011: X509.rsa 0011 []
00000013 I------     1 perm 1f010000     0     0 asymmetri db: 0013: X509.rsa 0013 []
";

    #[test]
    fn what_is_linked_to_a_keyring_counts_as_in_it() {
        let keys = key_list(LIST).unwrap();
        // A link back is no end without a way out.
        let links = |serial| match serial {
            1 => Some(vec![0x11]),
            2 => Some(vec![1, 2]),
            3 => Some(vec![0x13]),
            other => panic!("{other} is no keyring of the kernel's own"),
        };
        let rings = Keyrings::read(&keys, links);
        assert_eq!(rings.holders(0x11).collect::<Vec<_>>(), [BUILT_IN, SECONDARY]);
        assert!(rings.hold(&[PLATFORM], 0x13) && !rings.hold(&[BUILT_IN, SECONDARY], 0x13));
        assert!(!rings.are_unknown() && Keyrings::read(&keys, |_| None).are_unknown());
    }
}
