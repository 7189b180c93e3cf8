//! The verdict of a kernel that enforces signatures on a module.

use const_oid::db::rfc5911::ID_DATA;
use const_oid::db::rfc5912::RSA_ENCRYPTION;
use der::asn1::ObjectIdentifier;

use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::cms::{Refusal as CmsRefusal, SignedData, SignerId, SignerInfo};
use crate::formats::crypto::ecdsa::EcdsaKeyError;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::crypto::ml_dsa::{MlDsaKey, MlDsaKeyError, ParameterSetName};
use crate::formats::crypto::rsa_public_key::RsaPublicKeyError;
use crate::formats::kernel::module_signature::{Module, ModuleError};

use super::chain::{self, Effort};

/// Digest algorithms that are broken, by their names.
const WEAK_DIGESTS: [(ObjectIdentifier, &str); 4] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.4"), "MD4"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.5"), "MD5"),
    (ObjectIdentifier::new_unwrap("1.3.14.3.2.26"), "SHA-1"),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.4"), "SHA-224"),
];
/// ECDSA with SHA-256, SHA-384, SHA-512, SHA3-256, SHA3-384 and SHA3-512. The hash that counts for the kernel is the
/// one that the SignerInfo names as its digest algorithm.
const ECDSA: [ObjectIdentifier; 6] = [
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"),
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3"),
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.10"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.11"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.12"),
];
/// Sizes of RSA keys, in bits, that the kernel takes (`rsa_check_key_length`). It counts whole bytes.
const RSA_SIZES: [u32; 6] = [512, 1024, 1536, 2048, 3072, 4096];

/// The reason for which the kernel would refuse a module; the error number is the one in its log.
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
    /// A digest algorithm that is broken.
    #[error("signed over {0}, which is too weak: bootseal refuses it, as some kernels do (ENOPKG)")]
    WeakDigest(&'static str),
    /// A digest algorithm that the kernel does not know.
    #[error("digest algorithm {0} is not known (ENOPKG)")]
    Digest(ObjectIdentifier),
    /// The kernel only knows rsaEncryption in a SignerInfo of an RSA key, ECDSA, and from 7.0 on ML-DSA.
    #[error("signature algorithm {0} is none of rsaEncryption, ECDSA and ML-DSA (ENOPKG)")]
    Algorithm(ObjectIdentifier),
    /// None of the trusted certificates is the signer's.
    #[error("signed by {0}, which is none of the trusted module certificates (ENOKEY)")]
    UnknownSigner(String),
    /// The signer's certificate has a key that cannot be used.
    #[error("the signer's certificate: {0}")]
    Key(#[from] RsaPublicKeyError),
    /// The signer's RSA key is of a size that the kernel does not take.
    #[error("the signer's key is RSA-{0}; the kernel takes 512, 1024, 1536, 2048, 3072 and 4096 bits (EINVAL)")]
    KeySize(u32),
    /// The signer's certificate has an ECDSA key that cannot be used, or none.
    #[error("the signer's certificate: {0}")]
    EcdsaKey(#[from] EcdsaKeyError),
    /// The signer's certificate has an ML-DSA key that cannot be used, or none.
    #[error("the signer's certificate: {0}")]
    MlDsaKey(#[from] MlDsaKeyError),
    /// A kernel that refuses all signatures of this kind.
    #[error(transparent)]
    Obstacle(#[from] Obstacle),
    /// A signature by ML-DSA over the module itself, which is too large to be held.
    #[error("it is signed with ML-DSA over the module itself, which is too large for that to be verified here")]
    NotHeld,
    /// The signature does not hold.
    #[error("{0} (EKEYREJECTED)")]
    Signature(CmsRefusal),
}

/// A reason for which a kernel refuses all signatures of a kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// No keyring that it asks for modules holds the certificate.
    #[error("it does not hold the certificate \"{certificate}\" (ENOKEY){asks}")]
    Key {
        /// The common name.
        certificate: String,
        /// The other places where it would find the certificate.
        asks: &'static str,
    },
    /// The hash is a module itself, which is not there when the first signature is verified.
    #[error("it has {0} as a module only (CONFIG_{1}=m), so that it cannot verify the first one (ENOPKG)")]
    HashIsModule(&'static str, &'static str),
    /// It was built without the hash.
    #[error("it is built without {0} (CONFIG_{1} is not set) (ENOPKG)")]
    NoHash(&'static str, &'static str),
    /// It is older than SHA-3 in signatures.
    #[error("it is older than 6.7, and takes no SHA-3 (ENOPKG)")]
    TooOld,
    /// It is older than ML-DSA in signatures.
    #[error("it is older than 7.0, and takes no ML-DSA (ENOPKG)")]
    TooOldForMlDsa,
    /// It was built without ML-DSA, or without its signed attributes.
    #[error("it is built without {0} (CONFIG_{1} is not set) ({2})")]
    NoMlDsa(&'static str, &'static str, &'static str),
}

/// The accepted signature of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature<'c> {
    /// The certificate that vouches for the module.
    pub certificate: &'c Certificate,
    /// The hash that was signed.
    pub hash: HashAlgorithm,
    /// The digest that was signed: that of the module without its signature.
    pub digest: Digest,
    /// The kind of the signature.
    pub scheme: Scheme,
}

/// A kind of signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RSA with PKCS#1 v1.5.
    Rsa,
    /// ECDSA.
    Ecdsa,
    /// ML-DSA over the module itself.
    MlDsa,
    /// ML-DSA over signed attributes, as OpenSSL before 4 makes it.
    MlDsaOverAttributes,
}

/// Judges an uncompressed module. Of several signers one has to be trusted, and every one that a certificate is known
/// of has to have signed this very module.
pub fn judge<'c>(file: &[u8], trusted: &'c [Certificate]) -> Result<Signature<'c>, Refusal> {
    judge_hashed(file, trusted, &|hash, content| hash.digest(&[content]))
}

