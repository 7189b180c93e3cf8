//! The judgement of a path by everyone who reads it: a file by firmware, kernel and GRUB, and as a script of GRUB; a
//! directory as one of GRUB.

use std::io::Read;
use std::path::Path;

use crate::error::{Explain, Result, quoted};
use crate::finding::{Finding, Level, worst};
use crate::formats::grub::opened_files::variables;
use crate::formats::grub::script::{MAX_BYTES, Script};
use crate::formats::kernel::compression::{Compression, MAX_HELD};
use crate::formats::text::Shown;
use crate::system::config::{Exclusions, GrubEnvironment};
use crate::system::{self, Context, MAX_PACKED, Passes};
use crate::trust::grub_traps::{default_traps, traps};
use crate::trust::{Anchors, Judgement, examine, examine_large};

use super::grub::{self, Audit, existing_signature, signed_file};

/// The verdicts on a path.
#[derive(Debug)]
pub enum Judged {
    /// A file.
    File {
        /// The judgements of its readers.
        judgements: Vec<Judgement>,
        /// Commands that undo signatures or cannot work under them, if it is a script of GRUB.
        traps: Vec<Finding>,
    },
    /// A directory of GRUB.
    Directory(Audit),
}

impl Judged {
    /// True if every reader accepts the file, or all files of the directory.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        match self {
            Self::File { judgements, traps } => {
                judgements.iter().all(|judgement| judgement.verdict.is_ok()) && worst(traps) <= Some(Level::Note)
            }
            Self::Directory(audit) => audit.is_clean(),
        }
    }

    /// The command that mends the directory at `path`, if signing it again does.
    #[must_use]
    pub fn remedy(&self, path: &Path) -> Option<String> {
        match self {
            Self::Directory(audit) if audit.is_mended_by_signing() => {
                Some(format!("bootseal sign grub {}", quoted(path)))
            }
            _ => None,
        }
    }
}

/// Judges a file or directory by these anchors. A signature is judged with the file that it signs. `exclude`
/// and `environment` say which files of a directory need no signature.
pub fn judge(
    context: &Context,
    anchors: &Anchors,
    exclude: &Exclusions,
    environment: GrubEnvironment,
    path: &Path,
) -> Result<Judged> {
    if path.is_dir() {
        let audit = grub::verify(context, exclude, environment, path, &anchors.grub)?;
        return Ok(Judged::Directory(audit));
    }
    let path = signed_file(path).unwrap_or_else(|| path.to_path_buf());
    if let Some(large) = large(&path)? {
        let judgements = examine_large(&large, existing_signature(&path)?.as_deref(), anchors);
        let script = is_script(&path).then(|| system::read_prefix(&path, Some(MAX_BYTES as u64 + 1)));
        let traps = script
            .transpose()?
            .map_or_else(Vec::new, |script| traps_of_file(&path, &script));
        return Ok(Judged::File { judgements, traps });
    }
    let file = system::read(&path)?;
    let judgements = if is_defaults(&path) {
        Vec::new()
    } else {
        examine(&file, existing_signature(&path)?.as_deref(), anchors)
    };
    let traps = traps_of_file(&path, &file);
    Ok(Judged::File { judgements, traps })
}

/// A file that is not held: it is larger, or unpacks to more.
fn large(path: &Path) -> Result<Option<Passes>> {
    let cannot = || format!("cannot read {}", path.shown());
    let (file, metadata) = system::open(path)?;
    if metadata.len() > MAX_HELD {
        // What is packed and larger than any packed module is looked at as it is.
        let as_it_is = metadata.len() > MAX_PACKED;
        let passes = if as_it_is {
            Ok(Some(Passes::as_it_is(file)))
        } else {
            Passes::new((file, metadata))
        };
        return passes.or_could_not_run(cannot);
    }
    let passes = Passes::new((file, metadata)).or_could_not_run(cannot)?;
    let Some(passes) = passes.filter(|passes| passes.compression() != Compression::None) else {
        return Ok(None);
    };
    let is_large = passes
        .open()
        .and_then(|content| std::io::copy(&mut content.take(MAX_HELD + 1), &mut std::io::sink()));
    Ok(is_large.is_ok_and(|length| length > MAX_HELD).then_some(passes))
}

/// True for the file that `grub-mkconfig` follows, which GRUB itself never opens.
fn is_defaults(path: &Path) -> bool {
    path.ends_with("default/grub")
}

/// True for the name of a script of GRUB.
fn is_script(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "cfg")
}

/// The traps of a file that by its name is a script of GRUB, or the one that `grub-mkconfig` follows.
fn traps_of_file(path: &Path, file: &[u8]) -> Vec<Finding> {
    if is_defaults(path) {
        default_traps(path, &String::from_utf8_lossy(file))
    } else if is_script(path) {
        let script = Script::parse_bytes(file);
        traps(path, &script, None, &variables(std::iter::once(&script)))
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_script_is_known_by_its_name_and_its_traps_refuse_it() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host();
        let judge = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            let (anchors, exclude) = (Anchors::default(), Exclusions::default());
            judge(&context, &anchors, &exclude, GrubEnvironment::default(), &path).unwrap()
        };
        let names = |judged: &Judged| match judged {
            Judged::File { traps, .. } => traps.iter().map(|trap| trap.kind.name()).collect::<Vec<_>>(),
            Judged::Directory(_) => unreachable!("it is a file"),
        };
        let off = "set check_signatures=no\n";
        let script = judge("grub/grub.cfg", off);
        assert!(!names(&script).is_empty() && !script.is_accepted());
        // The same words in a file that GRUB does not run.
        assert!(names(&judge("grub/notes.txt", off)).is_empty());
        let defaults = judge("etc/default/grub", "GRUB_TIMEOUT=5\n");
        assert!(names(&defaults).is_empty() && defaults.is_accepted());
    }
}
