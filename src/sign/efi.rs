//! EFI images: an Authenticode signature by the db key, made here or elsewhere.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::cms::Unsigned;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::firmware::authenticode::{Image, LargeImage, Severity, Signature};
use crate::formats::text::Shown;
use crate::keys::{Identity, Signer};
use crate::ledger::Kind;
use crate::system::{self, Content, Context, Transaction, resolve};
use crate::trust;

use super::discover::{Found, Interest, Target};
use super::image_source::{Opened, Source, of_image};
use super::outcome::{Change, Done, Outcome};
use super::run::Run;
use super::signing::Signing;
use super::takeover::{self, Adopted};
use super::vouching::Notary;

/// The hash that all firmware verifies.
pub(super) const HASH: HashAlgorithm = HashAlgorithm::Sha256;
/// The way in which images are signed.
#[derive(Debug, Clone, Default)]
pub struct EfiOptions {
    /// Remove the signatures by other keys as well; otherwise they stay.
    pub replace: bool,
    /// Write the signed copy of the only image here, and leave the image unchanged. An existing file is replaced; it
    /// cannot be the image itself.
    pub output: Option<PathBuf>,
    /// A certificate whose signatures are taken out: it is about to be forbidden, and some firmware refuses an image for one of them.
    pub without: Option<Certificate>,
}

/// Signs the images. A stale signature by the same certificate is removed.
pub fn sign(run: &mut Run<'_>, files: &[PathBuf], identity: &Identity, options: &EfiOptions) -> Result<()> {
    let found = discover(run, files, options)?;
    let signing = signing(&identity.certificate, Some(identity.signer.as_ref()), options);
    let notary = run.notary();
    let files: Vec<Arc<Path>> = found.targets.values().map(|target| Arc::clone(&target.file)).collect();
    let is_signed_before = || Ok(files.iter().any(|file| is_signed(file, &identity.certificate)));
    take_over(run, &signing, &found, &identity.certificate)?;
    run.process(&signing, found, |targets, transaction| {
        let sign = |target: &Target| {
            let make = |unsigned: &Unsigned<'_>, _: &Image<'_>| {
                let cannot = || format!("cannot sign {}", target.path.shown());
                let signature = identity.signer.sign(&unsigned.to_be_signed().or_bug(cannot)?)?;
                unsigned.assemble(&signature).or_bug(cannot)
            };
            let vouching = (&*notary, &is_signed_before as &dyn Fn() -> Result<bool>);
            sign_file(target, transaction, vouching, &identity.certificate, options, make)
        };
        targets.iter().map(sign).collect()
    })
}

/// The signed copy of an image that has no signature.
pub fn signed_image(file: &[u8], identity: &Identity) -> Result<Vec<u8>> {
    let cannot = || "cannot sign the image".to_owned();
    let image = Image::parse(file).or_refuse(cannot)?;
    let unsigned = image
        .unsigned_signature(&identity.certificate, HASH)
        .or_refuse(cannot)?;
    let signature = identity.signer.sign(&unsigned.to_be_signed().or_bug(cannot)?)?;
    let cms = unsigned.assemble(&signature).or_bug(cannot)?;
    Ok(image
        .rewritten(|_| false, Some(&cms))
        .or_refuse(cannot)?
        .parts()
        .concat())
}

/// The images, each once. With an output, the target has the path of the output and the file of the image.
pub(super) fn discover(run: &mut Run<'_>, files: &[PathBuf], options: &EfiOptions) -> Result<Found> {
    let (directories, files): (Vec<_>, Vec<_>) = files.iter().cloned().partition(|path| path.is_dir());
    for path in directories {
        let error = is_directory(&path);
        run.add_outcome(Outcome::failed(path, error));
    }
    let mut found = run.discover(&files, interest)?.distinct();
    if let Some(output) = &options.output {
        for target in found.targets.values() {
            check_output(run.context(), output, target)?;
        }
        let named = |target: Target| {
            let path: Arc<Path> = output.as_path().into();
            // The image itself stays as it is, under all its names.
            let links = 1;
            (Arc::clone(&path), Target { path, links, ..target })
        };
        found.targets = found.targets.into_values().map(named).collect();
    }
    Ok(found)
}

pub(super) fn is_directory(path: &Path) -> Error {
    Error::usage(format!("{} is a directory", path.shown())).hint("name the EFI images themselves")
}

