//! The trust of one kernel in modules, told by its files, without starting it: the certificates in its image, its
//! configuration, and the firmware's certificates where that kernel asks them.

use std::path::{Path, PathBuf};

use crate::disk::{BootTree, Naming, boot_directories};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticode::Section;
use crate::formats::kernel::compression::Packing;
use crate::formats::kernel::kernel_config::{KernelConfig, KernelVersion, Value};
use crate::formats::kernel::kernel_image::Embedded;
use crate::formats::kernel::module_signature::Module;
use crate::formats::text::{Shown, printable};
use crate::system::{self, ConfigFile, Context};

use super::firmware;
use super::kernel_parts::Parts;
use super::module::{Obstacle, Refusal, Scheme, Signature, hash_of};
use super::module_read::Subject;
use super::opened_image::OpenedImage;

/// Directory of modules, in which each kernel has one of its own.
const MODULES: &str = "/lib/modules";
/// The same, where `/lib` is a link to `/usr/lib`.
const USR_MODULES: &str = "/usr/lib/modules";
/// SHA-3 in signatures of modules.
const SHA3: KernelVersion = KernelVersion::new(6, 7);
/// ML-DSA in signatures of modules.
const ML_DSA: KernelVersion = KernelVersion::new(7, 0);

/// One kernel's trust in modules.
#[derive(Debug, Clone)]
pub struct KernelTrust {
    /// The release, as `uname -r` prints it.
    pub release: String,
    /// The certificates in its image; or why they are not known.
    built_in: Result<Vec<Certificate>, String>,
    config: Option<KernelConfig>,
    /// Without a configuration: the parts of the kernel that could be modules, and those that are.
    parts: Option<Parts>,
    version: Option<KernelVersion>,
    /// The certificates of db, if they can be read.
    db: Option<Vec<Certificate>>,
    /// The certificates of shim's list of owner's keys (MOK).
    mok: Vec<Certificate>,
    /// True if those are in `.machine`.
    trusts_mok: bool,
}

/// The answer of a kernel to signatures by one key over one hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Takes {
    /// It takes them, or looks at none.
    Yes,
    /// It refuses them all.
    No(Obstacle),
    /// It cannot be told, for this reason.
    Unknown(String),
}

impl KernelTrust {
    /// Reads what is there of a kernel. `image` is its image, if the caller knows it; else it is looked for beside the modules and
    /// in the boot directories.
    #[must_use]
    pub fn read(context: &Context, release: &str, image: Option<&Path>) -> Self {
        let embedded = match image.map(Path::to_path_buf).or_else(|| find_image(context, release)) {
            Some(image) => match read_image(&image) {
                Ok(other) if other.release != release => {
                    Err(format!("{} is Linux {}", image.shown(), printable(&other.release)))
                }
                read => read,
            },
            None => Err(format!("there is no image of Linux {release}")),
        };
        let of_image = embedded.as_ref().ok().and_then(|embedded| embedded.config.clone());
        let of_file = || Some(ConfigFile::of_release(context, release).ok()?.bytes);
        let config = of_image.or_else(of_file);
        let config = config.and_then(|bytes| KernelConfig::parse(&bytes).ok());
        Self {
            release: release.to_owned(),
            built_in: embedded.map(|embedded| embedded.certificates),
            parts: config.is_none().then(|| Parts::read(context, release)).flatten(),
            config,
            version: release.parse().ok(),
            db: firmware::db(context).map(|db| if firmware::ignores_db(context) { Vec::new() } else { db }),
            mok: firmware::mok(context).unwrap_or_default(),
            trusts_mok: firmware::trusts_mok(context),
        }
    }

    /// The same without a look at the image, which tells hashes, and no certificates.
    #[must_use]
    pub fn of_configuration(release: &str, config: KernelConfig) -> Self {
        Self {
            release: release.to_owned(),
            built_in: Err("its image was not looked at".to_owned()),
            config: Some(config),
            parts: None,
            version: release.parse().ok(),
            db: None,
            mok: Vec::new(),
            trusts_mok: false,
        }
    }

    /// The answer to signatures by the key of this certificate over this hash.
    #[must_use]
    pub fn takes(&self, certificate: &Certificate, hash: HashAlgorithm) -> Takes {
        if self.looks_at_none() {
            return Takes::Yes;
        }
        if let Some(obstacle) = self.obstacle(hash) {
            return Takes::No(obstacle);
        }
        if self.certificates().any(|held| held == certificate) {
            return Takes::Yes;
        }
        match (&self.built_in, self.asks_firmware(), &self.db) {
            (Err(reason), ..) => Takes::Unknown(reason.clone()),
            (Ok(_), false, _) if self.config.is_none() => Takes::Unknown(
                "its image does not hold our certificate, and there is no configuration of it".to_owned(),
            ),
            (Ok(_), true, None) => Takes::Unknown("it asks db too, which cannot be read here".to_owned()),
            (Ok(_), ..) => Takes::No(Obstacle::Key {
                certificate: printable(&certificate.common_name()),
                asks: if self.asks_firmware() {
                    "; it asks db and MOK too, and they do not hold it"
                } else {
                    ""
                },
            }),
        }
    }

