//! The power over firmware that lies on this machine: private keys of PK and KEK, and signed writes, which need no key.

use std::path::{Path, PathBuf};

use crate::ceremony::transcript::Event;
use crate::ceremony::verify;
use crate::disk::{Tree, files_below};
use crate::enroll::{Reach, is_update};
use crate::error::quoted;
use crate::finding::{Finding, Kind, Outcome};
use crate::formats::text::{Shown, printable};
use crate::keys::directory::TRANSCRIPT;
use crate::keys::{KeyDirectory, KeyName};
use crate::system::{self, FileKind, is_there};

use crate::audit::machine::Machine;
use crate::audit::reason::reason;

use super::laid_down::LaidDown;
use super::look::with_directory;

/// The private key of PK or KEK is on this machine.
pub(super) const AUTHORITY_KEY_PRESENT: Kind = Kind::warning("authority_key_present");
/// The signed write that removes PK is on a machine without the private key of PK.
const REMOVAL_PRESENT: Kind = Kind::warning("platform_key_removal_present");
/// A signed write that changes boards against what is meant is on a machine without the private key that signed it.
const BEARER_WRITE: Kind = Kind::warning("bearer_write");

/// Largest signed write that is read, in bytes.
const MAX_AUTH: u64 = 4 << 20;
/// Directories where people lay files down, and what of them is looked at: the files of each and of the directories in it.
const HOMES: [&str; 3] = ["root", "tmp", "var/tmp"];
/// Depth to which these are looked into.
const HOME_DEPTH: usize = 2;

pub(super) fn offline(machine: &Machine<'_>) -> Outcome {
    with_directory(machine, |directory| {
        let mut outcome = Outcome::default();
        let tree = Tree::below(directory.path(), &|_| false);
        for (path, error) in &tree.unread {
            outcome.not_run.push(format!("{}: {}", path.shown(), reason(error)));
        }
        let mut found = Vec::new();
        for name in [KeyName::Pk, KeyName::Kek] {
            let mut paths = vec![directory.private_key_path(name)];
            // Where old keys are kept, new ones wait, or copies were put.
            let below = tree.files.iter().map(|entry| &entry.path);
            paths.extend(below.filter(|path| is_named(path, name)).cloned());
            paths.retain(|path| path.exists());
            paths.sort();
            paths.dedup();
            if paths.is_empty() {
                outcome.evidence.push(format!("{name}: not here"));
            }
            found.extend(paths.into_iter().map(|path| (name, path)));
        }
        for (name, path) in &found {
            outcome.findings.push(present(directory, *name, path));
        }
        writes(machine, directory, &mut outcome)?;
        Ok(outcome)
    })
}

/// True for the file of a private key by the name that it has in every directory of keys.
fn is_named(path: &Path, name: KeyName) -> bool {
    path.file_name()
        .is_some_and(|file| file == format!("{name}.key").as_str())
}

fn present(directory: &KeyDirectory, name: KeyName, path: &Path) -> Finding {
    let shown = path.shown();
    let is_present = path == directory.private_key_path(name);
    let (text, subject) = if is_present {
        (
            format!("the private key of {name} is on this machine, in {shown}"),
            name.name().to_owned(),
        )
    } else {
        (
            format!(
                "a private key of {name} is on this machine, in {shown}: each board that has not forgotten its certificate obeys it"
            ),
            shown.clone(),
        )
    };
    let remedy = format!("move {shown} to a medium that is kept elsewhere");
    Finding::new(AUTHORITY_KEY_PRESENT, subject, text).remedy(remedy)
}

