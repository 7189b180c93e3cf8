//! The check of the loaded modules, which are matched to files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::finding::{Finding, Kind, Outcome};
use crate::formats::kernel::module_info::{BUILD_ID, ModuleInfo};
use crate::formats::kernel::running_kernel::{LoadedModule, loaded_modules};
use crate::formats::text::{Shown, printable};
use crate::start::modules::{stem, unpack};
use crate::system;

use super::tree::{Tree, of_running_kernel};
use crate::audit::machine::Machine;
use crate::audit::reason::reason;

const LIST: &str = "/proc/modules";
/// Largest note and longest text of `/sys/module` that is read, in bytes.
const MAX_SHOWN: u64 = 4096;
/// The taint flag of modules that were built out of the kernel's tree. It says nothing of their signatures.
const OUT_OF_TREE: char = 'O';

/// A loaded module tainted the kernel.
pub(super) const MODULE_TAINTS: Kind = Kind::error("module_taints");
/// No file of the running kernel is the loaded module.
pub(super) const MODULE_WITHOUT_FILE: Kind = Kind::error("module_without_file");
/// A loaded module is another build than its file.
pub(super) const OTHER_BUILD: Kind = Kind::error("module_other_build");

pub(super) fn run(machine: &Machine<'_>) -> Outcome {
    let Tree {
        release,
        directory,
        paths,
        ..
    } = match of_running_kernel(machine) {
        Ok(tree) => tree,
        Err(outcome) => return outcome,
    };
    let text = match machine.text(LIST) {
        Ok(Some(text)) => text,
        Ok(None) => return Outcome::not_applicable(format!("there is no {LIST}: the kernel loads no modules")),
        Err(error) => return Outcome::could_not_run(error),
    };
    let modules = match loaded_modules(&text) {
        Ok(modules) => modules,
        Err(error) => return Outcome::could_not_run(format!("{LIST}: {error}")),
    };
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = stem(&name).unwrap_or(&name).replace('-', "_");
        files.entry(name).or_default().push(path);
    }
    let shown: Vec<(&LoadedModule, Result<Telltale, String>)> = modules
        .iter()
        .map(|module| (module, Telltale::read(machine, &module.name)))
        .collect();
    let compared: Vec<Result<bool, String>> = shown
        .par_iter()
        .map(|(module, shown)| {
            let shown = shown.as_ref().map_err(Clone::clone)?;
            let candidates = files.get(&module.name).map(Vec::as_slice).unwrap_or_default();
            shown.is_one_of(candidates)
        })
        .collect();
    let mut outcome = Outcome::default();
    let (mut matched, mut unread) = (0_usize, Vec::new());
    for (module, same) in modules.iter().zip(compared) {
        let name = printable(&module.name);
        let remedy = format!("find out where it came from; modprobe -r {name}, and restart");
        let mut found = |kind: Kind, text: String| {
            let finding = Finding::new(kind, &module.name, text).remedy(&remedy);
            outcome.findings.push(finding);
        };
        for flag in module.taint.flags() {
            let said = format!("{name} tainted the kernel, {}: {}", flag.letter, flag.meaning);
            if flag.concerns_the_chain && flag.letter != OUT_OF_TREE {
                found(MODULE_TAINTS, said);
            } else {
                outcome.evidence.push(said);
            }
        }
        if !files.contains_key(&module.name) {
            let text = format!("{name} is loaded, and no file of it is below {}", directory.shown());
            found(MODULE_WITHOUT_FILE, text);
            continue;
        }
        match same {
            Ok(true) => matched = matched.saturating_add(1),
            Ok(false) => {
                let text = format!("the module that is loaded as {name} is another build than its file");
                found(OTHER_BUILD, text);
            }
            Err(reason) => unread.push(reason),
        }
    }
    // To anybody but root none of them is shown, for one reason.
    let more = unread.len().saturating_sub(1);
    if let Some(first) = unread.into_iter().next() {
        outcome.not_run.push(match more {
            0 => first,
            more => format!("{first}; {more} more are like this"),
        });
    }
    outcome.evidence.push(format!(
        "{matched} of {} loaded modules are files of {release}",
        modules.len()
    ));
    outcome
}

/// The values that the kernel shows of a loaded module, by which builds can be told apart.
struct Telltale {
    build_id: Option<Vec<u8>>,
    srcversion: Option<String>,
}

impl Telltale {
    fn read(machine: &Machine<'_>, name: &str) -> Result<Self, String> {
        // The name is a file's: the kernel allows no other, but this text may be anybody's.
        if name.contains('/') || name.starts_with('.') {
            return Err(format!("{LIST}: {} is no name of a module", printable(name)));
        }
        let directory = machine.context().path("/sys/module").join(name);
        let note = system::read_if_there(&directory.join("notes").join(BUILD_ID), MAX_SHOWN);
        let srcversion = machine.text(&format!("/sys/module/{name}/srcversion"))?;
        Ok(Self {
            build_id: note.map_err(|error| reason(&error))?,
            srcversion,
        })
    }

    /// True if one of these files is this build. Where the kernel shows nothing, every file is.
    fn is_one_of(&self, candidates: &[PathBuf]) -> Result<bool, String> {
        for path in candidates {
            if self.is(path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is(&self, path: &Path) -> Result<bool, String> {
        if self.build_id.is_none() && self.srcversion.is_none() {
            return Ok(true);
        }
        let file = system::read(path).map_err(|error| reason(&error))?;
        // What cannot be unpacked or read is told by the check of the files; it is not what is loaded.
        let Ok(unpacked) = unpack(file) else {
            return Ok(false);
        };
        let Some(Ok(info)) = unpacked.held().map(ModuleInfo::parse) else {
            return Ok(false);
        };
        let same = |shown: Option<&[u8]>, own: Option<&[u8]>| match (shown, own) {
            (Some(shown), Some(own)) => shown == own,
            (Some(_), None) => false,
            (None, _) => true,
        };
        Ok(same(self.build_id.as_deref(), info.section(BUILD_ID))
            && same(self.srcversion.as_deref().map(str::as_bytes), info.field("srcversion")))
    }
}
