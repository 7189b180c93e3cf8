//! Symbolic links, followed as the machine whose root directory this is would follow them.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::{fs, io};

use rustix::io::Errno;

/// Symbolic links that are followed in one path, as in the kernel.
pub(super) const MAX_LINKS: usize = 40;

/// The file that a path leads to, without symbolic links. For a path below `root`, an absolute link starts again at
/// `root`, and `..` does not lead out of it.
pub fn resolve(root: &Path, path: &Path) -> io::Result<PathBuf> {
    if root == Path::new("/") || !path.starts_with(root) {
        return fs::canonicalize(path);
    }
    resolve_noting(root, path, &mut Vec::new())
}

/// As [`resolve`], and adds the links that were followed, each by its path without links in its directories.
pub(super) fn resolve_noting(root: &Path, path: &Path, links: &mut Vec<PathBuf>) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let (root, below) = match path.strip_prefix(root) {
        Ok(below) => (fs::canonicalize(root)?, below),
        Err(_) => (PathBuf::from("/"), path.as_path()),
    };
    let mut resolved = root.clone();
    let mut rest: VecDeque<OsString> = parts(below);
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            if resolved != root {
                resolved.pop();
            }
            continue;
        }
        let next = resolved.join(&part);
        if !fs::symlink_metadata(&next)?.is_symlink() {
            resolved = next;
            continue;
        }
        let target = fs::read_link(&next)?;
        links.push(next);
        if links.len() > MAX_LINKS {
            return Err(Errno::LOOP.into());
        }
        if target.is_absolute() {
            resolved.clone_from(&root);
        }
        for part in parts(&target).into_iter().rev() {
            rest.push_front(part);
        }
    }
    Ok(resolved)
}

/// The last name of a path that may be a link itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// It is followed as the others are.
    Followed,
    /// It stays as it is.
    Kept,
}

/// A path below another root, with which the host's kernel comes to where the machine would: as it is, unless a link in it
/// is absolute or leads above the root. What is missing is no link.
pub(super) fn within(root: &Path, below: &Path, last: Last) -> PathBuf {
    let mut resolved = PathBuf::new();
    let mut rest = parts(below);
    let (mut links, mut leads_out) = (0_usize, false);
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            leads_out |= !resolved.pop();
            continue;
        }
        resolved.push(&part);
        let is_kept = rest.is_empty() && last == Last::Kept;
        let target = fs::read_link(root.join(&resolved)).ok().filter(|_| !is_kept);
        let Some(target) = target else { continue };
        links += 1;
        if links > MAX_LINKS {
            // No file has such a name, so that nothing is opened.
            return root.join("\0");
        }
        if target.is_absolute() {
            leads_out = true;
            resolved.clear();
        } else {
            resolved.pop();
        }
        for part in parts(&target).into_iter().rev() {
            rest.push_front(part);
        }
    }
    root.join(if leads_out { &resolved } else { below })
}

/// The names in a path, with `..` where it goes up.
pub(super) fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_path_stays_as_it_is_unless_a_link_in_it_leads_out() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        fs::create_dir_all(root.join("usr/lib/modules")).unwrap();
        for (link, target) in [
            ("lib", "usr/lib"),
            ("lib64", "/usr/lib"),
            ("usr/up", "../../../../../../../../usr/lib"),
            ("etc", "/"),
            ("loop", "/loop"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        for (path, last, expected) in [
            ("lib/modules/x", Last::Followed, "lib/modules/x"),
            ("lib64/modules/x", Last::Followed, "usr/lib/modules/x"),
            ("usr/up/y", Last::Kept, "usr/lib/y"),
            ("etc/usr/lib/z", Last::Followed, "usr/lib/z"),
            ("lib64", Last::Followed, "usr/lib"),
            ("lib64", Last::Kept, "lib64"),
            ("missing/x", Last::Followed, "missing/x"),
            ("loop/x", Last::Followed, "\0"),
        ] {
            assert_eq!(within(&root, Path::new(path), last), root.join(expected), "{path}");
        }
    }

    #[test]
    fn no_link_leads_out_of_the_root() {
        let directory = tempfile::tempdir().unwrap();
        let outside = fs::canonicalize(directory.path()).unwrap();
        let root = outside.join("root");
        fs::create_dir_all(root.join("boot/sub")).unwrap();
        fs::write(root.join("boot/vmlinuz-1"), b"").unwrap();
        fs::write(outside.join("vmlinuz-1"), b"").unwrap();
        for (link, target) in [
            ("boot/absolute", "/boot/vmlinuz-1"),
            ("boot/sub/up", "../../../../boot/vmlinuz-1"),
            ("boot/chain", "sub/up"),
            ("boot/outside", outside.join("vmlinuz-1").to_str().unwrap()),
            ("boot/loop", "loop"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        let kernel = root.join("boot/vmlinuz-1");
        for link in ["boot/absolute", "boot/sub/up", "boot/chain", "boot/vmlinuz-1"] {
            assert_eq!(resolve(&root, &root.join(link)).unwrap(), kernel, "{link}");
        }
        let error = |link: &str| resolve(&root, &root.join(link)).unwrap_err();
        assert_eq!(error("boot/outside").kind(), io::ErrorKind::NotFound);
        assert_eq!(error("boot/loop").raw_os_error(), Some(Errno::LOOP.raw_os_error()));
        // A path that was named beside the root is what it says.
        assert_eq!(
            resolve(&root, &outside.join("vmlinuz-1")).unwrap(),
            outside.join("vmlinuz-1")
        );
    }
}
