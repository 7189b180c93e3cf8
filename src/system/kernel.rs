//! Kernels of this machine: the release of the running one, and the configurations and source trees of all.

use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::formats::grub::signature_name::is_signature;
use crate::formats::kernel::compression::Compression;
use crate::formats::text::Shown;

use super::context::Context;
use super::files::{read_if_there, read_prefix};
use super::resolve::resolve;

/// The file with the release of the running kernel, as `uname -r` prints it.
const RELEASE: &str = "/proc/sys/kernel/osrelease";
/// The beginning of the name of an installed kernel's configuration; the release follows.
const CONFIGURATION: &str = "config-";
/// The running kernel's own configuration (`CONFIG_IKCONFIG_PROC`).
const RUNNING_CONFIG: &str = "/proc/config.gz";
/// Largest configuration that is read, in bytes; real ones have up to 300 KB.
const MAX_CONFIG: u64 = 4 << 20;
/// The file with the random name of the time since the kernel started (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Length of such a name: a UUID as text.
const BOOT_ID_LENGTH: usize = 36;
/// Longest release, in bytes.
const MAX_RELEASE: u64 = 256;

/// The release of the running kernel, as `6.12.58-gentoo-dist`.
pub fn running_release(context: &Context) -> Result<String> {
    let bytes = read_prefix(&context.path(RELEASE), Some(MAX_RELEASE))
        .map_err(|error| error.hint("name the kernel with --kernel"))?;
    let text = String::from_utf8_lossy(&bytes);
    let release = text.trim();
    // It becomes a part of paths.
    let is_sound = release.chars().all(|c| c.is_ascii_graphic() && c != '/') && !["", ".", ".."].contains(&release);
    if !is_sound {
        return Err(Error::could_not_run(format!("{RELEASE} holds no version of a kernel")));
    }
    Ok(release.to_owned())
}

/// The random name of the time since the running kernel started, a UUID: from below the context's root if it is there, else
/// the host's own. `None` if neither is there, or what is there is no UUID.
pub fn boot_id(context: &Context) -> Result<Option<String>> {
    for path in [context.path(BOOT_ID).as_path(), Path::new(BOOT_ID)] {
        if let Some(bytes) = read_if_there(path, MAX_RELEASE)? {
            let text = String::from_utf8_lossy(&bytes).trim().to_owned();
            let is_uuid = text.len() == BOOT_ID_LENGTH && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
            return Ok(is_uuid.then_some(text));
        }
    }
    Ok(None)
}

/// A configuration as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// The path of the file.
    pub path: PathBuf,
    /// Its text, unpacked.
    pub bytes: Vec<u8>,
}

impl ConfigFile {
    /// Reads a configuration, packed or not.
    pub fn read(path: &Path) -> Result<Self> {
        let packed = read_prefix(path, Some(MAX_CONFIG))?;
        let bytes = Compression::from_magic(&packed)
            .unpack(&packed)
            .or_refuse(|| format!("cannot unpack {}", path.shown()))?
            .into_owned();
        Ok(Self {
            path: path.to_path_buf(),
            bytes,
        })
    }

    /// The configuration of the running kernel.
    pub fn running(context: &Context) -> Result<Self> {
        let path = context.path(RUNNING_CONFIG);
        if path.exists() {
            return Self::read(&path);
        }
        Self::of_release(context, &running_release(context)?)
    }

    /// The configuration of an installed kernel.
    pub fn of_release(context: &Context, release: &str) -> Result<Self> {
        let places = [
            format!("/lib/modules/{release}/build/.config"),
            format!("/boot/{CONFIGURATION}{release}"),
            format!("/lib/modules/{release}/config"),
            format!("/usr/src/linux-{release}/.config"),
        ];
        let there = places
            .iter()
            .find_map(|place| resolve(context.root(), &context.path(place)).ok());
        match there {
            Some(path) => Self::read(&path),
            None => Err(Error::could_not_run(format!(
                "there is no configuration of Linux {release}: not {}",
                places.join(", nor ")
            ))
            .hint("name the file: bootseal kernel-config --check FILE")),
        }
    }
}

/// The directories that relative paths in a configuration may start from: the one with the `.config`, then those of an
/// installed kernel. Directories that do not exist are left out.
#[must_use]
pub fn source_trees(context: &Context, config: &Path, release: Option<&str>) -> Vec<PathBuf> {
    let mut trees = Vec::new();
    if config.file_name().is_some_and(|name| name == ".config") {
        let config = std::path::absolute(config).unwrap_or_else(|_| config.to_path_buf());
        trees.extend(config.parent().map(Path::to_path_buf));
    }
    if let Some(release) = release {
        for place in [
            format!("/lib/modules/{release}/build"),
            format!("/lib/modules/{release}/source"),
            format!("/usr/src/linux-{release}"),
        ] {
            trees.extend(resolve(context.root(), &context.path(place)).ok());
        }
    }
    trees.retain(|tree| tree.is_dir());
    trees.dedup();
    trees
}

/// The release of the kernel that a file of this name configures, as in `config-RELEASE`; `None` for other names.
#[must_use]
pub fn configured_release(name: &str) -> Option<&str> {
    name.strip_prefix(CONFIGURATION)
        .filter(|_| !is_signature(Path::new(name)))
}

/// The release that a configuration's path names, as in `/boot/config-RELEASE` and
/// `/lib/modules/RELEASE/build/.config`.
#[must_use]
pub fn release_in_path(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    if let Some(release) = configured_release(name) {
        return Some(release.to_owned());
    }
    let mut below_modules = path.iter().skip_while(|part| *part != "modules").skip(1);
    Some(below_modules.next()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn configurations_are_found_where_kernels_have_them() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        let write = |path: &str, bytes: &[u8]| {
            let path = context.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        let error = ConfigFile::running(&context).unwrap_err();
        assert_eq!(error.hints(), ["name the kernel with --kernel"]);
        write(RELEASE, b"6.12.1-x\n");
        let error = ConfigFile::running(&context).unwrap_err();
        assert!(error.to_string().contains("/boot/config-6.12.1-x"), "{error}");
        write("/boot/config-6.12.1-x", b"CONFIG_A=y\n");
        assert_eq!(ConfigFile::running(&context).unwrap().bytes, b"CONFIG_A=y\n");
        write(
            RUNNING_CONFIG,
            &Compression::Gzip.pack(b"CONFIG_B=y\n".to_vec()).unwrap(),
        );
        assert_eq!(ConfigFile::running(&context).unwrap().bytes, b"CONFIG_B=y\n");

        write("/usr/src/linux-6.12.1-x/.config", b"CONFIG_C=y\n");
        fs::create_dir_all(context.path("/lib/modules/6.12.1-x")).unwrap();
        std::os::unix::fs::symlink("/usr/src/linux-6.12.1-x", context.path("/lib/modules/6.12.1-x/build")).unwrap();
        let found = ConfigFile::of_release(&context, "6.12.1-x").unwrap();
        assert_eq!(found.bytes, b"CONFIG_C=y\n");
        let tree = fs::canonicalize(context.path("/usr/src/linux-6.12.1-x")).unwrap();
        assert_eq!(source_trees(&context, &found.path, Some("6.12.1-x")), [tree]);
    }

    #[test]
    fn paths_name_releases() {
        for (path, release) in [
            ("/boot/config-6.12.1-x", Some("6.12.1-x")),
            ("/lib/modules/6.12.1-x/build/.config", Some("6.12.1-x")),
            ("/usr/src/linux/.config", None),
        ] {
            assert_eq!(release_in_path(Path::new(path)).as_deref(), release);
        }
    }
}
