//! Any file of the chain, recognised by its content and judged by the rules of whoever reads it.

use goblin::elf;

use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticated_variable::{APPEND, AuthenticatedVariable};
use crate::formats::firmware::authenticode::Image;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureListError, SignatureType};
use crate::formats::grub::core_image::CoreImage;
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::kernel::compression::{Compression, KernelRefusal};
use crate::formats::kernel::module_signature::MAGIC;

use super::anchors::Anchors;
use super::grub_image::{self, GrubImage};
use super::{grub, image, microsoft, module, variable};

/// Size of the attributes that efivarfs puts before a variable's data.
const EFIVARFS_ATTRIBUTES: usize = 4;

/// The kind of a file, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A PE image that firmware starts.
    EfiImage,
    /// GRUB's core image, as a judge of other files.
    GrubImage,
    /// A kernel module, compressed or not.
    Module,
    /// A file that GRUB opens, with its `.sig`.
    GrubFile,
    /// EFI signature lists: the content of PK, KEK, db or dbx.
    SignatureList,
    /// An authenticated update of a variable.
    AuthenticatedVariable,
    /// A file of no other kind.
    Unknown,
}

impl Kind {
    /// The stable name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EfiImage => "efi_image",
            Self::GrubImage => "grub_image",
            Self::Module => "module",
            Self::GrubFile => "grub_file",
            Self::SignatureList => "signature_list",
            Self::AuthenticatedVariable => "authenticated_variable",
            Self::Unknown => "unknown",
        }
    }

    /// The name for a person.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::EfiImage => "EFI image",
            Self::GrubImage => "GRUB image",
            Self::Module => "module",
            Self::GrubFile => "GRUB file",
            Self::SignatureList => "signature list",
            Self::AuthenticatedVariable => "authenticated variable",
            Self::Unknown => "unknown",
        }
    }
}

/// The judgement of one reader on a file.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The kind of the file, as that reader sees it.
    pub kind: Kind,
    /// The signers, as far as the file names them; several signatures give several names.
    pub signers: Vec<String>,
    /// The reason for which it would be accepted, or refused.
    pub verdict: Result<String, String>,
    /// The parts of a GRUB core image.
    pub grub_image: Option<Box<GrubImage>>,
}

impl Judgement {
    pub(super) const fn new(kind: Kind, signers: Vec<String>, verdict: Result<String, String>) -> Self {
        Self {
            kind,
            signers,
            verdict,
            grub_image: None,
        }
    }
}

/// Judges a file; `signature` is the content of the `.sig` beside it. A kernel with a `.sig` has two readers, firmware
/// and GRUB, and gets two judgements.
#[must_use]
pub fn examine(file: &[u8], signature: Option<&[u8]>, anchors: &Anchors) -> Vec<Judgement> {
    let mut judgements = Vec::new();
    let kind = recognise(file);
    match kind {
        Kind::EfiImage => {
            judgements.push(examine_image(file, anchors));
            judgements.extend(examine_grub_image(file, anchors));
        }
        Kind::Module => judgements.push(examine_module(file, anchors)),
        Kind::SignatureList => judgements.push(examine_lists(file)),
        Kind::AuthenticatedVariable => judgements.push(examine_variable(file, anchors)),
        Kind::GrubImage | Kind::GrubFile | Kind::Unknown => {}
    }
    if signature.is_some() {
        judgements.push(examine_grub(file, signature, anchors));
    }
    if judgements.is_empty() {
        let verdict = Err("not signed: no signature in the file, and no .sig beside it".to_owned());
        judgements.push(Judgement::new(kind, Vec::new(), verdict));
    }
    judgements
}

/// The kind that the content shows; [`Kind::Unknown`] for anything that only a `.sig` could vouch for.
fn recognise(file: &[u8]) -> Kind {
    if file.starts_with(b"MZ") {
        return Kind::EfiImage;
    }
    if is_module(file) {
        return Kind::Module;
    }
    if AuthenticatedVariable::parse(file).is_ok() {
        return Kind::AuthenticatedVariable;
    }
    let is_lists = match lists(file) {
        Ok(lists) => !lists.is_empty(),
        Err(SignatureListError::TooLarge(_)) => begins_as_list(file),
        Err(_) => false,
    };
    if is_lists {
        return Kind::SignatureList;
    }
    let compression = Compression::from_magic(file);
    if compression != Compression::None && compression.unpack(file).is_ok_and(|unpacked| is_module(&unpacked)) {
        return Kind::Module;
    }
    Kind::Unknown
}

