//! Portage's settings of this machine, below `/etc/portage`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Explain, Result};
use crate::formats::text::Shown;
use crate::formats::text::portage::{Assignment, assignments, last_value, package_lines};

use super::context::Context;
use super::files::read_prefix;

const PORTAGE: &str = "/etc/portage";
/// Longest settings file that is read, in bytes.
const MAX_SETTINGS: u64 = 1 << 20;
/// Directories below directories that are read.
const MAX_DEPTH: usize = 8;

/// The settings that decide how kernels and modules are signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortageSettings {
    make_conf: Vec<Assignment>,
    /// Names below `env/`, and the content of the files.
    env: Vec<(String, Vec<Assignment>)>,
    /// Packages, and the files of `env/` that they are given.
    package_env: Vec<(String, Vec<String>)>,
    /// Packages, and their USE flags.
    package_use: Vec<(String, Vec<String>)>,
}

impl PortageSettings {
    /// Reads them; a machine without Portage has none.
    pub fn read(context: &Context) -> Result<Option<Self>> {
        let portage = context.path(PORTAGE);
        if !portage.is_dir() {
            return Ok(None);
        }
        let mut settings = Self::default();
        for (_, text) in texts(&portage.join("make.conf"))? {
            settings.make_conf.extend(assignments(&text));
        }
        for (path, text) in texts(&portage.join("env"))? {
            let name = path.strip_prefix(portage.join("env")).unwrap_or(&path);
            settings
                .env
                .push((name.to_string_lossy().into_owned(), assignments(&text)));
        }
        settings.package_env = packages(&portage.join("package.env"))?;
        settings.package_use = packages(&portage.join("package.use"))?;
        Ok(Some(settings))
    }

    /// The value of a variable in `make.conf`, for all packages.
    #[must_use]
    pub fn make_conf(&self, name: &str) -> Option<&str> {
        last_value(&self.make_conf, name)
    }

    /// The values of a variable for single packages: file below `env/`, package, value. A file `env/CATEGORY/NAME`
    /// belongs to the package of that name without being listed.
    pub fn package_env<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
        self.env.iter().flat_map(move |(file, assignments)| {
            let listed = self.package_env.iter().filter(|(_, files)| files.contains(file));
            let packages = listed.map(|(package, _)| package.as_str());
            let by_name = file.contains('/').then_some(file.as_str());
            let value = last_value(assignments, name);
            packages
                .chain(by_name)
                .filter_map(move |package| Some((file.as_str(), package, value?)))
        })
    }

    /// True if a USE flag is on for any package.
    #[must_use]
    pub fn uses(&self, flag: &str) -> bool {
        let everywhere = self.make_conf("USE").unwrap_or_default().split_whitespace();
        let single = self
            .package_use
            .iter()
            .flat_map(|(_, flags)| flags.iter().map(String::as_str));
        everywhere.chain(single).any(|on| on == flag)
    }
}

fn packages(path: &Path) -> Result<Vec<(String, Vec<String>)>> {
    let mut found = Vec::new();
    for (_, text) in texts(path)? {
        for (package, given) in package_lines(&text) {
            found.push((package.to_owned(), given.into_iter().map(str::to_owned).collect()));
        }
    }
    Ok(found)
}

/// A file, or the files below a directory in the order in which Portage reads them.
fn texts(path: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    collect(path, MAX_DEPTH, &mut found)?;
    found.sort();
    found
        .into_iter()
        .map(|path| {
            let bytes = read_prefix(&path, Some(MAX_SETTINGS))?;
            Ok((path, String::from_utf8_lossy(&bytes).into_owned()))
        })
        .collect()
}

fn collect(path: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        found.push(path.to_path_buf());
    }
    if !path.is_dir() || depth == 0 {
        return Ok(());
    }
    let cannot = || format!("cannot read {}", path.shown());
    for entry in fs::read_dir(path).or_could_not_run(cannot)? {
        let name = entry.or_could_not_run(cannot)?.file_name();
        let hidden = name.to_string_lossy().starts_with('.') || name.to_string_lossy().ends_with('~');
        if !hidden {
            collect(&path.join(name), depth - 1, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_in_files_and_directories() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        assert_eq!(PortageSettings::read(&context).unwrap(), None);
        for (path, text) in [
            ("make.conf/10-base", "USE=\"a modules-sign\"\nMODULES_SIGN_HASH=sha1\n"),
            ("make.conf/20-more", "MODULES_SIGN_HASH=sha512\n"),
            ("make.conf/.hidden", "MODULES_SIGN_HASH=sha224\n"),
            ("env/sha3.conf", "MODULES_SIGN_HASH=sha3-512\n"),
            ("env/sys-kernel/gentoo-kernel", "MODULES_SIGN_HASH=sha3_512\n"),
            ("env/unused", "MODULES_SIGN_HASH=sha384\n"),
            ("package.env", "x11-drivers/nvidia-drivers sha3.conf\n"),
        ] {
            let path = context.path("/etc/portage").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let settings = PortageSettings::read(&context).unwrap().unwrap();
        assert_eq!(settings.make_conf("MODULES_SIGN_HASH"), Some("sha512"));
        assert!(settings.uses("modules-sign") && !settings.uses("b"));
        let single: Vec<_> = settings.package_env("MODULES_SIGN_HASH").collect();
        assert_eq!(
            single,
            [
                ("sha3.conf", "x11-drivers/nvidia-drivers", "sha3-512"),
                ("sys-kernel/gentoo-kernel", "sys-kernel/gentoo-kernel", "sha3_512"),
            ]
        );
    }
}
