//! Who vouches for a file before it is signed. A boot directory or an EFI system partition can be written by anybody with
//! the disk, so that a file there needs an origin elsewhere; what lies on the root file system is taken as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::{BootMedia, GRUB_CONFIGURATION, GRUB_DIRECTORIES, Packages};
use crate::error::{Explain, Result};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::text::Shown;
use crate::ledger::{Kind, Ledger, Origin};
use crate::system::{self, Content, Context};

use super::discover::Target;
use super::image_source::image_digest;

/// Ending of the name of a ledger that does not hold, and was put aside.
pub const BROKEN: &str = "broken";

/// A file that is about to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Offered<'a> {
    /// The kind of signature.
    pub kind: Kind,
    /// The path, as it was named or found.
    pub path: &'a Path,
    /// The content that the signature is for.
    pub content: Content<'a>,
    /// The digest that would be signed.
    pub signed: &'a Digest,
}

/// The installation of a kernel that is under way.
pub trait Installation: Sync {
    /// True if the installation put this file where it is.
    fn installs(&self, file: &Offered<'_>) -> Result<bool>;
}

/// Those who vouch for files on the media that others can write to.
#[derive(Clone, Copy, Default)]
pub struct Vouchers<'a> {
    /// The installation of a kernel, if one is under way.
    pub installation: Option<&'a dyn Installation>,
    /// Paths of files and directories, or SHA-256 digests in hex, of changed files that a person accepts.
    pub accepted: &'a [String],
    /// True if nobody is there: nothing is signed that only a person could vouch for.
    pub is_unattended: bool,
}

impl std::fmt::Debug for Vouchers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vouchers")
            .field("accepted", &self.accepted)
            .field("is_unattended", &self.is_unattended)
            .finish_non_exhaustive()
    }
}

/// A file that nobody vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unvouched {
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// The reason, for people.
    pub reason: String,
    /// The time of its last signature, RFC 3339 UTC, if it was signed before and changed since.
    pub changed_since: Option<String>,
}

/// The answer for a file.
pub(super) type Verdict = std::result::Result<Origin, Unvouched>;

/// The memory of the machine: its media, packages and ledger, looked at when the first file needs them.
pub(super) struct Memory {
    media: BootMedia,
    packages: Packages,
    pub ledger: Ledger,
    /// True if bootseal signed files here before it kept a ledger.
    pub taken_over: bool,
    /// A remark on the ledger.
    pub warning: Option<String>,
}

/// The judge of a run.
pub(super) struct Notary<'a> {
    context: &'a Context,
    vouchers: Vouchers<'a>,
    sources: Vec<PathBuf>,
    memory: Mutex<Option<Arc<Memory>>>,
    /// Authenticode digests of the images that bear our signature by now.
    images: Mutex<BTreeSet<String>>,
    /// By kind: true if some file bore our signature before this run.
    signed_before: Mutex<BTreeMap<Kind, bool>>,
}

impl<'a> Notary<'a> {
    /// A judge; `sources` are those of the configuration.
    pub(super) fn new(context: &'a Context, vouchers: Vouchers<'a>, sources: &[PathBuf]) -> Self {
        Self {
            context,
            vouchers,
            sources: sources.iter().map(|path| context.path(path)).collect(),
            memory: Mutex::default(),
            images: Mutex::default(),
            signed_before: Mutex::default(),
        }
    }

