//! The record of menus that a command has put back, `former-menus.json` in the state directory: the machine starts by them, and not
//! by those that it was meant to start by, until a run holds.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk::make_menu;
use crate::error::{Explain, Result, quoted};
use crate::finding::{Finding, Kind};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::text::{Shown, printable};
use crate::system::{self, Context, moment};

/// The former menu of GRUB is in use.
pub const FORMER_MENU: Kind = Kind::warning("former_menu");
/// The record, below the state directory.
const FILE: &str = "former-menus.json";
/// Longest record that is read, in bytes.
const MAX_RECORD: u64 = 64 << 10;
/// Longest reason that is kept, in characters.
const MAX_REASON: usize = 1000;
const SECRET: u32 = 0o600;

/// A menu that was put back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PutBack {
    menu: PathBuf,
    /// SHA-256 of the former menu, lower-case hex: a menu that has come since is another matter.
    sha256: String,
    /// In seconds since 1970-01-01 UTC.
    time: u64,
    reason: String,
}

/// Records menus that were put back, and why.
pub(super) fn record(context: &Context, menus: &[PathBuf], reason: &str) -> Result<()> {
    let mut records = Vec::new();
    for menu in menus {
        records.push(PutBack {
            menu: context.below_root(menu),
            sha256: digest(menu)?,
            time: context.now()?,
            reason: reason.chars().take(MAX_REASON).collect(),
        });
    }
    if records.is_empty() {
        return Ok(());
    }
    let text = serde_json::to_string(&records).or_bug(|| "cannot write a menu down".to_owned())?;
    let state = context.state()?;
    system::create_dir(context, &state)?;
    system::replace_durably(context, &state.join(FILE), text.as_bytes(), SECRET)
}

/// Forgets them, after a run that holds.
pub(super) fn forget(context: &Context) -> Result<()> {
    let path = context.state()?.join(FILE);
    if system::is_there(&path)? {
        system::remove_file(context, &path)?;
    }
    Ok(())
}

/// The findings of former menus that are in use.
pub fn former_menus(context: &Context) -> Result<Vec<Finding>> {
    let path = context.state()?.join(FILE);
    let Some(bytes) = system::read_ours_if_there(&path, MAX_RECORD)? else {
        return Ok(Vec::new());
    };
    let cannot = || {
        let (shown, quoted) = (path.shown(), quoted(&path));
        format!("{shown} is no record of former menus; if it is not needed: rm {quoted}")
    };
    let records: Vec<PutBack> = serde_json::from_slice(&bytes).or_could_not_run(cannot)?;
    let mut findings = Vec::new();
    for record in records {
        let menu = context.path(&record.menu);
        if system::is_there(&menu)? && digest(&menu)? == record.sha256 {
            let text = format!(
                "{}: the former menu is in use, since {}, when the next start did not hold by another: {}",
                menu.shown(),
                moment(record.time),
                printable(&record.reason)
            );
            let finding = Finding::new(FORMER_MENU, menu.shown(), text);
            findings.push(finding.remedies([make_menu(context, &menu), "bootseal sign all".to_owned()]));
        }
    }
    Ok(findings)
}

fn digest(menu: &Path) -> Result<String> {
    Ok(HashAlgorithm::Sha256.digest(&[&system::read(menu)?]).to_hex())
}
