//! The entry that a boot loader starts when nobody chooses another.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::disk::{EfiPartition, LOADER_ENTRIES, UNIFIED_IMAGES, grub_configurations};
use crate::error::Result;
use crate::formats::firmware::authenticode::Image;
use crate::formats::grub::core_image::CoreImage;
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::grub::superusers::Superusers;
use crate::formats::text::{Shown, by_version, loader_entry};
use crate::sign::grub::{EntryFile, default_entry};
use crate::system::{self, Context};
use crate::trust::OpenedImage;

/// The text by which systemd-boot says what it is, in its section `.sdmagic` and elsewhere.
const SYSTEMD_BOOT: &[u8] = b"#### LoaderInfo: systemd-boot";
/// Its configuration.
const LOADER_CONF: &str = "loader/loader.conf";
/// Largest configuration that is read, in bytes.
const MAX_CONFIGURATION: u64 = 1 << 20;
/// The command of an image that brings its own initramfs.
const UNIFIED: &str = "uki";

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

    /// The configurations of GRUB that are there, on a partition and below the root.
    #[must_use]
    pub fn menus(context: &Context, esp: Option<&EfiPartition>) -> Vec<PathBuf> {
        let configurations = grub_configurations();
        let on_partition = configurations
            .iter()
            .filter_map(|path| esp?.find(&path.to_string_lossy()));
        let below_root = configurations.iter().map(|path| context.path(path));
        on_partition.chain(below_root.filter(|path| path.is_file())).collect()
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
        }))
    }

    /// The entry that systemd-boot starts: the first that its configuration names, or else the newest.
    pub fn of_systemd_boot(esp: &EfiPartition) -> Result<Option<Self>> {
        let text = |path: &Path| {
            let bytes = system::read_prefix(path, Some(MAX_CONFIGURATION))?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let mut entries = esp.list(LOADER_ENTRIES, ".conf");
        entries.extend(esp.list(UNIFIED_IMAGES, ".efi"));
        entries.sort_by(|one, other| by_version(&name(other), &name(one)));
        let configured = esp.find(LOADER_CONF).map(|path| text(&path)).transpose()?;
        let pattern = loader_entry::values(&configured.unwrap_or_default(), "default")
            .last()
            .and_then(|pattern| glob::Pattern::new(pattern).ok());
        let chosen = entries
            .iter()
            .find(|entry| pattern.as_ref().is_some_and(|pattern| pattern.matches(&name(entry))));
        // Those that were tried in vain go last (the Automatic Boot Assessment's `+0`).
        let good = || entries.iter().find(|entry| !is_bad(&name(entry)));
        let Some(entry) = chosen.or_else(good).or(entries.first()) else {
            return Ok(None);
        };
        let is_image = entry
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("efi"));
        if is_image {
            return Ok(Some(Self::unified(entry)));
        }
        let text = text(entry)?;
        let file = |command: &str, name: &str| EntryFile {
            command: command.to_owned(),
            name: name.to_owned(),
            path: esp.find(name),
        };
        let images = loader_entry::images(&text);
        let mut files: Vec<EntryFile> = images.iter().take(1).map(|name| file("linux", name)).collect();
        let initramfs = loader_entry::values(&text, "initrd");
        files.extend(initramfs.iter().map(|name| file("initrd", &name.replace('\\', "/"))));
        Ok(Some(Self {
            source: format!("systemd-boot entry {}", name(entry)),
            menu: None,
            is_locked: false,
            superusers: Superusers::default(),
            file: Some(entry.clone()),
            files,
        }))
    }

    /// The entry of an image that is started alone.
    #[must_use]
    pub fn unified(image: &Path) -> Self {
        let file = EntryFile {
            command: UNIFIED.to_owned(),
            name: name(image),
            path: Some(image.to_path_buf()),
        };
        Self {
            source: "unified kernel image".to_owned(),
            menu: None,
            is_locked: false,
            superusers: Superusers::default(),
            file: None,
            files: vec![file],
        }
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

    /// The kernel that it starts.
    #[must_use]
    pub fn kernel(&self) -> Option<&EntryFile> {
        self.files.iter().find(|file| !file.is_initramfs())
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// True if an entry has no tries left: `NAME+0.conf` or `NAME+0-3.efi`.
fn is_bad(name: &str) -> bool {
    let stem = PathBuf::from(name);
    let stem = stem.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let counter = stem.rsplit_once('+').map(|(_, counter)| counter.to_owned());
    counter.is_some_and(|counter| counter == "0" || counter.starts_with("0-"))
}
