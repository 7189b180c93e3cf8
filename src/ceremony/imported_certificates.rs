//! The checks of certificates that were made elsewhere: one that is of no use is refused, an odd one is taken, told of and
//! recorded.

use std::collections::BTreeMap;

use der::DateTime;

use crate::error::{Error, Explain, Result};
use crate::finding::{Finding, Kind};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::text::Shown;
use crate::keys::KeyName;

use super::certificate_lint::{Judgement, Origin, Seen, lint};
use super::spec::{CertificateCheck, Spec, purpose};

/// A file of the directory that is imported may hold a key, and is not taken over.
const PASSED_OVER: Kind = Kind::warning("import_passed_over");

/// The results of all checks of imported certificates.
pub(super) struct Examined {
    /// Every check that ran, by key.
    pub seen: BTreeMap<KeyName, Vec<Seen>>,
    /// The oddities among them, in the order of authority. The subject of each is the name of the key.
    pub findings: Vec<Finding>,
}

/// Reads the certificates that are imported, and examines them.
pub(super) fn read_and_examine(spec: &Spec, now: DateTime) -> Result<Examined> {
    let files = spec.imported()?;
    let certificates = files
        .iter()
        .map(|(name, files)| Ok((*name, files.certificate()?)))
        .collect::<Result<_>>()?;
    let mut examined = examine(&certificates, now)?;
    for file in spec.passed_over()? {
        let shown = file.shown();
        let text = format!(
            "{shown} is not taken over: it is named after no role with a certificate (PK, KEK, db, module, and pcr where that is made); a key of GRUB, as \
             GnuPG exports it, is named by --grub-key, or grub_key in the specification"
        );
        examined.findings.push(Finding::new(PASSED_OVER, shown, text));
    }
    Ok(examined)
}

/// Runs all checks on imported certificates: on each by itself, and on all together. Refuses one that firmware or kernel
/// cannot use, and two with the same key.
pub(super) fn examine(certificates: &BTreeMap<KeyName, Certificate>, now: DateTime) -> Result<Examined> {
    let mut seen: BTreeMap<KeyName, Vec<Seen>> = BTreeMap::new();
    for (name, certificate) in certificates {
        let mut results = lint(certificate, purpose(*name), &Origin::Imported { now });
        let unusable: Vec<&str> = results
            .iter()
            .filter(|seen| seen.judgement == Judgement::Unusable)
            .map(|seen| seen.text.as_str())
            .collect();
        if !unusable.is_empty() {
            return Err(Error::refused(format!(
                "the imported {name} certificate is of no use: {}",
                unusable.join("; ")
            ))
            .hint("take its files out of the directory, and the ceremony makes this key"));
        }
        let cannot = || format!("the imported {name} certificate is of no use");
        for (other, earlier) in certificates.range(..*name) {
            if earlier.public_key().or_refuse(cannot)? == certificate.public_key().or_refuse(cannot)? {
                return Err(Error::refused(format!(
                    "the imported {other} and {name} certificates have the same key"
                ))
                .hint("each is a key of its own, so that one can be replaced without the other"));
            }
            if has_same_number(earlier, certificate) {
                results.push(Seen {
                    check: CertificateCheck::SerialNumber,
                    judgement: Judgement::Odd,
                    text: format!(
                        "its issuer and serial number are those of {other}: signatures do not tell the two apart"
                    ),
                });
            }
        }
        seen.insert(*name, results);
    }
    let findings = findings(&seen);
    Ok(Examined { seen, findings })
}

/// True if a signature that names its certificate by issuer and serial number (RFC 5652, section 10.2.4) names both.
fn has_same_number(one: &Certificate, other: &Certificate) -> bool {
    one.fields().issuer == other.fields().issuer && one.serial() == other.serial()
}

fn findings(seen: &BTreeMap<KeyName, Vec<Seen>>) -> Vec<Finding> {
    let finding = |name: &KeyName, seen: &Seen| Finding::new(seen.check.kind(), name.name(), &seen.text);
    seen.iter()
        .flat_map(|(name, results)| results.iter().map(move |seen| (name, seen)))
        .filter(|(_, seen)| seen.judgement == Judgement::Odd)
        .map(|(name, seen)| finding(name, seen))
        .collect()
}
