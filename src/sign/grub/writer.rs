//! Who writes into GRUB's environment block at an ordinary start: its signature does not hold after that.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::finding::Finding;
use crate::formats::grub::script::Command;
use crate::formats::text::Shown;
use crate::system::{self, Context};
use crate::trust::grub_traps;

/// The directories of systemd's units; a name in an earlier one hides the same name in a later one.
const UNITS: [&str; 2] = ["/etc/systemd/system", "/usr/lib/systemd/system"];
/// The beginning and the ending of the names of GRUB's own ones: Debian's `grub-common.service`, Ubuntu's
/// `grub-initrd-fallback.service`, Fedora's `grub-boot-indeterminate.service`.
const NAMES: [&str; 2] = ["grub", ".service"];
/// The directories of what is to be started have such an ending.
const WANTED: [&str; 2] = [".wants", ".requires"];
/// Parts of the names of the programs that write the block.
const PROGRAMS: [&str; 2] = ["editenv", "set-bootflag"];
/// Largest unit that is read, in bytes.
const MAX_UNIT: u64 = 64 << 10;

/// A writer of the block.
#[derive(Debug, Clone, Copy)]
pub(super) enum Writer<'t> {
    /// GRUB itself, by a command of this configuration.
    Command(&'t Path, &'t Command),
    /// The running system, by this unit.
    Unit(&'t Path),
}

impl Writer<'_> {
    /// The trap where the block is signed all the same.
    pub(super) fn trap(&self) -> Finding {
        match self {
            Self::Command(script, command) => grub_traps::signed_environment(script, command),
            Self::Unit(unit) => grub_traps::environment_signed_under_unit(unit),
        }
    }
}

impl fmt::Display for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(script, command) => {
                write!(f, "GRUB writes to it ({}:{}: {command})", script.shown(), command.line)
            }
            Self::Unit(unit) => write!(
                f,
                "{} writes to it at each start; GRUB then takes no variable from it, such as the entry of grub-reboot",
                unit.shown()
            ),
        }
    }
}

/// The first unit of this machine's systemd that is started and writes the block.
pub(super) fn writing_unit(context: &Context) -> Result<Option<PathBuf>> {
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut started: Vec<PathBuf> = Vec::new();
    let mut writing: Vec<PathBuf> = Vec::new();
    for directory in UNITS {
        for entry in system::list_directory_if_there(&context.path(directory))? {
            let Some(name) = entry.path.file_name().map(PathBuf::from) else {
                continue;
            };
            let text = name.to_string_lossy();
            if WANTED.iter().any(|ending| text.ends_with(ending)) {
                let wanted = system::list_directory_if_there(&entry.path)?;
                started.extend(
                    wanted
                        .iter()
                        .filter_map(|entry| entry.path.file_name().map(PathBuf::from)),
                );
            } else if text.starts_with(NAMES[0]) && text.ends_with(NAMES[1]) && !seen.contains(&name) {
                // A link to /dev/null masks it.
                let file = system::follow_if_there(context, &entry.path)?.filter(|file| file.is_file());
                let unit = file
                    .map(|file| system::read_prefix(&file, Some(MAX_UNIT)))
                    .transpose()?;
                if unit.is_some_and(|unit| writes(&String::from_utf8_lossy(&unit))) {
                    writing.push(Path::new(directory).join(&name));
                }
                seen.push(name);
            }
        }
    }
    let is_started = |unit: &PathBuf| started.iter().any(|name| unit.ends_with(name));
    Ok(writing.into_iter().find(is_started))
}

/// True if a unit runs a program that writes the block.
fn writes(unit: &str) -> bool {
    let mut commands = unit.lines().filter(|line| line.starts_with("Exec"));
    commands.any(|command| PROGRAMS.iter().any(|program| command.contains(program)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_unit_writes_the_block_while_it_is_started_and_not_masked() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        let path = |name: &str| root.path().join(name);
        let found = || writing_unit(&context).unwrap();
        assert_eq!(found(), None);
        fs::create_dir_all(path("usr/lib/systemd/system")).unwrap();
        fs::create_dir_all(path("etc/systemd/system/multi-user.target.wants")).unwrap();
        let unit = "[Service]\nExecStart=grub-editenv /boot/grub/grubenv unset recordfail\n";
        fs::write(path("usr/lib/systemd/system/grub-common.service"), unit).unwrap();
        assert_eq!(found(), None);
        let link = path("etc/systemd/system/multi-user.target.wants/grub-common.service");
        symlink("/usr/lib/systemd/system/grub-common.service", link).unwrap();
        assert_eq!(
            found(),
            Some(PathBuf::from("/usr/lib/systemd/system/grub-common.service"))
        );
        symlink("/dev/null", path("etc/systemd/system/grub-common.service")).unwrap();
        assert_eq!(found(), None);
        let other = "[Service]\nExecStart=grub-install /dev/vda\n";
        fs::remove_file(path("etc/systemd/system/grub-common.service")).unwrap();
        fs::write(path("etc/systemd/system/grub-common.service"), other).unwrap();
        assert_eq!(found(), None);
    }
}