/// Refuses an output that is the image by whatever name, since that is to be left alone, and one that is no file: a
/// device would be replaced, not written to.
fn check_output(context: &Context, output: &Path, image: &Target) -> Result<()> {
    let cannot = || format!("cannot write {}", output.shown());
    // A link that leads nowhere becomes the file.
    let file = match resolve(context.root(), output) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        file => file.or_could_not_run(cannot)?,
    };
    let existing = system::info(&file)?;
    if !existing.is_file() {
        return Err(Error::usage(format!("{} is not a regular file", output.shown())).hint("name a file for --output"));
    }
    if existing.state.is_same_file(&image.state) {
        return Err(Error::usage(format!("{} is the image itself", output.shown()))
            .hint("leave out --output to sign it in place"));
    }
    Ok(())
}

/// True if a file bears a signature of this certificate that holds; one that cannot be read bears none.
pub(super) fn is_signed(file: &Path, certificate: &Certificate) -> bool {
    own_digest_of_file(file, certificate).is_some()
}

/// Has the ledger enter the images on the boot media that bear our signature, where it has none yet.
pub(super) fn take_over(
    run: &mut Run<'_>,
    signing: &Signing<'_>,
    found: &Found,
    certificate: &Certificate,
) -> Result<()> {
    let notary = run.notary();
    if found.targets.is_empty() || !notary.adopts(Kind::Efi)? {
        return Ok(());
    }
    let mut adopted = Vec::new();
    for path in takeover::other_files(run.context(), &notary, found)? {
        if let Some(digest) = own_digest_of_file(&path, certificate)
            && !notary.has_recorded(Kind::Efi, &digest)?
            && let Ok((sha256, _)) = system::digest(&path, HASH)
        {
            adopted.push(Adopted::new(path, sha256, digest));
        }
    }
    run.adopt(signing, adopted);
    Ok(())
}

/// The digest of an image that bears a signature by this certificate which holds; none of others.
#[must_use]
pub fn own_digest(file: &[u8], certificate: &Certificate) -> Option<Digest> {
    own_digest_of(&Image::parse(file).ok()?, certificate)
}

/// As [`own_digest`], of a file at a path.
#[must_use]
pub fn own_digest_of_file(path: &Path, certificate: &Certificate) -> Option<Digest> {
    let (file, metadata) = system::open(path).ok()?;
    let content = Content::Opened(&file, metadata.len());
    of_image(content, path, |image| own_digest_of(image, certificate)).ok()??
}

/// As [`own_digest`], of an image that was read.
#[must_use]
pub fn own_digest_of(image: &Image<'_>, certificate: &Certificate) -> Option<Digest> {
    let digest = image.digest(HASH);
    let signatures = image.signatures();
    let mut signatures = signatures.iter().filter_map(|entry| entry.signature().ok());
    signatures
        .any(|signature| is_own(&signature, &digest, certificate))
        .then_some(digest)
}

pub(super) fn signing<'k>(
    certificate: &Certificate,
    signer: Option<&'k dyn Signer>,
    options: &EfiOptions,
) -> Signing<'k> {
    Signing {
        kind: Kind::Efi,
        key: certificate.fingerprint().to_hex().into(),
        // What an output was made from is another file.
        signer: signer.filter(|_| options.output.is_none()),
        hash: HASH,
        companion: None,
        recheck: options.replace || options.without.is_some(),
    }
}

/// A signature for GRUB beside an image is of no interest here.
fn interest(path: &Path) -> Interest {
    match path.extension() {
        Some(extension) if extension == "sig" => Interest::Pass,
        _ => Interest::Take,
    }
}

