//! The images on the EFI system partitions: which ones db lets in, and which of these lead around the chain.

use crate::error::quoted;
use crate::finding::{Finding, Kind, Level, Outcome};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::guid::Guid;
use crate::formats::text::{Shown, printable};
use crate::trust::image::{Acceptance, Refusal};
use crate::trust::loader::Loader;
use crate::trust::microsoft;

use crate::audit::images::{Found, Place};
use crate::audit::machine::Machine;
use crate::audit::offline::{ELSEWHERE, signs_here};
use crate::audit::reason::reason;

/// A GRUB that db lets in opens unsigned files.
pub(super) const OPEN_GRUB: Kind = Kind::error("open_grub");
/// A UEFI shell that db lets in.
pub(super) const UEFI_SHELL: Kind = Kind::error("uefi_shell");
/// A shim of somebody else that db lets in.
pub(super) const FOREIGN_SHIM: Kind = Kind::warning("foreign_shim");
/// A loader of somebody else that db lets in.
pub(super) const FOREIGN_LOADER: Kind = Kind::warning("foreign_loader");
/// A file that should be an image and cannot be judged.
pub(super) const MALFORMED_IMAGE: Kind = Kind::warning("malformed_image");

pub(super) fn check(machine: &Machine<'_>) -> Outcome {
    let (images, anchors) = match (machine.images(Place::Esps), machine.anchors()) {
        (Ok(images), Ok(anchors)) => (images, anchors),
        (Err(missing), _) => return Outcome::could_not_run(missing),
        (_, Err(missing)) => return Outcome::could_not_run(missing.clone()),
    };
    if let Err(missing) = machine.policy() {
        return Outcome::could_not_run(missing);
    }
    let mut outcome = Outcome {
        not_run: images.not_run,
        ..Outcome::default()
    };
    // What starts nowhere harms nobody, unless it is to start; and other firmware may read it otherwise than is done here.
    for none in &images.none {
        let text = format!("{} is no image that can be judged: {}", none.shown, none.why);
        let remedy = "if it is a loader, install it anew; else remove it";
        let finding = Finding::new(MALFORMED_IMAGE, none.path.shown(), text).remedy(remedy);
        outcome.findings.push(finding);
    }
    let has_timestamps = has_timestamps(machine, &mut outcome);
    let keys = match signs_here(machine, VariableName::Dbx) {
        Ok(false) => ELSEWHERE,
        Ok(true) | Err(_) => "",
    };
    for found in images.found {
        match &found.judged {
            Some(Ok(let_in)) => look_at(found, let_in, anchors.with_shim, keys, &mut outcome),
            Some(Err(refusal)) => {
                let text = format!("{}: not let in, {}", found.shown, printable(&refusal.to_string()));
                if has_timestamps && Refusal::may_be_lifted(refusal) {
                    outcome.not_run.push(text);
                } else {
                    outcome.evidence.push(text);
                }
            }
            None => {}
        }
    }
    outcome
}

/// True if the firmware has a dbt, by which a timestamp lifts a revocation for images that are older than it.
fn has_timestamps(machine: &Machine<'_>, outcome: &mut Outcome) -> bool {
    let read = machine
        .store()
        .map(|store| store.read_any("dbt", &Guid::IMAGE_SECURITY_DATABASE));
    match read {
        Ok(Ok(dbt)) => dbt.is_some_and(|raw| !raw.data.is_empty()),
        Ok(Err(error)) => {
            outcome.not_run.push(reason(&error));
            true
        }
        Err(_) => false,
    }
}

