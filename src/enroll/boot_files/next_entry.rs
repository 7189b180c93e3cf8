//! The entry that a boot loader starts when nobody chooses another.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::disk::{EfiPartition, grub_configurations, named_menu};
use crate::error::Result;
use crate::formats::firmware::authenticode::Image;
use crate::formats::grub::core_image::CoreImage;
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::grub::superusers::Superusers;
use crate::formats::text::Shown;
use crate::sign::grub::{EntryFile, default_entry};
use crate::system::{self, Context};
use crate::trust::OpenedImage;

/// The text by which systemd-boot says what it is, in its section `.sdmagic` and elsewhere.
const SYSTEMD_BOOT: &[u8] = b"#### LoaderInfo: systemd-boot";
/// Largest configuration that is read, in bytes.
const MAX_CONFIGURATION: u64 = 1 << 20;
/// The command of an image that brings its own initramfs.
pub(super) const UNIFIED: &str = "uki";

/// A boot loader, by what it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoaderKind {
    /// None: it is the kernel, or a unified image of one.
    Kernel,
    /// GRUB, or shim, which starts GRUB.
    Grub,
    /// systemd-boot.
    SystemdBoot,
    /// Another one, of which nothing is known.
    Other,
}

/// The entry that a boot loader starts when nobody chooses another.
#[derive(Debug)]
pub struct NextEntry {
    /// The configuration, the line in it and the title of the entry, for a person.
    pub source: String,
    /// The configuration of GRUB.
    pub menu: Option<PathBuf>,
    /// True if GRUB asks for a password first, where there is a superuser.
    pub is_locked: bool,
    /// The superusers that GRUB's configurations name.
    pub superusers: Superusers,
    /// The file of systemd-boot that has this entry alone.
    pub file: Option<PathBuf>,
    /// The files that it opens, in their order: a kernel, and initramfs images.
    pub files: Vec<EntryFile>,
    /// A file at which GRUB may stop before it gets to the entry's own.
    pub may_stop_at: Option<PathBuf>,
}

impl LoaderKind {
    /// Recognises a file that the firmware starts.
    #[must_use]
    pub fn recognise(loader: &OpenedImage) -> Self {
        let Ok(sections) = loader.sections() else {
            return Self::Other;
        };
        let has = |name| sections.iter().any(|section| section.name == name);
        let start = loader.start();
        if has(".linux") || crate::trust::loader::is_kernel(start) {
            return Self::Kernel;
        }
        let core = Image::parse(start).map(|image| !matches!(CoreImage::parse(&image), Ok(None)));
        if core == Ok(true) || has(".vendor_cert") {
            return Self::Grub;
        }
        if start.windows(SYSTEMD_BOOT.len()).any(|window| window == SYSTEMD_BOOT) {
            return Self::SystemdBoot;
        }
        Self::Other
    }
}

impl NextEntry {
    /// The entry that GRUB starts: of the first configuration on a partition, or else below the root, of which one is known.
    pub fn of_grub(context: &Context, esp: Option<&EfiPartition>) -> Result<Option<Self>> {
        for configuration in Self::menus(context, esp) {
            if let Some(entry) = Self::of_menu(context, &configuration, &[])? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// The configurations of GRUB that are there, on a partition, below the root, and where the environment names one.
    #[must_use]
    pub fn menus(context: &Context, esp: Option<&EfiPartition>) -> Vec<PathBuf> {
        let configurations = grub_configurations();
        let on_partition = configurations
            .iter()
            .filter_map(|path| esp?.find(&path.to_string_lossy()));
        let below_root = configurations.iter().map(|path| context.path(path));
        let named = named_menu(context).ok().flatten();
        let mut menus: Vec<PathBuf> = on_partition.collect();
        for menu in below_root.chain(named).filter(|path| path.is_file()) {
            if !menus.contains(&menu) {
                menus.push(menu);
            }
        }
        menus
    }

    /// The entry that GRUB starts by this configuration, if it asks for signatures by these keys.
    pub fn of_menu(context: &Context, configuration: &Path, keys: &[GrubKey]) -> Result<Option<Self>> {
        let entry = default_entry(context, configuration, keys)?;
        Ok(entry.map(|entry| Self {
            source: format!("{}:{} \"{}\"", entry.configuration.shown(), entry.line, entry.title),
            menu: Some(configuration.to_path_buf()),
            is_locked: entry.is_locked,
            superusers: entry.superusers,
            file: None,
            files: entry.files,
            may_stop_at: entry.may_stop_at,
        }))
    }

    /// The entry of a loader, in a file that has this entry alone.
    pub(super) fn of_loader(source: String, file: Option<PathBuf>, files: Vec<EntryFile>) -> Self {
        Self {
            source,
            menu: None,
            is_locked: false,
            superusers: Superusers::default(),
            file,
            files,
            may_stop_at: None,
        }
    }

    /// The entry of an image that is started alone.
    #[must_use]
    pub fn unified(image: &Path) -> Self {
        let file = EntryFile {
            command: UNIFIED.to_owned(),
            name: name(image),
            path: Some(image.to_path_buf()),
        };
        Self::of_loader("unified kernel image".to_owned(), None, vec![file])
    }

    /// The entry of a kernel that the firmware starts, with the `initrd=` of its command line: files of the partition that it is
    /// on, with either slash. A unified image takes no command line under Secure Boot.
    #[must_use]
    pub fn kernel_of_firmware(image: &Path, esp: Option<&EfiPartition>, command_line: &str) -> Self {
        let mut entry = Self::unified(image);
        let names = command_line
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("initrd="));
        entry.files.extend(names.map(|name| EntryFile {
            command: "initrd".to_owned(),
            name: name.to_owned(),
            path: esp.and_then(|esp| esp.find(&name.replace('\\', "/"))),
        }));
        entry
    }

    /// The file that an entry has for itself alone: its text, or its image.
    #[must_use]
    pub fn own_file(&self) -> Option<&Path> {
        let image = self.kernel().and_then(|kernel| kernel.path.as_deref());
        self.file.as_deref().or(image)
    }

    /// The kernel that it starts.
    #[must_use]
    pub fn kernel(&self) -> Option<&EntryFile> {
        self.files.iter().find(|file| !file.is_initramfs())
    }
}

/// The name of a file.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The text of a loader's configuration.
pub(super) fn text(path: &Path) -> Result<String> {
    let bytes = system::read_prefix(path, Some(MAX_CONFIGURATION))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
