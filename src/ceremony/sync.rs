//! One directory of a ceremony brought to what another one knows: its transcript, and the public files that it records.

use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result, quoted};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::text::Shown;
use crate::keys::directory::TRANSCRIPT;
use crate::system::{self, Context, NewFile, create_dir};

use super::layout::PUBLIC;
use super::signed_lists::check_lists;
use super::staged::{MAX_FILE, end_change, public_records, stage};
use super::transcript::{End, Transcript};
use super::verify::{self, Signed};

/// The result of an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Synced {
    /// The directory that has learnt something; null if both knew the same.
    pub updated: Option<String>,
    /// The number of lines that it has learnt.
    pub lines: usize,
    /// The public files that are others now.
    pub files: Vec<String>,
    /// The end of both transcripts.
    #[serde(flatten)]
    pub end: End,
    /// True if nothing was written.
    pub dry_run: bool,
}

/// Brings the one of two directories whose transcript is the beginning of the other's to what that one knows. Refused if they are of two
/// ceremonies, or if each has lines that the other lacks: the one that is older cannot be told.
pub fn sync(context: &Context, one: &Path, other: &Path) -> Result<Synced> {
    let [first, second] = [verify::read(one)?, verify::read(other)?];
    let [a, b] = [&first.transcript, &second.transcript];
    if b.as_bytes().starts_with(a.as_bytes()) {
        return forward(context, other, &second, one, a);
    }
    if a.as_bytes().starts_with(b.as_bytes()) {
        return forward(context, one, &first, other, b);
    }
    let (one, other) = (one.shown(), other.shown());
    if a.entries().first() != b.entries().first() {
        return Err(Error::refused(format!("{one} and {other} are of two ceremonies")));
    }
    let parts = a.entries().iter().zip(b.entries()).take_while(|(a, b)| a == b).count();
    Err(Error::refused(format!(
        "the transcripts of {one} and {other} part after line {parts}: each has lines that the other lacks"
    ))
    .hint(format!(
        "bootseal ceremony verify {one} and {other} shows the changes that each has"
    )))
}

fn forward(context: &Context, from: &Path, signed: &Signed, to: &Path, known: &Transcript) -> Result<Synced> {
    context.guard(to);
    end_change(context, to, known)?;
    let knows = &signed.transcript;
    let public = read_public(from, knows)?;
    for variable in VariableName::ALL {
        check_lists(from, variable, &signed.keys, |name| {
            let file = public.iter().find(|(own, _)| own == name);
            Ok(file.map(|(_, bytes)| bytes.clone()))
        })?;
    }
    let mut changed = Vec::new();
    for (name, bytes) in &public {
        if system::read_ours_if_there(&to.join(name), MAX_FILE)?.as_ref() != Some(bytes) {
            changed.push((name.as_str(), bytes.as_slice()));
        }
    }
    let lines = knows.entries().len().saturating_sub(known.entries().len());
    let synced = Synced {
        updated: (lines > 0 || !changed.is_empty()).then(|| to.shown()),
        lines,
        files: changed.iter().map(|(name, _)| (*name).to_owned()).collect(),
        end: End::new(from, knows)?,
        dry_run: context.dry_run(),
    };
    if !context.dry_run() && synced.updated.is_some() {
        stage(context, to, changed)?;
        system::replace_durably(context, &to.join(TRANSCRIPT), knows.as_bytes(), PUBLIC)?;
        end_change(context, to, knows)?;
    }
    Ok(synced)
}

/// The public files of a directory, each as its transcript records it.
fn read_public(directory: &Path, transcript: &Transcript) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for (name, record) in public_records(transcript) {
        let path = directory.join(name);
        let bytes = system::read_ours_if_there(&path, MAX_FILE)?.unwrap_or_default();
        if HashAlgorithm::Sha256.digest(&[&bytes]).to_hex() != record.sha256 {
            return Err(
                Error::refused(format!("{} is not the file that is recorded", path.shown()))
                    .hint(format!("bootseal ceremony verify {}", quoted(directory))),
            );
        }
        files.push((name.to_owned(), bytes));
    }
    Ok(files)
}

/// Writes transcript and public files of a key directory into a new directory, for another of the ceremony that is elsewhere.
pub fn carry(context: &Context, keys: &Path, target: &Path) -> Result<()> {
    let transcript = verify::read(keys)?.transcript;
    let public = read_public(keys, &transcript)?;
    create_dir(context, target)?;
    let files = public.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    for (name, bytes) in files.chain([(TRANSCRIPT, transcript.as_bytes())]) {
        let path = &target.join(name);
        let mode = PUBLIC;
        NewFile { path, bytes, mode }.create(context)?;
    }
    system::sync_directory(target)
}
