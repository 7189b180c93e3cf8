//! Checks of the keys on this machine: their permissions, encryption, place and validity, and the backup of them.

mod backup;
mod laid_down;
mod look;
mod offline;
mod strays;

use std::path::{Path, PathBuf};

use crate::ceremony::life::{Listed, list};
use crate::error::{Kind as ErrorKind, quoted};
use crate::finding::{Finding, Kind, Outcome};
use crate::formats::text::{Shown, printable};
use crate::hook::KEY_MISMATCH;
use crate::keys::{KeyDirectory, KeyName};
use crate::system::{self, is_private, is_shared};

use crate::audit::check::{Check, Group};
use crate::audit::machine::Machine;
use crate::audit::offline::rotate;
use crate::audit::reason::reason;

use backup::{NEVER_RESTORED, NOT_BACKED_UP, backed_up, drill};
use look::{seconds, with_directory};
use offline::{AUTHORITY_KEY_PRESENT, offline};
use strays::strays;

/// How long before its end a certificate is told of, in seconds.
const SOON: u64 = 90 * 24 * 60 * 60;
/// Others than root can read a private key.
const KEY_READABLE: Kind = Kind::error("key_readable");
/// A private key does not belong to root.
const KEY_NOT_ROOTS: Kind = Kind::error("key_not_roots");
/// The private key of PK or KEK is not encrypted.
const AUTHORITY_KEY_PLAIN: Kind = Kind::warning("authority_key_plain");
/// A private key lies on a file system without owners.
const KEY_ON_SHARED: Kind = Kind::error("key_on_shared_file_system");
/// A certificate of ours has expired.
const EXPIRED: Kind = Kind::error("certificate_expired");
/// A certificate of ours expires soon.
const EXPIRES_SOON: Kind = Kind::warning("certificate_expires_soon");
/// A certificate of ours begins later than the clock.
const NOT_YET: Kind = Kind::warning("certificate_not_yet_valid");

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "keys.private",
        group: Group::Keys,
        title: "Permissions of the private keys",
        kind: KEY_READABLE,
        proves: "The key directory has mode 0700, private keys have no rights for group and others, and all belong to root.",
        remedy: "chown root: FILE; chmod 0400 FILE; chmod 0700 DIRECTORY. Whoever read a key may have a copy: rotate it.",
        run: private,
    },
    Check {
        id: "keys.offline",
        group: Group::Keys,
        title: "Absence of the private keys of PK and KEK, and of what does the same",
        kind: AUTHORITY_KEY_PRESENT,
        proves: "Whoever takes this machine over cannot change what its firmware, and that of others, trusts: neither key is in the key \
                 directory or below, and no signed write of them that changes a board against what is meant lies there, in \
                 /var/lib/bootseal, on the EFI system partitions, or in /root, /home, /tmp and /var/tmp (two directories deep).",
        remedy: "Move PK.key and KEK.key to a medium that is kept elsewhere; rm the signed write",
        run: offline,
    },
    Check {
        id: "keys.at_rest",
        group: Group::Keys,
        title: "Encryption of the private keys of PK and KEK",
        kind: AUTHORITY_KEY_PLAIN,
        proves: "Those that are here are encrypted with a passphrase, or on a token. The others may be plain, as hooks sign \
                 with them when nobody is there; how each rests is told.",
        remedy: "bootseal keys passphrase KEY, and better: keep them elsewhere",
        run: at_rest,
    },
    Check {
        id: "keys.pairs",
        group: Group::Keys,
        title: "Private and public halves",
        kind: KEY_MISMATCH,
        proves: "Every private key that lies here in clear is that of its certificate, or of GRUB's public key. Those that are \
                 encrypted or on a token are compared when they sign.",
        remedy: "Copy both files from the same ceremony, or its backup",
        run: pairs,
    },
    Check {
        id: "keys.place",
        group: Group::Keys,
        title: "File systems that hold private keys",
        kind: KEY_ON_SHARED,
        proves: "Those of the key directory are neither on FAT nor on a network file system, and no file of an EFI system \
                 partition, which has no owners, holds any.",
        remedy: "Move them to /etc/bootseal/keys; who could read them there may have a copy: bootseal keys rotate KEY",
        run: place,
    },
    Check {
        id: "keys.expiry",
        group: Group::Keys,
        title: "Validity of our certificates",
        kind: EXPIRES_SOON,
        proves: "Every certificate of the key directory is valid by now, and for another 90 days.",
        remedy: "bootseal keys rotate KEY",
        run: expiry,
    },
    Check {
        id: "keys.backup",
        group: Group::Keys,
        title: "Backup of the keys in use",
        kind: NOT_BACKED_UP,
        proves: "The transcript of the ceremony records a backup that has the private half of each key in use, but for those on a \
                 token.",
        remedy: "bootseal ceremony backup DIR",
        run: backed_up,
    },
    Check {
        id: "keys.drill",
        group: Group::Keys,
        title: "Restore drill of the keys' backup",
        kind: NEVER_RESTORED,
        proves: "The transcript of the ceremony records a restore drill of its last backup that is not older than 366 days.",
        remedy: "bootseal ceremony drill BACKUP",
        run: drill,
    },
];

