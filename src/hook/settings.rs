//! Variables as the machine's files set them: the environment of logins, and Portage's configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::formats::text::Shown;
use crate::system::{Context, list_directory_if_there, read_if_there};

/// Files that set variables for every login, in the order in which they count.
const FILES: [&str; 2] = ["/etc/environment", "/etc/profile.env"];
/// Directories of files that do.
const DIRECTORIES: [&str; 2] = ["/etc/env.d", "/etc/environment.d"];
/// Portage's own: a file, or a directory of them.
const MAKE_CONF: &str = "/etc/portage/make.conf";
/// kernel-install's own.
const INSTALL_CONF: [&str; 2] = ["/etc/kernel/install.conf", "/usr/lib/kernel/install.conf"];
/// Longest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Directories with programs, as hooks see them.
pub(super) const PROGRAMS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Variables, each with the place that sets it last.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    values: BTreeMap<String, (String, String)>,
}

impl Settings {
    /// Reads the files; `variable` is the process's environment, which counts most.
    pub fn read(context: &Context, variable: impl Fn(&str) -> Option<String>, of_interest: &[&str]) -> Result<Self> {
        let mut settings = Self::default();
        let mut files: Vec<PathBuf> = Vec::new();
        // kernel-install reads one of them.
        files.extend(
            INSTALL_CONF
                .map(PathBuf::from)
                .into_iter()
                .find(|path| context.path(path).is_file()),
        );
        files.extend(FILES.map(PathBuf::from));
        for directory in DIRECTORIES {
            files.extend(files_in(context, Path::new(directory))?);
        }
        if context.path(MAKE_CONF).is_dir() {
            files.extend(files_in(context, Path::new(MAKE_CONF))?);
        } else {
            files.push(MAKE_CONF.into());
        }
        for file in files {
            settings.take(context, &file)?;
        }
        for name in of_interest {
            if let Some(value) = variable(name) {
                settings
                    .values
                    .insert((*name).to_owned(), (value, "the environment".to_owned()));
            }
        }
        Ok(settings)
    }

    /// Takes the variables of a file over those of the files before; a file that is missing sets none.
    fn take(&mut self, context: &Context, file: &Path) -> Result<()> {
        let Some(bytes) = read_if_there(&context.path(file), MAX_FILE)? else {
            return Ok(());
        };
        for line in String::from_utf8_lossy(&bytes).lines() {
            if let Some((name, value)) = assignment(line) {
                let place = file.shown();
                self.values.insert(name.to_owned(), (value.to_owned(), place));
            }
        }
        Ok(())
    }

    /// The value of a variable and the place that sets it; an empty one is as good as none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<(&str, &str)> {
        let (value, place) = self.values.get(name)?;
        (!value.is_empty()).then_some((value, place))
    }
}

/// Name and value of a line that sets a variable in a shell, without quotes.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let quote = value.chars().next().filter(|c| ['"', '\''].contains(c));
    let value = match quote {
        Some(quote) => value.get(1..)?.split(quote).next()?,
        None => value.split([' ', '\t', ';', '#']).next()?,
    };
    is_name.then_some((name, value))
}

/// The files of a directory, without the root, sorted by name. A directory that is missing has none.
fn files_in(context: &Context, directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = list_directory_if_there(&context.path(directory))?;
    let names = entries
        .iter()
        .filter(|entry| entry.path.is_file())
        .filter_map(|entry| entry.path.file_name());
    Ok(names.map(|name| directory.join(name)).collect())
}

/// True if a program is where hooks look for it.
#[must_use]
pub(super) fn is_program(context: &Context, name: &str) -> bool {
    PROGRAMS
        .iter()
        .any(|directory| context.path(directory).join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn lines_of_a_shell_set_variables() {
        for (line, expected) in [
            ("layout=uki", Some(("layout", "uki"))),
            (" export A_B='x y' # z", Some(("A_B", "x y"))),
            ("A=\"sha3-512\"", Some(("A", "sha3-512"))),
            ("A=sha512 # why", Some(("A", "sha512"))),
            ("# A=1", None),
            ("if [ A = 1 ]; then", None),
        ] {
            assert_eq!(assignment(line), expected, "{line}");
        }
    }

    #[test]
    fn the_environment_counts_most_and_the_place_is_told() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        fs::create_dir_all(context.path("/etc/portage/make.conf")).unwrap();
        fs::write(context.path("/etc/portage/make.conf/10-keys"), "A=\"b\"\nX=1\n").unwrap();
        let settings = Settings::read(&context, |name| (name == "X").then(|| "2".to_owned()), &["X", "Y"]).unwrap();
        let expected = ("b", "/etc/portage/make.conf/10-keys");
        assert_eq!(settings.get("A"), Some(expected));
        assert_eq!(settings.get("X"), Some(("2", "the environment")));
        assert_eq!(settings.get("Y"), None);
    }
}
