//! The parts of a unified kernel image, or of an addon to one, that its kernel starts with.

use std::collections::BTreeMap;

use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::firmware::authenticode::{Image, Section};
use crate::formats::firmware::pcr_signature::{self, PcrSignature, policies};
use crate::trust::INITRAMFS;

/// A command line, with the profile that it is of (UAPI.5, "Multi-Profile UKIs").
#[derive(Debug)]
pub(super) struct ProfileLine {
    /// The name of the profile; none for the base, which has no section `.profile` before it.
    pub(super) profile: Option<String>,
    /// Its words.
    pub(super) text: String,
}

/// Its sections that are text.
#[derive(Debug)]
pub(super) struct Unified {
    /// True if it has no kernel and is an addon to images that do.
    pub(super) is_addon: bool,
    /// Its command lines: one that has several profiles has one for each.
    pub(super) lines: Vec<ProfileLine>,
    /// The name of the system that it starts.
    pub(super) system: Option<String>,
    /// The version of its kernel, as it says.
    pub(super) kernel: Option<String>,
    /// Size of its first initramfs, in bytes; none if it has none.
    pub(super) initramfs: Option<usize>,
    /// The values that are signed for the TPM; none if none are.
    pub(super) measured: Option<Measured>,
}

/// The signed values of PCR 11 that an image has in it.
#[derive(Debug)]
pub(super) struct Measured {
    /// The key that they are by, if the image has it, or the reason why it cannot be used.
    pub(super) key: Option<Result<RsaPublicKey, String>>,
    /// The signatures, or the reason why they cannot be read; none if the image has a key alone.
    pub(super) signatures: Option<Result<Vec<PcrSignature>, String>>,
    /// The policies that are right for the image, by bank, as far as they can be told.
    pub(super) policies: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Measured {
    fn read(image: &Image<'_>) -> Option<Self> {
        let key = image.section(pcr_signature::PUBLIC_KEY);
        let signatures = image.section(pcr_signature::SIGNATURES);
        key.or(signatures)?;
        let signatures = signatures.map(|section| PcrSignature::parse(section).map_err(|error| error.to_string()));
        let mut known = BTreeMap::new();
        for signature in signatures.iter().flatten().flatten() {
            if !known.contains_key(&signature.bank)
                && let Some(policies) = policies(image, &signature.bank)
            {
                known.insert(signature.bank.clone(), policies);
            }
        }
        Some(Self {
            key: key.map(|section| pcr_signature::public_key(section).map_err(|error| error.to_string())),
            signatures,
            policies: known,
        })
    }
}

impl Unified {
    /// Recognises one by its sections.
    pub(super) fn recognise(image: &Image<'_>) -> Option<Self> {
        let all = |name: &'static str| {
            let sections = image.sections().iter().filter(move |section| section.name == name);
            sections.map(|section| text(section.data()))
        };
        let is_addon = image.section(".linux").is_none();
        let mut lines = Vec::new();
        let mut profile = None;
        for section in image.sections() {
            match &*section.name {
                ".profile" => profile = Some(profile_name(&text(section.data()))),
                ".cmdline" => lines.push(ProfileLine {
                    profile: profile.clone(),
                    text: text(section.data()),
                }),
                _ => {}
            }
        }
        let initramfs = image.sections().iter().find(|section| section.name == INITRAMFS);
        let initramfs = initramfs.map(Section::length);
        if is_addon && lines.is_empty() && initramfs.is_none() {
            return None;
        }
        let name = |text: String| {
            let mut lines = text.lines();
            let name = lines.find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
            Some(name.trim_matches('"').to_owned())
        };
        Some(Self {
            is_addon,
            lines,
            system: all(".osrel").find_map(name),
            kernel: all(".uname").next(),
            initramfs,
            measured: Measured::read(image),
        })
    }
}

/// The name of a profile: its `ID`, or else its `TITLE`.
fn profile_name(text: &str) -> String {
    let value = |name: &str| {
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.trim_matches('"').to_owned())
    };
    value("ID")
        .or_else(|| value("TITLE"))
        .unwrap_or_else(|| "without a name".to_owned())
}

/// A section's text; padding and the zero at its end belong to no command line.
fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).trim_matches(['\0', '\n', ' ']).to_owned()
}
