//! The stock of the boot media at the beginning of a kernel's installation: `hooks/stock.json` in the state directory.
//! Files that were there already were not installed by it, under whatever name they lie later.

use std::path::{Path, PathBuf};

use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

use crate::disk::{BootMedia, Tree};
use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::text::Shown;
use crate::system::{self, Content, Context, FileKind};

/// Directory of the record, below the state directory.
const DIRECTORY: &str = "hooks";
/// The record's name in it.
const NAME: &str = "stock.json";
/// The name of the format, and its version.
const FORMAT: &str = "bootseal.stock/1";
const SECRET: u32 = 0o600;
/// Most files that a stock has.
const MAX_FILES: usize = 20_000;
/// Largest file that is read, in bytes; larger ones are entered by their size only.
const MAX_FILE: u64 = 1 << 30;
/// Longest record that is read, in bytes: 20,000 files with paths of 3,000 bytes.
const MAX_RECORD: u64 = 64 << 20;
/// Longest time between the first and the last slot of an installation, in seconds. A kernel may be linked anew for hours
/// after the first slot; a machine that slept for longer may have had its disk in other hands.
const MAX_AGE: u64 = 6 * 60 * 60;

/// The files on the boot media when an installation began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stock {
    format: String,
    /// The version of the kernel that is installed.
    subject: String,
    /// The kernel's name for the time since it started (random(4)).
    boot_id: String,
    /// The staging area, which is another directory in each installation; none where the caller has none.
    staging: Option<PathBuf>,
    /// Seconds since 1970-01-01 UTC.
    time: u64,
    /// The digests of the images that the installation says it installs: SHA-256, hexadecimal.
    sources: Vec<String>,
    files: Vec<StockFile>,
}

/// A file on a boot medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StockFile {
    /// The path, for a reader.
    path: String,
    /// Bytes.
    size: u64,
    /// The time of the last write: seconds since 1970-01-01 UTC, and nanoseconds.
    modified: (i64, i64),
    /// SHA-256, hexadecimal; none of a file over [`MAX_FILE`].
    sha256: Option<String>,
}

impl StockFile {
    /// True if the file has, or may have, these bytes: by its digest, or by its size in bytes if it was too large for one.
    fn may_be(&self, sha256: &str, size: u64) -> bool {
        match &self.sha256 {
            Some(own) => own == sha256,
            None => self.size == size,
        }
    }
}

impl Stock {
    /// Takes stock of the boot media and records it for the later slots, in place of an earlier stock. `sources` are the
    /// SHA-256 of the images that are being installed. `None`, and no stock, where the running kernel has no boot ID. An
    /// error if anything on the media cannot be read, or there are over 20,000 files: a stock with gaps would let old
    /// files pass as new ones.
    pub fn take(
        context: &Context,
        media: &BootMedia,
        subject: &str,
        staging: Option<&Path>,
        sources: &[Digest],
    ) -> Result<Option<Self>> {
        Self::remove(context)?;
        let Some(boot_id) = system::boot_id(context)? else {
            return Ok(None);
        };
        let stock = Self {
            format: FORMAT.to_owned(),
            subject: subject.to_owned(),
            boot_id,
            staging: staging.map(Path::to_path_buf),
            time: context.now()?,
            sources: sources.iter().map(Digest::to_hex).collect(),
            files: files(media)?,
        };
        let state = context.state()?;
        let directory = state.join(DIRECTORY);
        system::create_dir(context, &state)?;
        system::create_dir(context, &directory)?;
        let text = serde_json::to_vec(&stock).or_bug(|| "cannot write a stock down".to_owned())?;
        system::replace_durably(context, &directory.join(NAME), &text, SECRET)?;
        Ok(Some(stock))
    }

