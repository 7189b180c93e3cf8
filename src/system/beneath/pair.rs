//! Two files that are replaced at one moment, where the file system has links: a kernel and its signature for GRUB. No system call renames
//! two files, but one exchanges a directory through which both are reached.
//!
//! Beside them a directory is made that holds both pairs, by further names (hard links), and a link `now` to the old pair. Both names
//! become links through `now`, which still lead to the files of before. Then `now` is exchanged, by one rename, and at last the files take
//! the places of the links. Whoever reads the two names sees either both old or both new, at each moment and after a crash at any.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, fstat, fsync, linkat, mkdirat, openat, readlinkat, renameat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use super::open::For;
use super::temporary::{Temporary, random_name};
use super::{Place, look_at, names_in, remove_tree_at};

/// The directories of the two pairs, the link to one of them, and the name under which it is made anew.
const OLD: &str = "old";
const NEW: &str = "new";
const NOW: &str = "now";
const NEXT: &str = "next";
/// The number of times that links are looked for which somebody renames meanwhile.
const ATTEMPTS: usize = 64;
/// Permission bits of the directories: who may read the files may go on to them.
const MODE: u32 = 0o755;

/// A file and its replacement.
type Replaced<'p> = (&'p Temporary, &'p Place);

/// The directory through which two names lead to their new files.
#[derive(Debug)]
pub(in crate::system) struct Pair {
    above: OwnedFd,
    name: OsString,
    /// The links that this run made.
    links: RefCell<Vec<OwnedFd>>,
}

