//! The check of signed values of PCR 11, to which disks are bound: a TPM opens them for whatever the signer has signed.

use crate::finding::{Finding, Kind, Outcome};
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::firmware::pcr_signature::{PcrSignature, REGISTER, fingerprint};
use crate::formats::text::printable;
use crate::keys::{KeyDirectory, KeyName};
use crate::system;

use crate::audit::check::{Check, Group};
use crate::audit::images::Place;
use crate::audit::machine::Machine;
use crate::audit::reason::reason;
use crate::audit::unified::Measured;

/// A signature for the TPM does not hold, or is of another image.
const WRONG: Kind = Kind::error("pcr_signature_wrong");
/// An image is signed for the TPM by another key than ours.
const FOREIGN: Kind = Kind::warning("pcr_key_foreign");

/// The way to another image.
const ANEW: &str =
    "build the image anew, by ukify with --pcr-private-key and --pcr-public-key, and sign it: bootseal sign efi IMAGE";

pub(super) const CHECKS: &[Check] = &[Check {
    id: "boot.pcr_signatures",
    group: Group::Boot,
    title: "Values of PCR 11 that are signed in unified kernel images",
    kind: WRONG,
    proves: "Each signature in the section .pcrsig of a unified image holds by the key in its .pcrpkey, which is the pcr key of the key \
             directory if that has one, and is over a value that PCR 11 has in a phase of the start of this very image: the TPM opens \
             a disk that is bound to that key for it. Of images with several profiles, or that choose a device tree, the value is not \
             known before they start.",
    remedy: "Build the image anew, by ukify with --pcr-private-key and --pcr-public-key, and: bootseal sign efi IMAGE",
    run: signed,
}];

fn signed(machine: &Machine<'_>) -> Outcome {
    let images = match machine.images(Place::Anywhere) {
        Ok(images) => images,
        Err(missing) => return Outcome::could_not_run(missing),
    };
    let mut outcome = Outcome {
        not_run: images.not_run,
        ..Outcome::default()
    };
    let measured = images.found.iter().filter_map(|found| {
        let measured = found.unified.as_ref()?.measured.as_ref()?;
        Some((&found.shown, measured))
    });
    let measured: Vec<_> = measured.collect();
    if measured.is_empty() {
        if outcome.not_run.is_empty() {
            return Outcome::not_applicable("no unified kernel image is signed for the TPM");
        }
        return outcome;
    }
    let own = own_key(machine).unwrap_or_else(|missing| {
        outcome.not_run.push(missing);
        None
    });
    for (image, measured) in measured {
        look_at(&mut outcome, image, measured, own.as_ref());
    }
    outcome
}

/// The key of the key directory; none if it has none.
fn own_key(machine: &Machine<'_>) -> Result<Option<RsaPublicKey>, String> {
    let directory = KeyDirectory::unjudged(machine.keys_path()).below(machine.context().root());
    let path = directory.certificate_path(KeyName::Pcr);
    if !system::is_there(&path).map_err(|error| reason(&error))? {
        return Ok(None);
    }
    let certificate = directory.certificate(KeyName::Pcr).map_err(|error| reason(&error))?;
    certificate.public_key().map(Some).map_err(|error| error.to_string())
}

/// Judges what one image has.
fn look_at(outcome: &mut Outcome, image: &str, measured: &Measured, own: Option<&RsaPublicKey>) {
    let mut find = |kind: Kind, text: String| {
        let finding = Finding::new(kind, image, printable(&format!("{image}: {text}")));
        outcome.findings.push(finding.remedy(ANEW));
    };
    let key = match &measured.key {
        Some(Ok(key)) => Some(key),
        Some(Err(why)) => return find(WRONG, format!(".pcrpkey holds no key of a TPM policy: {why}")),
        None => None,
    };
    if let (Some(key), Some(own)) = (key, own)
        && key != own
    {
        let text = ".pcrpkey holds another key than the pcr key: a disk that is bound to ours does not open for it";
        find(FOREIGN, text.to_owned());
    }
    let signatures = match &measured.signatures {
        Some(Ok(signatures)) => signatures.as_slice(),
        Some(Err(why)) => return find(WRONG, format!(".pcrsig: {why}")),
        None => return find(WRONG, "it has a key for TPM policies and no signature".to_owned()),
    };
    let known: Vec<(Option<String>, &RsaPublicKey)> =
        key.into_iter().chain(own).map(|key| (fingerprint(key), key)).collect();
    let by = |signature: &PcrSignature| {
        let is_named = |name: &Option<String>| name.as_deref() == Some(&*signature.fingerprint);
        known.iter().find(|(name, _)| is_named(name)).map(|(_, key)| *key)
    };
    let (ours, others): (Vec<_>, Vec<_>) = signatures.iter().partition(|signature| by(signature).is_some());
    if ours.is_empty() {
        let text = match key {
            Some(_) => "no signature in .pcrsig is by the key in .pcrpkey",
            None => "it has signatures for the TPM and no .pcrpkey that says by which key",
        };
        return find(if key.is_some() { WRONG } else { FOREIGN }, text.to_owned());
    }
    let broken = ours
        .iter()
        .filter(|signature| by(signature).is_none_or(|key| !signature.is_by(key)))
        .count();
    if broken > 0 {
        find(
            WRONG,
            format!("{broken} of {} signatures in .pcrsig do not hold", ours.len()),
        );
    }
    let is_of_register = |signature: &&&PcrSignature| signature.registers == [REGISTER];
    let policies = |signature: &PcrSignature| measured.policies.get(&signature.bank);
    let mut told = 0_usize;
    let mut stale = 0_usize;
    for signature in ours.iter().filter(is_of_register) {
        if let Some(policies) = policies(signature) {
            told = told.saturating_add(1);
            stale = stale.saturating_add(usize::from(!policies.contains(&signature.policy)));
        }
    }
    if stale > 0 {
        let text = format!(
            "{stale} of {told} signatures in .pcrsig are for a value that PCR 11 has in no phase of a start of this image: it was \
             changed after that, or they are for phases of one's own"
        );
        find(WRONG, text);
    }
    let (hold, right) = (ours.len().saturating_sub(broken), told.saturating_sub(stale));
    let of_others = match others.len() {
        0 => String::new(),
        count => format!("; {count} are by other keys"),
    };
    outcome.evidence.push(printable(&format!(
        "{image}: {hold} signatures hold, {right} are of this image{of_others}"
    )));
}
