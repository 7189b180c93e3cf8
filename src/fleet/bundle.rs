//! The bundle: a tar file with the files of a node's key directory, a manifest that names and binds them, and a signature of the manifest
//! by the fleet's key. Every byte counts: an archive that is not the very one that its manifest describes is none.
//!
//! Stock tools read it: `tar xf BUNDLE`, `openssl dgst -sha256 -verify KEY -signature bundle.sig bundle.json`.

use std::collections::{BTreeMap, BTreeSet};

use der::DateTime;
use serde::{Deserialize, Serialize};

use crate::ceremony::backup::archive;
use crate::ceremony::{PUBLIC, SECRET};
use crate::error::{Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::keys::Signer;

/// The form that is written, and read.
const FORMAT: &str = "bootseal.bundle/1";
/// The manifest.
pub(super) const MANIFEST: &str = "bundle.json";
/// The signature of the manifest: RSASSA-PKCS1-v1_5 over SHA-256.
pub(super) const SIGNATURE: &str = "bundle.sig";
/// The certificate of the fleet's key, PEM.
pub(super) const FLEET: &str = "fleet.crt";
/// Ending of a bundle's name.
pub const BUNDLE: &str = "bundle";

/// The manifest of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    format: String,
    /// The name of the fleet.
    pub fleet: String,
    /// SHA-256 of the certificate of its key, lower-case hex.
    pub fingerprint: String,
    /// The name of the node.
    pub node: String,
    /// The number of the bundle, from 1; no two of a fleet have one.
    pub number: u64,
    /// The time at which it was made, RFC 3339 UTC.
    pub made: String,
    /// The end of the node's transcript, lower-case hex.
    pub transcript: String,
    /// The keys that are in clear once they are on the node.
    pub plain: BTreeSet<String>,
    /// SHA-256 of each file, lower-case hex.
    pub files: BTreeMap<String, String>,
}

/// A bundle whose parts fit each other. Who signed it is for [`Bundle::check_signature`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The manifest.
    pub manifest: Manifest,
    /// The certificate that names the fleet.
    pub certificate: Certificate,
    /// The files of the key directory, by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The bytes of the manifest.
    text: Vec<u8>,
    signature: Vec<u8>,
}

/// The reason why bytes are no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// No archive.
    #[error("it is no archive of tar, or a damaged one")]
    Archive,
    /// A part that is not there.
    #[error("{0} is not in it")]
    Missing(String),
    /// A manifest that does not read.
    #[error("{MANIFEST} does not read, or is of another version than {FORMAT}")]
    Manifest,
    /// A certificate that does not read.
    #[error("{FLEET} is no certificate with an RSA key")]
    Certificate,
    /// A file with another content.
    #[error("{0} was altered: it is not the file that the manifest names")]
    Altered(String),
    /// A file that nobody named.
    #[error("{0} was added: the manifest does not name it")]
    Added(String),
    /// Bytes beside files and manifest, as in the headers of the archive.
    #[error("it was altered outside its files: it is not the archive that was made")]
    Form,
    /// A signature that does not hold.
    #[error("{MANIFEST} was altered, or its signature was: the fleet's key did not sign it")]
    Signature,
}

/// Permission bits of a file of this name.
pub(super) fn mode(name: &str) -> u32 {
    match name.rsplit_once('.') {
        Some((_, "key")) => SECRET,
        _ => PUBLIC,
    }
}

impl Manifest {
    /// The manifest of these files.
    pub(super) fn new(fleet: &str, node: &str, number: u64, made: String, transcript: &str) -> Self {
        Self {
            format: FORMAT.to_owned(),
            fleet: fleet.to_owned(),
            fingerprint: String::new(),
            node: node.to_owned(),
            number,
            made,
            transcript: transcript.to_owned(),
            plain: BTreeSet::new(),
            files: BTreeMap::new(),
        }
    }
}