impl Pair {
    /// Has the names of two files of one directory lead to their replacements, at one moment. None where they have no files yet, or
    /// that cannot be done, as on FAT, which has no links; then both are as they were. The replacements stay where they are, to take
    /// their places next.
    pub fn lead(pair: [Replaced<'_>; 2]) -> io::Result<Option<Self>> {
        let [(_, first), (_, second)] = pair;
        if first.directory_path() != second.directory_path() {
            return Ok(None);
        }
        for (_, target) in &pair {
            if target.look()? != Some(FileType::RegularFile) {
                return Ok(None);
            }
        }
        let made = Self {
            above: first.directory(For::Names)?,
            name: random_name()?.into(),
            links: RefCell::default(),
        };
        if made.exchange(pair).is_ok() {
            return Ok(Some(made));
        }
        // A full disk, or one without links: two renames need neither.
        made.finish()?;
        Ok(None)
    }

    fn exchange(&self, pair: [Replaced<'_>; 2]) -> io::Result<()> {
        let above = self.above.as_fd();
        let mode = Mode::from_raw_mode(MODE);
        mkdirat(above, &self.name, mode)?;
        let inside = directory(above, &self.name)?;
        for (part, is_new) in [(OLD, false), (NEW, true)] {
            mkdirat(&inside, part, mode)?;
            let part = directory(inside.as_fd(), OsStr::new(part))?;
            for (temporary, target) in &pair {
                let from = if is_new {
                    temporary.place().name()
                } else {
                    target.name()
                };
                linkat(above, from, &part, target.name(), AtFlags::empty())?;
            }
            fsync(&part)?;
        }
        symlinkat(OLD, &inside, NOW)?;
        fsync(&inside)?;
        for (_, target) in &pair {
            let link = random_name()?;
            symlinkat(self.through(target.name()), above, &link)?;
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            self.links
                .borrow_mut()
                .push(openat(above, &link, flags, Mode::empty())?);
            put(above, OsStr::new(&link), target.name())?;
        }
        self.flush()?;
        symlinkat(NEW, &inside, NEXT)?;
        renameat(&inside, NEXT, &inside, NOW)?;
        fsync(&inside)?;
        Ok(())
    }

    /// Has all names that still lead through the directory be files again, and removes it. It stays if somebody exchanges names so
    /// fast that a link cannot be told to be gone: the next run tries again.
    pub fn finish(&self) -> io::Result<()> {
        let above = self.above.as_fd();
        for _ in 0..ATTEMPTS {
            match self.put_back_names(above) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                put_back => put_back?,
            }
            if self.are_gone()? {
                return match remove_tree_at(above, &self.name) {
                    Err(Errno::NOENT) => Ok(()),
                    removed => Ok(removed?),
                };
            }
        }
        Err(io::Error::other("somebody else renames files there"))
    }

    /// True if no name is one of the links that were made, wherever somebody has renamed them to.
    fn are_gone(&self) -> io::Result<bool> {
        for link in self.links.borrow().iter() {
            if fstat(link)?.st_nlink > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn put_back_names(&self, above: BorrowedFd<'_>) -> io::Result<()> {
        let inside = directory(above, &self.name)?;
        let part = readlinkat(&inside, NOW, Vec::new())?;
        // Whoever can write here could have it lead anywhere.
        if ![OLD, NEW].iter().any(|known| known.as_bytes() == part.to_bytes()) {
            return Ok(());
        }
        let part = directory(inside.as_fd(), OsStr::from_bytes(part.to_bytes()))?;
        let through = self.through(OsStr::new(""));
        for name in names_in(self.listed()?.as_fd())? {
            let Ok(leads) = readlinkat(above, &name, Vec::new()) else {
                continue;
            };
            let leads = Path::new(OsStr::from_bytes(leads.to_bytes()));
            let Some(file) = leads.strip_prefix(&through).ok().and_then(Path::file_name) else {
                continue;
            };
            if look_at(part.as_fd(), file)?.kind == FileType::RegularFile {
                let temporary = random_name()?;
                linkat(&part, file, above, &temporary, AtFlags::empty())?;
                put(above, OsStr::new(&temporary), &name)?;
            }
        }
        self.flush()
    }

    /// The text of the link that a name is while it leads through the directory.
    fn through(&self, name: &OsStr) -> PathBuf {
        Path::new(&self.name).join(NOW).join(name)
    }

    fn flush(&self) -> io::Result<()> {
        Ok(fsync(self.listed()?)?)
    }

    /// The directory above: a descriptor for names alone cannot be listed or flushed.
    fn listed(&self) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.above, ".", flags, Mode::empty())
    }
}

/// Settles what a run that was killed has left under this name; does nothing where that is no such directory.
pub(in crate::system) fn finish_pair(left: &Place) -> io::Result<()> {
    if left.look()? != Some(FileType::Directory) {
        return Ok(());
    }
    let pair = Pair {
        above: left.directory(For::Names)?,
        name: left.name().to_owned(),
        links: RefCell::default(),
    };
    pair.finish()
}

/// Puts a link, or a further name of a file, in the place of another; where that fails, it goes.
fn put(above: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> rustix::io::Result<()> {
    let put = renameat(above, from, above, to);
    if put.is_err() {
        let _ = unlinkat(above, from, AtFlags::empty());
    }
    put
}

fn directory(above: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(above, name, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Context;
    use std::fs;
    use std::os::unix::fs::symlink;

    struct Machine {
        root: tempfile::TempDir,
        context: Context,
    }

    impl Machine {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let context = Context::host().with_root(root.path());
            for name in ["kernel", "kernel.sig"] {
                fs::write(root.path().join(name), "old").unwrap();
            }
            Self { root, context }
        }

        fn place(&self, name: &str) -> Place {
            Place::of_name(&self.context, &self.root.path().join(name)).unwrap()
        }

        fn temporary(&self, name: &str) -> Temporary {
            let (temporary, mut file, _) = Temporary::beside(&self.place(name)).unwrap();
            io::Write::write_all(&mut file, b"new").unwrap();
            temporary
        }

        fn lead(&self) -> (Pair, [Temporary; 2]) {
            let (kernel, signature) = (self.place("kernel"), self.place("kernel.sig"));
            let staged = [self.temporary("kernel"), self.temporary("kernel.sig")];
            let led = Pair::lead([(&staged[0], &kernel), (&staged[1], &signature)]).unwrap();
            (led.unwrap(), staged)
        }

        fn read(&self) -> [String; 2] {
            ["kernel", "kernel.sig"].map(|name| fs::read_to_string(self.root.path().join(name)).unwrap())
        }

        /// The names that are no file of the pair, and those of the pair that are links.
        fn left(&self) -> Vec<OsString> {
            let entries = fs::read_dir(self.root.path()).unwrap().map(|entry| entry.unwrap());
            let is_left = |entry: &fs::DirEntry| !entry.file_type().unwrap().is_file();
            entries.filter(is_left).map(|entry| entry.file_name()).collect()
        }
    }

    #[test]
    fn both_names_lead_to_the_new_files_and_become_them() {
        let machine = Machine::new();
        let (led, [kernel, signature]) = machine.lead();
        assert_eq!(machine.read(), ["new", "new"]);
        assert_eq!(machine.left().len(), 3);
        let mut directory = super::super::Directory::default();
        kernel.persist(&machine.place("kernel"), &mut directory).unwrap();
        assert_eq!(machine.read(), ["new", "new"]);
        signature.persist(&machine.place("kernel.sig"), &mut directory).unwrap();
        led.finish().unwrap();
        assert_eq!(
            (machine.read(), machine.left()),
            (["new", "new"].map(str::to_owned), Vec::new())
        );
        assert_eq!(
            fs::metadata(machine.root.path().join("kernel"))
                .map(|file| std::os::unix::fs::MetadataExt::nlink(&file))
                .unwrap(),
            1
        );
    }

    #[test]
    fn what_is_left_is_settled_by_name() {
        let machine = Machine::new();
        let (led, staged) = machine.lead();
        let name = led.name.clone();
        drop((led, staged));
        finish_pair(&machine.place(name.to_str().unwrap())).unwrap();
        assert_eq!(
            (machine.read(), machine.left()),
            (["new", "new"].map(str::to_owned), Vec::new())
        );
        // Before the exchange it is the old pair.
        let (led, staged) = machine.lead();
        let inside = machine.root.path().join(&led.name);
        fs::write(inside.join("old/kernel"), "older").unwrap();
        fs::remove_file(inside.join("now")).unwrap();
        symlink("old", inside.join("now")).unwrap();
        drop(staged);
        led.finish().unwrap();
        assert_eq!(
            (machine.read(), machine.left().len()),
            (["older".to_owned(), "new".to_owned()], 0)
        );
    }

    #[test]
    fn a_planted_directory_leads_nowhere() {
        let machine = Machine::new();
        let secret = tempfile::tempdir().unwrap();
        fs::write(secret.path().join("kernel"), "secret").unwrap();
        let planted = machine.root.path().join(".bootseal-abcdefgh");
        fs::create_dir(&planted).unwrap();
        symlink(secret.path(), planted.join("now")).unwrap();
        fs::remove_file(machine.root.path().join("kernel")).unwrap();
        symlink(".bootseal-abcdefgh/now/kernel", machine.root.path().join("kernel")).unwrap();
        finish_pair(&machine.place(".bootseal-abcdefgh")).unwrap();
        assert!(!planted.exists() && fs::read_link(machine.root.path().join("kernel")).is_ok());
        assert!(secret.path().join("kernel").exists());
    }

    #[test]
    fn a_first_signature_needs_no_exchange() {
        let machine = Machine::new();
        fs::remove_file(machine.root.path().join("kernel.sig")).unwrap();
        let staged = [machine.temporary("kernel"), machine.temporary("kernel.sig")];
        let (kernel, signature) = (machine.place("kernel"), machine.place("kernel.sig"));
        assert!(
            Pair::lead([(&staged[0], &kernel), (&staged[1], &signature)])
                .unwrap()
                .is_none()
        );
        assert_eq!(machine.left().len(), 0);
    }
}