/// Replaces one image by the signed one that `make` makes of it.
pub(super) fn sign_file(
    target: &Target,
    transaction: &Transaction<'_>,
    (notary, is_signed_before): (&Notary<'_>, &dyn Fn() -> Result<bool>),
    certificate: &Certificate,
    options: &EfiOptions,
    make: impl FnOnce(&Unsigned<'_>, &Image<'_>) -> Result<Vec<u8>>,
) -> Result<Done> {
    let path = &target.path;
    let source = Source::read(transaction, &target.file)?;
    let content = source.content();
    let input = if options.output.is_some() { &target.file } else { path };
    let refused = || format!("cannot sign {}", input.shown());
    let opened = source.open(options.replace, refused)?;
    let image = opened.known();
    let digest = image.digest(HASH);
    let signatures: Vec<_> = image.signatures().iter().map(|entry| entry.signature().ok()).collect();
    let is_signed = signatures
        .iter()
        .flatten()
        .any(|signature| is_own(signature, &digest, certificate));
    let is_doomed = |signature: &Signature<'_>| {
        let without = options.without.as_ref();
        without.is_some_and(|without| signature.cms.signers.iter().any(|signer| signer.names(without)))
    };
    let has_doomed = signatures.iter().flatten().any(is_doomed);
    let entries = image.signatures();
    let unreadable = entries
        .iter()
        .filter(|entry| trust::image::is_unreadable(entry))
        .count();
    if is_signed && unreadable == 0 && !has_doomed && (!options.replace || signatures.len() == 1) {
        if options.output.is_some() {
            stage_copy(content, target, transaction, options)?;
        }
        notary.note_image(&digest);
        let origin = match options.output {
            Some(_) => None,
            None => notary.origin_of_signed((Kind::Efi, &digest), target, content)?,
        };
        let sha256 = content.digest(HASH).or_could_not_run(refused)?;
        return Ok(Done::unchanged(digest, origin.map(|origin| (origin, sha256))));
    }
    let origin = match notary.judge((Kind::Efi, &digest), target, content, is_signed_before)? {
        Ok(origin) => origin,
        Err(unvouched) => return Ok(Done::left(Change::Unvouched, Some(unvouched.into()))),
    };
    let unsigned = image.unsigned_signature_over(certificate, &digest).or_refuse(refused)?;
    let cms = make(&unsigned, image)?;
    // One of ours that no longer holds is of no use, and some firmware looks at the first one only. One that cannot be read has
    // firmware refuse the image, whoever else signed it.
    let names = |signature: &Signature<'_>| signature.cms.signers.iter().any(|signer| signer.names(certificate));
    let keep = |index: usize| {
        let signature = signatures.get(index).and_then(Option::as_ref);
        let is_unreadable = entries.get(index).is_some_and(trust::image::is_unreadable);
        !options.replace
            && !is_unreadable
            && !signature.is_some_and(|signature| names(signature) || is_doomed(signature))
    };
    let sha256 = stage(&opened, keep, &cms, target, (transaction, options))?;
    let mut warnings = warnings(image);
    if unreadable > 0 {
        warnings.push(format!("signatures that firmware cannot read, taken out: {unreadable}"));
    }
    Ok(Done {
        warnings,
        ..Done::signed(digest, origin, sha256)
    })
}

/// Stages the image with this signature; returns its SHA-256, if it was written.
fn stage(
    opened: &Opened<'_>,
    keep: impl Fn(usize) -> bool,
    cms: &[u8],
    target: &Target,
    (transaction, options): (&Transaction<'_>, &EfiOptions),
) -> Result<Option<Digest>> {
    let refused = || format!("cannot sign {}", target.path.shown());
    match opened {
        Opened::Held(image) => {
            let signed = image.rewritten(keep, Some(cms)).or_refuse(refused)?;
            let parts = signed.parts();
            stage_written(target, transaction, options, |file| {
                parts.iter().try_for_each(|part| file.write_all(part))
            })?;
            Ok(Some(HASH.digest(&parts)))
        }
        Opened::Large(image, content) => {
            let signed = image.rewritten(&mut content.open(), keep, Some(cms));
            let signed = signed.or_could_not_run(refused)?.or_refuse(refused)?;
            let mut sha256 = None;
            stage_written(target, transaction, options, |file| {
                sha256 = Some(LargeImage::write(&signed, &mut content.open(), file)?);
                Ok(())
            })?;
            // A dry run writes nothing, and records nothing.
            Ok(sha256)
        }
    }
}

/// Stages the image as it is for another name.
fn stage_copy(
    content: Content<'_>,
    target: &Target,
    transaction: &Transaction<'_>,
    options: &EfiOptions,
) -> Result<()> {
    stage_written(target, transaction, options, |file| {
        std::io::copy(&mut content.open(), file).map(drop)
    })
}

fn stage_written(
    target: &Target,
    transaction: &Transaction<'_>,
    options: &EfiOptions,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    match &options.output {
        Some(output) => transaction.stage_file_written(output, |file| write(file)),
        // The file that was read, whatever the link that led to it has become.
        None => transaction.stage_written(&target.path, &target.file, |file| write(file)),
    }
}

/// The oddities of an image on which some firmware may fail.
fn warnings(image: &Image<'_>) -> Vec<String> {
    let problems = image.layout_problems().into_iter();
    problems
        .filter(|problem| problem.severity() == Severity::Warning)
        .map(|problem| problem.to_string())
        .collect()
}

/// True if a signature is by this certificate and holds for the image with this digest.
fn is_own(signature: &Signature<'_>, digest: &Digest, certificate: &Certificate) -> bool {
    signature.verify_digest(digest).is_ok() && trust::image::signer(signature).is_ok_and(|signer| signer == certificate)
}
