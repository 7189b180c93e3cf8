//! The comparison of a directory with its transcript.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;

use crate::error::Result;
use crate::formats::backup::words::fingerprint_words;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::text::Shown;
use crate::keys::directory::{REMOVE_PK, TRANSCRIPT};
use crate::system;
use serde::Serialize;

use super::super::layout::{ARCHIVE, SHARES, WORK_ONLY};
use super::super::shares_left::shares_left;
use super::super::transcript::{End, Event, FileRecord, Transcript};
use super::history::{is_complete, last_drill, remarks};
use super::seals::read;

/// Endings of files that only a ceremony puts into a key directory.
const OURS: [&str; 9] = ["key", "uri", "pem", "der", "esl", "auth", "gpg", "guid", "jsonl"];

/// The place of the keys that sign for the firmware, where a ceremony has one.
const OFFLINE: &str = "offline";
/// Files that nodes do without, also where a ceremony had one place for all keys, or an earlier one put them into each.
const OFFLINE_ONLY: [&str; 3] = ["PK.key", "KEK.key", REMOVE_PK];

/// The result of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The directory.
    pub directory: String,
    /// Number of lines of the transcript.
    pub entries: usize,
    /// SHA-256 of its last line, lower-case hex.
    pub head: String,
    /// The head for people to compare.
    pub words: String,
    /// The number of lines that were added since the head that was named, which is genuine; null if none was named, or if
    /// the transcript has no such line.
    pub lines_since_head: Option<usize>,
    /// True for a rehearsal.
    pub rehearsal: bool,
    /// The keys that signed, all of those that the ceremony made.
    pub signed_by: Vec<String>,
    /// True if a restore was tried, or somebody waived that.
    pub complete: bool,
    /// The time of the last restore drill, RFC 3339 UTC.
    pub last_drill: Option<String>,
    /// Files that are as recorded.
    pub files: Vec<String>,
    /// Private keys that are recorded for another place.
    pub elsewhere: Vec<String>,
    /// Notes, waivers, and oddities of imported certificates, each with its time.
    pub remarks: Vec<String>,
    /// The directory of the shares' pages, if they still lie beside the archive that they open.
    pub shares_left: Option<String>,
    /// Differences from the transcript, for people.
    pub findings: Vec<String>,
}

/// Replays the transcript of a directory, and compares its files. `head` is one that was written
/// down, hex or words: the transcript must have it, at its end or before.
pub fn verify(directory: &Path, head: Option<&str>) -> Result<Verified> {
    let signed = read(directory)?;
    let transcript = &signed.transcript;
    let end = End::new(directory, transcript)?;
    let mut verified = Verified {
        entries: transcript.entries().len(),
        lines_since_head: None,
        rehearsal: transcript
            .events()
            .any(|event| matches!(event, Event::Began { rehearsal: true, .. })),
        signed_by: signed.keys.keys().cloned().collect(),
        complete: is_complete(transcript),
        last_drill: last_drill(transcript),
        files: Vec::new(),
        elsewhere: Vec::new(),
        remarks: remarks(transcript),
        shares_left: shares_left(directory)?,
        findings: Vec::new(),
        directory: end.directory,
        head: end.head,
        words: end.words,
    };
    if let Some(expected) = head {
        verified.lines_since_head = lines_since(transcript, expected);
        if verified.lines_since_head.is_none() {
            verified.findings.push(format!(
                "the transcript's head is {} ({}), and no line of it has the one named: it is another transcript, or it was cut back to an \
                 earlier seal",
                verified.head, verified.words
            ));
        }
    }
    compare(directory, transcript, &mut verified)?;
    Ok(verified)
}

/// The number of lines after the one whose digest a person wrote down, in hex or words; `None` if there is no such line.
fn lines_since(transcript: &Transcript, written: &str) -> Option<usize> {
    let written = written.trim().to_lowercase().replace(' ', "-");
    let heads = transcript.entries().iter().skip(1).map(|entry| entry.previous.as_str());
    let is_written = |head: &str| {
        let in_words = || hex::decode(head).is_ok_and(|digest| fingerprint_words(&digest) == written);
        head == written || in_words()
    };
    let lines = heads.chain([transcript.head()]).rev();
    lines
        .zip(0..)
        .find_map(|(head, since)| is_written(head).then_some(since))
}

