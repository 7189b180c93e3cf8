//! Files: read whole or in part, made without replacing anything, replaced, renamed and removed.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FileType, FlockOperation, OFlags, flock};
use rustix::io::{Errno, retry_on_intr};

use crate::error::{Error, Explain, Result};
use crate::formats::text::Shown;

use crate::system::beneath::{NoPlace, Place, finish_pair};
use crate::system::context::Context;
use crate::system::entries::refused;

/// Largest file that is read whole, in bytes; the largest are images whose parts are judged. Others have limits of their own, or
/// are read piece by piece.
const MAX_FILE: u64 = 512 << 20;
/// Permission bits of a file whose loss costs only time.
const CACHE_MODE: u32 = 0o666;

/// Reads a whole regular file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    read_prefix(path, None)
}

/// Reads a regular file, or no more than its first `limit` bytes.
pub fn read_prefix(path: &Path, limit: Option<u64>) -> Result<Vec<u8>> {
    let (file, metadata) = open(path)?;
    read_opened(path, &file, &metadata, limit)
}

/// Opens a regular file for reading.
pub fn open(path: &Path) -> Result<(File, Metadata)> {
    // Opening a device may set it going. A pipe must not block, nor a terminal become ours, if it comes there just now.
    let seen = fs::metadata(path).map_err(|error| explain_open(path, error))?;
    check_regular(path, &seen)?;
    let careful = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(careful)
        .open(path)
        .map_err(|error| explain_open(path, error))?;
    let metadata = file
        .metadata()
        .or_could_not_run(|| format!("cannot read {}", path.shown()))?;
    check_regular(path, &metadata)?;
    Ok((file, metadata))
}

fn check_regular(path: &Path, metadata: &Metadata) -> Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(Error::could_not_run(format!("{} is not a regular file", path.shown())))
}

/// Reads an opened file, or no more than its first `limit` bytes.
pub(super) fn read_opened(path: &Path, file: &File, metadata: &Metadata, limit: Option<u64>) -> Result<Vec<u8>> {
    if limit.is_none() && metadata.len() > MAX_FILE {
        return Err(Error::could_not_run(format!(
            "{} has {} bytes; files over {MAX_FILE} bytes are not read",
            path.shown(),
            metadata.len()
        )));
    }
    let expected = metadata.len().min(limit.unwrap_or(MAX_FILE));
    // One byte more, so that the end is seen without growing.
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0).saturating_add(1));
    file.take(limit.unwrap_or(MAX_FILE))
        .read_to_end(&mut bytes)
        .or_could_not_run(|| format!("cannot read {}", path.shown()))?;
    Ok(bytes)
}

/// Reads the regular file at a place, or no more than its first `limit` bytes.
pub(super) fn read_place(place: &Place, limit: Option<u64>) -> Result<Vec<u8>> {
    let path = place.path();
    let (file, metadata) = place.open().map_err(|error| explain_open(path, error))?;
    read_opened(path, &file, &metadata, limit)
}

/// Reads the whole regular file that a path leads to. A link in a guarded directory ([`Context::guard`]) that leads out of
/// all of them is refused.
pub fn read_at(context: &Context, path: &Path) -> Result<Vec<u8>> {
    let place = Place::of_file(context, path);
    read_place(&place.map_err(|error| explain_place(path, error))?, None)
}

/// As [`read_at`], but no more than the first `limit` bytes; `None` if there is no such file.
pub fn read_at_if_there(context: &Context, path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    match Place::of_file(context, path) {
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(explain_place(path, error)),
        Ok(place) => read_place(&place, Some(limit)).map(Some),
    }
}

/// Reads a regular file by its own name, or gives `None` if this names nothing, or anything but a regular file: a link,
/// pipe, device or directory.
pub fn read_named(context: &Context, path: &Path) -> Result<Option<Vec<u8>>> {
    let place = match Place::of_name(context, path) {
        Err(error) if error.is_missing() => return Ok(None),
        place => place.map_err(|error| explain_place(path, error))?,
    };
    match place.look().map_err(|error| explain_open(path, error))? {
        Some(kind) if kind.is_file() => read_place(&place, None).map(Some),
        _ => Ok(None),
    }
}

fn explain_place(path: &Path, error: NoPlace) -> Error {
    match error {
        NoPlace::Io(error) => explain_open(path, error),
        leads_out @ NoPlace::LeadsOut { .. } => leads_out.explain(String::new()),
    }
}

