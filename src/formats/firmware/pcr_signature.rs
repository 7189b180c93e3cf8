//! Signed values of PCR 11, as systemd-measure puts them into the section `.pcrsig` of a unified image.
//!
//! The section is JSON: for each bank of the TPM a list of signatures, each over the digest of a policy (TPM 2.0 Library, part 3,
//! `TPM2_PolicyPCR`) that holds while the register has one value: the one that the stub gives it when it measures the image's sections,
//! and a phase of the start of systemd after them.

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding};
use serde::Deserialize;

use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::crypto::rsa_public_key::{RsaPublicKey, RsaPublicKeyError};
use crate::formats::crypto::signed_hash::SignedHash;
use crate::formats::firmware::authenticode::{Image, Section};
use crate::formats::firmware::event_log::Bank;

/// Section with the signatures.
pub const SIGNATURES: &str = ".pcrsig";
/// Section with the public key that they are by, PEM.
pub const PUBLIC_KEY: &str = ".pcrpkey";
/// The register that stubs measure their sections into.
pub const REGISTER: u32 = 11;

/// The sections that stubs measure, in this order whatever theirs is in the image.
const MEASURED: [&str; 10] = [
    ".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".splash", ".dtb", ".uname", ".sbat", PUBLIC_KEY,
];
/// The sections that stubs of systemd 253 and 252 do not measure yet: each later one measures one more.
const LATER: [&[&str]; 3] = [&[], &[".sbat"], &[".sbat", ".uname"]];
/// Sections of which a stub chooses some as it starts, so that nobody knows the value before.
const CHOSEN: [&str; 4] = [".profile", ".dtbauto", ".hwids", ".efifw"];
/// The phases of a start, as systemd-pcrphase measures them one after the other.
const PHASES: [&str; 4] = ["enter-initrd", "leave-initrd", "sysinit", "ready"];

/// `TPM_CC_PolicyPCR`.
const POLICY_PCR: u32 = 0x17f;
/// Registers of a PC's TPM, of which a selection has a bit each.
const REGISTERS: usize = 24;

/// A signature over a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PcrSignature {
    /// Name of the bank, such as `sha256`.
    pub bank: String,
    /// The registers that the policy is about.
    pub registers: Vec<u32>,
    /// The key: see [`fingerprint`].
    pub fingerprint: String,
    /// The digest of the policy.
    pub policy: Vec<u8>,
    /// RSASSA-PKCS1-v1_5 over the hash of it by the bank's algorithm.
    signature: Vec<u8>,
}

