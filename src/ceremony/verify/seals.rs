//! The signatures of a transcript.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::text::Shown;
use crate::keys::directory::TRANSCRIPT;
use crate::system;

use super::super::transcript::{Event, Transcript};

/// Largest transcript, in bytes.
const MAX_TRANSCRIPT: u64 = 16 << 20;

/// A transcript whose chain and signatures hold.
pub struct Signed {
    /// The transcript.
    pub transcript: Transcript,
    /// Public halves by key, as of the last line.
    pub keys: BTreeMap<String, RsaPublicKey>,
}

impl Signed {
    /// The same once more.
    pub(in crate::ceremony) fn duplicate(&self) -> Self {
        Self {
            transcript: self.transcript.clone(),
            keys: self.keys.clone(),
        }
    }
}

/// Reads the transcript of a directory, and checks chain and signatures.
pub fn read(directory: &Path) -> Result<Signed> {
    let path = directory.join(TRANSCRIPT);
    let bytes = system::read_ours_if_there(&path, MAX_TRANSCRIPT)?.ok_or_else(|| {
        Error::could_not_run(format!("there is no transcript of a ceremony at {}", path.shown()))
            .hint("name the directory that a ceremony made; keys from before bootseal 0.2 have no transcript")
    })?;
    let refused = || format!("{} does not hold", path.shown());
    let transcript = Transcript::parse(&bytes).or_refuse(refused)?;
    let keys = check_seals(&transcript).or_refuse(refused)?;
    Ok(Signed { transcript, keys })
}

/// The reason why the signatures of a transcript do not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A key that does not read.
    #[error("line {0} names a public key that is none")]
    Key(u64),
    /// A signature that does not fit.
    #[error("the signature of {key} in line {line} does not hold: lines were changed")]
    Signature {
        /// The key.
        key: String,
        /// The line, from 1.
        line: u64,
    },
    /// A seal by a key that the ceremony did not make.
    #[error("line {line} is signed by {key}, which is not among the keys before it")]
    Unknown {
        /// The key.
        key: String,
        /// The line, from 1.
        line: u64,
    },
    /// The first seal lacks a key, or a later one has none.
    #[error("line {line} is not signed by {key}")]
    Missing {
        /// The key.
        key: String,
        /// The line, from 1.
        line: u64,
    },
    /// A key in the place of another, which did not sign for it.
    #[error("the new {key} key of line {line} is not signed by the one before it")]
    Successor {
        /// The key.
        key: String,
        /// The line, from 1.
        line: u64,
    },
    /// The first key of its name, after the ceremony, which no key before it signed for.
    #[error("the {key} key of line {line}, the first of its name, is not signed for by any key before it")]
    Stranger {
        /// The key.
        key: String,
        /// The line, from 1.
        line: u64,
    },
    /// Lines after the last seal, or none at all.
    #[error("its end is not signed: lines were removed or added")]
    Open,
}

/// Checks that every seal holds, the first by all keys, and that nothing comes after the last.
pub fn check_seals(transcript: &Transcript) -> std::result::Result<BTreeMap<String, RsaPublicKey>, SealError> {
    let mut keys: BTreeMap<String, RsaPublicKey> = BTreeMap::new();
    let mut is_first = true;
    let mut is_open = true;
    let mut successor: Option<(String, Vec<u8>)> = None;
    // Keys that the next seal has to vouch for, each with its line.
    let mut strangers: BTreeMap<String, u64> = BTreeMap::new();
    for entry in transcript.entries() {
        let line = entry.number.saturating_add(1);
        is_open = true;
        match &entry.event {
            Event::KeyMade { key, public_key, .. } => {
                let spki = hex::decode(public_key).map_err(|_| SealError::Key(line))?;
                let public = RsaPublicKey::from_spki_der(&spki).map_err(|_| SealError::Key(line))?;
                if let Some(old) = keys.get(key) {
                    let unnamed = SealError::Successor { key: key.clone(), line };
                    let (name, signature) = successor.take().ok_or_else(|| unnamed.clone())?;
                    let digest = HashAlgorithm::Sha256.digest(&[&spki]);
                    if name != *key || old.verify(&digest, &signature).is_err() {
                        return Err(unnamed);
                    }
                } else if !is_first {
                    strangers.insert(key.clone(), line);
                }
                keys.insert(key.clone(), public);
            }
            Event::Retired {
                key,
                successor: signature,
                ..
            } => {
                let signature = hex::decode(signature).map_err(|_| SealError::Key(line))?;
                successor = Some((key.clone(), signature));
            }
            Event::Sealed { signatures } => {
                let digest = entry.seal_digest().map_err(|_| SealError::Open)?;
                for (key, signature) in signatures {
                    let key = key.clone();
                    let Some(public) = keys.get(&key) else {
                        return Err(SealError::Unknown { key, line });
                    };
                    let holds = hex::decode(signature)
                        .is_ok_and(|bytes| hex::encode(&bytes) == *signature && public.verify(&digest, &bytes).is_ok());
                    if !holds {
                        return Err(SealError::Signature { key, line });
                    }
                }
                let required: Vec<&String> = if is_first { keys.keys().collect() } else { Vec::new() };
                if let Some(key) = required.into_iter().find(|key| !signatures.contains_key(*key)) {
                    return Err(SealError::Missing { key: key.clone(), line });
                }
                let is_vouched_for = signatures.keys().any(|key| !strangers.contains_key(key));
                if let Some((key, line)) = strangers.pop_first().filter(|_| !is_vouched_for) {
                    return Err(SealError::Stranger { key, line });
                }
                strangers.clear();
                if signatures.is_empty() {
                    let key = "any key".to_owned();
                    return Err(SealError::Missing { key, line });
                }
                is_first = false;
                is_open = false;
            }
            _ => {}
        }
    }
    if is_open { Err(SealError::Open) } else { Ok(keys) }
}
