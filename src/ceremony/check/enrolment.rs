//! The examination in a simulated firmware, which takes all of it and judges an image.

use crate::enroll::{self, Request, StoreChoice};
use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::authenticode::{Image, minimal_image};
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::keys::KeyName;
use crate::system;
use crate::trust::{Anchors, examine as judge_image, read_database};

use super::super::spec::Revocations;
use super::product::{Product, Report};

/// Folder of the simulated firmware, in the work directory.
const TRIAL: &str = "trial";

/// A firmware in Setup Mode is given all of it, and must end in User Mode, with this PK, starting what db signs.
pub(super) fn examine(product: &Product<'_>, report: &mut Report) -> Result<()> {
    let cannot = || "cannot try the enrolment".to_owned();
    let trial = product.work.path().join(TRIAL);
    system::remove_tree(&product.work.began, &trial)?;
    let firmware = trial.join("firmware");
    system::create_dir(&product.work.began, &firmware)?;
    // Backups of variables go below this root, too.
    let context = product.work.began.clone().with_root(&trial);
    let store = StoreChoice::At(firmware.clone());
    let request = Request::new(product.directory.path().to_path_buf(), store);
    let applied = enroll::apply(&context, &enroll::plan(&context, &request)?, || ())?;
    let held = |variable: VariableName| {
        let bytes = system::read(&firmware.join(variable.full_name()))?;
        read_database(&bytes).or_bug(cannot)
    };
    if applied.setup_mode || held(VariableName::Pk)? != product.directory.database(VariableName::Pk)? {
        return Err(Error::bug(
            "the simulated firmware did not end in User Mode with this PK",
        ));
    }
    let dbx = product.spec.dbx == Revocations::Microsoft;
    let anchors = Anchors {
        pk: held(VariableName::Pk)?,
        kek: held(VariableName::Kek)?,
        db: held(VariableName::Db)?,
        dbx: if dbx {
            held(VariableName::Dbx)?
        } else {
            SignatureDatabase::default()
        },
        ..Anchors::default()
    };
    report.passed(format!(
        "a simulated firmware goes from Setup Mode to User Mode with this PK; KEK has {} entries, db {}, dbx {}",
        anchors.kek.entries().count(),
        anchors.db.entries().count(),
        anchors.dbx.entries().count()
    ));
    try_image(product, &anchors)?;
    report.passed(
            "that firmware lets an EFI image start that db signs, and neither the same image altered nor one without a signature",
        );
    system::remove_tree(&product.work.began, &trial)
}

fn try_image(product: &Product<'_>, anchors: &Anchors) -> Result<()> {
    let cannot = || "cannot sign an EFI image".to_owned();
    let certificate = product.directory.certificate(KeyName::Db)?;
    let key = product
        .work
        .signers()?
        .get(&KeyName::Db)
        .ok_or_else(|| Error::bug(cannot()))?;
    let file = minimal_image();
    let image = Image::parse(&file).or_bug(cannot)?;
    let unsigned = image
        .unsigned_signature(&certificate, HashAlgorithm::Sha256)
        .or_bug(cannot)?;
    let signature = key.sign(&unsigned.to_be_signed().or_bug(cannot)?)?;
    let signed = image
        .with_signature(&unsigned.assemble(&signature).or_bug(cannot)?)
        .or_bug(cannot)?;
    let starts = |bytes: &[u8]| {
        judge_image(bytes, None, anchors)
            .iter()
            .all(|finding| finding.verdict.is_ok())
    };
    let mut altered = signed.clone();
    if let Some(byte) = altered.get_mut(file.len() / 2) {
        *byte ^= 1;
    }
    if starts(&signed) && !starts(&file) && !starts(&altered) {
        Ok(())
    } else {
        Err(Error::bug(
            "the simulated firmware does not start what db signs, or starts what it does not",
        ))
    }
}
