//! The backup of the keys, and its restore drill, as the transcript has them.

use crate::ceremony::life::{Listed, list};
use crate::finding::{Finding, Kind, Outcome};
use crate::keys::{KeyDirectory, KeyName, Protection};
use crate::system::is_there;

use crate::audit::machine::Machine;
use crate::audit::reason::reason;

use super::look::{seconds, with_directory};

/// How old the last restore drill may be, in seconds.
const DRILL: u64 = 366 * 24 * 60 * 60;
/// No backup of the keys was ever restored, or not the last one.
pub(super) const NEVER_RESTORED: Kind = Kind::warning("never_restored");
/// The last restore of a backup is too long ago.
const RESTORED_LONG_AGO: Kind = Kind::warning("restored_long_ago");
/// The private half of a key in use is in no backup.
pub(super) const NOT_BACKED_UP: Kind = Kind::warning("key_not_backed_up");

/// The reason of both checks where a key directory came from elsewhere.
const NO_TRANSCRIPT: &str = "there is no transcript of a ceremony in the key directory";

pub(super) fn backed_up(machine: &Machine<'_>) -> Outcome {
    with_directory(machine, |directory| {
        let mut outcome = Outcome::default();
        for key in list(directory).map_err(|error| reason(&error))? {
            match key.backed_up {
                None => return Ok(Outcome::could_not_run(NO_TRANSCRIPT)),
                Some(true) => outcome.evidence.push(format!("{}: in the backup", key.name)),
                Some(false) if key.protection == Protection::TOKEN => {
                    outcome
                        .evidence
                        .push(format!("{}: on a token, which it never leaves", key.name));
                }
                Some(false) => {
                    let text = format!("the {} key in use is in no backup", key.name);
                    let finding = Finding::new(NOT_BACKED_UP, &key.name, text);
                    outcome.findings.push(finding.remedy(backup_remedy(directory)?));
                }
            }
        }
        Ok(outcome)
    })
}

/// The way to a backup, which has the keys of the stick too.
fn backup_remedy(directory: &KeyDirectory) -> Result<&'static str, String> {
    Ok(if has_pk(directory)? {
        "bootseal ceremony backup DIR"
    } else {
        "bootseal ceremony backup --authority STICK DIR"
    })
}

fn has_pk(directory: &KeyDirectory) -> Result<bool, String> {
    is_there(&directory.private_key_path(KeyName::Pk)).map_err(|error| reason(&error))
}

/// The way to a drill: shares open PK and KEK, so that they are not typed on a machine that has neither.
fn drill_remedy(directory: &KeyDirectory) -> Result<&'static str, String> {
    Ok(if has_pk(directory)? {
        "bootseal ceremony drill BACKUP"
    } else {
        "where the keys of PK and KEK are: bootseal ceremony drill --keys STICK BACKUP; then here: bootseal keys sync STICK"
    })
}

pub(super) fn drill(machine: &Machine<'_>) -> Outcome {
    let now = match machine.context().now() {
        Ok(now) => now,
        Err(error) => return Outcome::could_not_run(reason(&error)),
    };
    with_directory(machine, |directory| {
        let keys = list(directory).map_err(|error| reason(&error))?;
        if keys.iter().all(|key| key.backed_up.is_none()) {
            return Ok(Outcome::could_not_run(NO_TRANSCRIPT));
        }
        let remedy = drill_remedy(directory)?;
        let never = |text: String| Outcome::found(Finding::new(NEVER_RESTORED, "drill", text).remedy(remedy));
        let Some(last) = keys.iter().find_map(|key| key.last_drill.clone()) else {
            return Ok(never(
                "no backup was ever restored: a backup that was not is none".to_owned(),
            ));
        };
        let is_open = |key: &&Listed| key.protection != Protection::TOKEN && key.drilled == Some(false);
        let open: Vec<&str> = keys.iter().filter(is_open).map(|key| key.name.as_str()).collect();
        if !open.is_empty() {
            let text = format!(
                "keys in use that no restore had in hand since their backup was made: {}; the last one was on {last}",
                open.join(", ")
            );
            return Ok(never(text));
        }
        Ok(match seconds(&last) {
            Some(then) if now.saturating_sub(then) <= DRILL => Outcome::pass(format!("restored on {last}")),
            _ => Outcome::found(
                Finding::new(
                    RESTORED_LONG_AGO,
                    "drill",
                    format!("the backup was last restored on {last}"),
                )
                .remedy(remedy),
            ),
        })
    })
}
