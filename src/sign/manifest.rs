//! The record of signed files, so that the next run need not read them again.
//!
//! `manifests/KIND-KEY.json` in the state directory: a line with an HMAC-SHA-256 (RFC 2104) in hexadecimal over the rest,
//! which is a JSON object from names to [`Entry`]. The key of the HMAC comes from the private key that signs, so nobody
//! else can make a file pass as signed; a manifest that does not verify is ignored. An entry counts only while device,
//! inode, size, and times of modification and of change of the file stay the same.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::Digest;
use crate::formats::text::Shown;
use crate::keys::Signer;
use crate::system::{self, Context, FileState};

/// The directory of the manifests, below the state directory.
const DIRECTORY: &str = "manifests";
/// Least seconds between a file's last change and its entry: a file that changed later may change again, unseen, within the
/// same tick of the file system's clock.
const LEAST_AGE: i64 = 2;
/// Largest manifest that is read, in bytes.
const MAX_MANIFEST: u64 = 256 << 20;

/// A file that was signed, or was found to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The state of the file, and for GRUB of its `.sig`.
    states: Box<[FileState]>,
    /// The algorithm of the digest.
    hash: Box<str>,
    /// The digest that the signature covers, hexadecimal.
    digest: Box<str>,
}

/// The files that are known to be signed by one key.
pub(super) struct Manifest {
    path: PathBuf,
    /// Key of the HMAC.
    secret: Zeroizing<[u8; 32]>,
    entries: BTreeMap<PathBuf, Entry>,
    is_changed: bool,
    /// The reason why the stored manifest is ignored, if it is.
    pub warning: Option<String>,
}

impl Manifest {
    /// The manifest of a kind of files and of the key with this identifier. `None` for keys that cannot make a secret, those
    /// on tokens: their files are verified in every run. With `ignored`, it begins empty.
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
        if !ignored && system::is_there(&manifest.path)? {
            match system::read_ours(&manifest.path, MAX_MANIFEST) {
                Ok(bytes) => {
                    if let Some(entries) = manifest.parse(&bytes)? {
                        manifest.entries = entries;
                    } else {
                        let path = manifest.path.shown();
                        manifest.warning = Some(format!(
                            "{path} was not made with this key, or was changed: it is ignored, and every file is verified"
                        ));
                    }
                }
                Err(error) => manifest.warning = Some(format!("{error}: every file is verified")),
            }
        }
        Ok(Some(manifest))
    }

    /// True if it is that of this kind and key.
    pub(super) fn is_of(&self, kind: &str, identifier: &str) -> bool {
        self.path.ends_with(format!("{kind}-{identifier}.json"))
    }

    /// True if the files are unchanged since their signature was found to hold.
    pub(super) fn vouches_for(&self, path: &Path, hash: &str, states: &[FileState]) -> bool {
        let Ok(absolute) = std::path::absolute(path) else {
            return false;
        };
        self.entries
            .get(&absolute)
            .is_some_and(|entry| &*entry.hash == hash && &*entry.states == states)
    }

    /// Remembers that the signature held when the files had these states. No entry is made if one of them was changed after
    /// `last_sure_change`, in seconds since 1970-01-01 UTC.
    pub(super) fn remember(
        &mut self,
        path: &Path,
        digest: &Digest,
        states: impl Into<Box<[FileState]>>,
        last_sure_change: i64,
    ) {
        let absolute = std::path::absolute(path).ok().filter(|path| path.to_str().is_some());
        let Some(absolute) = absolute else { return };
        self.is_changed = true;
        let states = states.into();
        let unsure = |state: &FileState| !state.is_exact() || state.changed_after(last_sure_change);
        if states.iter().any(unsure) {
            self.entries.remove(&absolute);
            return;
        }
        let entry = Entry {
            states,
            hash: digest.algorithm().name().into(),
            digest: digest.to_hex().into(),
        };
        self.entries.insert(absolute, entry);
    }

    /// Takes out the files that are gone.
    pub(super) fn forget_the_gone(&mut self) {
        self.entries.retain(|path, _| path.exists());
    }

    /// Writes the manifest if it has changed.
    pub(super) fn save(self, context: &Context) -> Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        // Written twice, once to the HMAC: with 100,000 files it has 36 MB.
        let mut mac = Authenticated(self.mac()?);
        serde_json::to_writer(BufWriter::new(&mut mac), &self.entries)
            .or_bug(|| "cannot encode a manifest".to_owned())?;
        let mac = hex::encode(mac.0.finalize().into_bytes());
        system::replace_cache(context, &self.path, |file| {
            let mut file = BufWriter::new(file);
            writeln!(file, "{mac}")?;
            serde_json::to_writer(&mut file, &self.entries)?;
            file.flush()
        })
    }

    /// The entries of a stored manifest; none if it does not verify.
    fn parse(&self, bytes: &[u8]) -> Result<Option<BTreeMap<PathBuf, Entry>>> {
        let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
        let (Some(stated), Some(json)) = (parts.next(), parts.next()) else {
            return Ok(None);
        };
        let Ok(stated) = hex::decode(stated) else {
            return Ok(None);
        };
        let mut mac = self.mac()?;
        mac.update(json);
        if mac.verify_slice(&stated).is_err() {
            return Ok(None);
        }
        Ok(serde_json::from_slice(json).ok())
    }

    /// The HMAC, before the JSON object.
    fn mac(&self) -> Result<Hmac<Sha256>> {
        let cannot = || format!("cannot authenticate {}", self.path.shown());
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_slice()).or_bug(cannot)?;
        let name = self.path.file_name().ok_or_else(|| Error::bug(cannot()))?;
        // The manifest of a key's modules must not pass as the manifest of its images.
        mac.update(name.as_encoded_bytes());
        mac.update(b"\n");
        Ok(mac)
    }
}

/// A writer into an HMAC.
struct Authenticated(Hmac<Sha256>);

impl Write for Authenticated {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// True if there is any manifest: bootseal has signed files on this machine.
pub(super) fn any(context: &Context) -> Result<bool> {
    let entries = system::list_directory_if_there(&context.state()?.join(DIRECTORY))?;
    Ok(!entries.is_empty())
}

/// Removes all manifests, so that the next runs verify every file.
pub(super) fn forget(context: &Context) -> Result<()> {
    system::remove_tree(context, &context.state()?.join(DIRECTORY))
}

/// The second after which a file must not have been changed for its state to be sure at `now`, both in seconds since
/// 1970-01-01 UTC.
pub(super) fn last_sure_change(now: u64) -> Result<i64> {
    let now = i64::try_from(now)
        .or_could_not_run(|| format!("the clock stands at {now} seconds, past all times of files"))?;
    Ok(now.saturating_sub(LEAST_AGE))
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
        manifest.remember(&bench.file, &digest, bench.states(), last_sure_change(0).unwrap());
        assert!(!bench.vouched(&manifest));
        manifest.remember(&bench.file, &digest, bench.states(), i64::MAX);
        fs::remove_file(&bench.file).unwrap();
        manifest.forget_the_gone();
        manifest.save(&bench.context).unwrap();
        assert_eq!(bench.open(1).entries.len(), 0);
    }
}
