//! The content of the kernel's keyrings, which `/proc/keys` does not show (keyctl(2)).

use linux_keyutils::{Key, KeySerialId};

use super::context::Context;

/// Size of a serial number, in bytes.
const SERIAL: usize = 4;
/// Most keys of a keyring that are read.
const MAX_KEYS: usize = 1 << 14;

/// The serial numbers of the keys that a keyring of the running kernel holds. None if it cannot be read: there is no such
/// keyring, it is not for this user, it holds more than 16,384 keys, or the context's root is not the running system's.
#[must_use]
pub fn keyring_links(context: &Context, keyring: u32) -> Option<Vec<u32>> {
    if !context.is_running_system() {
        return None;
    }
    let mut bytes = vec![0_u8; MAX_KEYS * SERIAL];
    let size = Key::from_id(KeySerialId(keyring.cast_signed())).read(&mut bytes).ok()?;
    let (serials, _) = bytes.get(..size)?.as_chunks::<SERIAL>();
    Some(serials.iter().map(|serial| u32::from_ne_bytes(*serial)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_keyring_of_this_system_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(keyring_links(&Context::host().with_root(root.path()), 1), None);
        assert_eq!(keyring_links(&Context::host(), 0x7fff_fffe), None);
    }
}
