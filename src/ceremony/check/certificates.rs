//! The examination of the certificates.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::keys::KeyName;
use crate::system;

use super::super::certificate_lint::{Judgement, Origin, Seen, lint};
use super::super::imported_certificates;
use super::super::spec::purpose;
use super::super::transcript::RecordedFinding;
use super::product::{Product, Report, expect_bytes};

/// The certificates that the ceremony issued state what was asked for; those that it imported are of use, and their
/// oddities are findings.
pub(super) fn examine(product: &Product<'_>, report: &mut Report) -> Result<()> {
    let mut certificates = BTreeMap::new();
    for name in product.spec.certified() {
        let certificate = product.directory.certificate(name)?;
        let der = system::read(&product.directory.certificate_path(name).with_extension("der"))?;
        expect_bytes(certificate.as_der(), &der, &format!("{name}.der"))?;
        certificates.insert(name, certificate);
    }
    let imported = product.spec.imported()?;
    let (imported, issued): (BTreeMap<_, _>, BTreeMap<_, _>) = certificates
        .into_iter()
        .partition(|(name, _)| imported.contains_key(name));
    examine_issued(product, &issued, report)?;
    if !imported.is_empty() {
        examine_imported(product, &imported, report)?;
    }
    Ok(())
}

fn examine_issued(
    product: &Product<'_>,
    certificates: &BTreeMap<KeyName, Certificate>,
    report: &mut Report,
) -> Result<()> {
    let mut serials = BTreeSet::new();
    for (name, certificate) in certificates {
        let key = product.spec.key(*name);
        let origin = Origin::Issued {
            bits: key.bits,
            years: key.years,
            from: product.work.began.date_time()?,
        };
        let seen = lint(certificate, purpose(*name), &origin);
        if let Some(wrong) = seen.iter().find(|seen| seen.judgement != Judgement::Sound) {
            return Err(Error::bug(format!("the {name} certificate: {}", wrong.text)));
        }
        serials.insert(certificate.serial());
        report.passed(format!("{name} certificate, issued here: {}", joined(&seen)));
    }
    if serials.len() != certificates.len() {
        return Err(Error::bug("two certificates have one serial number"));
    }
    if certificates.len() > 1 {
        report.passed(format!(
            "{} certificates issued here, no two serial numbers the same",
            serials.len()
        ));
    }
    Ok(())
}

fn examine_imported(
    product: &Product<'_>,
    certificates: &BTreeMap<KeyName, Certificate>,
    report: &mut Report,
) -> Result<()> {
    let examined = imported_certificates::examine(certificates, product.work.began.date_time()?)?;
    for (name, seen) in &examined.seen {
        let sound = joined(seen);
        if !sound.is_empty() {
            report.passed(format!("{name} certificate, imported: {sound}"));
        }
    }
    report
        .findings
        .extend(examined.findings.iter().map(RecordedFinding::from));
    Ok(())
}

/// The results of the checks that passed, in one line.
fn joined(seen: &[Seen]) -> String {
    let sound = seen.iter().filter(|seen| seen.judgement == Judgement::Sound);
    let texts: Vec<&str> = sound.map(|seen| seen.text.as_str()).collect();
    texts.join("; ")
}
