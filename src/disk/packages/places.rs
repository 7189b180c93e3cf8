//! The directories of the root file system whose files vouch for equal ones on a boot medium.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::disk::boot_media::BootMedia;
use crate::disk::boot_name::is_efi_name;
use crate::disk::walk::Tree;
use crate::error::{Error, Result};
use crate::formats::text::Shown;
use crate::system::{self, Content, Context, FileKind};

use super::equal::{equal_file, lower_name};
use super::owner::Owner;

/// The directories that distributions keep GRUB's modules, fonts and themes in.
const GRUB: [&str; 3] = ["/usr/lib/grub", "/usr/lib64/grub", "/usr/share/grub"];
/// The directories that distributions keep boot loaders in of which they install a signed copy, `NAME.signed`, where one is
/// beside them: systemd-boot, fwupd.
pub const LOADERS_WITH_COPIES: [&str; 3] = [
    "/usr/lib/systemd/boot/efi",
    "/usr/lib/fwupd/efi",
    "/usr/libexec/fwupd/efi",
];
/// The directories that distributions keep shim in (Debian, Gentoo).
const SHIM: [&str; 2] = ["/usr/lib/shim", "/usr/share/shim"];
/// The directory of GRUB's translations by language, and the path from there.
const LOCALES: (&str, &str) = ("/usr/share/locale", "LC_MESSAGES/grub.mo");
/// Most files that are looked at in these directories and the configured ones. GRUB for three platforms has about 1,000.
const MAX_FILES: usize = 100_000;
/// The first bytes of a DOS executable, and so of every EFI image.
pub(super) const MZ: &[u8] = b"MZ";
/// Ending of the name of a loader that its distribution has signed, beside the unsigned one.
const SIGNED: &str = ".signed";

/// The kind of a place, which decides for which files it vouches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlaceKind {
    /// Named in the configuration: for any file, whatever its name.
    Configured,
    /// GRUB's: for files of the same name that are no programs and no configurations.
    Grub,
    /// Of boot loaders: for programs of the same name in a loader's directory.
    Loaders,
}

/// A file in one of the places.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    kind: PlaceKind,
}

/// The files of all places.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// By size, in bytes.
    files: BTreeMap<u64, Vec<Source>>,
}

impl Places {
    /// Finds the files. Links are not followed, and nothing that lies on a boot medium counts. An error if a directory
    /// cannot be looked into, or there are too many files.
    pub(super) fn read(context: &Context, media: &BootMedia, sources: &[PathBuf]) -> Result<Self> {
        let configured = sources.iter().map(|path| (path.clone(), PlaceKind::Configured));
        let grub = GRUB.iter().map(|path| (context.path(path), PlaceKind::Grub));
        let loaders = LOADERS_WITH_COPIES.iter().chain(&SHIM);
        let loaders = loaders.map(|path| (context.path(path), PlaceKind::Loaders));
        let mut places = Self::default();
        let mut count = 0_usize;
        for (named, kind) in configured.chain(grub).chain(loaders) {
            if media.holds(&named) {
                continue;
            }
            for path in files_of(context, media, &named)? {
                count += 1;
                if count > MAX_FILES {
                    return Err(Error::could_not_run(format!(
                        "there are over {MAX_FILES} files in {} and the directories before it that vouch for files",
                        named.shown()
                    )));
                }
                if let Some(info) = system::info_of_name(&path)?.filter(system::FileInfo::is_file) {
                    places.add(info.size(), Source { path, kind });
                }
            }
        }
        Ok(places)
    }

    fn add(&mut self, size: u64, source: Source) {
        self.files.entry(size).or_default().push(source);
    }

    /// The file in one of the places that is equal to `bytes`, and vouches for it at `path`. A program begins like one.
    pub(super) fn owner(
        &self,
        context: &Context,
        media: &BootMedia,
        path: &Path,
        bytes: Content<'_>,
        is_program: bool,
    ) -> Result<Option<Owner>> {
        let candidates = self.files.get(&bytes.len()).into_iter().flatten();
        for source in candidates.filter(|source| source.fits(path, is_program)) {
            if equal_file(&source.path, bytes)? {
                return Ok(Some(Owner::of_file(&source.path)));
            }
        }
        let Some(translation) = translation(context, path) else {
            return Ok(None);
        };
        let Some(real) = system::file_below(context.root(), &translation)? else {
            return Ok(None);
        };
        let vouches = !media.holds(&translation) && equal_file(&real, bytes)?;
        Ok(vouches.then(|| Owner::of_file(&real)))
    }
}

impl Source {
    /// True if a file of this size may be vouched for at `path`.
    fn fits(&self, path: &Path, is_program: bool) -> bool {
        match self.kind {
            PlaceKind::Configured => true,
            PlaceKind::Grub => lower_name(path) == lower_name(&self.path) && is_data(path, is_program),
            PlaceKind::Loaders => is_program && self.is_loader(path),
        }
    }

    /// True if `path` is in a loader's directory, `EFI/NAME`, with the loader's own name or the name that firmware falls
    /// back to. In `EFI/Linux`, any program would pass for a kernel.
    fn is_loader(&self, path: &Path) -> bool {
        let name = |path: Option<&Path>| path.map(lower_name).unwrap_or_default();
        let directory = path.parent();
        let (of_loader, above) = (name(directory), name(directory.and_then(Path::parent)));
        if above != "efi" || of_loader == "linux" {
            return false;
        }
        let own = lower_name(&self.path);
        let own = own.strip_suffix(SIGNED).unwrap_or(&own);
        let wanted = lower_name(path);
        wanted == own || of_loader == "boot" && wanted.starts_with("boot") && is_efi_name(&wanted)
    }
}

/// True for a file that no firmware or GRUB runs by itself. Distributions install GRUB's images (Debian's `monolithic`), shells
/// and the like that enforce nothing, and examples of `grub.cfg`: that a package holds these says nothing of a place where
/// they would be started.
pub(super) fn is_data(path: &Path, is_program: bool) -> bool {
    let is_script = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("cfg"));
    !is_program && !is_script
}

/// The files at and below a path of the root file system.
fn files_of(context: &Context, media: &BootMedia, named: &Path) -> Result<Vec<PathBuf>> {
    if let Some(file) = system::file_below(context.root(), named)? {
        return Ok(vec![file]);
    }
    let Some(directory) = system::directory_below(context.root(), named)? else {
        return Ok(Vec::new());
    };
    let is_medium = |path: &Path| media.directories().iter().any(|medium| medium == path);
    let tree = Tree::below(&directory, &is_medium);
    if let Some((_, error)) = tree.unread.into_iter().next() {
        return Err(error);
    }
    let files = tree.files.into_iter().filter(|entry| entry.kind == FileKind::File);
    Ok(files.map(|entry| entry.path).collect())
}

/// The translation that `grub-install` copies as `locale/LANGUAGE.mo`.
fn translation(context: &Context, path: &Path) -> Option<PathBuf> {
    let is_copy = lower_name(path.parent()?) == "locale" && path.extension()? == "mo";
    let language = path.file_stem().filter(|_| is_copy)?;
    let (locales, file) = LOCALES;
    Some(context.path(locales).join(language).join(file))
}