/// True for a file that begins with the type of a signature list, bare or behind the attributes of efivarfs.
fn begins_as_list(file: &[u8]) -> bool {
    let begins = |file: &[u8]| {
        let guid = file.first_chunk().map(|guid| Guid::from_bytes(*guid));
        guid.is_some_and(|guid| !matches!(SignatureType::from_guid(guid), SignatureType::Unknown(_)))
    };
    begins(file) || file.get(EFIVARFS_ATTRIBUTES..).is_some_and(begins)
}

/// True for a file that is signed as a module, or a relocatable ELF object with a kernel module's section; GRUB's own
/// modules have none.
fn is_module(file: &[u8]) -> bool {
    if file.ends_with(MAGIC) {
        return true;
    }
    let Ok(parsed) = elf::Elf::parse(file) else {
        return false;
    };
    let has_modinfo = || {
        let mut names = parsed
            .section_headers
            .iter()
            .map(|section| parsed.shdr_strtab.get_at(section.sh_name));
        names.any(|name| name == Some(".modinfo"))
    };
    parsed.header.e_type == elf::header::ET_REL && has_modinfo()
}

fn examine_image(file: &[u8], anchors: &Anchors) -> Judgement {
    let image = match Image::parse(file) {
        Ok(image) => image,
        Err(error) => {
            return Judgement::new(Kind::EfiImage, Vec::new(), Err(error.to_string()));
        }
    };
    image_judgement(&image, &image::Policy::new(&anchors.db, &anchors.dbx))
}

/// The judgement on an image, by its digests and signatures.
pub(super) fn image_judgement(image: &Image<'_>, policy: &image::Policy) -> Judgement {
    let signatures = image.signatures().iter().filter_map(|entry| entry.signature().ok());
    let signers = signatures
        .flat_map(|signature| {
            let named = signature
                .cms
                .signers
                .iter()
                .filter_map(|info| signature.cms.certificates_named_by(info).next());
            named.map(Certificate::common_name).collect::<Vec<_>>()
        })
        .collect();
    let verdict = match policy.judge(image) {
        Ok(acceptance) => Ok(acceptance.to_string()),
        Err(refusal) => Err(refusal.to_string()),
    };
    Judgement::new(Kind::EfiImage, signers, verdict)
}

/// The verdict on a GRUB core image as a reader of files: it should open only signed ones, whoever lets it in.
fn examine_grub_image(file: &[u8], anchors: &Anchors) -> Option<Judgement> {
    let image = Image::parse(file).ok()?;
    let core = match CoreImage::parse(&image) {
        Ok(core) => core?,
        Err(error) => return Some(Judgement::new(Kind::GrubImage, Vec::new(), Err(error.to_string()))),
    };
    let judged = grub_image::judge(&core, &anchors.grub, anchors.with_shim);
    Some(Judgement {
        grub_image: Some(Box::new(judged.clone())),
        ..Judgement::new(Kind::GrubImage, Vec::new(), judged.verdict())
    })
}

fn examine_module(file: &[u8], anchors: &Anchors) -> Judgement {
    let compression = Compression::from_magic(file);
    let unpacked = compression
        .unpack(file)
        .map_err(|error| format!("cannot unpack: {error}"));
    let judged = unpacked.and_then(|module| match module::judge(&module, &anchors.modules) {
        Ok(signature) => Ok((signature.certificate.common_name(), signature.hash.name())),
        Err(refusal) => Err(refusal.to_string()),
    });
    module_judgement(judged, compression.kernel_unpacks(file))
}

