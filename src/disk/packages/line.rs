//! The lines of the lists that package managers keep: portage(5), deb-md5sums(5).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The manager that wrote a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manager {
    Portage,
    Dpkg,
}

/// A file in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed<'a> {
    /// The path, without the slash at its beginning.
    pub path: &'a [u8],
    /// In hexadecimal.
    pub md5: &'a [u8],
}

impl Manager {
    /// The file of a line: `obj PATH MD5 MTIME` (portage(5)), or `MD5  path` (deb-md5sums(5)). Other lines have none.
    pub(super) fn parse(self, line: &[u8]) -> Option<Listed<'_>> {
        let (path, md5) = match self {
            Self::Portage => {
                let mut parts = line.strip_prefix(b"obj /")?.rsplitn(3, |byte| *byte == b' ');
                let (_, md5, path) = (parts.next()?, parts.next()?, parts.next()?);
                (path, md5)
            }
            Self::Dpkg => {
                let (md5, rest) = line.split_at_checked(32)?;
                let path = rest.strip_prefix(b"  ")?;
                (path.strip_prefix(b"./").unwrap_or(path), md5)
            }
        };
        let is_digest = md5.len() == 32 && md5.iter().all(u8::is_ascii_hexdigit);
        (is_digest && !path.is_empty()).then_some(Listed { path, md5 })
    }
}

impl<'a> Listed<'a> {
    pub(super) fn name(&self) -> &'a [u8] {
        self.path.rsplit(|byte| *byte == b'/').next().unwrap_or(self.path)
    }

    pub(super) fn absolute(&self) -> PathBuf {
        Path::new("/").join(OsStr::from_bytes(self.path))
    }

    pub(super) fn digest(&self) -> Option<[u8; 16]> {
        let mut digest = [0; 16];
        hex::decode_to_slice(self.md5, &mut digest).ok()?;
        Some(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_managers_are_read_and_others_are_not() {
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        let portage = |line: &str| {
            let listed = Manager::Portage.parse(line.as_bytes());
            listed.map(|listed| listed.absolute().display().to_string())
        };
        let dpkg = |line: &str| {
            let listed = Manager::Dpkg.parse(line.as_bytes());
            listed.map(|listed| listed.absolute().display().to_string())
        };
        let spaces = format!("obj /usr/share/a b/c d {md5} 1700000000");
        assert_eq!(portage(&spaces).as_deref(), Some("/usr/share/a b/c d"));
        assert_eq!(dpkg(&format!("{md5}  boot/a b.efi")).as_deref(), Some("/boot/a b.efi"));
        assert_eq!(dpkg(&format!("{md5}  ./boot/x")).as_deref(), Some("/boot/x"));
        for other in [
            "dir /usr/share",
            "sym /boot/x -> y 1700000000",
            "obj",
            "obj /a",
            "",
            "obj /boot/x 1700000000",
            &format!("obj /boot/x {}g 1700000000", &md5[..31]),
        ] {
            assert_eq!(portage(other), None, "{other}");
        }
        for other in ["", md5, &format!("{md5} x"), &format!("{md5}  ")] {
            assert_eq!(dpkg(other), None, "{other}");
        }
    }
}