/// Judges one of many modules, for a caller that hashes several at once: `digest` gives that of the content, all bytes
/// before the signature.
pub fn judge_hashed<'c>(
    file: &[u8],
    trusted: &'c [Certificate],
    digest: &dyn Fn(HashAlgorithm, &[u8]) -> Digest,
) -> Result<Signature<'c>, Refusal> {
    let module = Module::parse(file)?;
    judge_parts(&module, Some(module.content), trusted, &|hash| {
        digest(hash, module.content)
    })
}

/// Judges a module by its signature; `content` is what it signs, if that is held.
pub(super) fn judge_parts<'c>(
    module: &Module<'_>,
    content: Option<&[u8]>,
    trusted: &'c [Certificate],
    digest: &dyn Fn(HashAlgorithm) -> Digest,
) -> Result<Signature<'c>, Refusal> {
    let signed_data = module.signed_data()?.ok_or(Refusal::Unsigned)?;
    kernel_rules(&signed_data)?;
    let (mut verdict, effort) = (None, Effort::default());
    for signer in &signed_data.signers {
        match judge_signer(content, &signed_data, signer, trusted, digest, &effort) {
            Err(unknown @ Refusal::UnknownSigner(_)) => verdict = verdict.or(Some(Err(unknown))),
            Ok(signature) if !matches!(verdict, Some(Ok(_))) => verdict = Some(Ok(signature)),
            Ok(_) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    verdict.unwrap_or(Err(Refusal::Unsigned))
}

/// True if the module carries a signature, valid or not, that names the key of this certificate.
#[must_use]
pub fn names_signer(file: &[u8], certificate: &Certificate) -> bool {
    Module::parse(file).is_ok_and(|module| names(&module, certificate))
}

pub(super) fn names(module: &Module<'_>, certificate: &Certificate) -> bool {
    module
        .signed_data()
        .is_ok_and(|data| data.is_some_and(|data| data.signers.iter().any(|signer| signer.names_exactly(certificate))))
}

/// The demands that the kernel's parser, for each signer, and `pkcs7_verify` make on a module's signature.
fn kernel_rules(signed_data: &SignedData<'_>) -> Result<(), Refusal> {
    if signed_data.content_type != ID_DATA || signed_data.content.is_some() {
        return Err(Refusal::Shape("is not detached over data"));
    }
    if !matches!(signed_data.version, [1 | 3]) {
        return Err(Refusal::Shape("has a SignedData of unknown version"));
    }
    for signer in &signed_data.signers {
        // Version 1 names the signer by issuer and serial number, version 3 by key identifier; the two do not mix.
        let expected = match signer.id {
            SignerId::IssuerAndSerial { .. } => [1],
            SignerId::SubjectKeyId(_) => [3],
        };
        if signer.version != expected || signed_data.version != expected {
            return Err(Refusal::Shape("has versions that do not fit how it names its signer"));
        }
        if !signed_data.digest_algorithms.contains(&signer.digest_algorithm) {
            return Err(Refusal::Shape("does not announce its signer's digest algorithm"));
        }
        if signer.signed_attributes.is_some() && ml_dsa(signer).is_none() {
            return Err(Refusal::Shape("has signed attributes"));
        }
        hash_of(signer)?;
        if signer.signature_algorithm != RSA_ENCRYPTION && !is_ecdsa(signer) && ml_dsa(signer).is_none() {
            return Err(Refusal::Algorithm(signer.signature_algorithm));
        }
    }
    Ok(())
}

/// `pkcs7_verify_one` and `pkcs7_validate_trust_one`: certificates inside the signature lead to a trusted one, but the
/// signer may as well be trusted itself.
fn judge_signer<'c>(
    content: Option<&[u8]>,
    signed_data: &SignedData<'_>,
    signer: &SignerInfo<'_>,
    trusted: &'c [Certificate],
    digest: &dyn Fn(HashAlgorithm) -> Digest,
    effort: &Effort,
) -> Result<Signature<'c>, Refusal> {
    let enclosed = signed_data
        .certificates
        .iter()
        .find(|certificate| signer.names_exactly(certificate));
    let named = trusted.iter().find(|certificate| signer.names_exactly(certificate));
    let above = || chain::anchor(enclosed?, &signed_data.certificates, trusted, effort);
    let anchor = named.or_else(above);
    let unknown = || Refusal::UnknownSigner(describe(signer));
    if enclosed.is_none() && named.is_none() {
        return Err(unknown());
    }
    let hash = hash_of(signer)?;
    let digest = digest(hash);
    // The kernel tries the one inside first, and then the one that it trusts by the same name.
    for certificate in enclosed.into_iter().chain(named) {
        if ml_dsa(signer).is_some() {
            verify_ml_dsa(certificate, signer, content, &digest)?;
        } else if is_ecdsa(signer) {
            // Signed attributes were refused before, so the signature is over the module itself.
            let verified = certificate.ecdsa_key()?.verify(&digest, &signer.signature);
            verified.map_err(|mismatch| Refusal::Signature(mismatch.into()))?;
        } else {
            let key = certificate.public_key()?;
            if !RSA_SIZES.contains(&key.bits().next_multiple_of(8)) {
                return Err(Refusal::KeySize(key.bits()));
            }
            signer
                .verify(&key, &signed_data.content_type, &digest)
                .map_err(Refusal::Signature)?;
        }
    }
    Ok(Signature {
        certificate: anchor.ok_or_else(unknown)?,
        hash,
        digest,
        scheme: match (ml_dsa(signer), &signer.signed_attributes) {
            (Some(_), Some(_)) => Scheme::MlDsaOverAttributes,
            (Some(_), None) => Scheme::MlDsa,
            (None, _) if is_ecdsa(signer) => Scheme::Ecdsa,
            (None, _) => Scheme::Rsa,
        },
    })
}

