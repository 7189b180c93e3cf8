//! Images that bootseal builds and signs itself: they stand in the ledger like all that it signs.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::{Explain, Kind as ErrorKind, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticode::Image;
use crate::ledger::{Batch, Kind, Ledger, Origin, SignedFile};
use crate::system::Context;

use super::manifest;
use super::vouching::path_on_machine;

/// The hash that images are signed over.
const HASH: HashAlgorithm = HashAlgorithm::Sha256;

/// Records in the ledger that `command` puts this image, signed by the key of this certificate, at these paths, and has
/// `place` do it. The caller holds the lock of the state directory.
pub fn record_made<T>(
    context: &Context,
    command: &str,
    certificate: &Certificate,
    image: &[u8],
    paths: &[&Path],
    place: impl FnOnce() -> Result<T>,
) -> Result<T> {
    if context.dry_run() || paths.is_empty() {
        return place();
    }
    let mut ledger = Ledger::read(context).map_err(|error| match (error.kind(), Ledger::path_of(context)) {
        (ErrorKind::Refused, Ok(path)) => error.hint(Ledger::remedy(&path)),
        _ => error,
    })?;
    let is_new = ledger.is_empty();
    let taken_over = manifest::any(context)?;
    let parsed = Image::parse(image).or_refuse(|| "cannot record the image".to_owned())?;
    let (signed, sha256) = (parsed.digest(HASH).to_hex(), HASH.digest(&[image]).to_hex());
    let file = |path: &&Path| SignedFile {
        path: path_on_machine(context, path),
        sha256: sha256.clone(),
        signed: signed.clone(),
    };
    let batch = Batch {
        kind: Kind::Efi,
        key: certificate.fingerprint().to_hex(),
        hash: HASH.name().to_owned(),
        origin: Origin::Made,
        time: None,
        files: paths.iter().map(file).collect(),
    };
    let intent = ledger.intend(context, command, Vec::new(), vec![batch], taken_over)?;
    if is_new {
        // The next runs look at every file, and enter those that were signed before.
        manifest::forget(context)?;
    }
    let placed = place()?;
    if let Some(intent) = intent {
        ledger.complete(context, intent, &BTreeSet::new())?;
    }
    Ok(placed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::formats::firmware::authenticode::minimal_image;
    use crate::keys::certificate::{Purpose, Request, self_signed};
    use crate::keys::{KeyName, SoftwareKey};

    #[test]
    fn an_image_that_is_put_in_its_place_stands_in_the_ledger_and_one_that_is_not_is_left_open() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        let key = SoftwareKey::generate(&context, KeyName::Db.least_bits()).unwrap();
        let request = Request {
            common_name: "Test db".to_owned(),
            organization: None,
            purpose: Purpose::Code,
            years: 1,
        };
        let certificate = self_signed(&context, &key, &request).unwrap();
        let path = context.path("/efi/EFI/bootseal/grubx64.efi");
        let record = |place: &dyn Fn() -> Result<()>| {
            let image = minimal_image();
            record_made(&context, "grub install", &certificate, &image, &[&path], place)
        };
        record(&|| Ok(())).unwrap();
        let ledger = Ledger::read(&context).unwrap();
        let made = ledger
            .index()
            .by_path(Kind::Efi, "/efi/EFI/bootseal/grubx64.efi")
            .unwrap();
        assert_eq!((made.origin, ledger.open_run()), (Origin::Made, None));
        // Images that were signed before are still to be taken over.
        assert!(!ledger.index().has(Kind::Efi));
        record(&|| Err(Error::could_not_run("no space"))).unwrap_err();
        assert!(Ledger::read(&context).unwrap().open_run().is_some());
    }
}
