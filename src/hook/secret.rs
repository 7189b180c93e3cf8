//! The passphrase that opens the keys with nobody there.

use std::path::Path;

use crate::error::Result;
use crate::keys::Passphrase;
use crate::system::Context;
use crate::system::config::HookConfig;

/// The credential of systemd.exec(5) that opens the keys.
const CREDENTIAL: &str = "bootseal.passphrase";

/// The passphrase in the file that the configuration names, or in systemd's directory of `credentials`; none if neither
/// is there.
pub fn unattended_passphrase(
    context: &Context,
    config: &HookConfig,
    credentials: Option<&Path>,
) -> Result<Option<Passphrase>> {
    if let Some(path) = &config.passphrase_file {
        return Passphrase::from_file(&context.path(path)).map(Some);
    }
    let credential = credentials.map(|directory| directory.join(CREDENTIAL));
    match credential.filter(|path| path.exists()) {
        Some(path) => Passphrase::from_file(&path).map(Some),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_configured_file_counts_before_the_credential() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        };
        let context = Context::host().with_root(root.path());
        let mut config = HookConfig::default();
        let given = |config: &HookConfig| {
            let given = unattended_passphrase(&context, config, Some(root.path())).unwrap();
            given.map(|passphrase| passphrase.danger_reveal().to_owned())
        };
        assert_eq!(given(&config), None);
        write(CREDENTIAL, "by systemd\n");
        assert_eq!(given(&config).as_deref(), Some("by systemd"));
        write("file", "by the configuration\n");
        config.passphrase_file = Some("/file".into());
        assert_eq!(given(&config).as_deref(), Some("by the configuration"));
    }
}
