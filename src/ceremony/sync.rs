//! One directory of a ceremony brought to what another one knows: its transcript, and the public files that it records.

use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result, quoted};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::text::Shown;
use crate::keys::KeyName;
use crate::keys::directory::{RETIRED, TRANSCRIPT};
use crate::system::{self, Context, NewDirectory, NewFile, create_dir};

use super::layout::PUBLIC;
use super::signed_lists::check_lists;
use super::staged::{MAX_FILE, end_change, public_records, recorded, stage};
use super::transcript::{End, Transcript};
use super::verify::{self, Signed};

/// Hexadecimal digits of a transcript's head that tell what was given up apart.
const DIGITS: usize = 16;

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
/// ceremonies, or if each has lines that the other lacks, unless `follow` says that the other is right.
pub fn sync(context: &Context, one: &Path, other: &Path, follow: bool) -> Result<Synced> {
    let [first, second] = [verify::read(one)?, verify::read(other)?];
    let [a, b] = [&first.transcript, &second.transcript];
    if b.as_bytes().starts_with(a.as_bytes()) {
        return forward(context, (other, &second), (one, a), |_| true);
    }
    if a.as_bytes().starts_with(b.as_bytes()) {
        return forward(context, (one, &first), (other, b), |_| true);
    }
    let refused = parted((one, a), (other, b));
    if !follow || a.entries().first() != b.entries().first() {
        return Err(refused);
    }
    check_private_keys(one, &first, (other, &second))?;
    if !context.dry_run() {
        keep(context, one, a)?;
    }
    forward(context, (other, &second), (one, a), |_| true)
}

/// Refuses to follow a transcript that does not know the private keys which are here: they would sign nothing that is accepted.
fn check_private_keys(one: &Path, own: &Signed, (other, right): (&Path, &Signed)) -> Result<()> {
    for name in KeyName::ALL {
        let known = [own, right].map(|signed| signed.keys.get(name.name()));
        let path = one.join(format!("{name}.key"));
        if known[0] != known[1] && system::is_there(&path)? {
            let text = format!(
                "{} is another key than the one that {} knows",
                path.shown(),
                other.shown()
            );
            let kept = one.join(RETIRED);
            return Err(Error::refused(text).hint(format!(
                "let {} follow; or, if that key is known to nobody yet, put back the one that is kept in {}",
                other.shown(),
                kept.shown()
            )));
        }
    }
    Ok(())
}

/// Keeps the transcript and the public files that are given up, beside the keys that have retired.
fn keep(context: &Context, directory: &Path, transcript: &Transcript) -> Result<()> {
    context.guard(directory);
    create_dir(context, &directory.join(RETIRED))?;
    let digits: String = transcript.head().chars().take(DIGITS).collect();
    let target = directory.join(RETIRED).join(format!("parted-{digits}"));
    if system::is_there(&target)? {
        return Ok(());
    }
    let new = NewDirectory::stage(context, &target)?;
    let mode = PUBLIC;
    for name in public_records(transcript).into_keys().chain([TRANSCRIPT]) {
        if let Some(bytes) = system::read_ours_if_there(&directory.join(name), MAX_FILE)? {
            let path = &new.path().join(name);
            let bytes = &bytes;
            NewFile { path, bytes, mode }.create(context)?;
        }
    }
    new.publish()
}

/// The refusal of two transcripts that are no longer one, or never were.
pub(super) fn parted((one, a): (&Path, &Transcript), (other, b): (&Path, &Transcript)) -> Error {
    let (first, second) = (one.shown(), other.shown());
    if a.entries().first() != b.entries().first() {
        return Error::refused(format!("{first} and {second} are of two ceremonies"));
    }
    let parts = a.entries().iter().zip(b.entries()).take_while(|(a, b)| a == b).count();
    let text =
        format!("the transcripts of {first} and {second} part after line {parts}: each has lines that the other lacks");
    let follow =
        |keys: &Path, right: &Path| format!("bootseal keys sync --keys {} {} --follow", quoted(keys), quoted(right));
    Error::refused(text)
        .hint(format!("bootseal ceremony verify {}", quoted(one)))
        .hint(format!("bootseal ceremony verify {}", quoted(other)))
        .hint(format!("if {second} is right: {}", follow(one, other)))
        .hint(format!("if {first} is right: {}", follow(other, one)))
}

