//! The reasons why a file that decides is not ours alone, and the commands that mend it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};

use crate::error::{Error, Result, quoted};
use crate::formats::text::Shown;

/// The permission bits that let the group and everybody else write.
const OTHERS_WRITE: u32 = 0o022;
/// The one of them for the group.
const GROUP_WRITES: u32 = 0o020;
/// The bit of a directory in which nobody removes the files of others.
const STICKY: u32 = 0o1000;
/// Largest list of users or groups that is read, in bytes.
const MAX_USERS: u64 = 4 << 20;

/// The part that a file has in a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A directory on the way.
    Above,
    /// The file or directory that decides.
    Decides,
}

/// The reasons why others could change a decision, and the files to mend.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) user: u32,
    reasons: Vec<String>,
    writable: Vec<PathBuf>,
    foreign: Vec<PathBuf>,
    foreign_links: Vec<PathBuf>,
}

impl Faults {
    pub(super) fn new() -> Self {
        Self {
            user: rustix::process::geteuid().as_raw(),
            reasons: Vec::new(),
            writable: Vec::new(),
            foreign: Vec::new(),
            foreign_links: Vec::new(),
        }
    }

    pub(super) fn judge(&mut self, path: &Path, stat: &Stat, place: Place) {
        let (kind, mode) = (FileType::from_raw_mode(stat.st_mode), stat.st_mode & 0o7777);
        if stat.st_uid != 0 && stat.st_uid != self.user {
            let reason = format!("{} belongs to user {}", path.shown(), stat.st_uid);
            if kind == FileType::Symlink {
                self.add(reason, path, |faults| &mut faults.foreign_links);
            } else {
                self.add(reason, path, |faults| &mut faults.foreign);
            }
        }
        // A link has no mode of its own: who may change it may write to its directory.
        let is_sticky = place == Place::Above && mode & STICKY != 0;
        if kind == FileType::Symlink || mode & OTHERS_WRITE == 0 || is_sticky {
            return;
        }
        let only_group = mode & OTHERS_WRITE == GROUP_WRITES;
        if only_group && stat.st_uid == self.user && is_own_group(self.user, stat.st_gid) {
            return;
        }
        let reason = format!("the mode {mode:04o} of {} lets others change it", path.shown());
        self.add(reason, path, |faults| &mut faults.writable);
    }

    /// A directory can be on the way more than once.
    fn add(&mut self, reason: String, path: &Path, list: impl Fn(&mut Self) -> &mut Vec<PathBuf>) {
        if !list(self).iter().any(|known| known == path) {
            list(self).push(path.to_path_buf());
            self.reasons.push(reason);
        }
    }

    pub(super) fn none_of(&self, path: &Path) -> Result<()> {
        if self.reasons.is_empty() {
            return Ok(());
        }
        let error = Error::could_not_run(format!(
            "{} lets others decide what is trusted or written",
            path.shown()
        ))
        .caused_by(self.reasons.join("; "));
        let remedies = [
            ("chown root:", &self.foreign),
            ("chown -h root:", &self.foreign_links),
            ("chmod go-w", &self.writable),
        ];
        let hint = |error: Error, (command, paths): (&str, &Vec<PathBuf>)| {
            let paths: Vec<String> = paths.iter().map(|path| quoted(path)).collect();
            if paths.is_empty() {
                error
            } else {
                error.hint(format!("{command} {}", paths.join(" ")))
            }
        };
        Err(remedies.into_iter().fold(error, hint))
    }
}

/// True if a group is the user's own: it has the user's number, and nobody else is in it.
pub(super) fn is_own_group(user: u32, group: u32) -> bool {
    let list = |path: &str| {
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_USERS).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    // A list that cannot be read vouches for nobody.
    let is_alone = |users: &str| list("/etc/group").is_ok_and(|groups| is_alone_in(user, group, users, &groups));
    user != 0 && user == group && list("/etc/passwd").is_ok_and(|users| is_alone(&users))
}

/// True if the lists of users (passwd(5)) and groups (group(5)) know the group, and put nobody but the user into it.
pub(super) fn is_alone_in(user: u32, group: u32, users: &str, groups: &str) -> bool {
    let number = |field: Option<&str>| field.and_then(|text| text.parse::<u32>().ok());
    let mut names = Vec::new();
    for line in users.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if number(fields.get(2).copied()) == Some(user) {
            names.extend(fields.first().copied());
        } else if number(fields.get(3).copied()) == Some(group) {
            return false;
        }
    }
    let mut entries = groups
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .filter(|fields| number(fields.get(2).copied()) == Some(group))
        .peekable();
    entries.peek().is_some()
        && entries.all(|fields| {
            let members = fields.get(3).copied().unwrap_or_default().split(',');
            members
                .map(str::trim)
                .all(|name| name.is_empty() || names.contains(&name))
        })
}
