//! The machine that is looked at. Each thing is read once, by the first check that asks for it.

use std::cell::OnceCell;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::enroll::{BootFile, Store, StoreChoice, present_boot_files};
use crate::formats::firmware::event_log::EventLog;
use crate::keys::KeyDirectory;
use crate::sign::{Observer, Unobserved};
use crate::system::config::Config;
use crate::system::{self, Context, FatMount};
use crate::trust::Anchors;

use super::images::{self, Images, Part, Place};
use super::installed::Installed;
use super::reason::reason;

/// Longest file below `/proc` and `/sys` that is read, in bytes.
const MAX_PROC: u64 = 4 << 20;

/// What was found, or why it could not be looked at.
pub(super) type Seen<'s, T> = Result<&'s T, &'s String>;

/// The machine.
pub struct Machine<'a> {
    context: &'a Context,
    config: &'a Config,
    keys: PathBuf,
    observer: &'a dyn Observer,
    dbx: Option<PathBuf>,
    store: OnceCell<Result<Store, String>>,
    anchors: OnceCell<Result<Anchors, String>>,
    directory: OnceCell<Result<KeyDirectory, String>>,
    log: OnceCell<Result<EventLog, String>>,
    esps: OnceCell<Result<Vec<FatMount>, String>>,
    images: OnceCell<Result<Images, String>>,
    installed: OnceCell<Installed>,
    boot_files: OnceCell<Result<Vec<BootFile>, String>>,
}

impl<'a> Machine<'a> {
    /// The machine below the context's root, with the keys in this directory.
    #[must_use]
    pub const fn new(context: &'a Context, config: &'a Config, keys: PathBuf) -> Self {
        Self {
            context,
            config,
            keys,
            observer: &Unobserved,
            dbx: None,
            store: OnceCell::new(),
            anchors: OnceCell::new(),
            directory: OnceCell::new(),
            log: OnceCell::new(),
            esps: OnceCell::new(),
            images: OnceCell::new(),
            installed: OnceCell::new(),
            boot_files: OnceCell::new(),
        }
    }

    /// Who sees how the long checks get on.
    #[must_use]
    pub const fn observed_by(mut self, observer: &'a dyn Observer) -> Self {
        self.observer = observer;
        self
    }

    pub(super) const fn observer(&self) -> &'a dyn Observer {
        self.observer
    }

    /// Compares dbx with this list of revocations as well, and not with the one that the configuration names.
    #[must_use]
    pub fn with_dbx(mut self, dbx: Option<PathBuf>) -> Self {
        self.dbx = dbx;
        self
    }

    /// The list of revocations that dbx is compared with besides the one that bootseal brings along.
    pub(super) fn given_dbx(&self) -> Option<PathBuf> {
        let configured = || Some(self.context.path(self.config.audit.dbx.as_ref()?));
        self.dbx.clone().or_else(configured)
    }

    pub(super) const fn context(&self) -> &'a Context {
        self.context
    }

    pub(super) const fn config(&self) -> &'a Config {
        self.config
    }

    /// Where the keys are, whether or not that can be read.
    pub(super) fn keys_path(&self) -> &Path {
        &self.keys
    }

    /// The firmware.
    pub(super) fn store(&self) -> Seen<'_, Store> {
        let open = || Store::open(self.context, &StoreChoice::Live).map_err(|error| reason(&error));
        self.store.get_or_init(open).as_ref()
    }

    /// The key directory.
    pub(super) fn directory(&self) -> Seen<'_, KeyDirectory> {
        let open = || {
            let directory = KeyDirectory::open(&self.keys).map_err(|error| reason(&error))?;
            open_to_us(directory.path())?;
            Ok(directory)
        };
        self.directory.get_or_init(open).as_ref()
    }

    /// What firmware, kernel and GRUB are meant to trust: by the keys, not by what the firmware holds.
    pub(super) fn anchors(&self) -> Seen<'_, Anchors> {
        let read = || {
            let directory = self.directory().map_err(Clone::clone)?;
            let mut anchors = Anchors::from_directory(directory).map_err(|error| reason(&error))?;
            anchors.with_shim = self.config.grub.shim;
            Ok(anchors)
        };
        self.anchors.get_or_init(read).as_ref()
    }

    /// What the TPM was told at the last start.
    pub(super) fn event_log(&self) -> Seen<'_, EventLog> {
        let read = || system::event_log(self.context, None).map_err(|error| reason(&error));
        self.log.get_or_init(read).as_ref()
    }

    /// The mounted FAT file systems with a directory `EFI`.
    pub(super) fn esps(&self) -> Seen<'_, Vec<FatMount>> {
        let read = || {
            let mut mounts = system::fat_mounts(self.context).map_err(|error| reason(&error))?;
            for mount in &mounts {
                open_to_us(&mount.directory)?;
            }
            mounts.retain(|mount| mount.directory.join("EFI").is_dir());
            Ok(mounts)
        };
        self.esps.get_or_init(read).as_ref()
    }

    /// What the firmware and its loaders are told to start.
    pub(super) fn boot_files(&self) -> Seen<'_, Vec<BootFile>> {
        let read = || {
            let store = self.store().map_err(Clone::clone)?;
            present_boot_files(self.context, store).map_err(|error| reason(&error))
        };
        self.boot_files.get_or_init(read).as_ref()
    }

    /// The images in a place.
    pub(super) fn images(&self, place: Place) -> Result<Part<'_>, String> {
        let images = self.images.get_or_init(|| images::read(self)).as_ref();
        images.map_err(Clone::clone)?.part(place)
    }

    /// What boot loaders are told to start, and with which words.
    pub(super) fn installed(&self) -> &Installed {
        let esps = || self.esps().map(Vec::as_slice).unwrap_or_default();
        self.installed.get_or_init(|| Installed::find(self.context, esps()))
    }

    /// The text of a file below `/proc` or `/sys`; none if there is none.
    pub(super) fn text(&self, path: &str) -> Result<Option<String>, String> {
        let bytes = system::read_if_there(&self.context.path(path), MAX_PROC).map_err(|error| reason(&error))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned()))
    }

    /// The version of the running kernel.
    pub(super) fn release(&self) -> Result<String, String> {
        system::running_release(self.context).map_err(|error| reason(&error))
    }

    /// What the machine calls itself.
    pub(super) fn host(&self) -> String {
        let name = self.text("/proc/sys/kernel/hostname").ok().flatten();
        name.filter(|name| !name.is_empty())
            .unwrap_or_else(|| "localhost".to_owned())
    }
}

/// A directory that only root may look into must not pass as one in which there is nothing.
fn open_to_us(directory: &Path) -> Result<(), String> {
    match std::fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(format!(
            "cannot look into {} (run the command as root)",
            directory.display()
        )),
        _ => Ok(()),
    }
}
