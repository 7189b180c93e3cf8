//! The directories that have the transcript of one ceremony: those of the node, of the offline keys and of the backup. A line that is
//! added to one is added to all that are there, so that what one knows all know.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::text::Shown;
use crate::keys::directory::TRANSCRIPT;
use crate::keys::{KeyName, Signer};
use crate::system::{self, Context};

use super::amend::{Signers, extended};
use super::layout::PUBLIC;
use super::transcript::{End, Event, Transcript};
use super::verify::{self, Signed};

/// A directory with the transcript of a ceremony.
pub(crate) struct Copy {
    /// The directory.
    pub directory: PathBuf,
    /// Its transcript.
    pub signed: Signed,
}

/// The other transcripts of a ceremony after a line was to be added to all.
#[derive(Debug, Default)]
pub(crate) struct Others {
    /// Their new ends.
    pub ends: Vec<End>,
    /// Those that could not be written, each with the reason.
    pub failures: Vec<String>,
}

/// The other directories that have the transcript of this ceremony: where it put files, as far as these places are there now, and
/// `more`. One whose transcript does not hold is none.
pub(crate) fn other_copies(own: &Path, transcript: &Transcript, more: &[PathBuf]) -> Result<Vec<Copy>> {
    copies_among(transcript, more, vec![system::canonical(own)?])
}

/// The directories with the transcript of this ceremony, apart from those that are known already.
pub(super) fn copies_among(transcript: &Transcript, more: &[PathBuf], mut known: Vec<PathBuf>) -> Result<Vec<Copy>> {
    let mut copies = Vec::new();
    let planned = transcript.planned_directories(None)?;
    for directory in more.iter().chain(&planned) {
        if !system::is_there(&directory.join(TRANSCRIPT)).unwrap_or(false) {
            continue;
        }
        let real = system::canonical(directory)?;
        if known.contains(&real) {
            continue;
        }
        let same = |signed: &Signed| signed.transcript.entries().first() == transcript.entries().first();
        if let Some(signed) = verify::read(directory).ok().filter(same) {
            copies.push(Copy {
                directory: directory.clone(),
                signed,
            });
        }
        known.push(real);
    }
    Ok(copies)
}

/// Adds lines to the transcript of a directory, and then to the others of the ceremony, signed by those of the keys that each knows.
/// Transcripts that are one stay one. `events` gives the lines for a transcript, which may know fewer keys.
pub(crate) fn append_to_all(
    context: &Context,
    own: Copy,
    others: Vec<Copy>,
    events: impl Fn(&Signed) -> Vec<Event>,
    signers: &BTreeMap<KeyName, Box<dyn Signer>>,
) -> Result<(Transcript, Others)> {
    let before = own.signed.transcript.clone();
    let after = append(context, own, &events, signers)?;
    let mut result = Others::default();
    for copy in others {
        let directory = copy.directory.clone();
        let known = &copy.signed.transcript;
        // A backup has no file that goes with a line, so it may take all that it lacks.
        let is_behind = before.as_bytes().starts_with(known.as_bytes()) && !has_lists(&directory);
        let appended = if *known == before || is_behind {
            write(context, &directory, &after).map(|()| after.clone())
        } else {
            append(context, copy, &events, signers)
        };
        match appended.and_then(|transcript| End::new(&directory, &transcript)) {
            Ok(end) => result.ends.push(end),
            Err(error) => result
                .failures
                .push(format!("{}: {}", directory.shown(), error.in_one_line())),
        }
    }
    Ok((after, result))
}

/// True if a directory is one of keys, and not of a backup.
pub(super) fn has_lists(directory: &Path) -> bool {
    directory.join(format!("{}.esl", VariableName::Db)).exists()
}

fn append(
    context: &Context,
    copy: Copy,
    events: impl Fn(&Signed) -> Vec<Event>,
    signers: &BTreeMap<KeyName, Box<dyn Signer>>,
) -> Result<Transcript> {
    let Copy { directory, signed } = copy;
    let events = events(&signed);
    let is_known = |name: &KeyName, signer: &dyn Signer| signed.keys.get(name.name()) == Some(signer.public_key());
    let known: Signers<'_> = signers
        .iter()
        .map(|(name, signer)| (*name, signer.as_ref()))
        .filter(|(name, signer)| is_known(name, *signer))
        .collect();
    let transcript = extended(context, signed.transcript, events, &known)?;
    write(context, &directory, &transcript)?;
    Ok(transcript)
}

fn write(context: &Context, directory: &Path, transcript: &Transcript) -> Result<()> {
    context.guard(directory);
    system::replace_durably(context, &directory.join(TRANSCRIPT), transcript.as_bytes(), PUBLIC)
}
