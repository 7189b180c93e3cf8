//! The modules of kernels that are installed, as far as nobody has signed them: what a package, or DKMS, put there since.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::disk::files_below;
use crate::error::{Error, Explain, Result};
use crate::finding::{Finding, Kind};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::kernel::compression::MAX_MODULE;
use crate::formats::text::{Shown, printable};
use crate::ledger::{Index, Kind as Signed};
use crate::sign::modules::is_module;
use crate::system::{self, Context, MAX_PACKED, Passes};
use crate::trust::kernel::{KernelTrust, Takes};
use crate::trust::module_read::ReadModule;

/// A module of a kernel that is installed bears no signature that the kernel takes.
const MODULE_UNSIGNED: Kind = Kind::warning("module_unsigned");
/// The directory of the modules that a kernel is built with.
pub(super) const OWN: &str = "kernel";

/// The finding of modules that one kernel would refuse. Those that the ledger has with these bytes are not judged again, nor are
/// those that were built with a kernel which does not take our key.
pub(super) fn unsigned(
    context: &Context,
    trust: &KernelTrust,
    takes: &Takes,
    own: &Certificate,
    ledger: Option<&Index>,
) -> Result<Option<Finding>> {
    if trust.looks_at_none() {
        return Ok(None);
    }
    let directory = context.path("/lib/modules").join(&trust.release);
    let mut unread = Vec::new();
    let mut files = files_below(&directory, &mut unread);
    if let [first, ..] = &unread[..] {
        return Err(Error::could_not_run(format!("could not look into {first}")));
    }
    let is_built_in = |path: &Path| path.starts_with(directory.join(OWN));
    files.retain(|path| is_module(path) && !(matches!(takes, Takes::No(_)) && is_built_in(path)));
    let refused: Result<Vec<PathBuf>> = files
        .into_par_iter()
        .filter_map(|path| match is_refused(context, trust, own, ledger, &path) {
            Ok(false) => None,
            Ok(true) => Some(Ok(path)),
            Err(error) => Some(Err(error)),
        })
        .collect();
    let refused = refused?;
    let Some(first) = refused.first() else {
        return Ok(None);
    };
    let (release, count) = (printable(&trust.release), refused.len());
    let text = format!(
        "modules of Linux {release} without a signature that it takes: {count}, the first of which is {}",
        first.shown()
    );
    let remedy = format!("bootseal hook run all {release}");
    Ok(Some(Finding::new(MODULE_UNSIGNED, release, text).remedy(remedy)))
}

fn is_refused(
    context: &Context,
    trust: &KernelTrust,
    own: &Certificate,
    ledger: Option<&Index>,
    path: &Path,
) -> Result<bool> {
    let cannot = || format!("cannot read {}", path.shown());
    if system::info_of_name(path)?.is_none() {
        return Ok(false);
    }
    let file = Passes::new(system::open(path)?).or_could_not_run(cannot)?;
    let file = file.ok_or_else(|| {
        let shown = path.shown();
        Error::could_not_run(format!("{shown}: it is packed, and has more than {MAX_PACKED} bytes"))
    })?;
    let name = context.below_root(path).to_string_lossy().into_owned();
    if let Some(recorded) = ledger.and_then(|ledger| ledger.by_path(Signed::Modules, &name)) {
        let digest = file
            .open_packed()
            .and_then(|bytes| HashAlgorithm::Sha256.digest_of(bytes));
        let is_known = recorded.file.sha256 == digest.or_could_not_run(cannot)?.to_hex();
        let hash = HashAlgorithm::from_name(&recorded.lot.hash);
        if is_known && hash.is_some_and(|hash| trust.obstacle(hash).is_none()) {
            return Ok(false);
        }
    }
    // One that cannot be unpacked is no module that would load.
    let Ok(Some(module)) = ReadModule::read(&|| file.open(), MAX_MODULE) else {
        return Ok(true);
    };
    Ok(match module.judge(std::slice::from_ref(own)) {
        Ok(ours) => trust.obstacle_to(&ours).is_some(),
        Err(_) => trust.judge(&module).is_err(),
    })
}
