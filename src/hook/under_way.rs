//! The installation of a kernel that is under way: which files it put where they are.
//!
//! Its first slot takes stock of the boot media. Later ones vouch for a kernel that equals its source, and for an initramfs,
//! a unified image or a configuration of GRUB that came from the staging area, or that was made since the stock was taken.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::disk::{BootMedia, Naming};
use crate::error::{Explain, Result, quoted};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::firmware::authenticode::Image;
use crate::formats::text::Shown;
use crate::ledger::Kind;
use crate::sign::image_source::{image_digest, of_image};
use crate::sign::{Installation, Offered, may_be_script};
use crate::system::{self, Content, Context};

use super::files::Files;
use super::request::{Request, Slot};
use super::stock::Stock;

/// The reason why there is no stock on such a machine, as below chroot(8).
const NO_BOOT_ID: &str = "the kernel's boot ID is not there (mount -t proc proc /proc); only files that packages or the ledger know \
    are signed";

/// Characters that end a word of GRUB's scripts, or begin something else than one: grub-mkconfig writes names of kernels into
/// `grub.cfg` as they are.
const SPECIAL: &str = ";{}()$&|<>'\"\\`#*?";

/// The installation, as a slot sees it.
pub(super) struct UnderWay {
    /// The machine, before anything of this installation; none if no slot took stock of it in this start of the system.
    stock: Option<Stock>,
    /// SHA-256 of source files, and Authenticode digests of those that are images.
    sources: BTreeSet<String>,
    /// True if a name in a boot directory would be commands in a menu.
    has_commands_for_names: bool,
    /// The directory that stands for `/`.
    root: PathBuf,
    version: String,
    naming: Naming,
    /// Notes for a person.
    pub notes: Vec<String>,
}

impl UnderWay {
    /// Takes stock where the slot is the first one, and gathers the sources. A dry run takes no stock.
    pub(super) fn in_slot(files: &Files<'_>) -> Result<Self> {
        let request = files.request;
        let context = files.context;
        let media = BootMedia::of_machine(context, files.directories().iter().cloned())?;
        let mut notes = Vec::new();
        let mut given = Vec::new();
        for path in files.sources() {
            given.extend(digests(&path)?);
        }
        let is_first = request.slot == Slot::Modules && !files.is_replaced();
        let staging = files.staging();
        let mut stock = match request.slot {
            Slot::Portage => None,
            _ => Stock::load(context, &request.subject)?,
        };
        if is_first && !stock.as_ref().is_some_and(|stock| stock.is_of(staging.as_deref())) {
            // A medium that cannot be read whole is no reason to stop, but no file on it passes as new.
            stock = match Stock::take(context, &media, &request.subject, staging.as_deref(), &given) {
                Ok(stock @ Some(_)) => stock,
                Ok(None) => {
                    notes.push(format!("no stock of the boot media was taken: {NO_BOOT_ID}"));
                    None
                }
                Err(error) => {
                    notes.push(format!(
                        "no stock of the boot media was taken: {}; only files that packages or the ledger know are signed",
                        error.in_one_line()
                    ));
                    None
                }
            };
        }
        let mut sources: BTreeSet<String> = given.iter().map(Digest::to_hex).collect();
        sources.extend(stock.iter().flat_map(Stock::sources).cloned());
        // Where nothing says what it was installed from, the caller's word has to do: it has just put the image there.
        if sources.is_empty() {
            for installed in files.installed().into_iter().chain(files.kernel_of_entry()) {
                sources.extend(digests(&installed)?.iter().map(Digest::to_hex));
            }
        }
        // update-initramfs calls its hooks for the file that it has just made.
        if request.slot == Slot::Initramfs {
            let made = files.installed().as_deref().map(digests).transpose()?;
            sources.extend(made.into_iter().flatten().map(|digest| digest.to_hex()));
        }
        if let Some(staging) = staging {
            for entry in system::list_directory_if_there(&staging)? {
                sources.extend(digests(&entry.path)?.iter().map(Digest::to_hex));
            }
        }
        let commands = names_with_commands(files.directories())?;
        for path in &commands {
            notes.push(format!(
                "grub-mkconfig would write the name {} into the menu as commands, so that no new menu is signed: rm {}",
                path.shown(),
                quoted(path)
            ));
        }
        Ok(Self {
            has_commands_for_names: !commands.is_empty(),
            stock,
            sources,
            root: context.root().to_path_buf(),
            version: request.subject.clone(),
            naming: files.naming().clone(),
            notes,
        })
    }

