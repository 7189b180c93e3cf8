//! EFI images: an Authenticode signature by the db key.

use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::formats::authenticode::{Image, Severity, Signature};
use crate::formats::certificate::Certificate;
use crate::formats::hash::HashAlgorithm;
use crate::keys::Identity;
use crate::system::{self, Transaction};
use crate::trust;

use super::discover::{Interest, Target};
use super::run::Kind;
use super::{Change, Done, Outcome, Run};

/// What all firmware verifies.
const HASH: HashAlgorithm = HashAlgorithm::Sha256;

/// Signs the images in place. Signatures by others stay; a stale one by this certificate is replaced.
pub fn sign(run: &mut Run<'_>, files: &[PathBuf], identity: &Identity) -> Result<()> {
    let (directories, files): (Vec<_>, Vec<_>) = files.iter().cloned().partition(|path| path.is_dir());
    for path in directories {
        let error = Error::usage(format!("{} is a directory", path.display())).hint("name the EFI images themselves");
        run.add(Outcome::failed(path, error));
    }
    let found = run.discover(&files, interest)?.distinct();
    let kind = Kind {
        name: "efi",
        key: &identity.certificate.fingerprint().to_hex(),
        signer: identity.signer.as_ref(),
        hash: HASH,
        companion: None,
        recheck: false,
    };
    run.process(&kind, found, |targets, transaction| {
        let sign = |target| sign_file(target, transaction, identity);
        targets.iter().map(sign).collect()
    })
}

/// A signature for GRUB beside an image is of no interest here.
fn interest(path: &Path) -> Interest {
    match path.extension() {
        Some(extension) if extension == "sig" => Interest::Pass,
        _ => Interest::Take,
    }
}

fn sign_file(target: &Target, transaction: &Transaction<'_>, identity: &Identity) -> Result<Done> {
    let path = &target.path;
    let file = system::read(&target.file)?;
    let refused = || format!("cannot sign {}", path.display());
    if is_signed(&Image::parse(&file).or_refuse(refused)?, &identity.certificate) {
        return Ok(Done {
            change: Change::Unchanged,
            digest: Some(Image::parse(&file).or_refuse(refused)?.digest(HASH)),
            warnings: Vec::new(),
        });
    }
    let file = without_own(file, &identity.certificate).or_refuse(refused)?;
    let image = Image::parse(&file).or_refuse(refused)?;
    let unsigned = image
        .unsigned_signature(&identity.certificate, HASH)
        .or_refuse(refused)?;
    let signature = identity.signer.sign(&unsigned.to_be_signed().or_bug(refused)?)?;
    let cms = unsigned.assemble(&signature).or_bug(refused)?;
    transaction.stage(path, &[&image.with_signature(&cms).or_refuse(refused)?])?;
    Ok(Done {
        change: Change::Signed,
        digest: Some(image.digest(HASH)),
        warnings: warnings(&image),
    })
}

/// What some firmware may stumble over.
fn warnings(image: &Image<'_>) -> Vec<String> {
    let problems = image.layout_problems().into_iter();
    problems
        .filter(|problem| problem.severity() == Severity::Warning)
        .map(|problem| problem.to_string())
        .collect()
}

/// Whether a signature by this certificate holds for the image as it is.
fn is_signed(image: &Image<'_>, certificate: &Certificate) -> bool {
    image
        .signatures()
        .iter()
        .filter_map(|entry| entry.signature().ok())
        .any(|signature| {
            signature.hash == HASH
                && signature.verify_integrity(image).is_ok()
                && trust::image::signer(&signature).is_ok_and(|signer| signer == certificate)
        })
}

/// The image without signatures that name this certificate: one that no longer holds is of no use, and some firmware
/// looks at the first one only.
fn without_own(mut file: Vec<u8>, certificate: &Certificate) -> std::result::Result<Vec<u8>, crate::error::Cause> {
    loop {
        let image = Image::parse(&file)?;
        let own = image.signatures().iter().position(|entry| {
            let names = |signature: Signature<'_>| signature.cms.signers.iter().any(|signer| signer.names(certificate));
            entry.signature().is_ok_and(names)
        });
        match own {
            None => return Ok(file),
            Some(index) => file = image.without_signature_at(index)?,
        }
    }
}
