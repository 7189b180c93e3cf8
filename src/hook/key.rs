//! The keys that a hook signs with.

use crate::keys::{KeyDirectory, KeyName};

/// True if any file of a key is there.
pub(super) fn has(keys: &KeyDirectory, name: KeyName) -> bool {
    let paths = [
        keys.public_path(name),
        keys.private_key_path(name),
        keys.token_uri_path(name),
    ];
    paths.iter().any(|path| path.exists())
}
