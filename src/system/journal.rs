//! A file that only grows, line by line, each on the disk before the work goes on.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::{Error, Explain, Result};
use crate::formats::text::Shown;

use super::beneath::Place;
use super::context::Context;

/// Permission bits of a journal.
const MODE: u32 = 0o600;
/// Largest journal that is read, in bytes; a ceremony's has some 20 KiB, a ledger's at most some 20 MiB.
const MAX_JOURNAL: u64 = 64 << 20;

/// A journal, locked until it is dropped.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens or makes the journal, and returns its lines so far. A last line that was cut off in the middle of its
    /// write is taken away. A journal that another process has open is refused, and so is one that is a link, or has a
    /// second name: it would be written to there, too.
    pub fn open(context: &Context, path: &Path) -> Result<(Self, Vec<u8>)> {
        let cannot = || format!("cannot use {}", path.shown());
        let place = Place::of_name(context, path).map_err(|error| error.explain(cannot()))?;
        let mut file = place.open_to_append(MODE).or_could_not_run(cannot)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(
                    Error::could_not_run(format!("another bootseal is at work on {}", path.shown()))
                        .hint("wait for its end, and run the command again"),
                );
            }
            Err(error) => return Err(error).or_could_not_run(cannot),
        }
        let length = file.metadata().or_could_not_run(cannot)?.len();
        if length > MAX_JOURNAL {
            // Read in part, its end would pass for a line that was cut off.
            return Err(Error::could_not_run(format!(
                "{} has {length} bytes; journals over {MAX_JOURNAL} bytes are not read",
                path.shown()
            )));
        }
        let mut bytes = Vec::new();
        (&mut file)
            .take(MAX_JOURNAL)
            .read_to_end(&mut bytes)
            .or_could_not_run(cannot)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        if whole < bytes.len() {
            bytes.truncate(whole);
            file.set_len(whole as u64)
                .and_then(|()| file.seek(SeekFrom::End(0)).map(drop))
                .or_could_not_run(cannot)?;
        }
        let path = path.to_path_buf();
        Ok((Self { path, file }, bytes))
    }

    /// Adds a line, which ends with a line break, and waits until it is on the disk, with all that is in `directories`.
    pub fn append(&mut self, line: &[u8], directories: &[&Path]) -> Result<()> {
        let cannot = || format!("cannot write {}", self.path.shown());
        for directory in directories {
            sync_directory(directory)?;
        }
        self.file
            .write_all(line)
            .and_then(|()| self.file.sync_all())
            .or_could_not_run(cannot)
    }
}

/// Waits until the names in a directory are on the disk.
pub fn sync_directory(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .or_could_not_run(|| format!("cannot flush {}", path.shown()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    #[test]
    fn lines_stay_and_half_a_line_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let (mut journal, lines) = Journal::open(&Context::host(), &path).unwrap();
        assert!(lines.is_empty());
        journal.append(b"one\n", &[directory.path()]).unwrap();
        assert!(
            Journal::open(&Context::host(), &path)
                .unwrap_err()
                .to_string()
                .contains("another bootseal")
        );
        drop(journal);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"tw").unwrap();
        let (mut journal, lines) = Journal::open(&Context::host(), &path).unwrap();
        assert_eq!(lines, b"one\n");
        journal.append(b"two\n", &[]).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n");
    }

    #[test]
    fn a_journal_that_somebody_planted_is_refused_and_what_it_leads_to_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("victim"), b"no line break").unwrap();
        std::os::unix::fs::symlink("victim", path("link")).unwrap();
        std::fs::hard_link(path("victim"), path("hard")).unwrap();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        let pipe = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, path("pipe"), pipe, mode, 0).unwrap();
        for name in ["link", "hard", "pipe"] {
            let error = Journal::open(&Context::host(), &path(name)).unwrap_err();
            assert!(error.to_string().contains("cannot use"), "{name}: {error}");
        }
        assert_eq!(std::fs::read(path("victim")).unwrap(), b"no line break");
    }
}