    /// The note that this slot knows nothing of what was there before the installation; none if it does, or need not.
    pub(super) fn without_stock(&self, request: &Request) -> Option<String> {
        let needs = [Slot::Uki, Slot::Image, Slot::Grub].contains(&request.slot);
        (needs && self.stock.is_none()).then(|| {
            "no stock of the boot media was taken in the first slot, so that nothing on them passes as made by this installation"
                .to_owned()
        })
    }

    /// True if a file's bytes came onto the media after the stock was taken.
    fn is_new(&self, path: &Path, content: Content<'_>) -> Result<bool> {
        let Some(stock) = &self.stock else { return Ok(false) };
        let path = system::resolve(&self.root, path).or_could_not_run(|| format!("cannot look at {}", path.shown()))?;
        stock.is_new(&path, content)
    }

    /// True if the name of an image has the version that is installed.
    fn is_of_version(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.and_then(|name| self.naming.parse(name));
        name.is_some_and(|name| name.is_of(&self.version))
    }
}

impl Installation for UnderWay {
    fn installs(&self, file: &Offered<'_>) -> Result<bool> {
        let cannot = || format!("cannot read {}", file.path.shown());
        let authenticode = image_digest(file.content, file.path)?.map(|digest| digest.to_hex());
        let as_image = authenticode.as_ref().filter(|_| !may_be_script(file.path));
        let sha256 = file
            .content
            .digest(HashAlgorithm::Sha256)
            .or_could_not_run(cannot)?
            .to_hex();
        if as_image
            .into_iter()
            .chain([&sha256])
            .any(|digest| self.sources.contains(digest))
        {
            return Ok(true);
        }
        if self.has_commands_for_names && may_be_script(file.path) {
            return Ok(false);
        }
        // A kernel must be the one that is installed; a unified image is made in the course of it.
        let is_image = authenticode.is_some() || file.kind == Kind::Efi;
        let may_be_made = !is_image || self.is_of_version(file.path) && is_unified(file.content, file.path)?;
        Ok(may_be_made && self.is_new(file.path, file.content)?)
    }
}

/// The files in boot directories whose names would be commands in a script of GRUB.
fn names_with_commands(directories: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for directory in directories {
        for entry in system::list_directory_if_there(directory)? {
            let name = entry.path.file_name().unwrap_or_default().to_string_lossy();
            if name.contains(|c: char| c.is_whitespace() || c.is_control() || SPECIAL.contains(c)) {
                found.push(entry.path);
            }
        }
    }
    Ok(found)
}

/// True if an image has an initramfs in it, as unified kernel images have.
fn is_unified(content: Content<'_>, path: &Path) -> Result<bool> {
    let names = [".initrd", ".linux"];
    let has = |image: &Image<'_>| names.iter().all(|name| image.section(name).is_some());
    Ok(of_image(content, path, has)?.unwrap_or(false))
}

/// SHA-256 of a file, and its Authenticode digest if it is an image; none if it is no file.
fn digests(path: &Path) -> Result<Vec<Digest>> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let cannot = || format!("cannot read {}", path.shown());
    let (file, metadata) = system::open(path)?;
    let content = Content::Opened(&file, metadata.len());
    let sha256 = content.digest(HashAlgorithm::Sha256).or_could_not_run(cannot)?;
    Ok(image_digest(content, path)?.into_iter().chain([sha256]).collect())
}

/// Ends the installation: its stock is of no use any more.
pub(super) fn end(context: &Context) -> Result<()> {
    Stock::remove(context)
}
