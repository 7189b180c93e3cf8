//! The kinds of problems of the files in a GRUB directory.

use std::path::Path;

use crate::disk::make_menu;
use crate::error::Error;
use crate::finding::{Finding, Kind};
use crate::formats::grub::opened_files::Opened;
use crate::formats::text::Shown;
use crate::system::Context;

/// A file that could not be judged.
pub const NOT_JUDGED: Kind = Kind::warning("not_judged");
/// A file that a configuration names and that does not exist.
pub(super) const NOT_FOUND: Kind = Kind::error("not_found");
/// An image among those that GRUB makes entries of, and of which it makes none.
pub(super) const NO_ENTRY: Kind = Kind::warning("no_entry");
/// A menu without an entry that starts anything.
pub(super) const NOTHING_STARTS: Kind = Kind::error("nothing_starts");
/// A signature whose file is gone.
pub(super) const ORPHAN: Kind = Kind::error("orphan");
/// A symbolic link without a signature of its own.
pub(super) const LINK_MISSING: Kind = Kind::error("link_missing");

/// The problem of a file that could not be judged, because of this error.
pub(super) fn not_judged(path: &Path, error: &Error) -> Finding {
    Finding::new(NOT_JUDGED, path.shown(), error.in_one_line()).remedies(error.hints())
}

/// The problem of an entry in a script that leads to a file that does not exist.
pub(super) fn not_found(script: &Path, file: &Opened, name: &str) -> Finding {
    let text = format!("{} {name}: there is no such file here", file.command);
    Finding::new(NOT_FOUND, script.shown(), text)
        .remedy("remove the entry, for example with grub-mkconfig, or mount the file system that holds the file")
        .in_line(file.line, None)
}

/// The problem of a menu without an entry that starts anything that is there.
pub(super) fn nothing_starts(context: &Context, menu: &Path) -> Finding {
    let text = "no entry starts a kernel or a loader that is there, so that GRUB would end at its prompt";
    Finding::new(NOTHING_STARTS, menu.shown(), text).remedy(make_menu(context, menu))
}