/// Judges an image that db lets in.
/// `keys` is the option that names the key which signs dbx, where that is needed.
fn look_at(found: &Found, let_in: &Acceptance, with_shim: bool, keys: &str, outcome: &mut Outcome) {
    let shown = &found.shown;
    let because = printable(&let_in.to_string());
    let (kind, leads) = match (&found.loader, foreign(let_in)) {
        (Loader::Grub(Ok(verdict)), _) => return outcome.evidence.push(format!("{shown}: {because}; {verdict}")),
        (Loader::UnknownGrub(reason), _) => {
            let text = format!("{shown}: {because}; what this GRUB does cannot be told: {reason}");
            return outcome.not_run.push(text);
        }
        (Loader::Grub(Err(verdict)), _) => (OPEN_GRUB, format!("as a GRUB {verdict}")),
        (Loader::Shell, _) => {
            let text = "is a UEFI shell: whoever sits there changes variables and memory with it";
            (UEFI_SHELL, text.to_owned())
        }
        (Loader::Shim { .. }, Some(_)) if with_shim => {
            let text = format!(
                "{shown}: {because}; a shim, as the configuration wants it, {}",
                shims(&found.loader)
            );
            return outcome.evidence.push(text);
        }
        (Loader::Shim { .. }, Some(_)) => (FOREIGN_SHIM, format!("is a shim, {}", shims(&found.loader))),
        (_, Some(known)) => (
            FOREIGN_LOADER,
            format!(
                "is somebody else's: \"{}\" vouches for what it starts, not you",
                known.common_name
            ),
        ),
        (_, None) => return outcome.evidence.push(format!("{shown}: {because}")),
    };
    let remedy = match (kind.level(), &found.unmounted) {
        (_, Some(file)) => format!(
            "mount {}, and remove it, or have its hash forbidden",
            file.partition.device
        ),
        (level, None) => {
            let path = quoted(&found.path);
            let command = format!("bootseal enroll add dbx {path}{keys} && rm {path}");
            if level == Level::Error {
                command
            } else {
                format!("if it is not wanted: {command}")
            }
        }
    };
    let text = format!("{shown} is {because}, and {leads}");
    outcome
        .findings
        .push(Finding::new(kind, found.path.shown(), text).remedy(remedy));
}

/// Microsoft's certificate that let an image in, by which others' loaders come in.
fn foreign(let_in: &Acceptance) -> Option<&'static microsoft::MicrosoftCertificate> {
    let known = microsoft::find(&let_in.measured()?.data)?;
    (known.variable == VariableName::Db).then_some(known)
}

/// Whose shim it is, and whom it trusts.
fn shims(loader: &Loader) -> String {
    let Loader::Shim { vendor, certificates } = loader else {
        return String::new();
    };
    let vendor = vendor
        .as_deref()
        .map_or_else(|| "of unknown make".to_owned(), |name| format!("of {name}"));
    let trusted: Vec<String> = certificates.iter().map(|name| format!("\"{name}\"")).collect();
    let trusted = if trusted.is_empty() {
        "what its machine owner's keys signed".to_owned()
    } else {
        format!("what {} signed", trusted.join(" and "))
    };
    printable(&format!("{vendor}, which starts {trusted}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::images::Places;
    use crate::formats::crypto::hash::HashAlgorithm;
    use crate::formats::firmware::signature_list::{Signature, SignatureType};
    use crate::trust::image::Place;

    /// Nobody but Microsoft can sign one, and none is among Debian's packages.
    #[test]
    fn what_microsofts_certificates_let_in_beside_shims_is_somebody_elses() {
        let looked_at = |der: &[u8], loader: Loader, with_shim| {
            let (owner, data) = (Guid::MICROSOFT, der.to_vec());
            let let_in = Acceptance::Certificate {
                signer: "Microsoft Windows".to_owned(),
                anchor: "Windows UEFI CA 2023".to_owned(),
                entry: Signature { owner, data },
                place: Place {
                    variable: VariableName::Db,
                    number: 2,
                    kind: SignatureType::X509,
                    owner,
                },
            };
            let found = Found {
                path: "/efi/EFI/Microsoft/Boot/bootmgfw.efi".into(),
                shown: "/efi/EFI/Microsoft/Boot/bootmgfw.efi".to_owned(),
                unmounted: None,
                sha256: HashAlgorithm::Sha256.digest(&[]),
                inner_sha256: None,
                measured: Vec::new(),
                release: None,
                is_kernel: false,
                sbat: None,
                unified: None,
                places: Places::default(),
                loader,
                judged: Some(Ok(let_in.clone())),
            };
            let mut outcome = Outcome::default();
            look_at(&found, &let_in, with_shim, " --keys STICK", &mut outcome);
            outcome
        };
        let windows = microsoft::CERTIFICATES
            .iter()
            .find(|known| known.name == "windows-2023");
        let windows = windows.unwrap().der;
        let outcome = looked_at(windows, Loader::Other, true);
        let finding = &outcome.findings[0];
        assert_eq!((finding.kind, finding.level), (FOREIGN_LOADER, Level::Warning));
        assert!(
            finding.text.contains("\"Windows UEFI CA 2023\" vouches"),
            "{}",
            finding.text
        );
        // Once the file is gone there is nothing whose hash could be taken.
        assert_eq!(
            finding.remedies,
            [
                "if it is not wanted: bootseal enroll add dbx /efi/EFI/Microsoft/Boot/bootmgfw.efi --keys STICK && rm \
              /efi/EFI/Microsoft/Boot/bootmgfw.efi"
            ]
        );
        assert_eq!(looked_at(b"ours", Loader::Other, false).findings, []);
        assert_eq!(looked_at(b"ours", Loader::Shell, false).findings[0].level, Level::Error);
    }
}
