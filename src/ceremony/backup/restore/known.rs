//! The knowledge of a ceremony that is at hand: in the archive, beside it, and in other directories.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::text::Shown;
use crate::keys::directory::TRANSCRIPT;
use crate::keys::{KeyName, Protection};
use crate::system;

use super::super::super::copies::{Copy, copies_among};
use super::super::super::staged::{MAX_FILE, public_records};
use super::super::super::sync::parted;
use super::super::super::transcript::{Event, Transcript};
use super::super::super::verify::{self, Signed};
use super::super::source::Source;

/// The newest transcript of the ceremony that is at hand, and the directories that have one. Those that have parted are refused: which of
/// them is right, nobody can tell here.
pub(super) fn newest(path: &Path, with: &[PathBuf], source: &Source) -> Result<Option<(Signed, Vec<Copy>)>> {
    let mut begins: Option<Transcript> = None;
    let mut all: Vec<(PathBuf, Signed)> = Vec::new();
    if let Some(signed) = archived(path, source)? {
        begins = Some(signed.transcript.clone());
        all.push((path.to_owned(), signed));
    }
    for directory in with {
        let named = verify::read(directory)?.transcript;
        let begins = begins.get_or_insert_with(|| named.clone());
        if begins.entries().first() != named.entries().first() {
            let (one, other) = (path.shown(), directory.shown());
            return Err(Error::refused(format!("{one} and {other} are of two ceremonies")));
        }
    }
    let beside = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if begins.is_none() && system::is_there(&beside.join(TRANSCRIPT))? {
        begins = Some(verify::read(beside)?.transcript);
    }
    let Some(begins) = begins else { return Ok(None) };
    let more: Vec<PathBuf> = with.iter().cloned().chain([beside.to_owned()]).collect();
    let copies = copies_among(&begins, &more, Vec::new())?;
    for copy in &copies {
        all.push((copy.directory.clone(), copy.signed.duplicate()));
    }
    let longest = all.iter().max_by_key(|(_, signed)| signed.transcript.entries().len());
    let Some((directory, longest)) = longest else {
        return Ok(None);
    };
    for (other, signed) in &all {
        if !longest.transcript.as_bytes().starts_with(signed.transcript.as_bytes()) {
            return Err(parted((directory, &longest.transcript), (other, &signed.transcript)));
        }
    }
    Ok(Some((longest.duplicate(), copies)))
}

/// The transcript in an archive; a sheet has none.
pub(super) fn archived(path: &Path, source: &Source) -> Result<Option<Signed>> {
    let Some(bytes) = source.files.get(TRANSCRIPT) else {
        return Ok(None);
    };
    let refused = || format!("the transcript in {} does not hold", path.shown());
    let transcript = Transcript::parse(bytes).or_refuse(refused)?;
    let keys = verify::check_seals(&transcript).or_refuse(refused)?;
    Ok(Some(Signed { transcript, keys }))
}

/// The public files as the transcript records them, from the directories that are there, and from the archive.
pub(super) fn public_files(
    source: &Source,
    copies: &[Copy],
    transcript: &Transcript,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for (name, record) in public_records(transcript) {
        let mut parts = Path::new(name).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            return Err(Error::refused(format!(
                "the transcript names a file {}",
                Path::new(name).shown()
            )));
        }
        let is_it = |bytes: &Vec<u8>| HashAlgorithm::Sha256.digest(&[bytes]).to_hex() == record.sha256;
        let mut found = source.files.get(name).cloned().filter(is_it);
        for copy in copies {
            if found.is_none() {
                found = system::read_ours_if_there(&copy.directory.join(name), MAX_FILE)?.filter(is_it);
            }
        }
        let found = found.ok_or_else(|| {
            Error::refused(format!(
                "the newest transcript records another {name} than the archive has, and no directory has that"
            ))
            .hint("name a key directory that knows what the transcript knows: --with DIR")
        })?;
        files.insert(name.to_owned(), found);
    }
    Ok(files)
}

/// The place that a file of one directory alone has by the transcript.
pub(super) fn place_of(transcript: &Transcript, name: &str) -> Option<String> {
    let records = transcript
        .events()
        .flat_map(Event::files)
        .filter(|record| record.name == name);
    records.map(|record| record.place.clone()).next_back()
}

/// True if a key lay in clear when the transcript last said how it rests.
pub(super) fn is_plain(transcript: &Transcript, name: KeyName) -> bool {
    let rests = transcript.events().rev().find_map(|event| match event {
        Event::KeyMade { key, protection, .. } | Event::Rewrapped { key, protection, .. } if key == name.name() => {
            Some(protection.as_str())
        }
        _ => None,
    });
    rests == Some(Protection::Plain.name())
}