fn listed(machine: &Machine<'_>, look: impl Fn(&Listed, &mut Outcome)) -> Outcome {
    with_directory(machine, |directory| {
        let mut outcome = Outcome::default();
        for key in list(directory).map_err(|error| reason(&error))? {
            look(&key, &mut outcome);
        }
        Ok(outcome)
    })
}

/// The private keys that are files here.
fn private_keys(directory: &KeyDirectory) -> Result<Vec<PathBuf>, String> {
    let mut paths = Vec::new();
    for path in KeyName::ALL.map(|name| directory.private_key_path(name)) {
        if system::is_there(&path).map_err(|error| reason(&error))? {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn private(machine: &Machine<'_>) -> Outcome {
    // What others can change is not opened elsewhere; this says so.
    let directory = KeyDirectory::unjudged(machine.keys_path()).below(machine.context().root());
    if !directory.path().is_dir() {
        return with_directory(machine, |_| Ok(Outcome::default()));
    }
    let looked = || {
        let mut outcome = Outcome::default();
        look_at(directory.path(), 0o700, &mut outcome);
        for path in private_keys(&directory)? {
            look_at(&path, 0o400, &mut outcome);
        }
        Ok::<_, String>(outcome)
    };
    looked().unwrap_or_else(Outcome::could_not_run)
}

fn look_at(path: &Path, mode: u32, outcome: &mut Outcome) {
    let shown = path.shown();
    let info = match system::info(path) {
        Ok(info) => info,
        Err(error) => return outcome.not_run.push(reason(&error)),
    };
    let found = info.mode;
    if found & 0o077 != 0 {
        let text = format!("{shown} has mode {found:04o}: others than its owner can use it");
        let remedy = format!("chmod {mode:04o} {}", quoted(path));
        outcome
            .findings
            .push(Finding::new(KEY_READABLE, path.shown(), text).remedy(remedy));
    } else if info.owner != 0 {
        let text = format!("{shown} belongs to user {}, not to root", info.owner);
        let remedy = format!("chown root: {}", quoted(path));
        outcome
            .findings
            .push(Finding::new(KEY_NOT_ROOTS, path.shown(), text).remedy(remedy));
    } else {
        outcome.evidence.push(format!("{shown}: {found:04o}, root"));
    }
}

fn at_rest(machine: &Machine<'_>) -> Outcome {
    let authorities = [KeyName::Pk, KeyName::Kek].map(KeyName::name);
    listed(machine, |key, outcome| match key.protection.as_str() {
        "plain" if authorities.contains(&key.name.as_str()) => {
            let place = key.private_key.as_deref().unwrap_or_default();
            let text = format!("the private key of {} is not encrypted: {}", key.name, printable(place));
            let remedy = format!("bootseal keys passphrase {}", key.name);
            outcome
                .findings
                .push(Finding::new(AUTHORITY_KEY_PLAIN, &key.name, text).remedy(remedy));
        }
        "plain" | "scrypt" | "pbkdf2" | "token" | "elsewhere" => {
            outcome.evidence.push(format!("{}: {}", key.name, key.protection));
        }
        // A key that everybody may read is not opened; that is told by keys.private.
        _ if key
            .private_key
            .as_ref()
            .is_some_and(|path| matches!(is_private(path.as_ref()), Ok(false))) =>
        {
            outcome
                .evidence
                .push(format!("{}: not looked at, as others may read it", key.name));
        }
        other => outcome.not_run.push(format!("{}: {}", key.name, printable(other))),
    })
}

fn pairs(machine: &Machine<'_>) -> Outcome {
    with_directory(machine, |directory| {
        let mut outcome = Outcome::default();
        for name in KeyName::ALL {
            let path = directory.private_key_path(name);
            if !system::is_there(&path).map_err(|error| reason(&error))? {
                continue;
            }
            // That is told by keys.private, and such a key is not opened.
            if matches!(is_private(&path), Ok(false)) {
                let text = format!("{name}: not looked at, as others may read it");
                outcome.evidence.push(text);
                continue;
            }
            match directory.check_halves(name) {
                Ok(true) => outcome.evidence.push(format!("{name}: they belong together")),
                Ok(false) => outcome.evidence.push(format!("{name}: encrypted, so not compared")),
                Err(error) if error.kind() == ErrorKind::Refused => {
                    let finding = Finding::new(KEY_MISMATCH, name.name(), printable(&error.in_one_line()));
                    outcome.findings.push(finding.remedies(error.hints()));
                }
                Err(error) => outcome.not_run.push(reason(&error)),
            }
        }
        if outcome == Outcome::default() {
            return Ok(Outcome::not_applicable("no private key is a file here"));
        }
        Ok(outcome)
    })
}

fn place(machine: &Machine<'_>) -> Outcome {
    with_directory(machine, |directory| {
        let mut outcome = Outcome::default();
        for path in private_keys(directory)? {
            match is_shared(&path) {
                Ok(None) => outcome.evidence.push(format!("{}: local", path.shown())),
                Ok(Some(kind)) => outcome.findings.push(
                    Finding::new(KEY_ON_SHARED, path.shown(), format!("{} is on {kind}", path.shown()))
                        .remedy("move it to /etc/bootseal/keys, and rotate the key"),
                ),
                Err(error) => outcome.not_run.push(format!("{}: {error}", path.shown())),
            }
        }
        let known = private_keys(directory)?;
        strays(machine, &known, &mut outcome);
        Ok(outcome)
    })
}

fn expiry(machine: &Machine<'_>) -> Outcome {
    let now = match machine.context().now() {
        Ok(now) => now,
        Err(error) => return Outcome::could_not_run(reason(&error)),
    };
    listed(machine, |key, outcome| {
        let Some(not_after) = &key.not_after else {
            return outcome.evidence.push(format!("{}: does not expire", key.name));
        };
        let subject = printable(key.subject.as_deref().unwrap_or(&key.name));
        let remedy = match key.name.parse().map(|name| rotate(machine, name)) {
            Ok(Ok(remedy)) => remedy,
            Ok(Err(error)) => return outcome.not_run.push(reason(&error)),
            Err(_) => format!("bootseal keys rotate {}", key.name),
        };
        if let Some(begin) = key.not_before.as_ref().filter(|begin| seconds(begin) > Some(now)) {
            let text = format!(
                "{}: \"{subject}\" is valid from {begin} on, which is ahead of the clock",
                key.name
            );
            outcome.findings.push(
                Finding::new(NOT_YET, &key.name, text)
                    .remedy("if the clock is behind: date -u -s 'YYYY-MM-DD HH:MM'")
                    .remedy(format!("if it was ahead at the ceremony: {remedy}")),
            );
        }
        match seconds(not_after) {
            Some(end) if end <= now => {
                let text = format!("{}: \"{subject}\" has expired on {not_after}", key.name);
                outcome
                    .findings
                    .push(Finding::new(EXPIRED, &key.name, text).remedy(remedy));
            }
            Some(end) if end.saturating_sub(now) < SOON => {
                let text = format!("{}: \"{subject}\" expires on {not_after}", key.name);
                outcome
                    .findings
                    .push(Finding::new(EXPIRES_SOON, &key.name, text).remedy(remedy));
            }
            Some(_) => outcome.evidence.push(format!("{}: until {not_after}", key.name)),
            None => outcome.not_run.push(format!("{}: {not_after} is no time", key.name)),
        }
    })
}
