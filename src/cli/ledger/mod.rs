//! `bootseal ledger`: every signature that bootseal made on this machine, and the proof that none was changed since.

mod report;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::error::{Error, Kind as ErrorKind, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticode::Image;
use crate::formats::text::Shown;
use crate::ledger::{Ledger, Recorded};
use crate::system::{self, Context};
use crate::ui::Report;

use crate::cli::session::Session;
use report::{Head, LedgerReport, VerifyReport};

/// Fewest hexadecimal digits of a digest that is looked for.
const LEAST_DIGITS: usize = 8;
/// Largest file whose digests are looked for, in bytes.
const MAX_FILE: u64 = 1 << 30;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example: bootseal ledger /boot/vmlinuz-6.12.58-gentoo\n\n\
        A file is found by its path and by the SHA-256 of its bytes; a digest by that of the file or by the one that was \
        signed. The newest signature comes last; -v shows the digests. Exit code 1: the ledger has none of it. 3: there is \
        no ledger yet."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Show only the signatures of this file, or of the digest that begins with these hexadecimal digits, 8 or more
    #[arg(value_name = "FILE|DIGEST")]
    sought: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay the ledger: each line has to follow the one before
    #[command(after_help = "Example: bootseal ledger verify\n\n\
        Who keeps the head elsewhere, in hex or in words, sees also that the end was cut off. Exit code 1: a line does not \
        hold. 3: there is no ledger yet.")]
    Verify,
}

pub(super) fn run(session: &Session, arguments: &Arguments) -> Result<Box<dyn Report>> {
    let context = &session.context;
    let ledger = read(context)?;
    if matches!(arguments.command, Some(Command::Verify)) {
        return Ok(Box::new(VerifyReport::new(&ledger)));
    }
    let head = Head::new(&ledger);
    let recorded = ledger.into_index().into_recorded();
    let Some(sought) = &arguments.sought else {
        return Ok(Box::new(LedgerReport::new(head, recorded, None, session.verbose)));
    };
    let search = Search::new(context, sought)?;
    let found: Vec<Recorded> = recorded.into_iter().filter(|own| search.takes(own)).collect();
    if found.is_empty() {
        let sought = sought.shown();
        return Err(
            Error::refused(format!("the ledger has no signature of {sought}")).hint("bootseal ledger shows all")
        );
    }
    let present = search.present(&found);
    Ok(Box::new(LedgerReport::new(head, found, present, session.verbose)))
}

/// The ledger of the machine. An error if it does not hold, or has no line.
fn read(context: &Context) -> Result<Ledger> {
    let path = Ledger::path_of(context)?;
    let ledger = Ledger::read(context).map_err(|error| match error.kind() {
        ErrorKind::Refused => error.hint(Ledger::remedy(&path)),
        _ => error,
    })?;
    if ledger.is_empty() {
        return Err(
            Error::could_not_run(format!("there is no ledger yet: {} has no line", path.shown()))
                .hint("the first run that signs begins it: bootseal sign all"),
        );
    }
    Ok(ledger)
}

/// The signatures that are looked for.
#[derive(Debug)]
enum Search {
    /// Those of a file.
    File {
        /// The path on the machine.
        path: String,
        /// The digests of its bytes, lower-case hex; empty if there is no such file.
        digests: Vec<String>,
    },
    /// Those of a digest that begins so, lower-case hex.
    Digest(String),
}

impl Search {
    fn new(context: &Context, sought: &Path) -> Result<Self> {
        let text = sought.to_string_lossy();
        let is_digest = text.len() >= LEAST_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digest && !system::is_there(sought)? {
            return Ok(Self::Digest(text.to_lowercase()));
        }
        let absolute = std::path::absolute(sought).unwrap_or_else(|_| sought.to_path_buf());
        let path = context.below_root(&absolute);
        let mut digests = Vec::new();
        // Where the path is that on the machine, the file is below the root.
        for place in [absolute.clone(), context.path(&path)] {
            if let Some(bytes) = system::read_if_there(&place, MAX_FILE)? {
                digests = digests_of(&bytes);
                break;
            }
        }
        Ok(Self::File {
            path: path.to_string_lossy().into_owned(),
            digests,
        })
    }

    fn takes(&self, recorded: &Recorded) -> bool {
        let file = &recorded.file;
        match self {
            Self::File { path, digests } => {
                file.path == *path || digests.contains(&file.sha256) || digests.contains(&file.signed)
            }
            Self::Digest(digits) => file.sha256.starts_with(digits) || file.signed.starts_with(digits),
        }
    }

    /// True if one of the signatures is over the present bytes of the file; none if no present file is looked for.
    fn present(&self, found: &[Recorded]) -> Option<bool> {
        let Self::File { digests, .. } = self else { return None };
        let is_present =
            |recorded: &Recorded| digests.contains(&recorded.file.sha256) || digests.contains(&recorded.file.signed);
        (!digests.is_empty()).then(|| found.iter().any(is_present))
    }
}

/// SHA-256 of a file, and of an EFI image its Authenticode digest.
fn digests_of(bytes: &[u8]) -> Vec<String> {
    let image = Image::parse(bytes).ok();
    let authenticode = image.map(|image| image.digest(HashAlgorithm::Sha256).to_hex());
    std::iter::once(HashAlgorithm::Sha256.digest(&[bytes]).to_hex())
        .chain(authenticode)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Kind, Lot, Origin, SignedFile};

    fn recorded(path: &str, bytes: &[u8]) -> Recorded {
        let digest = HashAlgorithm::Sha256.digest(&[bytes]).to_hex();
        Recorded {
            kind: Kind::Grub,
            origin: Origin::Owned,
            lot: std::sync::Arc::new(Lot {
                key: "ab".repeat(20),
                hash: "sha256".to_owned(),
                time: "2026-01-01T00:00:00Z".to_owned(),
                run: None,
            }),
            file: SignedFile {
                path: path.to_owned(),
                sha256: digest.clone(),
                signed: digest,
            },
        }
    }

    #[test]
    fn a_file_is_found_by_its_path_below_the_root_or_on_the_machine_and_by_its_bytes() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        std::fs::create_dir(context.path("/boot")).unwrap();
        std::fs::write(context.path("/boot/a"), "one").unwrap();
        for sought in [context.path("/boot/a"), PathBuf::from("/boot/a")] {
            let search = Search::new(&context, &sought).unwrap();
            assert!(search.takes(&recorded("/boot/a", b"before")), "{search:?}");
            assert!(search.takes(&recorded("/boot/moved", b"one")), "{search:?}");
            assert!(!search.takes(&recorded("/boot/b", b"two")), "{search:?}");
            assert_eq!(search.present(&[recorded("/boot/a", b"before")]), Some(false));
            assert_eq!(search.present(&[recorded("/boot/a", b"one")]), Some(true));
        }
        let gone = Search::new(&context, Path::new("/boot/gone")).unwrap();
        assert!(gone.takes(&recorded("/boot/gone", b"x")));
        assert_eq!(gone.present(&[]), None);
    }

    #[test]
    fn eight_hexadecimal_digits_are_a_digest_and_fewer_a_file() {
        let context = Context::host();
        let entry = recorded("/boot/a", b"one");
        let digits = entry.file.sha256[..8].to_uppercase();
        assert!(Search::new(&context, Path::new(&digits)).unwrap().takes(&entry));
        let short = Search::new(&context, Path::new(&digits[..7])).unwrap();
        assert!(matches!(short, Search::File { .. }) && !short.takes(&entry));
    }
}
