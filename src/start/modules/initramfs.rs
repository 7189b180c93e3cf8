//! The modules in an initramfs. These are copies: a signature that was made later is not in them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use crate::finding::Outcome;
use crate::formats::kernel::compression::Packing;
use crate::formats::kernel::initramfs::{self, InitramfsError};
use crate::formats::text::printable;

use super::answer::{note, unpack};
use super::expected::{Expected, Together};

/// The directory of modules in an initramfs, in which each kernel has one of its own.
const MODULES: &str = "lib/modules/";
/// The remedy for modules that are not as they should be.
const REMEDY: &str = "bootseal sign modules /lib/modules/VERSION, build this initramfs anew (dracut --force, mkinitramfs), and: bootseal sign all";

/// The kernels whose modules may be in an initramfs.
pub struct Kernels {
    /// Those that are known.
    pub known: Vec<Expected>,
    /// For modules that are of none of them.
    pub other: Expected,
}

impl Kernels {
    /// The kernel of a module in an initramfs, by the directory that it lies in.
    fn of_path(&self, path: &str) -> &Expected {
        let release = release(path);
        let kernel = self
            .known
            .iter()
            .find(|kernel| Some(kernel.release.as_str()) == release);
        kernel.unwrap_or(&self.other)
    }
}

/// The contents of an initramfs, as far as it could be read.
#[derive(Debug)]
pub struct Contents {
    /// The kernels for which it has modules.
    pub releases: BTreeSet<String>,
    /// The compressions of its parts.
    pub packed_by: BTreeSet<Packing>,
    /// The number of its entries; 0 if it was not read to its end.
    pub entries: usize,
    /// The number of its modules.
    pub modules: usize,
    /// The number of those that are right.
    pub right: usize,
    /// The reason why it was not read to its end.
    pub error: Option<InitramfsError>,
}

impl Contents {
    /// Reads an initramfs and judges the modules in it. `name` is what it is called in `outcome`.
    pub fn read(name: &str, image: impl BufRead, kernels: &Kernels, outcome: &mut Outcome) -> Self {
        let is_module = |path: &[u8]| stem(&String::from_utf8_lossy(path)).is_some();
        let (mut right, mut all) = (0_usize, 0_usize);
        let mut releases = BTreeSet::new();
        let mut together: BTreeMap<&str, (&Expected, Together)> = BTreeMap::new();
        let mut packed_by = BTreeSet::new();
        let visit = |entry: initramfs::Entry| {
            all = all.saturating_add(1);
            let path = String::from_utf8_lossy(&entry.path);
            if let Some(release) = release(&path).filter(|release| !releases.contains(*release)) {
                releases.insert(release.to_owned());
            }
            let kernel = kernels.of_path(&path);
            let answer = match unpack(entry.content) {
                Ok(module) => kernel.judge(&module, None),
                Err(answer) => answer,
            };
            let told = together
                .entry(&kernel.release)
                .or_insert_with(|| (kernel, Together::default()));
            if let Some(answer) = told.1.take(answer) {
                let subject = format!("{name}: {path}");
                right = right.saturating_add(usize::from(note(outcome, &subject, answer, REMEDY)));
            }
        };
        let read = initramfs::files_and_packing(image, is_module, visit, |packing| {
            packed_by.insert(packing);
        });
        for (kernel, together) in together.into_values() {
            right = right.saturating_add(together.tell(kernel, name, outcome));
        }
        let shown = printable(name);
        if let Ok(entries) = &read {
            let text = format!("{shown}: {right} of {all} modules, in {entries} entries");
            outcome.evidence.push(text);
        }
        Self {
            releases,
            packed_by,
            entries: read.as_ref().copied().unwrap_or_default(),
            modules: all,
            right,
            error: read.err(),
        }
    }
}

/// The version of the kernel that the path of a module names; none for one that lies elsewhere.
fn release(path: &str) -> Option<&str> {
    let (above, below) = path.split_once(MODULES)?;
    let (release, _) = below.split_once('/')?;
    (above.is_empty() || above.ends_with('/')).then_some(release)
}

/// The name of a module's file without the suffix of its compression and `.ko`; none if it is no module's.
#[must_use]
pub fn stem(name: &str) -> Option<&str> {
    let name = ["gz", "xz", "zst"]
        .iter()
        .find_map(|ending| name.strip_suffix(&format!(".{ending}")))
        .unwrap_or(name);
    name.strip_suffix(".ko")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_belong_to_the_kernel_of_their_directory() {
        for (path, expected) in [
            ("lib/modules/6.12.1/kernel/x.ko", Some("6.12.1")),
            ("./usr/lib/modules/6.12.1/x.ko.xz", Some("6.12.1")),
            ("modules/00.ko", None),
            ("lib/modules/x.ko", None),
            ("mylib/modules/6.12.1/x.ko", None),
        ] {
            assert_eq!(release(path), expected, "{path}");
        }
    }
}