/// Reads a regular file, or gives `None` if nothing has this name. A link that leads nowhere is an error.
pub fn read_if_there(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => read_prefix(path, Some(limit)).map(Some),
    }
}

fn explain_open(path: &Path, error: std::io::Error) -> Error {
    refused(format!("cannot read {}", path.shown()), error)
}

/// A file that does not exist yet, with its mode.
#[derive(Debug, Clone, Copy)]
pub struct NewFile<'a> {
    /// The path at which it is made.
    pub path: &'a Path,
    /// Its content.
    pub bytes: &'a [u8],
    /// Its permission bits.
    pub mode: u32,
}

impl NewFile<'_> {
    /// Creates the file and flushes it to disk. Refuses when anything is there already, and leaves nothing behind when
    /// the write fails.
    pub fn create(self, context: &Context) -> Result<()> {
        if context.dry_run() {
            return Ok(());
        }
        let cannot = || format!("cannot create {}", self.path.shown());
        let place = place_of_name(context, self.path, cannot)?;
        let mut file = place.create(self.mode).or_could_not_run(cannot)?;
        let written = file.write_all(self.bytes).and_then(|()| file.sync_all());
        if written.is_err() {
            // The write's own error is the one to report.
            let _ = place.remove();
        }
        written.or_could_not_run(cannot)
    }
}

/// The place of a name; a link that has it is not followed.
fn place_of_name(context: &Context, path: &Path, cannot: impl FnOnce() -> String) -> Result<Place> {
    Place::of_name(context, path).map_err(|error| error.explain(cannot()))
}

/// Makes a directory for which only the owner has any right, and its parents with the usual rights.
pub fn create_dir(context: &Context, path: &Path) -> Result<()> {
    if context.dry_run() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_missing(context, parent, path)?;
    }
    make_dir(context, path, path, 0o700)
}

/// Makes a directory and those above it with the usual rights, as far as they are missing; `wanted` is named in errors.
fn make_missing(context: &Context, path: &Path, wanted: &Path) -> Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_missing(context, parent, wanted)?;
    }
    // Whatever the umask says, nobody else may exchange what is below.
    make_dir(context, path, wanted, 0o755)
}

/// Another run may make it meanwhile.
fn make_dir(context: &Context, path: &Path, wanted: &Path, mode: u32) -> Result<()> {
    let cannot = || format!("cannot make the directory {}", wanted.shown());
    if path.file_name().is_none() && path.is_dir() {
        // The root directory, or a path that ends in `..`.
        return Ok(());
    }
    match place_of_name(context, path, cannot)?.make_directory(mode) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other,
    }
    .or_could_not_run(cannot)
}

/// Makes a directory, and its parents, with the usual rights, flushed to disk.
pub fn create_public_dir(context: &Context, path: &Path) -> Result<()> {
    if context.dry_run() || path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new("/"));
    create_public_dir(context, parent)?;
    make_dir(context, path, path, 0o777)?;
    let cannot = || format!("cannot flush {}", parent.shown());
    place_of_name(context, path, cannot)?
        .flush_directory()
        .or_could_not_run(cannot)
}

/// Removes a file, which must exist, or the link itself where it is one.
pub fn remove_file(context: &Context, path: &Path) -> Result<()> {
    if context.dry_run() {
        return Ok(());
    }
    let cannot = || format!("cannot remove {}", path.shown());
    place_of_name(context, path, cannot)?.remove().or_could_not_run(cannot)
}

/// Removes a directory and everything in it; links are not followed. A directory that is gone is no error.
pub fn remove_tree(context: &Context, path: &Path) -> Result<()> {
    remove_if_there(context, path, Place::remove_tree, &[ErrorKind::NotFound], || {
        format!("cannot remove the directory {}", path.shown())
    })
}

/// Removes a directory if nothing is in it. A directory that is gone is no error.
pub fn remove_empty_dir(context: &Context, path: &Path) -> Result<()> {
    let fine = [ErrorKind::NotFound, ErrorKind::DirectoryNotEmpty];
    remove_if_there(context, path, Place::remove_directory, &fine, || {
        format!("cannot remove the directory {}", path.shown())
    })
}

