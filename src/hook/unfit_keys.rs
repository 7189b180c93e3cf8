//! The keys that sign nothing which this machine starts, asked of those who judge their signatures.

use crate::error::{Kind as ErrorKind, Result};
use crate::finding::{Finding, Kind, Outcome};
use crate::keys::{KeyDirectory, KeyName};
use crate::start::{self, Scene};
use crate::system::Context;
use crate::system::config::Config;
use crate::trust::Anchors;

use super::kernels::Installed;
use super::key::has;
use super::key_findings::KEY_MISMATCH;
use super::preflight::check_firmware;

/// The firmware enforces Secure Boot and does not hold the certificate of the db key.
const KEY_NOT_IN_FIRMWARE: Kind = Kind::error("key_not_in_firmware");
/// The GRUB that starts next asks for signatures, and does not embed the grub key.
const KEY_NOT_IN_GRUB: Kind = Kind::error("key_not_in_grub");

/// Asks whether the halves of each key belong together, the firmware for the db key, installed kernels for the module key, and the
/// GRUB that starts next for its own. Nothing is said of what is not there; what is there and cannot be asked is told.
#[must_use]
pub fn unfit_keys(context: &Context, config: &Config, keys: &KeyDirectory) -> Outcome {
    let mut outcome = Outcome::default();
    for name in KeyName::ALL {
        note(&mut outcome, KEY_MISMATCH, name, keys.check_halves(name).map(drop));
    }
    if has(keys, KeyName::Db) {
        let answer = check_firmware(context, keys);
        note(&mut outcome, KEY_NOT_IN_FIRMWARE, KeyName::Db, answer);
    }
    match Installed::read(context, config, keys.path()) {
        Ok(kernels) => {
            outcome.findings.extend(kernels.refusals(context, config));
            outcome.not_run.extend(kernels.unknown());
        }
        Err(error) => outcome.not_run.push(error.in_one_line()),
    }
    if has(keys, KeyName::Grub) {
        let answer = check_grub(context, config, keys);
        note(&mut outcome, KEY_NOT_IN_GRUB, KeyName::Grub, answer);
    }
    outcome
}

fn check_grub(context: &Context, config: &Config, keys: &KeyDirectory) -> Result<()> {
    let mut anchors = Anchors::from_directory(keys)?;
    anchors.with_shim = config.grub.shim;
    start::check_grub_key(Scene {
        context,
        config,
        anchors: &anchors,
    })
}

/// Notes an answer: a refusal is a finding about the key.
fn note(outcome: &mut Outcome, kind: Kind, name: KeyName, answer: Result<()>) {
    match answer {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::Refused => {
            let finding = Finding::new(kind, name.name(), error.in_one_line());
            outcome.findings.push(finding.remedies(error.hints()));
        }
        Err(error) => outcome.not_run.push(error.in_one_line()),
    }
}