    /// Judges an uncompressed module as this kernel does by the certificates and hashes that it is known to have.
    pub fn judge<'m>(&self, module: impl Into<Subject<'m>>) -> Result<Certificate, Refusal> {
        let certificates: Vec<Certificate> = self.certificates().cloned().collect();
        let signature = module.into().judge(&certificates)?;
        match self.obstacle_to(&signature) {
            Some(obstacle) => Err(Refusal::Obstacle(obstacle)),
            None => Ok(signature.certificate.clone()),
        }
    }

    /// True if the signature at the end of a module names a certificate that the kernel holds, over a hash that it knows; whether it
    /// holds is not looked at. The end has all of the signature, which the beginning of the module may be missing before.
    #[must_use]
    pub fn knows_signer(&self, end: &[u8]) -> bool {
        let Ok(Some(signed)) = Module::parse(end).and_then(|module| module.signed_data()) else {
            return false;
        };
        signed.signers.iter().any(|signer| {
            let is_hashed = hash_of(signer).is_ok_and(|hash| self.obstacle(hash).is_none());
            is_hashed && self.certificates().any(|certificate| signer.names_exactly(certificate))
        })
    }

    /// The reason for which the kernel verifies no such signature, whoever made it, as far as its version and configuration tell.
    #[must_use]
    pub fn obstacle_to(&self, signature: &Signature<'_>) -> Option<Obstacle> {
        if self.looks_at_none() {
            return None;
        }
        self.obstacle(signature.hash)
            .or_else(|| self.obstacle_of(signature.scheme))
    }

    /// True if the kernel looks for this certificate in the firmware's db, and is not known to hold it itself.
    #[must_use]
    pub fn asks_db_alone_for(&self, certificate: &Certificate) -> bool {
        let is_built_in = self.built_in.as_ref().is_ok_and(|held| held.contains(certificate));
        self.asks_firmware() && !is_built_in && !self.mok.contains(certificate)
    }

    /// The reason for which the kernel verifies no signature over this hash, if there is one that its configuration tells.
    #[must_use]
    pub fn obstacle(&self, hash: HashAlgorithm) -> Option<Obstacle> {
        let (name, symbol) = (hash.name(), symbol(hash));
        let is_sha3 = symbol == "CRYPTO_SHA3";
        if is_sha3 && self.version.is_some_and(|version| version < SHA3) {
            return Some(Obstacle::TooOld);
        }
        if let Some(parts) = &self.parts {
            return parts.obstacle(name, symbol);
        }
        let config = self.config.as_ref().filter(|config| config.version.is_some())?;
        match config.get(symbol) {
            Some(Value::Module) => Some(Obstacle::HashIsModule(name, symbol)),
            Some(Value::No) => Some(Obstacle::NoHash(name, symbol)),
            _ => None,
        }
    }

    /// The reason for which the kernel verifies no signature of this kind, as far as its version and configuration tell.
    fn obstacle_of(&self, scheme: Scheme) -> Option<Obstacle> {
        if scheme == Scheme::Ecdsa {
            let config = self.config.as_ref().filter(|config| config.version.is_some())?;
            return match config.get("CRYPTO_ECDSA") {
                Some(Value::Module) => Some(Obstacle::HashIsModule("ECDSA", "CRYPTO_ECDSA")),
                Some(Value::No) => Some(Obstacle::NoHash("ECDSA", "CRYPTO_ECDSA")),
                _ => None,
            };
        }
        if scheme == Scheme::Rsa {
            return None;
        }
        if self.version.is_some_and(|version| version < ML_DSA) {
            return Some(Obstacle::TooOldForMlDsa);
        }
        let config = self.config.as_ref().filter(|config| config.version.is_some())?;
        let (key, attributes) = ("CRYPTO_MLDSA", "PKCS7_WAIVE_AUTHATTRS_REJECTION_FOR_MLDSA");
        match scheme {
            _ if matches!(config.get(key), Some(Value::Module)) => Some(Obstacle::HashIsModule("ML-DSA", key)),
            _ if !config.is_on(key) => Some(Obstacle::NoMlDsa("ML-DSA", key, "ENOPKG")),
            Scheme::MlDsaOverAttributes if !config.is_on(attributes) => Some(Obstacle::NoMlDsa(
                "signed attributes, over which the signature is",
                attributes,
                "EKEYREJECTED",
            )),
            _ => None,
        }
    }

    /// The option without which the kernel unpacks no initramfs, or none that is packed so, as far as its configuration tells.
    #[must_use]
    pub fn lacks_for_initramfs(&self, packing: Option<Packing>) -> Option<&'static str> {
        let config = self.config.as_ref().filter(|config| config.version.is_some())?;
        let mut wanted = std::iter::once("BLK_DEV_INITRD").chain(packing.map(Packing::symbol));
        wanted.find(|symbol| matches!(config.get(symbol), Some(Value::No)))
    }

    /// The certificates of all keyrings that the kernel asks for modules.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        let built_in = self.built_in.as_deref().unwrap_or_default();
        let (db, mok) = if self.asks_firmware() {
            (self.db.as_deref().unwrap_or_default(), self.mok.as_slice())
        } else if self.asks_owner() {
            (&[][..], self.mok.as_slice())
        } else {
            (&[][..], &[][..])
        };
        built_in.iter().chain(db).chain(mok)
    }

    /// True if the kernel has no enforcement of signatures at all.
    #[must_use]
    pub fn looks_at_none(&self) -> bool {
        let config = self.config.as_ref().filter(|config| config.version.is_some());
        config.is_some_and(|config| !config.is_on("MODULE_SIG"))
    }

    /// True if db and MOK count for modules. In mainline the platform keyring never does; Debian's and Fedora's patches, whose
    /// mark is the option that only they have, add it (`KEYS: Make use of platform keyring for module signature verify`).
    #[must_use]
    pub fn asks_firmware(&self) -> bool {
        let is_on = |symbol| self.config.as_ref().is_some_and(|config| config.is_on(symbol));
        is_on("LOCK_DOWN_IN_EFI_SECURE_BOOT") && is_on("INTEGRITY_PLATFORM_KEYRING")
    }

    /// True if MOK counts for modules: they are in `.machine`, which is linked to the secondary keyring.
    fn asks_owner(&self) -> bool {
        let is_on = |symbol| self.config.as_ref().is_some_and(|config| config.is_on(symbol));
        self.trusts_mok
            && is_on("INTEGRITY_MACHINE_KEYRING")
            && is_on("SECONDARY_TRUSTED_KEYRING")
            && !is_on("INTEGRITY_CA_MACHINE_KEYRING")
    }
}

