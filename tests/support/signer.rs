//! A key and a certificate made by OpenSSL, and the smallest signer over them: what signs here is bootseal's format
//! code alone, without its key store.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use bootseal::error::{Explain, Result};
use bootseal::formats::crypto::certificate::Certificate;
use bootseal::formats::crypto::hash::{Digest, HashAlgorithm};
use bootseal::formats::crypto::rsa_public_key::{RsaPublicKey, pkcs1v15};
use bootseal::formats::firmware::authenticode::Image;
use bootseal::keys::Signer;
use pkcs8::DecodePrivateKey;
use tempfile::TempDir;

use super::{succeed, tool};

/// An RSA-2048 key with a self-signed certificate, both also as PEM files for other tools.
pub struct TestKey {
    _directory: TempDir,
    pub key: PathBuf,
    pub certificate_path: PathBuf,
    pub certificate: Certificate,
    private: rsa::RsaPrivateKey,
    public: RsaPublicKey,
}

impl TestKey {
    /// Makes a key pair whose certificate has this common name.
    pub fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let [key, certificate_path] = ["key.pem", "certificate.pem"].map(|file| directory.path().join(file));
        let mut openssl = tool("openssl");
        openssl.args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj",
        ]);
        succeed(
            openssl
                .arg(format!("/CN={name}"))
                .arg("-keyout")
                .arg(&key)
                .arg("-out")
                .arg(&certificate_path),
        );
        let private = rsa::RsaPrivateKey::from_pkcs8_pem(&fs::read_to_string(&key).unwrap()).unwrap();
        Self {
            public: RsaPublicKey::from_rsa(private.to_public_key()).unwrap(),
            certificate: Certificate::from_pem(&fs::read(&certificate_path).unwrap()).unwrap(),
            _directory: directory,
            key,
            certificate_path,
            private,
        }
    }

    /// A key that all tests share.
    pub fn shared() -> &'static Self {
        static KEY: OnceLock<TestKey> = OnceLock::new();
        KEY.get_or_init(|| Self::new("bootseal test"))
    }

    /// Another key that all tests share.
    pub fn other() -> &'static Self {
        static KEY: OnceLock<TestKey> = OnceLock::new();
        KEY.get_or_init(|| Self::new("somebody else"))
    }

    /// The image with a SHA-256 signature by this key after those that it has.
    pub fn sign_image(&self, file: &[u8]) -> Vec<u8> {
        let image = Image::parse(file).unwrap();
        let unsigned = image
            .unsigned_signature(&self.certificate, HashAlgorithm::Sha256)
            .unwrap();
        let signature = self.sign(&unsigned.to_be_signed().unwrap()).unwrap();
        image.with_signature(&unsigned.assemble(&signature).unwrap()).unwrap()
    }
}

impl Signer for TestKey {
    fn public_key(&self) -> &RsaPublicKey {
        &self.public
    }

    fn sign(&self, digest: &Digest) -> Result<Vec<u8>> {
        let signature = self.private.sign(pkcs1v15(digest.algorithm()), digest.as_bytes());
        signature.or_bug(|| "the test key cannot sign".to_owned())
    }
}