/// Removes a name; these kinds of failures are none.
fn remove_if_there(
    context: &Context,
    path: &Path,
    remove: impl FnOnce(&Place) -> std::io::Result<()>,
    fine: &[ErrorKind],
    cannot: impl Fn() -> String,
) -> Result<()> {
    if context.dry_run() {
        return Ok(());
    }
    let place = match Place::of_name(context, path) {
        Err(error) if error.is_missing() => return Ok(()),
        place => place.map_err(|error| error.explain(cannot()))?,
    };
    match remove(&place) {
        Err(error) if !fine.contains(&error.kind()) => Err(error),
        _ => Ok(()),
    }
    .or_could_not_run(cannot)
}

/// Replaces a file whose loss costs only time: a crash of the system may leave it empty or take it away. The caller
/// holds the lock, so the temporary name is always the same, and the rest of a killed run is replaced. `write` writes the content.
pub fn replace_cache(
    context: &Context,
    path: &Path,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<()> {
    if context.dry_run() {
        return Ok(());
    }
    let cannot = || format!("cannot write {}", path.shown());
    create_dir(context, path.parent().unwrap_or(Path::new("/")))?;
    let temporary = path.with_extension("new");
    remove_leftover(context, &temporary)?;
    let (from, to) = (
        place_of_name(context, &temporary, cannot)?,
        place_of_name(context, path, cannot)?,
    );
    let mut file = from.create(CACHE_MODE).or_could_not_run(cannot)?;
    let written = write(&mut file).and_then(|()| from.rename(&to));
    if written.is_err() {
        // The write's own error is the one to report.
        let _ = from.remove();
    }
    written.or_could_not_run(cannot)
}

/// Replaces a file so that a crash leaves the old or the new one. Several runs may do so at once: one after the other
/// does, and the last one's file stays. A link of this name is replaced, not the file that it leads to.
pub fn replace_durably(context: &Context, path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    // The temporary name is always the same, so that what a killed run left is found; a run that lives must keep its
    // own.
    let name = path.file_name();
    let name = name.ok_or_else(|| Error::could_not_run(format!("{} does not name a file", path.shown())))?;
    let _turn = turn(context, path)?;
    let mut name = name.to_os_string();
    name.push(".bootseal-new");
    let temporary = &path.with_file_name(name);
    remove_leftover(context, temporary)?;
    NewFile {
        path: temporary,
        bytes,
        mode,
    }
    .create(context)?;
    if context.dry_run() {
        return Ok(());
    }
    let cannot = || format!("cannot replace {}", path.shown());
    let to = place_of_name(context, path, cannot)?;
    let from = place_of_name(context, temporary, cannot)?;
    from.rename(&to).or_could_not_run(cannot)?;
    flush(&to)
}

fn flush(place: &Place) -> Result<()> {
    place
        .flush_directory()
        .or_could_not_run(|| format!("cannot flush {}", place.directory_path().shown()))
}

/// Waits until nobody else replaces files in the directory where `path` is to be, and keeps others waiting until it is
/// dropped. File systems that lock no directories (NFS) go without.
fn turn(context: &Context, path: &Path) -> Result<Option<File>> {
    if context.dry_run() {
        return Ok(None);
    }
    let cannot = || format!("cannot create {}", path.shown());
    let opened = place_of_name(context, path, cannot)?
        .open_directory()
        .or_could_not_run(cannot)?;
    match retry_on_intr(|| flock(&opened, FlockOperation::LockExclusive)) {
        Ok(()) => Ok(Some(opened)),
        Err(Errno::BADF | Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
        Err(error) => Err(error).or_could_not_run(cannot),
    }
}

/// Renames a file over another one, which is gone then; a crash leaves one of the two at that name. It needs no space.
pub fn rename_over(context: &Context, from: &Path, to: &Path) -> Result<()> {
    if context.dry_run() {
        return Ok(());
    }
    let cannot = || format!("cannot rename {} to {}", from.shown(), to.shown());
    let (from, to) = (
        place_of_name(context, from, cannot)?,
        place_of_name(context, to, cannot)?,
    );
    from.rename(&to).or_could_not_run(cannot)?;
    flush(&to)
}

/// Removes a staged file that a killed run left, or the directory through which it exchanged two; files that still lead through that are
/// put in their places. What is gone meanwhile is no error.
pub fn remove_leftover(context: &Context, path: &Path) -> Result<()> {
    let remove = |place: &Place| match place.look()? {
        Some(FileType::Directory) => finish_pair(place),
        _ => place.remove(),
    };
    remove_if_there(context, path, remove, &[ErrorKind::NotFound], || {
        format!("cannot remove {}, which an interrupted run left", path.shown())
    })
}

#[cfg(test)]
mod tests;