/// ML-DSA signs the content itself, or the attributes that hold its digest (RFC 9882).
fn verify_ml_dsa(
    certificate: &Certificate,
    signer: &SignerInfo<'_>,
    content: Option<&[u8]>,
    digest: &Digest,
) -> Result<(), Refusal> {
    let key = MlDsaKey::from_spki_der(&certificate.fields().spki)?;
    if Some(key.parameters()) != ml_dsa(signer) {
        return Err(MlDsaKeyError::NotMlDsa.into());
    }
    let message = match &signer.signed_attributes {
        None => content.ok_or(Refusal::NotHeld)?,
        Some(attributes) if attributes.message_digest().as_deref() != Some(digest.as_bytes()) => {
            return Err(Refusal::Signature(CmsRefusal::MessageDigest));
        }
        Some(attributes) => &attributes.der,
    };
    let verified = key.verify(message, &signer.signature);
    verified.map_err(|mismatch| Refusal::Signature(mismatch.into()))
}

pub(super) fn hash_of(signer: &SignerInfo<'_>) -> Result<HashAlgorithm, Refusal> {
    signer.hash().map_err(|_| {
        let algorithm = signer.digest_algorithm;
        let weak = WEAK_DIGESTS.iter().find(|(weak, _)| *weak == algorithm);
        weak.map_or(Refusal::Digest(algorithm), |(_, name)| Refusal::WeakDigest(name))
    })
}

fn is_ecdsa(signer: &SignerInfo<'_>) -> bool {
    ECDSA.contains(&signer.signature_algorithm)
}

fn ml_dsa(signer: &SignerInfo<'_>) -> Option<ParameterSetName> {
    ParameterSetName::from_oid(signer.signature_algorithm.as_bytes())
}

fn describe(signer: &SignerInfo<'_>) -> String {
    let name = if is_ecdsa(signer) {
        Some("ECDSA")
    } else {
        ml_dsa(signer).map(ParameterSetName::name)
    };
    let with = name.map_or_else(String::new, |name| format!(" with {name}"));
    match &signer.id {
        SignerId::IssuerAndSerial { serial, .. } => {
            format!("the certificate with serial number {}{with}", hex::encode(serial))
        }
        SignerId::SubjectKeyId(id) => format!("the key with identifier {}{with}", hex::encode(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::crypto::cms::Shape;
    use crate::formats::kernel::module_signature::append;
    use crate::trust::identities::with_bits;

    #[test]
    fn keys_of_sizes_that_the_kernel_does_not_take_are_refused() {
        for (bits, taken) in [(1536, true), (2041, true), (2048, true), (2056, false), (2560, false)] {
            let signer = with_bits("module", bits);
            let digest = HashAlgorithm::Sha512.digest(&[b"module"]);
            let file = append(b"module", &signer.sign_cms(Shape::Module, digest).unwrap()).unwrap();
            let judged = judge(&file, std::slice::from_ref(&signer.certificate)).map(drop);
            let expected = if taken { Ok(()) } else { Err(Refusal::KeySize(bits)) };
            assert_eq!(judged, expected);
        }
    }
}
