//! The keys that a hook signs with.

use crate::error::Result;
use crate::keys::directory::Ask;
use crate::keys::{KeyDirectory, KeyName};
use crate::sign::SigningKeys;
use crate::system::Context;

use super::preflight::check_firmware;

/// True if any file of a key is there.
pub(super) fn has(keys: &KeyDirectory, name: KeyName) -> bool {
    let paths = [
        keys.public_path(name),
        keys.private_key_path(name),
        keys.token_uri_path(name),
    ];
    paths.iter().any(|path| path.exists())
}

/// Opens those of the keys that are there. Refuses a db key that the enforcing firmware does not know, as an older backup of
/// the key directory has it: nothing that it signs would start.
pub(super) fn open(
    context: &Context,
    keys: &KeyDirectory,
    names: &[KeyName],
    ask: &mut Ask<'_>,
) -> Result<SigningKeys> {
    let present: Vec<KeyName> = names.iter().copied().filter(|name| has(keys, *name)).collect();
    let open = SigningKeys::open(keys, &present, ask)?;
    if open.db.is_some() {
        check_firmware(context, keys)?;
    }
    Ok(open)
}
