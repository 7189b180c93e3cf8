//! One run over files of every kind, in the one order that holds: modules, then EFI images, then GRUB's files, whose
//! signatures cover the final bytes of the others.

use std::path::{Path, PathBuf};

use crate::disk::BOOT_DIRECTORIES;
use crate::error::{Error, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::keys::directory::Ask;
use crate::keys::{Identity, KeyDirectory, KeyName};
use crate::system::config::{self, Entry, Exclusions, SignConfig};
use crate::system::{Context, not_mounted};

use super::efi::{self, EfiOptions};
use super::grub::{self, GrubIdentity};
use super::hash::Hash;
use super::kernels::NewKernel;
use super::modules::{self, Policy};
use super::observer::Observer;
use super::run::{Options, Run};
use super::summary::Summary;
use super::vouching::Vouchers;

/// The keys that sign files, opened as far as they are needed.
#[derive(Default)]
pub struct SigningKeys {
    /// The key that signs kernel modules.
    pub module: Option<Identity>,
    /// The key that signs EFI images.
    pub db: Option<Identity>,
    /// The key that signs the files that GRUB opens.
    pub grub: Option<GrubIdentity>,
}

impl SigningKeys {
    /// Opens those of the module, db and grub keys that are named; fails if one of them cannot be opened.
    pub fn open(keys: &KeyDirectory, names: &[KeyName], ask: &mut Ask<'_>) -> Result<Self> {
        let mut opened = Self::default();
        if names.contains(&KeyName::Module) {
            opened.module = Some(keys.identity(KeyName::Module, ask)?);
        }
        if names.contains(&KeyName::Db) {
            opened.db = Some(keys.identity(KeyName::Db, ask)?);
        }
        if names.contains(&KeyName::Grub) {
            let (signer, key) = keys.grub_key(ask)?;
            opened.grub = Some(GrubIdentity { key, signer });
        }
        Ok(opened)
    }
}

/// The files of one kind.
#[derive(Debug, Default)]
pub struct Sources<'a> {
    /// Files and directories.
    pub paths: Vec<PathBuf>,
    /// Entries of the configuration, each of which names files and directories.
    pub entries: &'a [Entry],
}

impl Sources<'_> {
    /// True if nothing is named; entries that match nothing count as named.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.entries.is_empty()
    }
}

/// The files of one run, by the kind that they are signed as.
#[derive(Debug, Default)]
pub struct Job<'a> {
    /// Kernel modules, and directories with them.
    pub modules: Sources<'a>,
    /// EFI images.
    pub efi: Sources<'a>,
    /// Boot loaders of packages, and where their signed copies go.
    pub copies: Vec<(PathBuf, PathBuf)>,
    /// Files that GRUB opens, and directories of GRUB.
    pub grub: Sources<'a>,
}

/// The circumstances of a run.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// The command, as the ledger has it.
    pub command: &'a str,
    /// True if every file is verified, also those that the manifest knows to be signed.
    pub recheck: bool,
    /// Those who vouch for files on the media that others can write to.
    pub vouchers: Vouchers<'a>,
    /// The kernel that is being installed, if one is.
    pub new_kernel: Option<NewKernel<'a>>,
    /// A certificate whose signatures are taken out of EFI images.
    pub without: Option<&'a Certificate>,
    /// Sees how the run gets on.
    pub observer: &'a dyn Observer,
}