/// Makes the bundle of these files, signed by the fleet's key.
pub(super) fn make(
    mut manifest: Manifest,
    files: &BTreeMap<String, Vec<u8>>,
    certificate: &Certificate,
    signer: &dyn Signer,
) -> Result<Vec<u8>> {
    let digest = |bytes: &Vec<u8>| HashAlgorithm::Sha256.digest(&[bytes]);
    manifest.fingerprint = certificate.fingerprint().to_hex();
    manifest.files = files
        .iter()
        .map(|(name, bytes)| (name.clone(), digest(bytes).to_hex()))
        .collect();
    let text = serde_json::to_vec_pretty(&manifest).or_bug(|| "cannot encode the manifest of a bundle".to_owned())?;
    let signature = signer.sign(&digest(&text))?;
    let pem = certificate
        .to_pem()
        .or_bug(|| "cannot encode the fleet's certificate".to_owned())?;
    let bytes =
        assemble(&manifest, files, (&text, &signature, pem.as_bytes())).or_bug(|| "cannot make a bundle".to_owned())?;
    Bundle::parse(&bytes).or_bug(|| "a bundle does not read back".to_owned())?;
    Ok(bytes)
}

/// The archive of these parts; there is one for each manifest.
fn assemble(
    manifest: &Manifest,
    files: &BTreeMap<String, Vec<u8>>,
    (text, signature, certificate): (&[u8], &[u8], &[u8]),
) -> std::result::Result<Vec<u8>, BundleError> {
    let made: DateTime = manifest.made.parse().map_err(|_| BundleError::Manifest)?;
    let mut members: archive::Archived = files
        .iter()
        .map(|(name, bytes)| (name.clone(), (bytes.clone(), mode(name))))
        .collect();
    for (name, bytes) in [(MANIFEST, text), (SIGNATURE, signature), (FLEET, certificate)] {
        members.insert(name.to_owned(), (bytes.to_vec(), PUBLIC));
    }
    archive::write(&members, made.unix_duration().as_secs()).map_err(|_| BundleError::Form)
}

impl Bundle {
    /// Reads a bundle, and holds every byte of it against the manifest.
    pub fn parse(bytes: &[u8]) -> std::result::Result<Self, BundleError> {
        let mut files = archive::read(bytes).map_err(|_| BundleError::Archive)?;
        let mut take = |name: &str| files.remove(name).ok_or_else(|| BundleError::Missing(name.to_owned()));
        let (text, signature, pem) = (take(MANIFEST)?, take(SIGNATURE)?, take(FLEET)?);
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| BundleError::Manifest)?;
        if manifest.format != FORMAT {
            return Err(BundleError::Manifest);
        }
        let certificate = Certificate::from_pem(&pem).map_err(|_| BundleError::Certificate)?;
        certificate.public_key().map_err(|_| BundleError::Certificate)?;
        if certificate.to_pem().map_err(|_| BundleError::Certificate)?.as_bytes() != pem {
            // Text around a certificate is bound by nothing.
            return Err(BundleError::Certificate);
        }
        if certificate.fingerprint().to_hex() != manifest.fingerprint {
            return Err(BundleError::Altered(FLEET.to_owned()));
        }
        for (name, digest) in &manifest.files {
            let bytes = files.get(name).ok_or_else(|| BundleError::Missing(name.clone()))?;
            if HashAlgorithm::Sha256.digest(&[bytes]).to_hex() != *digest {
                return Err(BundleError::Altered(name.clone()));
            }
        }
        if let Some(name) = files.keys().find(|name| !manifest.files.contains_key(*name)) {
            return Err(BundleError::Added(name.clone()));
        }
        if assemble(&manifest, &files, (&text, &signature, &pem))? != bytes {
            return Err(BundleError::Form);
        }
        Ok(Self {
            manifest,
            certificate,
            files,
            text,
            signature,
        })
    }

    /// Refuses a bundle whose manifest the key of its certificate did not sign.
    pub fn check_signature(&self) -> std::result::Result<(), BundleError> {
        let public = self.certificate.public_key().map_err(|_| BundleError::Certificate)?;
        let digest = HashAlgorithm::Sha256.digest(&[&self.text]);
        public
            .verify(&digest, &self.signature)
            .map_err(|_| BundleError::Signature)
    }

    /// Manifest, signature and certificate, as the key directory keeps them: by name.
    pub(super) fn proof(&self) -> Result<[(&'static str, Vec<u8>); 3]> {
        let pem = self.certificate.to_pem();
        let pem = pem.or_bug(|| "cannot encode the fleet's certificate".to_owned())?;
        Ok([
            (MANIFEST, self.text.clone()),
            (SIGNATURE, self.signature.clone()),
            (FLEET, pem.into_bytes()),
        ])
    }
}
