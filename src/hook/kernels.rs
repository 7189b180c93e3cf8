//! The kernels that are installed: whether they would take the modules that the hooks sign.

use std::path::{Path, PathBuf};

use crate::disk::{BootTree, Naming, boot_directories, reinstall_kernel};
use crate::error::Result;
use crate::finding::{Finding, Kind};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::text::{Shown, printable};
use crate::keys::{KeyDirectory, KeyName};
use crate::ledger::Ledger;
use crate::sign::{Hash, ways_out};
use crate::system::config::Config;
use crate::system::{self, Context};
use crate::trust::kernel::{KernelTrust, Takes};

use super::maker::Signed;
use super::modules;

/// A kernel would refuse the modules that the hooks sign.
const KERNEL_REFUSES_OURS: Kind = Kind::error("kernel_refuses_ours");
/// The modules of a kernel keep the signature of their maker.
const KERNEL_OF_ITS_MAKER: Kind = Kind::note("kernel_of_its_maker");

/// The kernels that are installed, each image read once.
pub struct Installed {
    /// Our certificate; none without a module key.
    own: Option<Certificate>,
    pub(super) kernels: Vec<Kernel>,
}

/// A kernel that is installed, with modules of its own.
pub(super) struct Kernel {
    pub trust: KernelTrust,
    /// The hash that its modules are signed over.
    pub hash: HashAlgorithm,
    /// Its answer to our signature over that hash.
    pub takes: Takes,
    /// The directory of its modules.
    directory: PathBuf,
}

impl Installed {
    /// Looks at the kernels for which there are an image and modules; at none without a module key.
    pub fn read(context: &Context, config: &Config, keys: &Path) -> Result<Self> {
        let mut installed = Self {
            own: None,
            kernels: Vec::new(),
        };
        let Ok(keys) = KeyDirectory::open(keys).map(|keys| keys.below(context.root())) else {
            return Ok(installed);
        };
        if !system::is_there(&keys.certificate_path(KeyName::Module))? {
            return Ok(installed);
        }
        let own = keys.certificate(KeyName::Module)?;
        let tree = BootTree::read(context, &boot_directories(context, [])?, &Naming::of_machine(context)?);
        for entry in system::list_directory_if_there(&context.path("/lib/modules"))? {
            let Some(release) = entry.path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            if !tree.kernels().any(|kernel| kernel.is_of(release)) {
                continue;
            }
            let trust = KernelTrust::read(context, release, None);
            let hash = config.sign.hash_for(release);
            installed.kernels.push(Kernel {
                takes: trust.takes(&own, hash),
                hash,
                trust,
                directory: entry.path,
            });
        }
        installed.own = Some(own);
        Ok(installed)
    }

    /// The findings about them: those that would refuse our signature, and modules without one that they take.
    pub fn findings(&self, context: &Context, config: &Config) -> Result<Vec<Finding>> {
        let Some(own) = &self.own else {
            return Ok(Vec::new());
        };
        // A ledger that does not hold is a finding of the audit's; here it vouches for nothing.
        let ledger = Ledger::read(context).ok();
        let mut findings = Vec::new();
        for kernel in &self.kernels {
            let index = ledger.as_ref().map(Ledger::index);
            findings.extend(modules::unsigned(context, &kernel.trust, &kernel.takes, own, index)?);
            findings.extend(kernel.refusal(context, config, own));
        }
        Ok(findings)
    }

    /// The findings of kernels that would refuse our signature.
    pub(super) fn refusals(&self, context: &Context, config: &Config) -> Vec<Finding> {
        let refusal = |own| {
            let refused = self.kernels.iter();
            refused.filter_map(move |kernel| kernel.refusal(context, config, own))
        };
        self.own.iter().flat_map(refusal).collect()
    }

    /// The kernels of which it cannot be told, with the reasons.
    pub(super) fn unknown(&self) -> impl Iterator<Item = String> {
        self.kernels.iter().filter_map(|kernel| match &kernel.takes {
            Takes::Unknown(reason) => {
                let release = printable(&kernel.trust.release);
                Some(format!(
                    "whether Linux {release} takes modules with our signature: {reason}"
                ))
            }
            Takes::Yes | Takes::No(_) => None,
        })
    }
}

impl Kernel {
    fn refusal(&self, context: &Context, config: &Config, own: &Certificate) -> Option<Finding> {
        let Takes::No(obstacle) = &self.takes else {
            return None;
        };
        let release = printable(&self.trust.release);
        let text = format!("Linux {release} would refuse modules with our signature: {obstacle}");
        let mut remedies = Vec::new();
        let text = match Signed::read(&self.trust, &self.directory) {
            Signed::ByMaker { name, seen, all } => {
                let seen = if seen < all {
                    format!(" (looked at: {seen} of {all}; the audit looks at each)")
                } else {
                    String::new()
                };
                let text = format!("{text}; its modules keep that of their maker, \"{name}\"{seen}");
                return Some(Finding::new(KERNEL_OF_ITS_MAKER, release, text));
            }
            Signed::Mixed { first, count } => {
                remedies.push(reinstall_kernel(context, &self.trust.release));
                let first = first.shown();
                format!(
                    "{text}; of its modules {count} or more bear no signature that it takes, the first of which is {first}"
                )
            }
            Signed::ByOthers => text,
        };
        let ways = ways_out(context, &self.trust, obstacle, own, Hash::Configured(&config.sign));
        remedies.extend(ways);
        Some(Finding::new(KERNEL_REFUSES_OURS, release, text).remedies(remedies))
    }
}
