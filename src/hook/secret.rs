//! The passphrase that opens the keys with nobody there.

use std::path::Path;

use crate::error::{Explain, Result};
use crate::formats::text::Shown;
use crate::keys::Passphrase;
use crate::system::config::HookConfig;
use crate::system::{Context, secret_of};

/// The credential of systemd.exec(5) that opens the keys.
const CREDENTIAL: &str = "bootseal.passphrase";

/// The passphrase in the file that the configuration names, from the program that it names, or in systemd's directory of
/// `credentials`; none if neither is there. For another root the program is not started: it is of another machine.
pub fn unattended_passphrase(
    context: &Context,
    config: &HookConfig,
    credentials: Option<&Path>,
) -> Result<Option<Passphrase>> {
    if let Some(path) = &config.passphrase_file {
        return Passphrase::from_file(&context.path(path)).map(Some);
    }
    if let Some(command) = config.passphrase_command.as_ref().filter(|_| is_here(context)) {
        let printed = secret_of(context, &command.program, &command.arguments)?;
        let cannot = || format!("{} printed no passphrase", command.program.shown());
        return Passphrase::first_line(&printed).or_could_not_run(cannot).map(Some);
    }
    let credential = credentials.map(|directory| directory.join(CREDENTIAL));
    match credential.filter(|path| path.exists()) {
        Some(path) => Passphrase::from_file(&path).map(Some),
        None => Ok(None),
    }
}

/// True if the root is this machine's own.
fn is_here(context: &Context) -> bool {
    context.root() == Path::new("/")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::system::config::PassphraseCommand;

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

    #[test]
    fn a_program_is_asked_on_its_own_machine_only() {
        let command = |script: &str| HookConfig {
            passphrase_command: Some(PassphraseCommand {
                program: "/bin/sh".into(),
                arguments: vec!["-c".to_owned(), script.to_owned()],
            }),
            ..HookConfig::default()
        };
        let given = |context: &Context, script| unattended_passphrase(context, &command(script), None);
        let here = Context::host();
        let printed = given(&here, "echo hunter2; echo second").unwrap().unwrap();
        assert_eq!(printed.danger_reveal(), "hunter2");
        for script in [
            ":",
            "echo; echo hunter2",
            "printf 'hunter2\\377'",
            "echo hunter2; exit 1",
        ] {
            let error = given(&here, script).err().unwrap();
            assert_eq!(error.kind().exit_code(), 3);
            let all = format!("{error:?} {error} {:?} {:?}", error.causes(), error.hints());
            assert!(!all.contains("hunter2"), "{all}");
        }
        let root = tempfile::tempdir().unwrap();
        let other = Context::host().with_root(root.path());
        assert!(given(&other, "echo hunter2").unwrap().is_none());
    }
}