impl<'a> Job<'a> {
    /// All files that the configuration names; fails if it names none, or some on a boot partition that is not mounted: what lies
    /// under its mount point does not start.
    pub fn configured(context: &Context, config: &'a SignConfig) -> Result<Self> {
        let entries = || config.modules.iter().chain(&config.efi).chain(&config.grub);
        let is_below = |directory: &str| entries().any(|entry| Path::new(entry.pattern()).starts_with(directory));
        let missing = not_mounted(context, &BOOT_DIRECTORIES)?;
        if let Some(directory) = missing.into_iter().find(|directory| is_below(directory)) {
            let text =
                format!("{directory} is listed in /etc/fstab and is not mounted, and files there are to be signed");
            return Err(Error::refused(text).hint(format!("mount {directory}")));
        }
        let named = |entries: &'a [Entry]| Sources {
            paths: Vec::new(),
            entries,
        };
        let job = Self {
            modules: named(&config.modules),
            efi: named(&config.efi),
            copies: Vec::new(),
            grub: named(&config.grub),
        };
        if job.keys().is_empty() {
            return Err(Error::usage("the configuration names nothing to sign")
                .hint("list files under [sign] in /etc/bootseal/config.toml; bootseal config template shows how"));
        }
        Ok(job)
    }

    /// Names of the keys that sign these files.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyName> {
        [
            (!self.modules.is_empty(), KeyName::Module),
            (!self.efi.is_empty() || !self.copies.is_empty(), KeyName::Db),
            (!self.grub.is_empty(), KeyName::Grub),
        ]
        .into_iter()
        .filter(|(is_needed, _)| *is_needed)
        .map(|(_, name)| name)
        .collect()
    }

    /// Signs the files in one run, as the configuration says. Files whose key is not among `keys` are left alone.
    pub fn sign(
        &self,
        context: &Context,
        keys: &SigningKeys,
        config: &SignConfig,
        watch: Watch<'_>,
    ) -> Result<Summary> {
        let observer = watch.observer;
        let options = Options {
            recheck: watch.recheck,
            sources: config.sources.clone(),
            command: watch.command.to_owned(),
            vouchers: watch.vouchers,
            exclude: Exclusions::new(&config.exclude)?,
            grub_environment: config.grubenv,
        };
        let policy = Policy {
            hash: Hash::Configured(config),
            foreign: config.foreign_modules.into(),
            new_kernel: watch.new_kernel,
        };
        let mut run = Run::begin(context, &options, observer)?;
        if let Some(identity) = keys.module.as_ref().filter(|_| !self.modules.is_empty()) {
            let mut paths = self.modules.paths.clone();
            paths.extend(run.expand(self.modules.entries).0);
            let meant = config::literal_paths(context, self.modules.entries);
            modules::sign(&mut run, &paths, &meant, identity, policy)?;
        }
        if let Some(identity) = keys.db.as_ref().filter(|_| !self.efi.is_empty()) {
            let mut paths = self.efi.paths.clone();
            paths.extend(run.expand(self.efi.entries).0);
            let options = EfiOptions {
                without: watch.without.cloned(),
                ..EfiOptions::default()
            };
            efi::sign(&mut run, &paths, identity, &options)?;
        }
        if let Some(identity) = &keys.db {
            for (image, copy) in &self.copies {
                let options = EfiOptions {
                    output: Some(copy.clone()),
                    ..EfiOptions::default()
                };
                efi::sign(&mut run, std::slice::from_ref(image), identity, &options)?;
            }
        }
        if let Some(identity) = keys.grub.as_ref().filter(|_| !self.grub.is_empty()) {
            let mut paths = self.grub.paths.clone();
            let (found, orphans) = run.expand(self.grub.entries);
            paths.extend(found.into_iter().chain(orphans));
            grub::sign(&mut run, &paths, identity)?;
        }
        run.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::formats::firmware::authenticode::{Image, minimal_image};
    use crate::formats::grub::openpgp::GrubKey;
    use crate::keys::certificate::{Purpose, Request, self_signed};
    use crate::keys::{Signer, SoftwareKey};
    use crate::sign::{Change, Unobserved};
    use crate::trust;

    fn watch() -> Watch<'static> {
        Watch {
            command: "sign all",
            recheck: false,
            vouchers: Vouchers::default(),
            new_kernel: None,
            without: None,
            observer: &Unobserved,
        }
    }

    fn grub_identity(context: &Context) -> GrubIdentity {
        let signer = SoftwareKey::generate(context, KeyName::Grub.least_bits()).unwrap();
        GrubIdentity {
            key: GrubKey::new(signer.public_key(), 1).unwrap(),
            signer: Box::new(signer),
        }
    }

    fn identity(context: &Context, name: KeyName) -> Identity {
        let key = SoftwareKey::generate(context, name.least_bits()).unwrap();
        let request = Request {
            common_name: format!("Test {name}"),
            organization: None,
            purpose: Purpose::Code,
            years: 1,
        };
        Identity {
            name: name.name().to_owned(),
            certificate: self_signed(context, &key, &request).unwrap(),
            signer: Box::new(key),
        }
    }

    #[test]
    fn what_grub_opens_is_signed_as_the_firmware_will_see_it() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        let kernel = root.path().join("vmlinuz");
        fs::write(&kernel, minimal_image()).unwrap();
        let named = || vec![Entry::Required("/vmlinuz".to_owned())];
        let config = SignConfig {
            efi: named(),
            grub: named(),
            ..SignConfig::default()
        };
        let job = Job::configured(&context, &config).unwrap();
        assert_eq!(job.keys(), [KeyName::Db, KeyName::Grub]);
        let keys = SigningKeys {
            db: Some(identity(&context, KeyName::Db)),
            grub: Some(grub_identity(&context)),
            module: None,
        };
        let sign = || job.sign(&context, &keys, &config, watch()).unwrap();
        assert_eq!(sign().count(Change::Signed), 2);
        let bytes = fs::read(&kernel).unwrap();
        assert_eq!(Image::parse(&bytes).unwrap().signatures().len(), 1);
        let signature = fs::read(root.path().join("vmlinuz.sig")).unwrap();
        let trusted = [keys.grub.as_ref().unwrap().key.clone()];
        assert!(trust::grub::judge(&bytes, Some(&signature), &trusted).is_ok());
        let again = sign();
        assert_eq!((again.count(Change::Signed), again.count(Change::Unchanged)), (0, 2));
    }

    #[test]
    fn files_without_their_key_are_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        let kernel = root.path().join("vmlinuz");
        fs::write(&kernel, minimal_image()).unwrap();
        let mut job = Job::default();
        job.efi.paths.push(kernel.clone());
        let config = SignConfig::default();
        let summary = job.sign(&context, &SigningKeys::default(), &config, watch()).unwrap();
        assert!(summary.outcomes.is_empty());
        assert_eq!(fs::read(&kernel).unwrap(), minimal_image());
        assert_eq!(Job::configured(&context, &config).unwrap_err().kind().exit_code(), 2);
    }

    #[test]
    fn nothing_is_signed_under_a_mount_point_that_nothing_is_mounted_on() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        for (path, text) in [
            (
                "etc/fstab",
                "LABEL=boot /boot ext4 noauto 0 2\nLABEL=esp /efi vfat noauto 0 2\n",
            ),
            (
                "proc/self/mountinfo",
                "25 1 8:2 / / rw - ext4 /dev/sda2 rw\n30 25 8:1 / /efi rw - vfat /dev/sda1 rw\n",
            ),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let names = |pattern: &str| SignConfig {
            efi: vec![Entry::Required(pattern.to_owned())],
            ..SignConfig::default()
        };
        let config = names("/boot/vmlinuz-*");
        let refused = Job::configured(&context, &config).unwrap_err();
        assert!(
            refused
                .in_one_line()
                .contains("/boot is listed in /etc/fstab and is not mounted")
        );
        for elsewhere in ["/efi/EFI/Linux/*.efi", "/usr/lib/x.efi", "/bootloader/x.efi"] {
            assert!(Job::configured(&context, &names(elsewhere)).is_ok(), "{elsewhere}");
        }
    }
}
