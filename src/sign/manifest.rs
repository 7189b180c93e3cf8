//! What was found to be signed, so that the next run need not read it again.
//!
//! `manifests/KIND-KEY.json` in the state directory: a line with an HMAC-SHA-256 (RFC 2104) in hexadecimal over the rest,
//! which is a JSON object from names to [`Entry`]. The key of the HMAC comes from the private key that signs, so nobody
//! else can make a file pass as signed; a manifest that does not verify is ignored. The truth is the file: an entry
//! counts only while device, inode, size, and times of modification and of change are what they were.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::{Explain, Result};
use crate::formats::crypto::hash::Digest;
use crate::keys::Signer;
use crate::system::{self, Context, FileState};

/// Directory of the manifests, below the state directory.
const DIRECTORY: &str = "manifests";
/// Seconds between a file's last change and its entry: what changed less long ago may change again within one tick of
/// the file system's clock, unseen.
const SETTLED: i64 = 2;

/// A file that was seen to be signed, or was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The file, and for GRUB its `.sig`.
    states: Vec<FileState>,
    /// Algorithm of the digest.
    hash: String,
    /// The digest that the signature covers, hexadecimal.
    digest: String,
}

/// The files that are known to be signed by one key.
pub(super) struct Manifest {
    path: PathBuf,
    /// Key of the HMAC.
    secret: Zeroizing<[u8; 32]>,
    entries: BTreeMap<PathBuf, Entry>,
    is_changed: bool,
    /// What is odd about the file that was read.
    pub warning: Option<String>,
}

impl Manifest {
    /// The manifest of a kind of files and a key, known by this identifier. `None` for keys that cannot make a secret,
    /// those on tokens: their files are verified in every run. `ignored` starts with an empty one.
    pub(super) fn open(
        context: &Context,
        kind: &str,
        identifier: &str,
        signer: &dyn Signer,
        ignored: bool,
    ) -> Result<Option<Self>> {
        let Some(secret) = signer.manifest_secret()? else {
            return Ok(None);
        };
        let path = context
            .state()?
            .join(DIRECTORY)
            .join(format!("{kind}-{identifier}.json"));
        let mut manifest = Self {
            path,
            secret,
            entries: BTreeMap::new(),
            is_changed: false,
            warning: None,
        };
        if !ignored && manifest.path.exists() {
            match system::read(&manifest.path).map(|bytes| manifest.parse(&bytes)) {
                Ok(Some(entries)) => manifest.entries = entries,
                Ok(None) => {
                    let path = manifest.path.display();
                    manifest.warning = Some(format!(
                        "{path} was not made with this key, or was changed: it is ignored, and every file verified"
                    ));
                }
                Err(error) => manifest.warning = Some(format!("{error}: every file is verified")),
            }
        }
        Ok(Some(manifest))
    }

    /// Whether the files are as they were when their signature was seen to hold.
    pub(super) fn vouches_for(&self, path: &Path, hash: &str, states: &[FileState]) -> bool {
        let Ok(absolute) = std::path::absolute(path) else {
            return false;
        };
        self.entries
            .get(&absolute)
            .is_some_and(|entry| entry.hash == hash && entry.states == states)
    }

    /// Remembers that the signature held when the files' states were these. An entry is not made if one of them was
    /// changed after `settled`, in seconds since 1970-01-01 UTC.
    pub(super) fn remember(&mut self, path: &Path, digest: &Digest, states: Vec<FileState>, settled: i64) {
        let absolute = std::path::absolute(path).ok().filter(|path| path.to_str().is_some());
        let Some(absolute) = absolute else { return };
        self.is_changed = true;
        let unsure = |state: &FileState| !state.is_exact() || state.changed_after(settled);
        if states.iter().any(unsure) {
            self.entries.remove(&absolute);
            return;
        }
        let entry = Entry {
            states,
            hash: digest.algorithm().name().to_owned(),
            digest: digest.to_hex(),
        };
        self.entries.insert(absolute, entry);
    }

    /// Writes the manifest if it has changed, without the files that are gone.
    pub(super) fn save(mut self, context: &Context) -> Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        self.entries.retain(|path, _| path.exists());
        let json = serde_json::to_vec(&self.entries).or_bug(|| "cannot encode a manifest".to_owned())?;
        let Some(mac) = self.mac(&json) else { return Ok(()) };
        let mut bytes = hex::encode(mac.finalize().into_bytes()).into_bytes();
        bytes.push(b'\n');
        bytes.extend_from_slice(&json);
        system::replace_cache(context, &self.path, &bytes)
    }

    fn parse(&self, bytes: &[u8]) -> Option<BTreeMap<PathBuf, Entry>> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (stated, json) = bytes.split_at_checked(end)?;
        let json = json.strip_prefix(b"\n")?;
        let stated = hex::decode(stated).ok()?;
        self.mac(json)?.verify_slice(&stated).ok()?;
        serde_json::from_slice(json).ok()
    }

    fn mac(&self, json: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_slice()).ok()?;
        // One key's manifest of modules is not its manifest of images.
        mac.update(self.path.file_name()?.as_encoded_bytes());
        mac.update(b"\n");
        mac.update(json);
        Some(mac)
    }
}

