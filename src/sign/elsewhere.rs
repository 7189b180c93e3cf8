//! Signatures of EFI images that are made elsewhere: the bytes to sign go out, and the signature comes back.

use std::path::Path;

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::cms::Unsigned;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticode::{Image, Signature};
use crate::formats::text::Shown;
use crate::system::{self, Context, NewFile};
use crate::trust;

use super::discover::Target;
use super::efi::{EfiOptions, HASH, discover, is_directory, is_signed, sign_file, signing, take_over};
use super::image_source::Source;
use super::run::Run;

/// Permission bits of a file that holds the bytes to sign: nothing secret.
const PUBLIC_MODE: u32 = 0o644;

/// The reason why a signature that was made elsewhere is refused.
#[derive(Debug, thiserror::Error)]
enum NotAttached {
    #[error("its {0} bytes are neither an RSA signature by this key nor PKCS#7")]
    Neither(usize),
    #[error(
        "the RSA signature does not hold for the image: the image or the signature is not the one that was prepared"
    )]
    Mismatch,
    #[error("it is by \"{0}\"")]
    OtherSigner(String),
    #[error("it signs a {} digest, which not all firmware verifies", .0.name())]
    OtherHash(HashAlgorithm),
}

/// The CMS of a signature that was made elsewhere.
fn foreign_signature(
    unsigned: &Unsigned<'_>,
    image: &Image<'_>,
    bytes: &[u8],
    certificate: &Certificate,
) -> std::result::Result<Vec<u8>, crate::error::Cause> {
    let key = certificate.public_key()?;
    if bytes.len() == key.modulus().len() {
        key.verify(&unsigned.to_be_signed()?, bytes)
            .map_err(|_| NotAttached::Mismatch)?;
        return Ok(unsigned.assemble(bytes)?);
    }
    if bytes.first() != Some(&0x30) {
        return Err(NotAttached::Neither(bytes.len()).into());
    }
    let signature = Signature::parse(bytes)?;
    if signature.hash != HASH {
        return Err(NotAttached::OtherHash(signature.hash).into());
    }
    signature.verify_integrity(image)?;
    let signer = trust::image::signer(&signature)?;
    if signer != certificate {
        return Err(NotAttached::OtherSigner(signer.common_name()).into());
    }
    Ok(signature.der.to_vec())
}

/// Writes the bytes that the key of `certificate` has to sign for this image, with SHA-256 and PKCS#1 v1.5 padding, to a
/// new file: the DER of the signed attributes. [`attach`] takes the signature.
pub fn prepare(context: &Context, image: &Path, certificate: &Certificate, to_be_signed: &Path) -> Result<()> {
    if image.is_dir() {
        return Err(is_directory(image));
    }
    let refused = || format!("cannot sign {}", image.shown());
    let source = Source::of_file(image)?;
    let opened = source.open(false, refused)?;
    // No signature could be attached for a key that is not RSA.
    certificate.public_key().or_refuse(refused)?;
    let unsigned = opened
        .known()
        .unsigned_signature(certificate, HASH)
        .or_refuse(refused)?;
    let bytes = unsigned.signed_attributes_der().or_bug(refused)?;
    NewFile {
        path: to_be_signed,
        bytes: &bytes.ok_or_else(|| Error::bug("an Authenticode signature without signed attributes"))?,
        mode: PUBLIC_MODE,
    }
    .create(context)
}

/// Puts a signature that was made elsewhere into the image: the bare RSA signature over what [`prepare`] wrote, or a whole
/// PKCS#7 signature (DER). It has to hold for this image and this certificate.
pub fn attach(
    run: &mut Run<'_>,
    image: &Path,
    signature: &Path,
    certificate: &Certificate,
    options: &EfiOptions,
) -> Result<()> {
    let bytes = system::read(signature)?;
    let found = discover(run, &[image.to_path_buf()], options)?;
    let notary = run.notary();
    let signing = signing(certificate, None, options);
    take_over(run, &signing, &found, certificate)?;
    run.process(&signing, found, |targets, transaction| {
        let offered = |unsigned: &Unsigned<'_>, parsed: &Image<'_>| {
            foreign_signature(unsigned, parsed, &bytes, certificate).or_refuse(|| {
                format!(
                    "{} is no signature of {} by \"{}\"",
                    signature.shown(),
                    image.shown(),
                    certificate.common_name()
                )
            })
        };
        let attach = |target: &Target| {
            // A wrong signature is refused also where the image has one already and needs no other.
            let refused = || format!("cannot sign {}", image.shown());
            let source = Source::read(transaction, &target.file)?;
            let opened = source.open(false, refused)?;
            let parsed = opened.known();
            offered(
                &parsed.unsigned_signature(certificate, HASH).or_refuse(refused)?,
                parsed,
            )?;
            let is_signed_before = || Ok(is_signed(&target.file, certificate));
            sign_file(
                target,
                transaction,
                (&*notary, &is_signed_before),
                certificate,
                options,
                offered,
            )
        };
        targets.iter().map(attach).collect()
    })
}
