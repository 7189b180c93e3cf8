//! `bootseal verify`: who signed a file, and whether firmware, kernel or GRUB would accept it.

mod grub_image;
mod script;
mod signed_write;

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::enroll::{BootFile, NextEntry, Reach, Store, StoreChoice, next_boot_files};
use crate::error::{Error, Explain, Kind, Result};
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::text::{Shown, printable};
use crate::keys::KeyDirectory;
use crate::sign::{Judged, Observer, judge};
use crate::system;
use crate::system::config::Exclusions;
use crate::trust::{self as examine, Anchors, Judgement, read_database};
use crate::ui::finding::{problem_json, trap_json};
use crate::ui::{Progress, Report, Rows, Style, error_json};

use crate::cli::session::Session;
use crate::cli::text::{name, with_causes};

#[derive(Debug, Args)]
#[command(after_help = "Example: bootseal verify /boot/vmlinuz-6.12.58-gentoo /boot/grub\n\n\
    All that starts next: bootseal verify\n\n\
    A directory is judged as one of GRUB: every file in it and what its configurations lead to needs a signature that \
    holds, and what undoes signatures is named. Notes are told with -v, and never change the exit code.\n\n\
    Of a signed write (.auth, or the directory that `enroll ... --output` made) it is told which boards take it, until when, and \
    what it would change on them.\n\n\
    Accepts signature lists, efivarfs files and .auth files for --db and --dbx; without them, db and dbx are those of \
    the key directory. With both no key directory is needed. Exit code 1 means that at least one file is not accepted.")]
pub(super) struct Arguments {
    /// Key directory whose certificates and keys are trusted [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Judge EFI images by this db
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Judge EFI images by this dbx
    #[arg(long, value_name = "FILE")]
    dbx: Option<PathBuf>,
    /// Files, or directories of GRUB [default: the files that the firmware and its loader start next, and GRUB's
    /// directory]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(session: &Session, arguments: &Arguments) -> Result<Box<dyn Report>> {
    let mut anchors = anchors(session, arguments)?;
    if let Some(path) = &arguments.db {
        anchors.db = database(path)?;
    }
    if let Some(path) = &arguments.dbx {
        anchors.dbx = database(path)?;
    }
    let config = session.config()?;
    anchors.with_shim = config.grub.shim;
    let exclude = Exclusions::new(&config.sign.exclude)?;
    let progress = Progress::new("judging", session.quiet);
    let judged = |path: &PathBuf| {
        let result = judge(&session.context, &anchors, &exclude, config.sign.grubenv, path);
        progress.advance(0);
        Verified {
            path: path.clone(),
            write: signed_write::reach(session, arguments.keys.as_ref(), path, &result),
            result: result.and_then(|judged| refuse_groundless(judged, &anchors, path)),
        }
    };
    let (files, elsewhere) = if arguments.files.is_empty() {
        started(session)?
    } else {
        (signed_write::unfolded(&arguments.files)?, None)
    };
    let elsewhere = elsewhere.map(|path| {
        let text = format!(
            "{}: the next start begins with it, on a partition that is not mounted; bootseal status judges it there",
            path.shown()
        );
        Verified {
            path,
            result: Err(Error::could_not_run(text)),
            write: None,
        }
    });
    progress.begin("files", files.len(), 0);
    let files = elsewhere.into_iter().chain(files.iter().map(judged)).collect();
    progress.end();
    Ok(Box::new(VerifyReport {
        files,
        verbose: session.verbose,
    }))
}

/// The files that this machine starts next, each once, and the directories of GRUB that it has; and the first of them if it lies
/// on a partition that is not mounted.
fn started(session: &Session) -> Result<(Vec<PathBuf>, Option<PathBuf>)> {
    let context = &session.context;
    let store = Store::open(context, &StoreChoice::Live)?;
    let next = next_boot_files(context, &store)?;
    let mut files: Vec<PathBuf> = next
        .iter()
        .filter_map(|next| next.file().map(Path::to_path_buf))
        .collect();
    let menus = NextEntry::menus(context, None);
    files.extend(menus.iter().filter_map(|menu| menu.parent().map(Path::to_path_buf)));
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(file.clone()));
    // One that was read, and not from a directory.
    let is_elsewhere = |next: &&BootFile| next.is_next && next.kind.is_some() && next.file().is_none();
    let elsewhere = next.iter().find(is_elsewhere);
    let elsewhere = elsewhere.map(|next| PathBuf::from(&next.path));
    if files.is_empty() && elsewhere.is_none() {
        let text = "nothing is known that this machine starts";
        return Err(Error::could_not_run(text).hint("bootseal verify FILE"));
    }
    Ok((files, elsewhere))
}

/// The anchors of the key directory. The machine that watches others has none: with a db and a dbx none is needed, unless it is
/// named.
fn anchors(session: &Session, arguments: &Arguments) -> Result<Anchors> {
    let place = session.keys(arguments.keys.as_ref())?;
    let is_whole = arguments.db.is_some() && arguments.dbx.is_some();
    if is_whole && arguments.keys.is_none() && !system::is_there(&place)? {
        return Ok(Anchors::default());
    }
    Anchors::from_directory(&KeyDirectory::open(&place)?.below(session.context.root()))
}

