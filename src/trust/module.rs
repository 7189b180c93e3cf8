//! Would a kernel that trusts these certificates, and enforces signatures, load this module?

use const_oid::db::rfc5911::ID_DATA;
use const_oid::db::rfc5912::RSA_ENCRYPTION;
use der::asn1::ObjectIdentifier;

use crate::formats::certificate::Certificate;
use crate::formats::cms::{Refusal as CmsRefusal, SignedData, SignerId, SignerInfo};
use crate::formats::hash::{Digest, HashAlgorithm};
use crate::formats::module_signature::{Module, ModuleError};
use crate::formats::public_key::PublicKeyError;

/// Why the kernel would refuse a module; the error number is the one in its log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No signature at the end of the file.
    #[error("the module is not signed (ENODATA)")]
    Unsigned,
    /// The appended signature cannot be read.
    #[error("the appended signature is malformed (EBADMSG): {0}")]
    Malformed(#[from] ModuleError),
    /// A CMS shape that the kernel refuses for modules.
    #[error("the signature {0} (EKEYREJECTED)")]
    Shape(&'static str),
    /// The kernel only knows rsaEncryption in a SignerInfo of an RSA key.
    #[error("signature algorithm {0} is not rsaEncryption (ENOPKG)")]
    Algorithm(ObjectIdentifier),
    /// None of the trusted certificates is the signer's.
    #[error("signed by {0}, which is none of the trusted module certificates (ENOKEY)")]
    UnknownSigner(String),
    /// The signer's certificate has a key that cannot be used.
    #[error("the signer's certificate: {0}")]
    Key(#[from] PublicKeyError),
    /// The signature does not hold.
    #[error("{0} (EKEYREJECTED)")]
    Signature(CmsRefusal),
}

/// Who signed a module, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature<'c> {
    /// The certificate that vouches for the module.
    pub certificate: &'c Certificate,
    /// The hash that was signed.
    pub hash: HashAlgorithm,
    /// The digest that was signed: that of the module without its signature.
    pub digest: Digest,
}

/// Judges an uncompressed module.
pub fn judge<'c>(file: &[u8], trusted: &'c [Certificate]) -> Result<Signature<'c>, Refusal> {
    let module = Module::parse(file)?;
    let signed_data = module.signed_data()?.ok_or(Refusal::Unsigned)?;
    let signer = kernel_rules(&signed_data)?;
    let certificate = trusted
        .iter()
        .find(|certificate| signer.names(certificate))
        .ok_or_else(|| Refusal::UnknownSigner(describe(&signer.id)))?;
    let hash = signer.hash().map_err(Refusal::Signature)?;
    let digest = hash.digest(&[module.content]);
    signer
        .verify(&certificate.public_key()?, &signed_data.content_type, &digest)
        .map_err(Refusal::Signature)?;
    Ok(Signature {
        certificate,
        hash,
        digest,
    })
}

/// What `pkcs7_verify` demands of a module's signature.
fn kernel_rules<'s, 'a>(signed_data: &'s SignedData<'a>) -> Result<&'s SignerInfo<'a>, Refusal> {
    if signed_data.content_type != ID_DATA || signed_data.content.is_some() {
        return Err(Refusal::Shape("is not detached over data"));
    }
    if !matches!(signed_data.version, 1 | 3) {
        return Err(Refusal::Shape("has a SignedData of unknown version"));
    }
    let [signer] = signed_data.signers.as_slice() else {
        return Err(Refusal::Shape("has more than one signer"));
    };
    // Version 1 names the signer by issuer and serial number, version 3 by key identifier; the two do not mix.
    let expected = match signer.id {
        SignerId::IssuerAndSerial { .. } => 1,
        SignerId::SubjectKeyId(_) => 3,
    };
    if signer.version != expected || signed_data.version != expected {
        return Err(Refusal::Shape("has versions that do not fit how it names its signer"));
    }
    if !signed_data.digest_algorithms.contains(&signer.digest_algorithm) {
        return Err(Refusal::Shape("does not announce its signer's digest algorithm"));
    }
    if signer.signed_attributes.is_some() {
        return Err(Refusal::Shape("has signed attributes"));
    }
    if signer.signature_algorithm != RSA_ENCRYPTION {
        return Err(Refusal::Algorithm(signer.signature_algorithm));
    }
    Ok(signer)
}

fn describe(id: &SignerId<'_>) -> String {
    match id {
        SignerId::IssuerAndSerial { serial, .. } => {
            format!("the certificate with serial number {}", hex::encode(serial))
        }
        SignerId::SubjectKeyId(id) => format!("the key with identifier {}", hex::encode(id)),
    }
}