/// The judgement on a module, from its signer and the hash, and from whether a kernel gets it out of its packing.
pub(super) fn module_judgement(
    judged: Result<(String, &'static str), String>,
    unpacks: Result<(), KernelRefusal>,
) -> Judgement {
    let judged = judged.and_then(|(signer, hash)| match unpacks {
        Ok(()) => Ok((signer, hash)),
        Err(refusal) => Err(format!(
            "signed by \"{signer}\" over {hash}, but a kernel that unpacks modules itself refuses it: {refusal}"
        )),
    });
    match judged {
        Ok((signer, hash)) => {
            let verdict = Ok(format!("signed by \"{signer}\" over {hash}"));
            Judgement::new(Kind::Module, vec![signer], verdict)
        }
        Err(reason) => Judgement::new(Kind::Module, Vec::new(), Err(reason)),
    }
}

fn examine_grub(file: &[u8], signature: Option<&[u8]>, anchors: &Anchors) -> Judgement {
    grub_judgement(grub::judge(file, signature, &anchors.grub).map_err(|refusal| refusal.to_string()))
}

/// The judgement on a file that GRUB opens, from the key that vouches for it.
pub(super) fn grub_judgement(judged: Result<&GrubKey, String>) -> Judgement {
    let (signers, verdict) = match judged {
        Ok(key) => (
            vec![key.fingerprint()],
            Ok(format!("signed by OpenPGP key {}", key.fingerprint())),
        ),
        Err(refusal) => (Vec::new(), Err(refusal)),
    };
    Judgement::new(Kind::GrubFile, signers, verdict)
}

/// Signature lists carry no signature; well-formed is all that they can be.
fn examine_lists(file: &[u8]) -> Judgement {
    let verdict = lists(file).map_err(|error| error.to_string()).map(|lists| {
        let certificates = lists.entries_of_type(SignatureType::X509).count();
        let others = lists.entries().count() - certificates;
        format!(
            "well-formed; certificates: {certificates}, other entries: {others}{}",
            security_versions(&lists)
        )
    });
    Judgement::new(Kind::SignatureList, Vec::new(), verdict)
}

/// The entries that are no hashes, although they look like them.
fn security_versions(lists: &SignatureDatabase) -> String {
    let versions: Vec<String> = microsoft::security_versions(lists)
        .map(|version| version.to_string())
        .collect();
    if versions.is_empty() {
        String::new()
    } else {
        format!("; security versions: {}", versions.join(", "))
    }
}

/// An update is judged as firmware in User Mode would, whose PK and KEK are the anchors'.
fn examine_variable(file: &[u8], anchors: &Anchors) -> Judgement {
    let kind = Kind::AuthenticatedVariable;
    let recognised = AuthenticatedVariable::parse(file)
        .map_err(|error| error.to_string())
        .and_then(|update| Ok((variable::recognise(&update).map_err(|error| error.to_string())?, update)));
    let (recognised, update) = match recognised {
        Ok(recognised) => recognised,
        Err(reason) => {
            return Judgement::new(kind, Vec::new(), Err(reason));
        }
    };
    let firmware = variable::Firmware {
        pk: &anchors.pk,
        kek: &anchors.kek,
        setup_mode: false,
        last_write: None,
    };
    let signer = recognised.signer.common_name();
    let verdict = variable::judge(&firmware, recognised.variable, recognised.attributes, &update)
        .map(|_| {
            format!(
                "{} of {}, signed by \"{signer}\"{}",
                effect(&recognised, &update),
                recognised.variable.name(),
                SignatureDatabase::parse(&update.payload)
                    .map_or_else(|_| String::new(), |lists| security_versions(&lists)),
            )
        })
        .map_err(|refusal| refusal.to_string());
    Judgement::new(kind, vec![signer], verdict)
}

fn effect(recognised: &variable::Recognised, update: &AuthenticatedVariable) -> &'static str {
    match (update.payload.is_empty(), recognised.attributes & APPEND) {
        (true, _) => "deletion",
        (false, 0) => "new content",
        (false, _) => "addition",
    }
}

/// The lists of a file: bare, or with the attributes that efivarfs puts before them.
fn lists(file: &[u8]) -> Result<SignatureDatabase, SignatureListError> {
    SignatureDatabase::parse(file).or_else(|error| match file.get(EFIVARFS_ATTRIBUTES..) {
        Some(data) => SignatureDatabase::parse(data).map_err(|_| error),
        None => Err(error),
    })
}

/// Reads db or dbx from signature lists, a file of efivarfs, or an authenticated update.
pub fn read_database(file: &[u8]) -> Result<SignatureDatabase, SignatureListError> {
    match AuthenticatedVariable::parse(file) {
        Ok(update) => SignatureDatabase::parse(&update.payload),
        Err(_) => lists(file),
    }
}
