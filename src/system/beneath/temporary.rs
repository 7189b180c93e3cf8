//! A file under a temporary name, which takes the place of another one by a rename.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::renameat;

use super::open::For;
use super::{Place, identity, look_at};

/// The beginning of the names; [`RANDOM`] letters and digits follow.
pub(in crate::system) const PREFIX: &str = ".bootseal-";
/// Random characters in a name.
pub(in crate::system) const RANDOM: usize = 8;
/// Letters and digits; on FAT upper and lower case are the same.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Names that are tried: more than one is only taken where somebody guesses them.
const ATTEMPTS: usize = 64;
/// Permission bits until the file is made like the one that it replaces.
const MODE: u32 = 0o600;

/// The file. Dropped before it has taken its place, it is removed.
#[derive(Debug)]
pub(in crate::system) struct Temporary {
    place: Place,
    /// The file as it was made; another one by this name is not ours.
    identity: (u64, u64),
    is_placed: bool,
}

impl Temporary {
    /// Makes an empty file beside `target`; returns it with its metadata.
    pub fn beside(target: &Place) -> io::Result<(Self, File, Metadata)> {
        for _ in 0..ATTEMPTS {
            let place = target.beside(random_name()?);
            match place.create(MODE) {
                // A link or anything else that has the name already is left alone.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(file) => {
                    let mut temporary = Self {
                        place,
                        identity: (0, 0),
                        is_placed: false,
                    };
                    let metadata = file.metadata()?;
                    temporary.identity = identity(&metadata);
                    return Ok((temporary, file, metadata));
                }
            }
        }
        Err(io::Error::new(
            ErrorKind::AlreadyExists,
            "every temporary name is taken",
        ))
    }

    /// The place of the file until it takes its own.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Waits until the content is on the disk.
    pub fn flush(&self) -> io::Result<()> {
        self.place.open()?.0.sync_all()
    }

    /// Takes the place of what has the name of `target`, which is in the same directory.
    pub fn persist(mut self, target: &Place, directory: &mut Directory) -> io::Result<()> {
        let directory = directory.descriptor(&self.place)?;
        if look_at(directory.as_fd(), self.place.name())?.identity != self.identity {
            return Err(io::Error::other("somebody else's file has taken the temporary name"));
        }
        renameat(directory, self.place.name(), directory, target.name())?;
        self.is_placed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_placed {
            // What cannot be removed now is found and removed by the next run.
            let _ = self.place.remove();
        }
    }
}

/// The directory that a file was put into last. Neighbours need not look for it again.
#[derive(Debug, Default)]
pub(in crate::system) struct Directory(Option<(Place, OwnedFd)>);

impl Directory {
    fn descriptor(&mut self, place: &Place) -> io::Result<&OwnedFd> {
        let is_last = |(last, _): &(Place, OwnedFd)| {
            last.base == place.base && last.directory_path().as_os_str() == place.directory_path().as_os_str()
        };
        let last = match self.0.take().filter(is_last) {
            Some(last) => last,
            None => (place.clone(), place.directory(For::Names)?),
        };
        Ok(&self.0.insert(last).1)
    }
}

pub(super) fn random_name() -> io::Result<String> {
    let mut bytes = [0_u8; RANDOM];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let letters = bytes
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(byte % 32)))
        .map(|letter| char::from(*letter));
    Ok(PREFIX.chars().chain(letters).collect())
}