/// The files as they were last recorded, by place and name.
fn recorded(transcript: &Transcript) -> BTreeMap<(&str, &str), &FileRecord> {
    let files = transcript.events().flat_map(Event::files);
    files
        .filter(|record| record.place != WORK_ONLY)
        .map(|record| ((record.place.as_str(), record.name.as_str()), record))
        .collect()
}

/// True if the ceremony put the files of this place into this very directory.
fn is_at_home(transcript: &Transcript, place: &str, directory: &Path) -> Result<bool> {
    let directory = system::canonical(directory)?;
    for planned in transcript.planned_directories(Some(place))? {
        // The planned place is often on another machine, or on a stick that is not there.
        if planned.is_dir() && system::canonical(&planned)? == directory {
            return Ok(true);
        }
    }
    Ok(false)
}

fn compare(directory: &Path, transcript: &Transcript, verified: &mut Verified) -> Result<()> {
    let recorded = recorded(transcript);
    let is_backup = directory.join(ARCHIVE).exists() || is_at_home(transcript, "backup", directory)?;
    let places: &[&str] = if is_backup {
        &["backup", SHARES]
    } else {
        &["keys", "node", OFFLINE]
    };
    let mut known: BTreeSet<&str> = [TRANSCRIPT].into();
    for place in places {
        let of_place = recorded.iter().filter(|((own, _), _)| own == place);
        let names: Vec<&str> = of_place.clone().map(|((_, name), _)| *name).collect();
        let folder = if *place == SHARES {
            directory.join(place)
        } else {
            directory.to_path_buf()
        };
        // Public files are in every key directory; private ones in that of their place. Shares are handed out.
        let is_here = match *place {
            "keys" | "backup" => true,
            SHARES => false,
            // The removal of PK may have been copied anywhere.
            _ => {
                names
                    .iter()
                    .any(|name| *name != REMOVE_PK && folder.join(name).exists())
                    || is_at_home(transcript, place, directory)?
            }
        };
        for ((_, name), record) in of_place {
            known.insert(name);
            let path = folder.join(name);
            // What a node is better off without: it was moved away, or left out of the copy.
            let is_removed = *place != OFFLINE && OFFLINE_ONLY.contains(name);
            if (!is_here || is_removed) && !path.exists() {
                if *place != SHARES {
                    verified.elsewhere.push(format!("{name} ({place})"));
                }
                continue;
            }
            match difference(&path, record)? {
                None => verified.files.push((*name).to_owned()),
                Some(finding) => verified.findings.push(finding),
            }
        }
    }
    if !is_backup {
        unrecorded(directory, &known, verified)?;
    }
    Ok(())
}

/// The difference of a file from its record; `None` if there is none.
fn difference(path: &Path, record: &FileRecord) -> Result<Option<String>> {
    let Some(info) = system::info_of_name(path)? else {
        return Ok(Some(format!("{} is missing", path.shown())));
    };
    let is_secret = record.mode.ends_with("00");
    let mode = info.mode;
    if is_secret && mode & 0o077 != 0 {
        return Ok(Some(format!(
            "{} has the mode {mode:04o}: others can use it",
            path.shown()
        )));
    }
    let digest = HashAlgorithm::Sha256.digest(&[&system::read(path)?]).to_hex();
    if digest == record.sha256 {
        return Ok(None);
    }
    Ok(Some(format!("{} is not the file that is recorded", path.shown())))
}

/// Adds the files that look like those of a ceremony, and are not recorded.
fn unrecorded(directory: &Path, known: &BTreeSet<&str>, verified: &mut Verified) -> Result<()> {
    for entry in system::list_directory(directory)? {
        let text = |name: Option<&OsStr>| name.map(|name| name.to_string_lossy().into_owned());
        let is_ours = text(entry.path.extension()).is_some_and(|ending| OURS.contains(&ending.as_str()));
        let is_known = text(entry.path.file_name()).is_some_and(|name| known.contains(name.as_str()));
        if is_ours && !is_known {
            verified
                .findings
                .push(format!("{} is not recorded", entry.path.shown()));
        }
    }
    Ok(())
}
