//! The history of the keys, as the transcript has it.

use crate::keys::KeyName;

use super::super::step::RESTORE_DRILL;
use super::super::transcript::{Event, RecordedFinding, Transcript};

/// The time of the last restore drill, RFC 3339 UTC; `None` if there was none.
#[must_use]
pub fn last_drill(transcript: &Transcript) -> Option<String> {
    let drilled = |event: &Event| matches!(event, Event::Drilled { .. } | Event::Restored { .. });
    let entries = transcript.entries().iter().rev();
    entries
        .filter(|entry| drilled(&entry.event))
        .map(|entry| entry.time.clone())
        .next()
}

/// True if the last backup with the present private half of a key was restored since it was made.
#[must_use]
pub fn is_drilled(transcript: &Transcript, name: KeyName) -> bool {
    let mut is_drilled = false;
    for event in transcript.events() {
        match event {
            Event::Drilled { keys, .. } | Event::Restored { keys, .. } => {
                is_drilled |= keys.iter().any(|key| key == name.name());
            }
            Event::KeyMade { key, .. } if key == name.name() => is_drilled = false,
            Event::BackedUp { .. } => is_drilled = false,
            _ => {}
        }
    }
    is_drilled
}

/// The person of a change; earlier versions recorded none.
fn by_whom(by: Option<&String>) -> String {
    by.map_or_else(String::new, |by| format!(", by {by}"))
}

/// The changes, notes, waivers and findings on imported certificates, each with its time.
pub(super) fn remarks(transcript: &Transcript) -> Vec<String> {
    let remarks_of = |event: &Event| match event {
        Event::Restored { from, keys, .. } => vec![format!("restored from the {from}: {}", keys.join(", "))],
        Event::Note { text } => vec![text.clone()],
        Event::Changed {
            variable,
            added,
            removed,
            reason,
            by,
            ..
        } => {
            let came = added.iter().map(|entry| format!("{variable} gains {entry}"));
            let went = removed.iter().map(|entry| format!("{variable} loses {entry}"));
            let why = reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            let who = by_whom(by.as_ref());
            came.chain(went).map(|change| format!("{change}{who}{why}")).collect()
        }
        Event::Applied {
            variable,
            file,
            sha256,
            signed_by,
            entries,
            by,
            ..
        } => vec![format!(
            "{variable}: {file} was applied{}, signed by \"{signed_by}\", with {entries} entries (SHA-256 {sha256})",
            by_whom(by.as_ref())
        )],
        Event::Retired { key, by, .. } => vec![format!("the {key} key gave way to another{}", by_whom(by.as_ref()))],
        Event::NodeAdded { node, by, .. } => vec![format!("{node} joined the fleet, by {by}")],
        Event::NodeRetired { node, reason, by, .. } => {
            let why = reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            vec![format!("{node} left the fleet, by {by}{why}")]
        }
        Event::Waived { what, by, reason } => vec![format!("{by} waives the {what}: {reason}")],
        Event::Checked { findings, .. } => {
            let text = |finding: &RecordedFinding| {
                let RecordedFinding { key, check, reason } = finding;
                format!("the imported {key} certificate is odd: {check}: {reason}")
            };
            findings.iter().map(text).collect()
        }
        _ => Vec::new(),
    };
    let entries = transcript.entries().iter();
    entries
        .flat_map(|entry| {
            let texts = remarks_of(&entry.event).into_iter();
            texts.map(|text| format!("{}: {text}", entry.time))
        })
        .collect()
}

/// True if a restore was tried, or somebody waived that.
pub(super) fn is_complete(transcript: &Transcript) -> bool {
    let is_enough = |event: &Event| match event {
        Event::Drilled { .. } | Event::Restored { .. } => true,
        Event::Waived { what, .. } => what == RESTORE_DRILL,
        _ => false,
    };
    transcript.events().any(is_enough)
}

/// True if the backup has the present private half of a key.
#[must_use]
pub fn is_backed_up(transcript: &Transcript, name: KeyName) -> bool {
    let mut is_backed_up = false;
    for event in transcript.events() {
        match event {
            // An archive has the transcript before its own line, which is lost with all other copies.
            Event::BackedUp { keys, .. } | Event::Restored { keys, .. } => {
                is_backed_up |= keys.iter().any(|key| key == name.name());
            }
            // Another key than the one of the backup.
            Event::KeyMade { key, .. } if key == name.name() => is_backed_up = false,
            _ => {}
        }
    }
    is_backed_up
}
