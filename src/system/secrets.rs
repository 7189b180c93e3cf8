//! Reading files that hold secrets: small, private, and wiped from memory after use.

use std::fs::Metadata;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::text::Shown;

use super::files::read_prefix;
use super::ownership::OurFile;

/// Largest file that is taken for a key or a passphrase, in bytes; an encrypted RSA-4096 key has about 3,500.
const MAX_SECRET: usize = 64 << 10;
/// Largest archive or sheet, in bytes.
const MAX_SECRET_FILE: u64 = 16 << 20;
/// Permission bits of the group and of everybody else.
const NOT_THE_OWNERS: u32 = 0o077;

/// Reads a secret of up to 64 KiB from a regular file that only its owner can read, or from a pipe. It must be ours alone,
/// as everything that decides what is trusted (see [`super::read_ours`]).
pub fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let cannot = || format!("cannot read {}", path.shown());
    let found = OurFile::open(path)?;
    check_privacy(path, &found.metadata()?)?;
    let file = found.checked()?;
    // Room for all of it from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET + 64));
    file.take(MAX_SECRET as u64 + 1)
        .read_to_end(&mut bytes)
        .or_could_not_run(cannot)?;
    if bytes.len() > MAX_SECRET {
        return Err(Error::refused(format!(
            "{} has more than {MAX_SECRET} bytes: neither a key nor a passphrase",
            path.shown()
        )));
    }
    Ok(bytes)
}

/// Reads a regular file that may hold secrets, an archive or the page of a share, into memory that is wiped after use.
/// It may come from a stick, whose files have no owner.
pub fn read_secret_file(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    read_prefix(path, Some(MAX_SECRET_FILE)).map(Zeroizing::new)
}

/// Checks that a directory is this user's, and that nobody else can use it: in `/dev/shm` anybody may have made it.
pub fn check_private(path: &Path) -> Result<()> {
    check_private_to(path, rustix::process::geteuid().as_raw())
}

fn check_private_to(path: &Path, user: u32) -> Result<()> {
    let cannot = || format!("cannot look at {}", path.shown());
    let metadata = path.symlink_metadata().or_could_not_run(cannot)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_dir() && mode & NOT_THE_OWNERS == 0 && metadata.uid() == user {
        return Ok(());
    }
    Err(Error::refused(format!(
        "{} is no directory of this user alone (owner {}, mode {mode:04o})",
        path.shown(),
        metadata.uid()
    ))
    .hint("name another directory"))
}

/// True if only its owner has any right to a file.
pub fn is_private(path: &Path) -> Result<bool> {
    let metadata = std::fs::metadata(path).or_could_not_run(|| format!("cannot look at {}", path.shown()))?;
    Ok(metadata.permissions().mode() & NOT_THE_OWNERS == 0)
}

/// True if everybody can read a file, and reach it in its directory.
#[must_use]
pub fn is_public(path: &Path) -> bool {
    let mode = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    mode(path) & 0o004 != 0 && path.parent().is_some_and(|directory| mode(directory) & 0o001 != 0)
}

fn check_privacy(path: &Path, metadata: &Metadata) -> Result<()> {
    let kind = metadata.file_type();
    if kind.is_fifo() {
        return Ok(());
    }
    if !kind.is_file() {
        return Err(Error::could_not_run(format!(
            "{} is neither a regular file nor a pipe",
            path.shown()
        )));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & NOT_THE_OWNERS == 0 {
        return Ok(());
    }
    Err(Error::refused(format!(
        "{} holds a secret, but its mode {mode:04o} lets others than its owner use it",
        path.shown()
    ))
    .hint(format!("chmod 400 {}", quoted(path))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

    #[test]
    fn what_others_can_read_is_refused_with_the_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, b"correct horse").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o444] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = read_secret(&path).unwrap_err();
            assert_eq!(error.kind().exit_code(), 1);
            assert_eq!(error.hints(), [format!("chmod 400 {}", path.display())]);
        }
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert_eq!(read_secret(&path).unwrap().as_slice(), b"correct horse");
    }

    #[test]
    fn a_directory_is_private_only_to_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(&inner, Permissions::from_mode(0o700)).unwrap();
        check_private(&inner).unwrap();
        let other = rustix::process::geteuid().as_raw() + 1;
        assert!(check_private_to(&inner, other).is_err());
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&inner, &link).unwrap();
        assert!(check_private(&link).is_err());
        fs::set_permissions(&inner, Permissions::from_mode(0o750)).unwrap();
        assert!(check_private(&inner).is_err());
    }

    #[test]
    fn neither_directories_nor_images_are_secrets() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read_secret(directory.path()).is_err());
        let path = directory.path().join("image");
        fs::write(&path, vec![0; 70_000]).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert!(read_secret(&path).unwrap_err().to_string().contains("more than 65536"));
    }
}