/// Refuses a verdict that rests on nothing: without a db, a certificate or a key that could vouch for the file, its signature
/// says nothing about it.
fn refuse_groundless(judged: Judged, anchors: &Anchors, path: &Path) -> Result<Judged> {
    let Judged::File { judgements, .. } = &judged else {
        return Ok(judged);
    };
    let missing = judgements.iter().filter(|judgement| judgement.verdict.is_err());
    let mut missing = missing.filter_map(|judgement| match judgement.kind {
        examine::Kind::EfiImage if anchors.db.is_empty() => Some(("db", "name the firmware's: --db FILE")),
        examine::Kind::Module if anchors.modules.is_empty() => {
            Some(("module certificate", "name the right one: --keys DIR"))
        }
        examine::Kind::GrubFile if anchors.grub.is_empty() => Some(("key of GRUB", "name the right one: --keys DIR")),
        _ => None,
    });
    match missing.next() {
        Some((what, remedy)) => {
            let text = format!(
                "the key directory has no {what}, so nothing can be said of {}",
                path.shown()
            );
            Err(Error::could_not_run(text).hint(remedy))
        }
        None => Ok(judged),
    }
}

fn database(path: &Path) -> Result<SignatureDatabase> {
    let bytes = system::read(path)?;
    read_database(&bytes).or_refuse(|| format!("cannot read signature lists from {}", path.shown()))
}

fn judged_json(judged: &Judged, path: &str) -> Value {
    let accepted = judged.is_accepted();
    match judged {
        Judged::File { judgements, traps } => {
            let judgements: Vec<Value> = judgements.iter().map(judgement_json).collect();
            let traps: Vec<Value> = traps.iter().map(trap_json).collect();
            json!({ "path": path, "accepted": accepted, "findings": judgements, "traps": traps })
        }
        Judged::Directory(audit) => json!({
            "path": path,
            "accepted": accepted,
            "kind": "grub_directory",
            "judged": audit.judged,
            "problems": audit.problems.iter().map(problem_json).collect::<Vec<_>>(),
            "traps": audit.traps.iter().map(trap_json).collect::<Vec<_>>(),
        }),
    }
}

/// The verdict on a path.
struct Verified {
    path: PathBuf,
    result: Result<Judged>,
    /// The reach of a signed write.
    write: Option<Reach>,
}

impl Verified {
    fn json(&self) -> Value {
        let path = self.path.shown();
        let mut json = match &self.result {
            Ok(judged) => judged_json(judged, &path),
            Err(error) => json!({ "path": path, "accepted": false, "error": error_json(error) }),
        };
        let write = self.write.as_ref().and_then(|write| serde_json::to_value(write).ok());
        if let (Some(write), Some(object)) = (write, json.as_object_mut()) {
            object.insert("write".to_owned(), write);
        }
        json
    }
}

/// The verdicts on each path.
struct VerifyReport {
    files: Vec<Verified>,
    verbose: bool,
}

impl Report for VerifyReport {
    fn schema(&self) -> &'static str {
        "bootseal.verify/1"
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({}))
    }

    fn rows(&self) -> Option<Rows<'_>> {
        Some(("files", Box::new(self.files.iter().map(Verified::json))))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        for Verified { path, result, write } in &self.files {
            match result {
                Ok(Judged::File { judgements, traps }) => {
                    for judgement in judgements {
                        let (sign, reason) = match &judgement.verdict {
                            Ok(reason) => (style.tick(), reason),
                            Err(reason) => (style.cross(), reason),
                        };
                        let kind = judgement.kind.title();
                        writeln!(out, "{sign} {} ({kind}): {}", name(path), printable(reason))?;
                        if let Some(image) = &judgement.grub_image {
                            grub_image::human(image, out)?;
                        }
                    }
                    script::write_traps(out, style, traps, true)?;
                }
                Ok(Judged::Directory(audit)) => script::write_audit(out, style, path, audit, self.verbose)?,
                Err(error) => writeln!(out, "{} {}", style.cross(), with_causes(error))?,
            }
            if let Some(write) = write {
                signed_write::human(write, out, style)?;
            }
        }
        Ok(())
    }

    fn failure(&self) -> Option<Error> {
        let refused = |result: &Result<Judged>| match result {
            Ok(Judged::Directory(audit)) if audit.could_not_run() => Some(Kind::CouldNotRun),
            Ok(judged) => (!judged.is_accepted()).then_some(Kind::Refused),
            Err(error) => Some(error.kind()),
        };
        let failed: Vec<Kind> = self.files.iter().filter_map(|file| refused(&file.result)).collect();
        // A file that was judged and refused weighs more than one that could not be read: lowest code first.
        let kind = failed.iter().copied().min_by_key(|kind| kind.exit_code())?;
        let message = format!("{} of {} files are not accepted", failed.len(), self.files.len());
        let remedy = |file: &Verified| file.result.as_ref().ok()?.remedy(&file.path);
        let remedies = self.files.iter().filter_map(remedy);
        Some(remedies.fold(Error::new(kind, message), Error::hint))
    }
}

pub(super) fn judgement_json(judgement: &Judgement) -> Value {
    let (accepted, reason) = match &judgement.verdict {
        Ok(reason) => (true, reason),
        Err(reason) => (false, reason),
    };
    let mut json = json!({
        "kind": judgement.kind.name(),
        "signers": judgement.signers,
        "accepted": accepted,
        "reason": reason,
    });
    if let (Some(image), Some(object)) = (&judgement.grub_image, json.as_object_mut()) {
        object.insert("grub_image".to_owned(), grub_image::to_json(image));
    }
    json
}
