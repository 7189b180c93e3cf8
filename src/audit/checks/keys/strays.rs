//! Private keys on the EFI system partitions, which have no owners.

use std::path::{Path, PathBuf};

use crate::disk::files_below;
use crate::finding::{Finding, Kind, Outcome};
use crate::formats::text::Shown;
use crate::system;

use crate::audit::machine::Machine;
use crate::audit::reason::reason;

/// Largest file that may be a key, in bytes.
const MAX_KEY: u64 = 64 << 10;
/// A private key lies on an EFI system partition.
const STRAY_KEY: Kind = Kind::error("stray_key");

/// Looks for private keys that somebody left on an EFI system partition.
pub(super) fn strays(machine: &Machine<'_>, known: &[PathBuf], outcome: &mut Outcome) {
    let esps = match machine.esps() {
        Ok(esps) => esps,
        Err(missing) => return outcome.not_run.push(missing.clone()),
    };
    // Those of the key directory have been told of.
    let known: Vec<_> = known.iter().filter_map(|path| system::canonical(path).ok()).collect();
    for esp in esps {
        let shown = esp.directory.shown();
        let mut not_run = Vec::new();
        let mut is_clean = true;
        let mut files = files_below(&esp.directory, &mut not_run);
        files.retain(|path| is_small(path) && !known.contains(path));
        for path in files {
            match system::read_prefix(&path, Some(MAX_KEY)) {
                Ok(content) if holds_private_key(&content) => {
                    is_clean = false;
                    let text = format!(
                        "{} holds a private key, for everybody who reads the partition",
                        path.shown()
                    );
                    let remedy = "move it away, and rotate the key: who could read it may have a copy";
                    outcome
                        .findings
                        .push(Finding::new(STRAY_KEY, path.shown(), text).remedy(remedy));
                }
                Ok(_) => {}
                Err(error) => not_run.push(reason(&error)),
            }
        }
        if is_clean && not_run.is_empty() {
            outcome.evidence.push(format!("{shown}: no private key"));
        }
        outcome.not_run.extend(not_run);
    }
}

fn is_small(path: &Path) -> bool {
    system::info(path).is_ok_and(|info| info.is_file() && info.size() <= MAX_KEY)
}

/// True if a file holds a private key in PEM (RFC 7468), as OpenSSL, sbctl and bootseal write it.
fn holds_private_key(content: &[u8]) -> bool {
    const LABEL: &[u8] = b"PRIVATE KEY-----";
    content.windows(LABEL.len()).any(|window| window == LABEL)
}