/// The reason why a section holds no signatures.
#[derive(Debug, thiserror::Error)]
pub enum PcrSignatureError {
    /// It is not the JSON that it should be.
    #[error("it is no list of signatures: {0}")]
    Json(#[from] serde_json::Error),
    /// A digest is not in hexadecimal.
    #[error("a digest is not in hexadecimal")]
    Digest(#[from] hex::FromHexError),
    /// A signature is not in base64.
    #[error("a signature is not in base64")]
    Signature(#[from] base64ct::Error),
}

/// The reason why a section holds no public key.
#[derive(Debug, thiserror::Error)]
pub enum PcrKeyError {
    /// It is no PEM.
    #[error("it is no PEM: {0}")]
    Pem(der::pem::Error),
    /// It is PEM of something else.
    #[error("it is no public key, but a {0}")]
    Other(String),
    /// It is no RSA key of ours.
    #[error(transparent)]
    Key(#[from] RsaPublicKeyError),
}

#[derive(Deserialize)]
struct Written {
    pcrs: Vec<u32>,
    pkfp: String,
    pol: String,
    sig: String,
}

impl PcrSignature {
    /// Reads all signatures of a section.
    pub fn parse(section: &[u8]) -> Result<Vec<Self>, PcrSignatureError> {
        let banks: BTreeMap<String, Vec<Written>> = serde_json::from_slice(without_zeros(section))?;
        let mut signatures = Vec::new();
        for (bank, written) in banks {
            for Written { pcrs, pkfp, pol, sig } in written {
                signatures.push(Self {
                    bank: bank.clone(),
                    registers: pcrs,
                    fingerprint: pkfp.to_ascii_lowercase(),
                    policy: hex::decode(pol)?,
                    signature: Base64::decode_vec(&sig)?,
                });
            }
        }
        Ok(signatures)
    }

    /// True if this key has signed the policy. Of a bank that is not known, nobody can tell.
    #[must_use]
    pub fn is_by(&self, key: &RsaPublicKey) -> bool {
        let hash = match bank_named(&self.bank) {
            Some((_, Bank::Sha1)) => SignedHash::Sha1,
            Some((_, Bank::Sha2(hash))) => SignedHash::Sound(hash),
            None => return false,
        };
        let info = hash.digest_info(&hash.digest(&[&self.policy]));
        key.verify_digest_info(&info, &self.signature).is_ok()
    }
}

/// The content of a section before the zeros that fill it.
fn without_zeros(section: &[u8]) -> &[u8] {
    let zeros = section.iter().rev().take_while(|byte| **byte == 0).count();
    section.get(..section.len().saturating_sub(zeros)).unwrap_or_default()
}

/// Reads the key of a section.
pub fn public_key(section: &[u8]) -> Result<RsaPublicKey, PcrKeyError> {
    let (label, der) = der::pem::decode_vec(without_zeros(section)).map_err(PcrKeyError::Pem)?;
    if label != "PUBLIC KEY" {
        return Err(PcrKeyError::Other(label.to_owned()));
    }
    Ok(RsaPublicKey::from_spki_der(&der)?)
}

/// The name that signatures have for their key: SHA-256 of its DER as an `RSAPublicKey` (RFC 8017), lower-case hex.
#[must_use]
pub fn fingerprint(key: &RsaPublicKey) -> Option<String> {
    let spki = key.spki().ok()?;
    let inner = spki.subject_public_key.as_bytes()?;
    Some(HashAlgorithm::Sha256.digest(&[inner]).to_hex())
}

/// The policies that hold in the phases of a start of this image, by the bank's name; none if that cannot be told: of an image with
/// several profiles, or that chooses among device trees or firmware.
#[must_use]
pub fn policies(image: &Image<'_>, bank: &str) -> Option<Vec<Vec<u8>>> {
    let (number, bank) = bank_named(bank)?;
    let named = |name: &str| image.sections().iter().find(|section| section.name == name);
    if CHOSEN.into_iter().any(|name| named(name).is_some()) {
        return None;
    }
    let mut digests = Vec::new();
    for name in MEASURED {
        let Some(section) = named(name) else { continue };
        let is_held = |section: &&Section<'_>| section.data().len() == section.length();
        let data = Some(section).filter(is_held)?.data();
        digests.push((name, bank.digest(&[name.as_bytes(), &[0]]), bank.digest(&[data])));
    }
    let mut policies = Vec::new();
    for later in LATER {
        let mut value = vec![0; bank.len()];
        for (_, name, data) in digests.iter().filter(|(name, ..)| !later.contains(name)) {
            value = bank.extend(&bank.extend(&value, name), data);
        }
        for phase in PHASES {
            value = bank.extend(&value, &bank.digest(&[phase.as_bytes()]));
            policies.push(policy(number, &value));
        }
    }
    Some(policies)
}

/// The bank of this name, and the number of its algorithm in the TCG Algorithm Registry.
fn bank_named(name: &str) -> Option<(u16, Bank)> {
    let known = [0x04, 0x0b, 0x0c, 0x0d]
        .into_iter()
        .filter_map(|number| Some((number, Bank::from_tcg_number(number)?)));
    known.into_iter().find(|(_, known)| known.name() == name)
}

/// The digest of the policy that holds while the register of this bank has this value.
fn policy(bank: u16, value: &[u8]) -> Vec<u8> {
    let mut selected = [0; REGISTERS / 8];
    if let Some(byte) = selected.get_mut(REGISTER as usize / 8) {
        *byte = 1 << (REGISTER % 8);
    }
    let sha256 = |parts: &[&[u8]]| HashAlgorithm::Sha256.digest(parts).as_bytes().to_vec();
    // A selection: one bank, its number, the bytes with a bit for each register.
    let count = 1_u32.to_be_bytes();
    let size = [3_u8];
    let start = [0; 32];
    sha256(&[
        &start,
        &POLICY_PCR.to_be_bytes(),
        &count,
        &bank.to_be_bytes(),
        &size,
        &selected,
        &sha256(&[value]),
    ])
}
