//! The machine that is looked at. Each thing is read once, by the first check that asks for it.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::disk::{
    BOOT_DIRECTORIES, BootTargets, BootTree, EfiPartition, Naming, UnmountedPartition, boot_directories,
    check_readable, efi_partitions, fat_partitions, unmounted_efi_partitions,
};
use crate::enroll::{BootFile, Store, StoreChoice, present_boot_files};
use crate::error::Error;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::event_log::EventLog;
use crate::keys::KeyDirectory;
use crate::ledger::Ledger;
use crate::sign::{Observer, Unobserved};
use crate::system::config::Config;
use crate::system::{self, Context, not_mounted};
use crate::trust::Anchors;
use crate::trust::image::Policy;

use super::images::{self, Images, Part, Place, Sources};
use super::installed::Installed;
use super::load_options::{self, Family, StartOption};
use super::reason::reason;
use super::unmounted;

/// Longest file below `/proc` and `/sys` that is read, in bytes.
const MAX_PROC: u64 = 4 << 20;

/// A thing that was read, or the reason why it could not be.
pub(super) type Seen<'s, T> = Result<&'s T, &'s String>;

/// The machine.
pub struct Machine<'a> {
    context: &'a Context,
    config: &'a Config,
    keys: PathBuf,
    observer: &'a dyn Observer,
    dbx: Option<PathBuf>,
    firmware: StoreChoice,
    store: OnceCell<Result<Store, String>>,
    anchors: OnceCell<Result<Anchors, String>>,
    directory: OnceCell<Result<KeyDirectory, String>>,
    log: OnceCell<Result<EventLog, String>>,
    esps: OnceCell<Result<Vec<EfiPartition>, String>>,
    unmounted_esps: OnceCell<Result<Vec<UnmountedPartition>, String>>,
    boot_directories: OnceCell<Result<Vec<PathBuf>, String>>,
    boot_tree: OnceCell<Result<BootTree, String>>,
    images: OnceCell<Result<Images, String>>,
    installed: OnceCell<Installed>,
    boot_files: OnceCell<Result<Vec<BootFile>, String>>,
    load_options: OnceCell<Result<Vec<StartOption>, String>>,
    ledger: OnceCell<crate::error::Result<Ledger>>,
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
            firmware: StoreChoice::Live,
            store: OnceCell::new(),
            anchors: OnceCell::new(),
            directory: OnceCell::new(),
            log: OnceCell::new(),
            esps: OnceCell::new(),
            unmounted_esps: OnceCell::new(),
            boot_directories: OnceCell::new(),
            boot_tree: OnceCell::new(),
            images: OnceCell::new(),
            installed: OnceCell::new(),
            boot_files: OnceCell::new(),
            load_options: OnceCell::new(),
            ledger: OnceCell::new(),
        }
    }

    /// Tells `observer` how the long checks get on.
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

    /// Looks at the variables of this firmware, which may be another machine's.
    #[must_use]
    pub fn with_firmware(mut self, firmware: StoreChoice) -> Self {
        self.firmware = firmware;
        self
    }

    /// True if the firmware is the one that this machine runs on.
    pub(super) const fn is_live(&self) -> bool {
        matches!(self.firmware, StoreChoice::Live)
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

    /// The key directory's path, readable or not.
    pub(super) fn keys_path(&self) -> &Path {
        &self.keys
    }

    /// The firmware.
    pub(super) fn store(&self) -> Seen<'_, Store> {
        let open = || Store::open(self.context, &self.firmware).map_err(|error| reason(&error));
        self.store.get_or_init(open).as_ref()
    }

    /// The firmware by its name and open; none where it cannot be read.
    pub(super) fn board(&self) -> Option<(&StoreChoice, &Store)> {
        Some((&self.firmware, self.store().ok()?))
    }

    /// The key directory.
    pub(super) fn directory(&self) -> Seen<'_, KeyDirectory> {
        let open = || {
            let directory = KeyDirectory::open(&self.keys).map_err(|error| reason(&error))?;
            let directory = directory.below(self.context.root());
            check_readable(directory.path()).map_err(|error| reason(&error))?;
            Ok(directory)
        };
        self.directory.get_or_init(open).as_ref()
    }

    /// The trust anchors that firmware, kernel and GRUB are meant to have: by the keys, not by the firmware's variables.
    pub(super) fn anchors(&self) -> Seen<'_, Anchors> {
        let read = || {
            let directory = self.directory().map_err(Clone::clone)?;
            let mut anchors = Anchors::from_directory(directory).map_err(|error| reason(&error))?;
            anchors.with_shim = self.config.grub.shim;
            Ok(anchors)
        };
        self.anchors.get_or_init(read).as_ref()
    }

    /// The event log: all that the TPM was told at the last start.
    pub(super) fn event_log(&self) -> Seen<'_, EventLog> {
        let read = || system::event_log(self.context, None).map_err(|error| reason(&error));
        self.log.get_or_init(read).as_ref()
    }

    /// db and dbx as the firmware holds them.
    pub(super) fn policy(&self) -> Result<Policy, String> {
        let store = self.store().map_err(Clone::clone)?;
        let database = |variable| store.database(variable).map_err(|error| reason(&error));
        Ok(Policy::new(&database(VariableName::Db)?, &database(VariableName::Dbx)?))
    }

    /// The EFI system partitions, and other mounted FAT file systems that load options lead to.
    pub(super) fn esps(&self) -> Seen<'_, Vec<EfiPartition>> {
        let read = || {
            let mut esps = efi_partitions(self.context).map_err(|error| reason(&error))?;
            let targets = self.targets();
            let all = fat_partitions(self.context).map_err(|error| reason(&error))?;
            let named = all
                .into_iter()
                .filter(|fat| !esps.contains(fat) && targets.lead_to(fat));
            let named: Vec<EfiPartition> = named.collect();
            esps.extend(named);
            Ok(esps)
        };
        self.esps.get_or_init(read).as_ref()
    }

    /// The partitions that firmware may start from and that are not mounted. Their file systems are read once.
    pub(super) fn unmounted_esps(&self) -> Seen<'_, Vec<UnmountedPartition>> {
        let read = || unmounted_efi_partitions(self.context, &self.targets()).map_err(|error| reason(&error));
        self.unmounted_esps.get_or_init(read).as_ref()
    }

    /// The places that load options lead to; without those of recovery, which lead to whatever has a fallback loader.
    fn targets(&self) -> BootTargets {
        let mut targets = BootTargets::default();
        // Checks of their own say where the options cannot be read.
        for option in self.load_options().map(Vec::as_slice).unwrap_or_default() {
            if let (Family::SysPrep | Family::Driver | Family::Boot, Some(loaded)) = (option.family, &option.option) {
                targets.add(&option.name, &loaded.device_path);
            }
        }
        targets
    }

    /// The boot directories, the EFI system partitions among them.
    pub(super) fn boot_directories(&self) -> Seen<'_, Vec<PathBuf>> {
        let read = || {
            let esps = self.esps().map(Vec::as_slice).unwrap_or_default();
            let mounted = esps.iter().map(|esp| esp.directory.clone());
            let missing = self.not_mounted()?;
            let mut directories = boot_directories(self.context, mounted).map_err(|error| reason(&error))?;
            directories.retain(|directory| !missing.contains(directory));
            Ok(directories)
        };
        self.boot_directories.get_or_init(read).as_ref()
    }

    /// The boot directories that nothing is mounted on although `/etc/fstab` says so: what lies under a mount point is not what
    /// starts.
    pub(super) fn not_mounted(&self) -> Result<Vec<PathBuf>, String> {
        let missing = not_mounted(self.context, &BOOT_DIRECTORIES).map_err(|error| reason(&error))?;
        Ok(missing.iter().map(|directory| self.context.path(directory)).collect())
    }

    /// The boot directories that could not be looked at, since nothing is mounted there, each with the command that does it.
    fn unmounted(&self) -> Vec<String> {
        let told =
            |directory: &&str| format!("{directory}: it is listed in /etc/fstab and not mounted (mount {directory})");
        match not_mounted(self.context, &BOOT_DIRECTORIES) {
            Ok(missing) => missing.iter().map(told).collect(),
            Err(error) => vec![reason(&error)],
        }
    }

    /// The files in the boot directories that are booted: those that the hooks sign, for every kernel.
    pub(super) fn boot_tree(&self) -> Seen<'_, BootTree> {
        let read = || {
            let directories = self.boot_directories().map_err(Clone::clone)?;
            let naming = Naming::of_machine(self.context).map_err(|error| reason(&error))?;
            let mut tree = BootTree::read(self.context, directories, &naming);
            tree.unread.extend(self.unmounted());
            Ok(tree)
        };
        self.boot_tree.get_or_init(read).as_ref()
    }

    /// The load options of the firmware, of every family.
    pub(super) fn load_options(&self) -> Seen<'_, Vec<StartOption>> {
        let read = || {
            let store = self.store().map_err(Clone::clone)?;
            load_options::read(store).map_err(|error| reason(&error))
        };
        self.load_options.get_or_init(read).as_ref()
    }

    /// The files that the firmware and its loaders are told to start.
    pub(super) fn boot_files(&self) -> Seen<'_, Vec<BootFile>> {
        let read = || {
            let store = self.store().map_err(Clone::clone)?;
            present_boot_files(self.context, store).map_err(|error| reason(&error))
        };
        self.boot_files.get_or_init(read).as_ref()
    }

    /// The images in a place.
    pub(super) fn images(&self, place: Place) -> Result<Part<'_>, String> {
        let read = || {
            let unmounted = self.unmounted();
            let sources = Sources {
                context: self.context,
                esps: self.esps().map(Vec::as_slice),
                directories: self.boot_directories().map(Vec::as_slice),
                unmounted: &unmounted,
                named: &self.installed().images,
                tree: self.boot_tree(),
                policy: self.policy().ok(),
                bank: self
                    .event_log()
                    .ok()
                    .and_then(EventLog::algorithm)
                    .filter(|hash| *hash != HashAlgorithm::Sha256),
                anchors: self.anchors().ok(),
            };
            let mut images = images::read(&sources)?;
            unmounted::read(&sources, self.unmounted_esps(), &mut images)?;
            Ok(images)
        };
        self.images
            .get_or_init(read)
            .as_ref()
            .map_err(Clone::clone)?
            .part(place)
    }

    /// The initramfs images and command lines that boot loaders are told to start kernels with.
    pub(super) fn installed(&self) -> &Installed {
        let find = || {
            let mut missing: Vec<String> = self.esps().err().cloned().into_iter().collect();
            missing.extend(self.unmounted());
            let directories = match self.boot_directories() {
                Ok(directories) => directories.as_slice(),
                Err(reason) => {
                    missing.push(reason.clone());
                    &[]
                }
            };
            let real = |path: &PathBuf| system::resolve(self.context.root(), path).ok();
            let directories: BTreeSet<PathBuf> = directories.iter().filter_map(real).collect();
            let mut installed = Installed::find(self.context, &directories);
            installed.unread.append(&mut missing);
            unmounted::find(self.unmounted_esps(), &mut installed);
            installed
        };
        self.installed.get_or_init(find)
    }

    /// The ledger; one without any line if there is none.
    pub(super) fn ledger(&self) -> Result<&Ledger, &Error> {
        self.ledger.get_or_init(|| Ledger::read(self.context)).as_ref()
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

    /// The machine's own name.
    pub(super) fn host(&self) -> String {
        let name = self.text("/proc/sys/kernel/hostname").ok().flatten();
        name.filter(|name| !name.is_empty())
            .unwrap_or_else(|| "localhost".to_owned())
    }
}