/// The option that brings a hash.
const fn symbol(hash: HashAlgorithm) -> &'static str {
    match hash {
        HashAlgorithm::Sha256 => "CRYPTO_SHA256",
        HashAlgorithm::Sha384 | HashAlgorithm::Sha512 => "CRYPTO_SHA512",
        HashAlgorithm::Sha3_256 | HashAlgorithm::Sha3_384 | HashAlgorithm::Sha3_512 => "CRYPTO_SHA3",
    }
}

/// The release of the kernel whose directory of modules a file without symbolic links lies in.
#[must_use]
pub fn release_of_module(context: &Context, file: &Path) -> Option<String> {
    let below = context.below_root(file);
    let rest = [MODULES, USR_MODULES]
        .iter()
        .find_map(|modules| below.strip_prefix(modules).ok())?;
    let mut components = rest.components();
    let release = components.next()?.as_os_str().to_str()?.to_owned();
    components.next().is_some().then_some(release)
}

/// The image of an installed kernel: beside its modules, or in the boot directories by its name.
fn find_image(context: &Context, release: &str) -> Option<PathBuf> {
    let beside = context.path(MODULES).join(release).join("vmlinuz");
    if let Ok(beside) = system::resolve(context.root(), &beside)
        && beside.is_file()
    {
        return Some(beside);
    }
    let directories = boot_directories(context, []).ok()?;
    let tree = BootTree::read(context, &directories, &Naming::of_machine(context).ok()?);
    let mut kernels = tree
        .kernels()
        .filter(|file| file.is_file && file.is_of(release) && !file.is_former());
    let path = kernels.next()?.path.clone();
    system::resolve(context.root(), &path).ok()
}

/// The facts that the kernel in an image, a unified one included, holds of itself; or why it cannot be read.
fn read_image(path: &Path) -> Result<Embedded, String> {
    let shown = path.shown();
    let failed = |error: &dyn std::error::Error| {
        let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
        printable(&format!("{shown}: {error}{cause}"))
    };
    let file = OpenedImage::open(path).map_err(|error| failed(&error))?;
    let sections = file.sections().unwrap_or_default();
    let kernel = sections.iter().find(|section| section.name == ".linux");
    Embedded::read(kernel.map_or(file.start(), Section::data)).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests;
