//! The findings about Portage's own signing: the hash of modules, and a key that secureboot.eclass made.

use std::path::Path;

use crate::error::Result;
use crate::finding::{Finding, Kind};
use crate::formats::crypto::pem::PemFile;
use crate::formats::text::printable;
use crate::keys::{KeyDirectory, KeyName};
use crate::system::{Context, PortageSettings, read_if_there};
use crate::trust::kernel_config::{Judgement, judge_hashes};

/// Portage signs modules over another hash, or with a name of the hash that it does not take.
const PORTAGE_HASH: Kind = Kind::warning("portage_hash");
/// Portage signs EFI images with a key that is not ours, or is about to make one.
const PORTAGE_KEY: Kind = Kind::warning("portage_key");
/// The key and certificate that secureboot.eclass takes where no variable names others, and makes where there are none.
const SECUREBOOT: &str = "/etc/portage/secureboot.pem";
/// The variable that names another key.
const SIGN_KEY: &str = "SECUREBOOT_SIGN_KEY";
/// The command that puts the db key in its place.
const EXPORT: &str = "bootseal keys export db --format portage --output /etc/portage/secureboot.pem";
/// Longest PEM file that is read, in bytes.
const MAX_PEM: u64 = 1 << 20;

pub(super) fn portage(context: &Context, keys: &Path) -> Result<Vec<Finding>> {
    let Some(settings) = PortageSettings::read(context)? else {
        return Ok(Vec::new());
    };
    let mut findings: Vec<Finding> = judge_hashes(&settings)
        .into_iter()
        .filter(Judgement::is_unmet)
        .map(hash)
        .collect();
    findings.extend(key(context, &settings, keys)?);
    Ok(findings)
}

/// One value cannot serve both eclasses (see docs/adr/0011).
fn hash(judged: Judgement) -> Finding {
    let text = format!("{}: {}: {}", judged.subject, judged.found, judged.reason);
    Finding::new(PORTAGE_HASH, judged.subject, text).remedies(judged.remedy)
}

fn key(context: &Context, settings: &PortageSettings, keys: &Path) -> Result<Option<Finding>> {
    if settings.make_conf(SIGN_KEY).is_some() {
        return Ok(None);
    }
    let own = KeyDirectory::open(keys).and_then(|keys| keys.below(context.root()).certificate(KeyName::Db));
    let found = |text: String, remedy: String| Some(Finding::new(PORTAGE_KEY, SECUREBOOT, text).remedy(remedy));
    let Some(pem) = read_if_there(&context.path(SECUREBOOT), MAX_PEM)? else {
        let text = format!(
            "USE=secureboot is set, and neither {SIGN_KEY} nor {SECUREBOOT}: Portage makes a key of its own, which the firmware does \
             not know"
        );
        let is_asked_for = settings.uses("secureboot") && own.is_ok();
        return Ok(found(text, EXPORT.to_owned()).filter(|_| is_asked_for));
    };
    let certificates = PemFile::parse(&pem).map(|pem| pem.certificates).unwrap_or_default();
    let is_ours = own.is_ok_and(|own| certificates.contains(&own));
    let whose = certificates.first().map_or_else(String::new, |other| {
        format!(" of \"{}\"", printable(&other.common_name()))
    });
    let text = format!(
        "{SECUREBOOT} holds a key{whose} that is not the db key: packages with USE=secureboot are signed by it"
    );
    Ok(found(text, format!("rm {SECUREBOOT} && {EXPORT}")).filter(|_| !is_ours))
}