    /// The stock of this installation. `None` if there is none, or one that does not count: of another kernel, taken
    /// before the machine started, over six hours ago or in the future, too long, no stock at all, or a file that others
    /// than its owner may write. An error if it cannot be read.
    pub fn load(context: &Context, subject: &str) -> Result<Option<Self>> {
        let path = context.state()?.join(DIRECTORY).join(NAME);
        if !system::is_there(&path)? {
            return Ok(None);
        }
        let bytes = match system::read_ours(&path, MAX_RECORD) {
            // Too long, no file, or open to others: what it says is not taken.
            Err(error) if error.io_kind().is_none() => return Ok(None),
            other => other?,
        };
        let Ok(stock) = serde_json::from_slice::<Self>(&bytes) else {
            return Ok(None);
        };
        let age = context.now()?.checked_sub(stock.time);
        let counts = stock.format == FORMAT
            && stock.subject == subject
            && age.is_some_and(|age| age <= MAX_AGE)
            && system::boot_id(context)?.is_some_and(|boot| boot == stock.boot_id);
        Ok(counts.then_some(stock))
    }

    /// Removes the stock, at the end of an installation. There need not be any.
    pub fn remove(context: &Context) -> Result<()> {
        let path = context.state()?.join(DIRECTORY).join(NAME);
        if system::is_there(&path)? {
            system::remove_file(context, &path)?;
        }
        Ok(())
    }

    /// True if the bytes of the file at this path (without symbolic links) came onto the media after the stock was taken:
    /// no file had them; or this file alone did and was written since, as where grub-mkconfig or dracut makes again what an
    /// installation that was cut short had made. Of two files with the same bytes, one may be a copy of the other.
    pub fn is_new<'a>(&self, path: &Path, bytes: impl Into<Content<'a>>) -> Result<bool> {
        let content = bytes.into();
        let cannot = || format!("cannot read {}", path.shown());
        let sha256 = content.digest(HashAlgorithm::Sha256).or_could_not_run(cannot)?.to_hex();
        let mut same = self.files.iter().filter(|file| file.may_be(&sha256, content.len()));
        let Some(file) = same.next() else { return Ok(true) };
        if same.next().is_some() || file.sha256.is_none() || Path::new(&file.path) != path {
            return Ok(false);
        }
        let info = system::info_of_name(path)?;
        Ok(info.is_some_and(|info| info.state.modified() != file.modified))
    }

    /// True if an installation with this staging area took the stock; one without cannot be told from others.
    #[must_use]
    pub fn is_of(&self, staging: Option<&Path>) -> bool {
        staging.is_some() && self.staging.as_deref() == staging
    }

    /// The digests of the images that are being installed: SHA-256, hexadecimal.
    #[must_use]
    pub fn sources(&self) -> &[String] {
        &self.sources
    }
}

/// All regular files on the media, with their digests.
fn files(media: &BootMedia) -> Result<Vec<StockFile>> {
    let mut found = Vec::new();
    for directory in media.directories() {
        let tree = Tree::below(directory, &|_| false);
        if let Some((path, error)) = tree.unread.into_iter().next() {
            return Err(Error::could_not_run(format!("cannot take stock of {}", path.shown())).caused_by(error));
        }
        for entry in tree.files.into_iter().filter(|entry| entry.kind == FileKind::File) {
            if found.len() == MAX_FILES {
                return Err(Error::could_not_run(format!(
                    "cannot take stock of {}: there are over {MAX_FILES} files",
                    directory.shown()
                )));
            }
            let Some(state) = system::info_of_name(&entry.path)?.map(|info| info.state) else {
                continue;
            };
            let modified = state.modified();
            let path = entry.path.to_string_lossy().into_owned();
            if state.size > MAX_FILE {
                found.push(StockFile {
                    path,
                    size: state.size,
                    modified,
                    sha256: None,
                });
                continue;
            }
            match system::digest(&entry.path, HashAlgorithm::Sha256) {
                Ok((digest, size)) => found.push(StockFile {
                    path,
                    size,
                    modified,
                    sha256: Some(digest.to_hex()),
                }),
                // Removed in between.
                Err(error) if error.io_kind() == Some(ErrorKind::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
