//! The findings about entries of the configuration that nothing matches: hooks sign what they name, and fail by them.

use std::path::Path;

use crate::finding::{Finding, Kind};
use crate::formats::text::{Shown, printable};
use crate::system::Context;
use crate::system::config::{Config, expand};

/// The last slot, or the hook of Portage, fails by an entry that has to match.
const NAMED_FILE_MISSING: Kind = Kind::error("named_file_missing");
/// The same, unless what comes next matches the pattern.
const NAMED_FILES_MISSING: Kind = Kind::warning("named_files_missing");

/// The findings of the entries of `[sign]` that hooks take with what they find themselves.
pub(super) fn named_files(context: &Context, config: &Config) -> Vec<Finding> {
    let in_each = "the last hook of each kernel's installation";
    let in_packages = "the hook of Portage";
    let lists = [
        ("grub", &config.sign.grub, in_each),
        ("efi", &config.sign.efi, in_packages),
    ];
    let missing = lists.into_iter().flat_map(|(list, entries, hook)| {
        let missing = expand(context, entries).missing.into_iter();
        missing.map(move |(entry, error)| {
            let found = |kind, when: &str| {
                let text = format!(
                    "{}: {hook} fails{when} ([sign] {list})",
                    printable(&error.in_one_line())
                );
                Finding::new(kind, entry.shown(), text).remedies(error.hints())
            };
            if is_pattern(&entry) {
                found(NAMED_FILES_MISSING, " unless the next kernel brings a file there")
            } else {
                found(NAMED_FILE_MISSING, "")
            }
        })
    });
    missing.collect()
}

fn is_pattern(entry: &Path) -> bool {
    let entry = entry.to_string_lossy();
    glob::Pattern::escape(&entry) != entry
}