    /// The memory of the machine. A ledger that does not hold is put aside, and a new one begins.
    pub(super) fn memory(&self) -> Result<Arc<Memory>> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(memory) = memory.as_ref() {
            return Ok(Arc::clone(memory));
        }
        let (ledger, warning) = self.ledger()?;
        let taken_over = if ledger.is_empty() {
            warning.is_some() || super::manifest::any(self.context)?
        } else {
            ledger.index().taken_over
        };
        let media = BootMedia::of_machine(self.context, [])?;
        let known = Arc::new(Memory {
            packages: Packages::read(self.context, &media, &self.sources)?,
            media,
            ledger,
            taken_over,
            warning,
        });
        *memory = Some(Arc::clone(&known));
        Ok(known)
    }

    /// Forgets the memory, with the ledger in it.
    pub(super) fn forget(&self) {
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn ledger(&self) -> Result<(Ledger, Option<String>)> {
        let error = match Ledger::read(self.context) {
            Ok(ledger) => return Ok((ledger, None)),
            Err(error) => error,
        };
        let path = Ledger::path_of(self.context)?;
        let aside = path.with_extension(BROKEN);
        if system::is_there(&aside)? {
            return Err(error.hint(Ledger::remedy(&path)));
        }
        if !self.context.dry_run() {
            system::rename_over(self.context, &path, &aside)?;
        }
        let empty = Ledger::parse(&path, &[]).or_bug(|| "an empty ledger".to_owned())?;
        let warning = format!(
            "{}: it is {} now, and a new one begins",
            error.in_one_line(),
            aside.shown()
        );
        Ok((empty, Some(warning)))
    }

    /// Notes an image that bears our signature by now, by its Authenticode digest.
    pub(super) fn note_image(&self, digest: &Digest) {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.insert(digest.to_hex());
    }

    /// True if some file of this kind bore our signature before this run: `look` is called once.
    fn is_signed_before(&self, kind: Kind, look: &dyn Fn() -> Result<bool>) -> Result<bool> {
        let mut kinds = self.signed_before.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kinds.get(&kind) {
            return Ok(*known);
        }
        let found = look()?;
        kinds.insert(kind, found);
        Ok(found)
    }

    /// True if files of this kind that bear our signature are to be entered as adopted: the ledger has none yet.
    pub(super) fn adopts(&self, kind: Kind) -> Result<bool> {
        Ok(!self.memory()?.ledger.index().has(kind))
    }

    /// The directories of the boot media.
    pub(super) fn media(&self) -> Result<Vec<PathBuf>> {
        Ok(self.memory()?.media.directories().to_vec())
    }

    /// True if the ledger has a signature of this kind over this digest.
    pub(super) fn has_recorded(&self, kind: Kind, signed: &Digest) -> Result<bool> {
        Ok(self
            .memory()?
            .ledger
            .index()
            .by_digest(kind, &signed.to_hex())
            .is_some())
    }

    /// The origin of a file that bears our signature already, if it is to be entered into the ledger: that has none of
    /// its kind yet, or does not have this one, and somebody vouches for it.
    pub(super) fn origin_of_signed(
        &self,
        (kind, signed): (Kind, &Digest),
        target: &Target,
        content: Content<'_>,
    ) -> Result<Option<Origin>> {
        let memory = self.memory()?;
        let index = memory.ledger.index();
        if !index.has(kind) {
            return Ok(Some(Origin::Adopted));
        }
        if index.by_digest(kind, &signed.to_hex()).is_some() {
            return Ok(None);
        }
        let verdict = self.verdict((kind, signed), target, content, &|| Ok(true))?;
        Ok(verdict
            .ok()
            .filter(|origin| [Origin::Installed, Origin::Owned, Origin::Accepted].contains(origin)))
    }

    /// The origin of a file that is about to be signed, or the reason why nobody vouches for it. `is_signed_before` tells
    /// if any file of the run bears our signature; it is asked at most once for a kind, where the ledger has none of it.
    pub(super) fn judge(
        &self,
        (kind, signed): (Kind, &Digest),
        target: &Target,
        content: Content<'_>,
        is_signed_before: &dyn Fn() -> Result<bool>,
    ) -> Result<Verdict> {
        let verdict = self.verdict((kind, signed), target, content, is_signed_before)?;
        if kind == Kind::Efi && verdict.is_ok() {
            self.note_image(signed);
        }
        Ok(verdict)
    }

    fn verdict(
        &self,
        (kind, signed): (Kind, &Digest),
        target: &Target,
        content: Content<'_>,
        is_signed_before: &dyn Fn() -> Result<bool>,
    ) -> Result<Verdict> {
        let memory = self.memory()?;
        if kind == Kind::Modules || !(memory.media.holds(&target.path) || memory.media.holds(&target.file)) {
            return Ok(Ok(Origin::Root));
        }
        let cannot = || format!("cannot read {}", target.path.shown());
        let sha256 = content.digest(HashAlgorithm::Sha256).or_could_not_run(cannot)?.to_hex();
        if self.is_accepted(&target.path, &sha256) {
            return Ok(Ok(Origin::Accepted));
        }
        let path = &target.path;
        let offered = Offered {
            kind,
            path,
            content,
            signed,
        };
        if let Some(installation) = self.vouchers.installation
            && installation.installs(&offered)?
        {
            return Ok(Ok(Origin::Installed));
        }
        if memory.packages.owner(path, content)?.is_some() {
            return Ok(Ok(Origin::Owned));
        }
        let index = memory.ledger.index();
        if index.by_digest(kind, &signed.to_hex()).is_some() || self.is_our_image(&memory, path, content)? {
            return Ok(Ok(Origin::Known));
        }
        let is_image = content.starts_with(b"MZ").or_could_not_run(cannot)?;
        // A kernel's installation signs kernel and initramfs in one slot, and GRUB's own files in a later one.
        let is_new = !index.has(kind) || is_grubs_own(path) && !index.has_file(kind, GRUB_CONFIGURATION);
        let is_unknown = !index.has(kind);
        let is_taken_over =
            memory.taken_over || index.has_adopted() || is_unknown && self.is_signed_before(kind, is_signed_before)?;
        let is_first = is_new && !is_taken_over;
        // An image that enforces nothing would undo all else, so that no unattended run takes one as it finds it.
        if is_first && !(self.vouchers.is_unattended && is_image) {
            return Ok(Ok(Origin::Found));
        }
        let last = index.by_path(kind, &path_on_machine(self.context, path));
        let unvouched = |reason: String, changed_since| {
            Ok(Err(Unvouched {
                sha256: sha256.clone(),
                reason,
                changed_since,
            }))
        };
        match last {
            Some(last) => unvouched(
                format!("it was changed after it was signed on {}", last.lot.time),
                Some(last.lot.time.clone()),
            ),
            None if self.vouchers.is_unattended => unvouched("nobody knows it".to_owned(), None),
            None if is_taken_over && is_unknown => unvouched(
                "it bears no signature that holds, and the ledger knows nothing of it".to_owned(),
                None,
            ),
            None => Ok(Ok(Origin::ByHand)),
        }
    }

    /// True if a file for GRUB is an image that bears our signature, or was given one before.
    fn is_our_image(&self, memory: &Memory, path: &Path, content: Content<'_>) -> Result<bool> {
        if may_be_script(path) {
            return Ok(false);
        }
        let Some(digest) = image_digest(content, path)? else {
            return Ok(false);
        };
        let digest = digest.to_hex();
        let images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(images.contains(&digest) || memory.ledger.index().by_digest(Kind::Efi, &digest).is_some())
    }

    fn is_accepted(&self, path: &Path, sha256: &str) -> bool {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let below = self.context.below_root(&absolute);
        // A file by its path here or on the machine, a directory with all that is in it, or a digest.
        let is_it = |accepted: &String| {
            accepted.eq_ignore_ascii_case(sha256)
                || below.starts_with(accepted)
                || std::path::absolute(accepted).is_ok_and(|accepted| absolute.starts_with(accepted))
        };
        // An empty name, as of an unset variable of a script, begins every path.
        self.vouchers
            .accepted
            .iter()
            .filter(|accepted| !accepted.is_empty())
            .any(is_it)
    }
}

/// True if GRUB may read a file as a script. No digest of an image vouches for such a file: an image's table of certificates
/// is not in its digest, and GRUB would run commands that somebody wrote there.
#[must_use]
pub fn may_be_script(path: &Path) -> bool {
    let is_configuration = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("cfg"));
    is_configuration || is_grubs_own(path)
}

/// True if a file lies in a directory of GRUB.
fn is_grubs_own(path: &Path) -> bool {
    let is_grubs = |name: &OsStr| GRUB_DIRECTORIES.iter().any(|directory| name == *directory);
    path.ancestors().skip(1).filter_map(Path::file_name).any(is_grubs)
}

/// The path that the ledger has for a file.
pub(super) fn path_on_machine(context: &Context, path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    context.below_root(&absolute).to_string_lossy().into_owned()
}
