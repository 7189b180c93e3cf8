//! The things that a person has in hand at the end: paper, shares and a stick, and what becomes of each.

use std::path::Path;

use crate::error::{Result, quoted};
use crate::formats::text::Shown;
use crate::keys::directory::REMOVE_PK;
use crate::system;

use super::layout::SHEET;
use super::spec::Spec;

/// The home of the keys on a node.
const HOME: &str = "/etc/bootseal/keys";

/// The steps after a ceremony, for people.
pub(super) fn after_ceremony(spec: &Spec) -> Vec<String> {
    let mut steps = Vec::new();
    let backup = spec.backup.as_ref();
    if let Some(backup) = backup {
        steps.push(format!(
            "print {}, and keep the paper where neither archive nor machine is",
            backup.directory.join(SHEET).shown()
        ));
    }
    let apart: Vec<String> = spec
        .directories()
        .into_iter()
        .filter(|(place, _)| *place != "node")
        .map(|(_, path)| path.shown())
        .collect();
    if !apart.is_empty() {
        let when = if backup.is_some() {
            "after the drill, unmount"
        } else {
            "unmount"
        };
        steps.push(format!("{when} what holds {}, and lock it away", apart.join(" and ")));
    }
    // A node of a fleet takes its keys from its bundle.
    if spec.out != Path::new(HOME) && !spec.is_part {
        let without = if spec.directories().iter().any(|(place, _)| *place == "offline") {
            String::new()
        } else {
            format!(", without PK.key, KEK.key and {REMOVE_PK}")
        };
        steps.push(format!(
            "copy {} to {HOME} of each node{without}, as root, with mode 0700",
            spec.out.shown()
        ));
    }
    steps
}

/// The steps after a drill, for people.
pub(super) fn after_drill(source: &Path, by_shares: bool) -> Result<Vec<String>> {
    let mut steps = vec![
        if by_shares {
            "give each share back to its keeper, and leave none where the archive is"
        } else {
            "keep the passphrase where the archive is not"
        }
        .to_owned(),
    ];
    let sheet = source.with_file_name(SHEET);
    if system::is_there(&sheet)? {
        steps.push(format!(
            "have {} on paper by now, where neither archive nor machine is",
            sheet.shown()
        ));
    }
    steps.push(format!(
        "unmount what holds {}, and lock it away until the next drill",
        source.shown()
    ));
    Ok(steps)
}

/// The command after a drill: a node has the lists for its firmware beside its keys.
pub(super) fn next_after_drill(keys: &Path, has_lists: bool) -> String {
    let keys = quoted(keys);
    if has_lists {
        format!("bootseal enroll plan --keys {keys}")
    } else {
        format!("bootseal ceremony verify {keys}")
    }
}
