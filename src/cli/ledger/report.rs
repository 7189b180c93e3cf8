//! The signatures of the ledger, and the result of its replay.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::error::Result;
use crate::formats::backup::words::fingerprint_words;
use crate::formats::text::{Shown, escaped, printable};
use crate::ledger::{Ledger, Recorded};
use crate::ui::{Report, Rows, Style};

use crate::cli::text::name;

/// Hexadecimal digits of a key that the table shows.
const SHOWN: usize = 16;

/// The end of a ledger, by which all of it is known.
#[derive(Debug)]
pub(super) struct Head {
    path: PathBuf,
    lines: u64,
    signatures: usize,
    digest: String,
    words: String,
}

impl Head {
    pub(super) fn new(ledger: &Ledger) -> Self {
        let digest = ledger.head().to_owned();
        Self {
            path: ledger.path().to_path_buf(),
            lines: ledger.length(),
            signatures: ledger.index().recorded().len(),
            words: hex::decode(&digest)
                .map(|bytes| fingerprint_words(&bytes))
                .unwrap_or_default(),
            digest,
        }
    }
}

/// Signatures of the ledger.
pub(super) struct LedgerReport {
    head: Head,
    signatures: Vec<Recorded>,
    /// True if one of them is over the present bytes of the file that was named; none if no file was.
    present: Option<bool>,
    verbose: bool,
}

impl LedgerReport {
    pub(super) const fn new(head: Head, signatures: Vec<Recorded>, present: Option<bool>, verbose: bool) -> Self {
        Self {
            head,
            signatures,
            present,
            verbose,
        }
    }
}

impl Report for LedgerReport {
    fn schema(&self) -> &'static str {
        "bootseal.ledger/1"
    }

    fn json(&self) -> Result<Value> {
        let Head {
            path, lines, digest, ..
        } = &self.head;
        Ok(json!({
            "ledger": path.shown(),
            "lines": lines,
            "head": digest,
            "present_is_signed": self.present,
        }))
    }

    fn rows(&self) -> Option<Rows<'_>> {
        Some(("signatures", Box::new(self.signatures.iter().map(signature_json))))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let paths = self.signatures.iter().map(|own| escaped(&own.file.path));
        let width = paths.map(|path| path.chars().count()).max().unwrap_or_default();
        for recorded in &self.signatures {
            let Recorded {
                kind,
                origin,
                lot,
                file,
            } = recorded;
            writeln!(
                out,
                "{}  {:7}  {:width$}  {:9}  {}",
                printable(&lot.time),
                kind.name(),
                escaped(&file.path),
                origin.name(),
                lot.key.get(..SHOWN).unwrap_or(&lot.key)
            )?;
            if self.verbose {
                let run = lot.run.as_deref().unwrap_or("folded");
                writeln!(out, "    file sha256 {}", file.sha256)?;
                writeln!(out, "    signed {} {}, run {}", lot.hash, file.signed, printable(run))?;
            }
        }
        if self.present == Some(false) {
            let text = "none of these is over the bytes that the file has now: it was changed since";
            writeln!(out, "{} {text}", style.warn("!"))?;
        }
        Ok(())
    }
}

fn signature_json(recorded: &Recorded) -> Value {
    json!({
        "time": recorded.lot.time,
        "kind": recorded.kind.name(),
        "path": escaped(&recorded.file.path),
        "origin": recorded.origin.name(),
        "key": recorded.lot.key,
        "hash": recorded.lot.hash,
        "sha256": recorded.file.sha256,
        "signed": recorded.file.signed,
        "run": recorded.lot.run,
    })
}

/// A ledger that holds.
pub(super) struct VerifyReport {
    head: Head,
    open_run: Option<String>,
    has_torn_line: bool,
}

impl VerifyReport {
    pub(super) fn new(ledger: &Ledger) -> Self {
        Self {
            head: Head::new(ledger),
            open_run: ledger.open_run().map(str::to_owned),
            has_torn_line: ledger.has_torn_line(),
        }
    }
}

impl Report for VerifyReport {
    fn schema(&self) -> &'static str {
        "bootseal.ledger.verify/1"
    }

    fn json(&self) -> Result<Value> {
        let head = &self.head;
        Ok(json!({
            "ledger": head.path.shown(),
            "lines": head.lines,
            "signatures": head.signatures,
            "head": head.digest,
            "words": head.words,
            "open_run": self.open_run,
            "torn_line": self.has_torn_line,
        }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let Head {
            path,
            lines,
            signatures,
            digest,
            words,
        } = &self.head;
        let tick = style.tick();
        writeln!(
            out,
            "{tick} {}: {lines} lines, {signatures} signatures, head",
            name(path)
        )?;
        writeln!(out, "    {digest}\n    {words}")?;
        if let Some(run) = &self.open_run {
            let run = printable(run);
            writeln!(
                out,
                "- run {run} is under way, or was cut off: the next one completes the ledger"
            )?;
        }
        if self.has_torn_line {
            let text =
                "its last line was cut off in the middle of its write, and does not count: the next run takes it away";
            writeln!(out, "- {text}")?;
        }
        Ok(())
    }
}
