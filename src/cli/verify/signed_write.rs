//! Signed writes among the files of `bootseal verify`: which boards take them, until when, and what they change.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::cli::enroll::describe;
use crate::cli::session::Session;
use crate::enroll::{Change, Reach, Store, StoreChoice, is_update, update_paths};
use crate::error::Result;
use crate::formats::text::{Shown, printable};
use crate::keys::KeyDirectory;
use crate::sign::Judged;
use crate::system;
use crate::trust::Kind;
use crate::ui::Style;

/// The files, with those of a directory that holds an update in its place.
pub(super) fn unfolded(files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for file in files {
        if is_update(file) {
            all.extend(update_paths(file)?);
        } else {
            all.push(file.clone());
        }
    }
    Ok(all)
}

/// The reach of a file that was judged as a signed write, by the key directory and by this machine's firmware where they can be read.
pub(super) fn reach(session: &Session, keys: Option<&PathBuf>, path: &Path, judged: &Result<Judged>) -> Option<Reach> {
    let Ok(Judged::File { judgements, .. }) = judged else {
        return None;
    };
    let is_write = |judgement: &crate::trust::Judgement| judgement.kind == Kind::AuthenticatedVariable;
    if !judgements.iter().any(is_write) {
        return None;
    }
    let bytes = system::read(path).ok()?;
    let keys = KeyDirectory::find(&session.keys(keys).ok()?).ok().flatten();
    let keys = keys.map(|keys| keys.below(session.context.root()));
    let store = Store::open(&session.context, &StoreChoice::Live).ok();
    let of = |store| Reach::read(&session.context, (&bytes, &path.shown()), keys.as_ref(), store);
    // A firmware that does not tell says nothing, as one that is not there.
    let board = store.as_ref().map(|store| (&StoreChoice::Live, store));
    of(board).or_else(|_| of(None)).ok()
}

pub(super) fn human(reach: &Reach, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let Reach {
        variable,
        time,
        signed_by,
        ..
    } = reach;
    let verb = match (reach.removes_platform_key, reach.append) {
        (true, _) => "empties",
        (false, true) => "appends to",
        (false, false) => "replaces",
    };
    let signed_by = printable(signed_by);
    writeln!(
        out,
        "  write     {verb} {variable}, signed by \"{signed_by}\" on {time}"
    )?;
    writeln!(out, "  taken by  {}", reach.boards)?;
    writeln!(out, "  until     {}", reach.until_in_words())?;
    if let Some(here) = &reach.here {
        writeln!(out, "  here      {}", printable(here))?;
    }
    if reach.removes_platform_key {
        writeln!(
            out,
            "  changes   Secure Boot is off, and whoever is there enrolls keys: Setup Mode"
        )?;
    } else if reach.change.is_empty() {
        writeln!(out, "  changes   nothing of what the key directory enrolls")?;
    }
    for entry in &reach.change {
        let sign = match entry.change {
            Change::Added => style.good("+"),
            Change::Kept => "=".to_owned(),
            Change::Removed => style.bad("-"),
        };
        writeln!(out, "  {sign} {}", describe(&entry.entry))?;
    }
    if reach.is_bearer_token() {
        let warning = "whoever is root on such a board can make this change with the file alone: keep it as you keep keys, or delete it";
        writeln!(out, "  {} {warning}", style.warn("!"))?;
    }
    Ok(())
}
