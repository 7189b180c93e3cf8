//! Checks of kernel modules: the files of kernels, those in initramfs images, and the loaded ones.

mod files;
mod initramfs;
mod loaded;

use std::path::{Path, PathBuf};

use crate::finding::{Finding, Kind};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::kernel::compression::Compression;
use crate::formats::kernel::module_signature::Module;
use crate::formats::text::printable;
use crate::trust::module;

use crate::audit::check::{Check, Group, Outcome};
use crate::audit::files::files_below;
use crate::audit::machine::Machine;

/// The directory of modules, in which each kernel has a directory of its own.
const MODULES: &str = "/lib/modules";
/// The hash that modules are to be signed over.
const HASH: HashAlgorithm = HashAlgorithm::Sha3_512;

/// The kernel would refuse a module.
const MODULE_REFUSED: Kind = Kind::error("module_refused");
/// A module is signed over another hash than SHA3-512.
const OTHER_HASH: Kind = Kind::error("module_other_hash");

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "modules.files",
        group: Group::Modules,
        title: "Signatures of the modules of each kernel",
        kind: MODULE_REFUSED,
        proves: "Each file of /lib/modules/VERSION is unpacked and verified against the certificate of the module key, \
                 whatever any record says; the kernel can unpack it by itself; the hash is SHA3-512. VERSION is the running \
                 kernel's, and that of each kernel in the boot directories and on the EFI system partitions.",
        remedy: "bootseal sign modules /lib/modules/VERSION, and build the initramfs anew",
        run: files::run,
    },
    Check {
        id: "modules.initramfs",
        group: Group::Modules,
        title: "Signatures of the modules in each initramfs",
        kind: MODULE_REFUSED,
        proves: "Each initramfs in the boot directories, in boot entries and in unified kernel images is unpacked, and each \
                 module in it is verified like those of the running kernel.",
        remedy: "bootseal sign modules /lib/modules/VERSION, build the initramfs anew, and sign it: bootseal sign all",
        run: initramfs::run,
    },
    Check {
        id: "modules.loaded",
        group: Group::Modules,
        title: "Files of the loaded modules",
        kind: loaded::MODULE_WITHOUT_FILE,
        proves: "Each module of /proc/modules has a file below /lib/modules/VERSION, is the build that this file holds as \
                 far as the kernel shows it, and tainted the kernel with nothing that nobody vouched for.",
        remedy: "Find out where it came from, remove it (modprobe -r), and restart",
        run: loaded::run,
    },
];

/// The answer to a module: the kernel's, and ours to its hash.
enum Answer {
    Right,
    OtherHash(HashAlgorithm),
    Refused(String),
    Unread(String),
}

/// The modules of a kernel.
struct Tree {
    release: String,
    directory: PathBuf,
    paths: Vec<PathBuf>,
}

impl Tree {
    fn read(machine: &Machine<'_>, release: &str, not_run: &mut Vec<String>) -> Self {
        let directory = machine.context().path(MODULES).join(release);
        let mut paths = files_below(&directory, not_run);
        paths.retain(|path| is_module(path));
        Self {
            release: release.to_owned(),
            directory,
            paths,
        }
    }
}

/// The modules of the running kernel; or why they are not looked at.
fn of_running_kernel(machine: &Machine<'_>) -> Result<Tree, Outcome> {
    let release = machine.release().map_err(Outcome::could_not_run)?;
    let mut outcome = Outcome::default();
    let tree = Tree::read(machine, &release, &mut outcome.not_run);
    if !outcome.not_run.is_empty() {
        return Err(outcome);
    }
    if !tree.directory.is_dir() {
        return Err(Outcome::not_applicable(format!(
            "there is no {}: the kernel has no modules",
            tree.directory.display()
        )));
    }
    Ok(tree)
}

/// A module out of its packing.
struct Unpacked {
    module: Vec<u8>,
    /// Length of what the signature covers, in bytes; 0 without a signature that could be verified.
    content: usize,
    kernel_unpacks: bool,
}

/// The bytes that are hashed.
impl AsRef<[u8]> for Unpacked {
    fn as_ref(&self) -> &[u8] {
        self.module.get(..self.content).unwrap_or_default()
    }
}

fn unpack(file: Vec<u8>) -> Result<Unpacked, Answer> {
    let compression = Compression::of(&file);
    let kernel_unpacks = compression.kernel_unpacks(&file).is_ok();
    let module = match compression.unpack(&file) {
        Ok(std::borrow::Cow::Owned(module)) => module,
        Ok(std::borrow::Cow::Borrowed(_)) => file,
        Err(error) => return Err(Answer::Refused(format!("it cannot be unpacked: {error}"))),
    };
    let content = Module::parse(&module)
        .ok()
        .filter(|module| module.signature.is_some())
        .map_or(0, |module| module.content.len());
    Ok(Unpacked {
        module,
        content,
        kernel_unpacks,
    })
}

/// Judges a module. `digest` is that of the hashed bytes, if it is known already.
fn judge(file: &Unpacked, trusted: &[Certificate], digest: Option<&Digest>) -> Answer {
    let hashed = |hash: HashAlgorithm, content: &[u8]| {
        // Where there was nothing to be verified, less was hashed.
        let known = digest.filter(|digest| digest.algorithm() == hash && content.len() == file.content);
        known.cloned().unwrap_or_else(|| hash.digest(&[content]))
    };
    match module::judge_hashed(&file.module, trusted, &hashed) {
        Err(refusal) => Answer::Refused(refusal.to_string()),
        Ok(_) if !file.kernel_unpacks => {
            Answer::Refused("it is signed, but packed so that the kernel refuses it".to_owned())
        }
        Ok(signature) if signature.hash != HASH => Answer::OtherHash(signature.hash),
        Ok(_) => Answer::Right,
    }
}

/// Adds the answer to one module to the outcome. True if the module is right.
fn note(outcome: &mut Outcome, subject: &str, answer: Answer, remedy: &str) -> bool {
    let shown = printable(subject);
    let (kind, text) = match answer {
        Answer::Right => return true,
        Answer::OtherHash(hash) => (
            OTHER_HASH,
            format!("{shown} is signed over {}, not {}", hash.name(), HASH.name()),
        ),
        Answer::Refused(reason) => (MODULE_REFUSED, format!("{shown}: {}", printable(&reason))),
        Answer::Unread(reason) => {
            outcome.not_run.push(reason);
            return false;
        }
    };
    outcome.findings.push(Finding::new(kind, subject, text).remedy(remedy));
    false
}

/// The name of a module's file without what it is compressed with and `.ko`; none if it is no module's.
fn stem(name: &str) -> Option<&str> {
    let name = ["gz", "xz", "zst"]
        .iter()
        .find_map(|ending| name.strip_suffix(&format!(".{ending}")))
        .unwrap_or(name);
    name.strip_suffix(".ko")
}

fn is_module(path: &Path) -> bool {
    stem(&path.file_name().unwrap_or_default().to_string_lossy()).is_some()
}