/// The second after which a file must not have been changed for its state to be sure at `now`.
pub(super) fn settled(now: u64) -> i64 {
    i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(SETTLED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::crypto::hash::HashAlgorithm;
    use crate::formats::crypto::rsa_public_key::RsaPublicKey;
    use std::fs;

    struct Holder(u8);

    impl Signer for Holder {
        fn public_key(&self) -> &RsaPublicKey {
            unreachable!("a manifest needs no public key")
        }
        fn sign(&self, _: &Digest) -> Result<Vec<u8>> {
            unreachable!("a manifest needs no private operation")
        }
        fn manifest_secret(&self) -> Result<Option<Zeroizing<[u8; 32]>>> {
            Ok(Some(Zeroizing::new([self.0; 32])))
        }
    }

    struct Bench {
        directory: tempfile::TempDir,
        context: Context,
        file: PathBuf,
    }

    impl Bench {
        /// A manifest on disk that knows one file.
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let context = Context::host().with_root(directory.path());
            let file = directory.path().join("a.ko");
            fs::write(&file, b"signed").unwrap();
            let bench = Self {
                directory,
                context,
                file,
            };
            let mut manifest = bench.open(1);
            let digest = HashAlgorithm::Sha3_512.digest(&[b"signed"]);
            manifest.remember(&bench.file, &digest, bench.states(), i64::MAX);
            manifest.save(&bench.context).unwrap();
            assert!(bench.vouched(&bench.open(1)));
            bench
        }

        fn open(&self, key: u8) -> Manifest {
            let manifest = Manifest::open(&self.context, "modules", "abcd", &Holder(key), false);
            manifest.unwrap().unwrap()
        }

        fn path(&self) -> PathBuf {
            self.directory
                .path()
                .join("var/lib/bootseal/manifests/modules-abcd.json")
        }

        fn states(&self) -> Vec<FileState> {
            vec![FileState::at(&self.file).unwrap()]
        }

        fn vouched(&self, manifest: &Manifest) -> bool {
            manifest.vouches_for(&self.file, "sha3-512", &self.states())
        }
    }

    #[test]
    fn a_changed_file_is_not_vouched_for_even_with_its_old_size_and_time() {
        let bench = Bench::new();
        let modified = fs::metadata(&bench.file).unwrap().modified().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(&bench.file, b"SIGNED").unwrap();
        let file = fs::File::options().write(true).open(&bench.file).unwrap();
        file.set_modified(modified).unwrap();
        assert!(!bench.vouched(&bench.open(1)));
        assert!(!bench.open(1).vouches_for(&bench.file, "sha512", &bench.states()));
    }

    #[test]
    fn no_changed_byte_of_a_manifest_is_believed() {
        let bench = Bench::new();
        let good = fs::read(bench.path()).unwrap();
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 1;
            fs::write(bench.path(), &bad).unwrap();
            let manifest = bench.open(1);
            // Only the case of a hexadecimal digit means nothing.
            assert!(!bench.vouched(&manifest) && manifest.warning.is_some(), "byte {index}");
        }
        for length in [0, 1, 64, 65, good.len() - 1] {
            fs::write(bench.path(), &good[..length]).unwrap();
            assert!(!bench.vouched(&bench.open(1)), "{length} bytes");
        }
    }

    #[test]
    fn the_manifest_of_another_key_or_kind_is_not_believed() {
        let bench = Bench::new();
        assert!(!bench.vouched(&bench.open(2)));
        fs::copy(bench.path(), bench.path().with_file_name("efi-abcd.json")).unwrap();
        let other = Manifest::open(&bench.context, "efi", "abcd", &Holder(1), false)
            .unwrap()
            .unwrap();
        assert!(!bench.vouched(&other) && other.warning.is_some());
    }

    #[test]
    fn what_has_just_changed_or_is_gone_is_not_remembered() {
        let bench = Bench::new();
        let digest = HashAlgorithm::Sha3_512.digest(&[b"signed"]);
        let mut manifest = bench.open(1);
        manifest.remember(&bench.file, &digest, bench.states(), settled(0));
        assert!(!bench.vouched(&manifest));
        manifest.remember(&bench.file, &digest, bench.states(), i64::MAX);
        fs::remove_file(&bench.file).unwrap();
        manifest.save(&bench.context).unwrap();
        assert_eq!(bench.open(1).entries.len(), 0);
    }
}