/// Refuses an update for these variables whose state a directory must not be brought to by it: one of another ceremony, one of a state that
/// has parted from that of the directory, and one made before the last change of a variable that the directory knows. Nothing is written.
pub fn check_carried(keys: &Path, carried: &Path, variables: &[VariableName]) -> Result<()> {
    let own = verify::read(keys)?.transcript;
    let signed = verify::read(carried)?;
    let new = &signed.transcript;
    if new.as_bytes().starts_with(own.as_bytes()) {
        return checked_public(carried, &signed).map(drop);
    }
    if own.as_bytes().starts_with(new.as_bytes()) {
        let is_older = |variable: &&VariableName| {
            let write = format!("{variable}.auth");
            recorded(&own, &write) != recorded(new, &write)
        };
        let Some(variable) = variables.iter().find(is_older) else {
            return Ok(());
        };
        let (update, directory) = (carried.parent().unwrap_or(carried).shown(), keys.shown());
        return Err(Error::refused(format!(
            "{update} was signed before the last change of {variable} that {directory} knows, and would undo it"
        ))
        .hint(format!(
            "to bring the firmware to what is known here: bootseal enroll apply --keys {}",
            quoted(keys)
        ))
        .hint(
            "or sign it anew where the keys are, after this machine and they know the same (bootseal keys sync STICK)",
        ));
    }
    Err(parted((keys, &own), (carried, new)))
}

/// Brings each of these directories whose transcript is the beginning of another's to what that one knows, so that a line which is added to
/// all does not part them. Those that have parted stay as they are.
pub(crate) fn level(context: &Context, directories: &[&Path]) -> Result<()> {
    let mut known = Vec::new();
    for directory in directories {
        known.push((*directory, verify::read(directory)?));
    }
    let Some((newest, signed)) = known.iter().max_by_key(|(_, signed)| signed.transcript.entries().len()) else {
        return Ok(());
    };
    let bytes = signed.transcript.as_bytes();
    for (directory, older) in &known {
        let older = &older.transcript;
        if older.as_bytes() != bytes && bytes.starts_with(older.as_bytes()) {
            // Nobody asked for this one to be mended: what somebody put there in place of a file that did not change stays.
            let is_newer = |name: &str| recorded(older, name) != recorded(&signed.transcript, name);
            forward(context, (newest, signed), (directory, older), is_newer)?;
        }
    }
    Ok(())
}

/// Brings a directory to what another one knows: the transcript, and those of its public files that are wanted.
fn forward(
    context: &Context,
    (from, signed): (&Path, &Signed),
    (to, known): (&Path, &Transcript),
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Synced> {
    context.guard(to);
    end_change(context, to, known)?;
    // An exchange towards that one may have been cut short.
    end_change(context, from, &signed.transcript)?;
    let newest = &signed.transcript;
    let public = checked_public(from, signed)?;
    let mut changed = Vec::new();
    for (name, bytes) in &public {
        if is_wanted(name) && system::read_ours_if_there(&to.join(name), MAX_FILE)?.as_ref() != Some(bytes) {
            changed.push((name.as_str(), bytes.as_slice()));
        }
    }
    let (old, new) = (known.entries().iter(), newest.entries());
    let common = old.zip(new).take_while(|(a, b)| a == b).count();
    let lines = new.len().saturating_sub(common);
    let synced = Synced {
        updated: (lines > 0 || !changed.is_empty()).then(|| to.shown()),
        lines,
        files: changed.iter().map(|(name, _)| (*name).to_owned()).collect(),
        end: End::new(from, newest)?,
        dry_run: context.dry_run(),
    };
    if !context.dry_run() && synced.updated.is_some() {
        stage(context, to, changed)?;
        system::replace_durably(context, &to.join(TRANSCRIPT), newest.as_bytes(), PUBLIC)?;
        end_change(context, to, newest)?;
    }
    Ok(synced)
}

/// The public files of a directory, after checking that PK or KEK has signed the lists among them.
fn checked_public(directory: &Path, signed: &Signed) -> Result<Vec<(String, Vec<u8>)>> {
    let public = read_public(directory, &signed.transcript)?;
    for variable in VariableName::ALL {
        check_lists(directory, variable, &signed.keys, |name| {
            let file = public.iter().find(|(own, _)| own == name);
            Ok(file.map(|(_, bytes)| bytes.clone()))
        })?;
    }
    Ok(public)
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