/// Looks for signed writes by keys of this ceremony.
fn writes(machine: &Machine<'_>, directory: &KeyDirectory, outcome: &mut Outcome) -> Result<(), String> {
    let signers = signers(directory)?;
    let board = machine.board();
    let chosen = places(machine, directory, &mut outcome.not_run).choose();
    outcome.not_run.extend(chosen.of_root);
    // Nobody but root decides if the answer is whole.
    outcome.evidence.extend(chosen.of_others);
    let mut harmless = 0_usize;
    for (path, is_roots) in chosen.files {
        let bytes = match system::read_prefix(&path, Some(MAX_AUTH)) {
            Ok(bytes) => bytes,
            Err(error) if is_roots => {
                outcome.not_run.push(reason(&error));
                continue;
            }
            Err(error) => {
                outcome.evidence.push(reason(&error));
                continue;
            }
        };
        let of = |board| Reach::read(machine.context(), (&bytes, &path.shown()), Some(directory), board);
        // Another program's file of this ending, or one whose signature holds for nothing.
        let Ok(reach) = of(board).or_else(|_| of(None)) else {
            continue;
        };
        let authority = if matches!(reach.variable, "PK" | "KEK") {
            KeyName::Pk
        } else {
            KeyName::Kek
        };
        // Beside the private key it gives away nothing more; others' keys are no secret of ours.
        let beside = path.with_file_name(format!("{authority}.key"));
        if !reach.is_bearer_token() || !signers.contains(&reach.signer) || is_there(&beside).unwrap_or(false) {
            harmless = harmless.saturating_add(1);
            continue;
        }
        outcome.findings.push(bearer(&path, &reach));
    }
    if harmless > 0 {
        outcome.evidence.push(format!(
            "signed writes that change no board against what is meant: {harmless}"
        ));
    }
    Ok(())
}

fn bearer(path: &Path, reach: &Reach) -> Finding {
    let (shown, remove) = (path.shown(), format!("rm {}", quoted(path)));
    if reach.removes_platform_key {
        let text = format!(
            "{shown} takes the platform key out of every board that has it, without any key or passphrase; a copy of it is worth \
             nothing only after keys rotate PK"
        );
        let subject = path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        return Finding::new(REMOVAL_PRESENT, printable(&subject), text).remedy(remove);
    }
    let verb = if reach.append { "adds to" } else { "replaces" };
    let text = format!(
        "{shown} {verb} {} of {}, {}, other than the key directory has it: it needs no key",
        reach.variable,
        reach.boards,
        reach.until_in_words()
    );
    let finding = Finding::new(BEARER_WRITE, shown, text)
        .remedy(remove)
        .remedy(format!("what it changes is told by: bootseal verify {}", quoted(path)));
    match path.parent().filter(|update| is_update(update)) {
        Some(update) => finding.remedy(format!(
            "if it is for this machine, instead: bootseal enroll apply {}",
            quoted(update)
        )),
        None => finding,
    }
}

/// SHA-256 of the certificates of PK and KEK that this ceremony has or had, lower-case hex.
fn signers(directory: &KeyDirectory) -> Result<Vec<String>, String> {
    let authorities = [KeyName::Pk, KeyName::Kek];
    let present = authorities.iter().filter_map(|name| directory.certificate(*name).ok());
    let mut signers: Vec<String> = present.map(|certificate| certificate.fingerprint().to_hex()).collect();
    let has_transcript = is_there(&directory.file_path(TRANSCRIPT)).map_err(|error| reason(&error))?;
    // A transcript that does not hold is told by those who read it.
    let signed = has_transcript.then(|| verify::read(directory.path()).ok()).flatten();
    for event in signed.iter().flat_map(|signed| signed.transcript.events()) {
        if let Event::Certified { key, fingerprint, .. } = event
            && authorities.iter().any(|name| name.name() == key)
        {
            signers.push(fingerprint.clone());
        }
    }
    Ok(signers)
}

/// Files that may be signed writes: in the key directory and below, in the state, on the boot media, and where people put files down.
fn places(machine: &Machine<'_>, directory: &KeyDirectory, not_run: &mut Vec<String>) -> LaidDown {
    let context = machine.context();
    let mut whole = vec![directory.path().to_path_buf()];
    whole.extend(context.state().ok());
    whole.extend(
        machine
            .esps()
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .map(|esp| esp.directory.clone()),
    );
    let mut laid = LaidDown::default();
    for place in whole.iter().filter(|place| place.is_dir()) {
        laid.add_roots(files_below(place, not_run));
    }
    let mut homes: Vec<PathBuf> = HOMES.iter().map(|home| context.path(home)).collect();
    let users = system::list_directory(&context.path("home")).unwrap_or_default();
    homes.extend(
        users
            .into_iter()
            .filter(|entry| entry.kind == FileKind::Directory)
            .map(|entry| entry.path),
    );
    for home in homes {
        laid.look_into(&home, HOME_DEPTH);
    }
    laid
}
