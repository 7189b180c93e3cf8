//! Keys for unit tests, made once per test process.

use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use der::Encode;
use rsa::RsaPrivateKey;
use x509_cert::builder::{Builder, CertificateBuilder, profile::cabf::Root};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Validity;

use crate::error::{Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::cms::Shape;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::crypto::rsa_public_key::{RsaPublicKey, pkcs1v15};
use crate::formats::firmware::authenticated_variable::{AuthenticatedVariable, EfiTime, VariableName};
use crate::formats::firmware::authenticode::Image;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::keys::{Identity, Signer};

/// Owner of everything that tests enroll.
pub const OWNER: Guid = Guid::from_fields(1, 2, 3, [4; 8]);

struct Key {
    private: RsaPrivateKey,
    public: RsaPublicKey,
}

impl Signer for Key {
    fn public_key(&self) -> &RsaPublicKey {
        &self.public
    }

    fn sign(&self, digest: &Digest) -> Result<Vec<u8>> {
        self.private
            .sign(pkcs1v15(digest.algorithm()), digest.as_bytes())
            .or_bug(|| "cannot sign".to_owned())
    }
}

fn make(name: &str) -> Identity {
    with_bits(name, 2048)
}

/// A key of this size, with its certificate.
pub fn with_bits(name: &str, bits: u32) -> Identity {
    let bits = usize::try_from(bits).unwrap();
    let private = RsaPrivateKey::new(&mut getrandom::rand_core::UnwrapErr(getrandom::SysRng), bits).unwrap();
    let public = RsaPublicKey::from_rsa(private.to_public_key()).unwrap();
    let subject = Name::from_str(&format!("CN=Test {name},O=bootseal,C=XX")).unwrap();
    let certificate = CertificateBuilder::new(
        Root::new(false, subject).unwrap(),
        SerialNumber::from(7_u32),
        Validity::from_now(Duration::from_secs(86_400)).unwrap(),
        public.spki().unwrap(),
    )
    .unwrap()
    .build::<_, rsa::pkcs1v15::Signature>(&rsa::pkcs1v15::SigningKey::<sha2::Sha256>::new(private.clone()))
    .unwrap();
    Identity {
        name: name.to_owned(),
        certificate: Certificate::from_der(&certificate.to_der().unwrap()).unwrap(),
        signer: Box::new(Key { private, public }),
    }
}

pub static PK: LazyLock<Identity> = LazyLock::new(|| make("PK"));
pub static KEK: LazyLock<Identity> = LazyLock::new(|| make("KEK"));
pub static DB: LazyLock<Identity> = LazyLock::new(|| make("db"));
pub static STRANGER: LazyLock<Identity> = LazyLock::new(|| make("stranger"));

/// A time so many seconds after 2026-01-01.
pub fn time(seconds: u8) -> EfiTime {
    EfiTime::from(der::DateTime::new(2026, 1, 1, 0, 0, seconds).unwrap())
}

/// A database of these certificates.
pub fn database(identities: &[&Identity]) -> SignatureDatabase {
    let mut database = SignatureDatabase::default();
    for identity in identities {
        database.add_certificate(OWNER, identity.certificate.as_der());
    }
    database
}

/// An `.auth` file with this content.
pub fn sign(
    signer: &Identity,
    variable: VariableName,
    attributes: u32,
    time: EfiTime,
    content: &SignatureDatabase,
) -> AuthenticatedVariable {
    let mut auth = AuthenticatedVariable {
        time,
        signed_data: Vec::new(),
        payload: content.to_bytes(),
    };
    auth.signed_data = signer
        .sign_cms(Shape::Variable, auth.signed_digest(variable, attributes))
        .unwrap();
    auth
}

/// An image with a signature by this identity.
pub fn sign_image(image: &[u8], signer: &Identity) -> Vec<u8> {
    let parsed = Image::parse(image).unwrap();
    let unsigned = parsed
        .unsigned_signature(&signer.certificate, HashAlgorithm::Sha256)
        .unwrap();
    let signature = signer.signer.sign(&unsigned.to_be_signed().unwrap()).unwrap();
    parsed.with_signature(&unsigned.assemble(&signature).unwrap()).unwrap()
}
