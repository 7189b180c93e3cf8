//! `bootseal verify`: who signed a file, and whether firmware, kernel or GRUB would accept it.

mod grub_image;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::error::{Error, Explain, Result};
use crate::formats::certificate::printable;
use crate::formats::signature_list::SignatureDatabase;
use crate::keys::KeyDirectory;
use crate::sign::grub::{existing_signature, signed_file};
use crate::system;
use crate::trust::{Anchors, Finding, examine, read_database};
use crate::ui::{Report, Style, error_json};

use super::Session;
use super::sign::{name, with_causes};

#[derive(Debug, Args)]
#[command(
    after_help = "Example: bootseal verify /boot/vmlinuz-6.12.58-gentoo /boot/grub/grub.cfg\n\n\
    Accepts signature lists, efivarfs files and .auth files for --db and --dbx; without them, db and dbx are those of \
    the key directory. Exit code 1 means that at least one file is not accepted."
)]
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
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(session: &Session, arguments: &Arguments) -> Result<Box<dyn Report>> {
    let mut anchors = Anchors::of(&KeyDirectory::open(&session.keys(arguments.keys.as_ref())?)?)?;
    if let Some(path) = &arguments.db {
        anchors.db = database(path)?;
    }
    if let Some(path) = &arguments.dbx {
        anchors.dbx = database(path)?;
    }
    let files = arguments
        .files
        .iter()
        .map(|path| (path.clone(), verify(path, &anchors)))
        .collect();
    Ok(Box::new(VerifyReport { files }))
}

fn database(path: &Path) -> Result<SignatureDatabase> {
    let bytes = system::read(path)?;
    read_database(&bytes).or_refuse(|| format!("cannot read signature lists from {}", path.display()))
}

fn verify(path: &Path, anchors: &Anchors) -> Result<Vec<Finding>> {
    // A signature is judged with the file that it signs.
    let path = signed_file(path).unwrap_or_else(|| path.to_path_buf());
    let file = system::read(&path)?;
    let signature = existing_signature(&path)?;
    Ok(examine(&file, signature.as_deref(), anchors))
}

/// The verdicts on each file.
pub(super) struct VerifyReport {
    pub(super) files: Vec<(PathBuf, Result<Vec<Finding>>)>,
}

impl Report for VerifyReport {
    fn schema(&self) -> &'static str {
        "bootseal.verify/1"
    }

    fn json(&self) -> Value {
        let files: Vec<Value> = self
            .files
            .iter()
            .map(|(path, result)| {
                let path = path.to_string_lossy();
                match result {
                    Ok(findings) => {
                        let accepted = findings.iter().all(|finding| finding.verdict.is_ok());
                        let findings: Vec<Value> = findings.iter().map(finding_json).collect();
                        json!({ "path": path, "accepted": accepted, "findings": findings })
                    }
                    Err(error) => json!({ "path": path, "accepted": false, "error": error_json(error) }),
                }
            })
            .collect();
        json!({ "files": files })
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        for (path, result) in &self.files {
            match result {
                Ok(findings) => {
                    for finding in findings {
                        let (sign, reason) = match &finding.verdict {
                            Ok(reason) => (style.tick(), reason),
                            Err(reason) => (style.cross(), reason),
                        };
                        let kind = finding.kind.title();
                        writeln!(out, "{sign} {} ({kind}): {}", name(path), printable(reason))?;
                        if let Some(image) = &finding.grub_image {
                            grub_image::human(image, out)?;
                        }
                    }
                }
                Err(error) => writeln!(out, "{} {}", style.cross(), with_causes(error))?,
            }
        }
        Ok(())
    }

    fn failure(&self) -> Option<Error> {
        let refused = |result: &Result<Vec<Finding>>| match result {
            Ok(findings) => findings
                .iter()
                .any(|finding| finding.verdict.is_err())
                .then(|| Error::refused("")),
            Err(error) => Some(Error::new(error.kind(), "")),
        };
        let failed: Vec<Error> = self.files.iter().filter_map(|(_, result)| refused(result)).collect();
        // A file that was judged and refused weighs more than one that could not be read: lowest code first.
        let kind = failed.iter().map(Error::kind).min_by_key(|kind| kind.exit_code())?;
        Some(Error::new(
            kind,
            format!("{} of {} files are not accepted", failed.len(), self.files.len()),
        ))
    }
}

pub(super) fn finding_json(finding: &Finding) -> Value {
    let (accepted, reason) = match &finding.verdict {
        Ok(reason) => (true, reason),
        Err(reason) => (false, reason),
    };
    let mut json = json!({
        "kind": finding.kind.name(),
        "signers": finding.signers,
        "accepted": accepted,
        "reason": reason,
    });
    if let (Some(image), Some(object)) = (&finding.grub_image, json.as_object_mut()) {
        object.insert("grub_image".to_owned(), grub_image::to_json(image));
    }
    json
}
