//! The kernels that are installed: whether they would take the modules that the hooks sign.

use std::path::Path;

use crate::disk::{BootTree, Naming, boot_directories, files_below};
use crate::error::Result;
use crate::finding::{Finding, Kind};
use crate::formats::kernel::compression::Compression;
use crate::formats::text::printable;
use crate::keys::{KeyDirectory, KeyName};
use crate::ledger::Ledger;
use crate::sign::{Hash, modules::is_module, ways_out};
use crate::system::config::Config;
use crate::system::{self, Context};
use crate::trust::kernel::{KernelTrust, Takes};

use super::modules;

/// A kernel would refuse the modules that the hooks sign.
const KERNEL_REFUSES_OURS: Kind = Kind::error("kernel_refuses_ours");
/// The modules of a kernel keep the signature of their maker.
const KERNEL_OF_ITS_MAKER: Kind = Kind::note("kernel_of_its_maker");

/// The findings about the kernels that are installed. The images of all of them are read.
pub fn kernels(context: &Context, config: &Config, keys: &Path) -> Result<Vec<Finding>> {
    let Ok(keys) = KeyDirectory::open(keys).map(|keys| keys.below(context.root())) else {
        return Ok(Vec::new());
    };
    if !system::is_there(&keys.certificate_path(KeyName::Module))? {
        return Ok(Vec::new());
    }
    let own = keys.certificate(KeyName::Module)?;
    let tree = BootTree::read(context, &boot_directories(context, [])?, &Naming::of_machine(context)?);
    // A ledger that does not hold is a finding of the audit's; here it vouches for nothing.
    let ledger = Ledger::read(context).ok();
    let mut findings = Vec::new();
    for entry in system::list_directory_if_there(&context.path("/lib/modules"))? {
        let Some(release) = entry.path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if !tree.kernels().any(|kernel| kernel.is_of(release)) {
            continue;
        }
        let trust = KernelTrust::read(context, release, None);
        let hash = config.sign.hash_for(release);
        let takes = trust.takes(&own, hash);
        let index = ledger.as_ref().map(Ledger::index);
        findings.extend(modules::unsigned(context, &trust, &takes, &own, index)?);
        if let Takes::No(obstacle) = takes {
            let shown = printable(release);
            let text = format!("Linux {shown} would refuse modules with our signature: {obstacle}");
            findings.push(match maker(&trust, &entry.path) {
                Some(maker) => {
                    let text = format!("{text}; its modules keep that of their maker, \"{maker}\"");
                    Finding::new(KERNEL_OF_ITS_MAKER, shown, text)
                }
                None => Finding::new(KERNEL_REFUSES_OURS, shown, text).remedies(ways_out(
                    context,
                    &trust,
                    &obstacle,
                    &own,
                    Hash::Configured(&config.sign),
                )),
            });
        }
    }
    Ok(findings)
}

/// The common name of the certificate that vouches for the first of a kernel's modules, if the kernel takes it.
fn maker(trust: &KernelTrust, directory: &Path) -> Option<String> {
    let first = files_below(directory, &mut Vec::new())
        .into_iter()
        .find(|path| is_module(path))?;
    let file = system::read(&first).ok()?;
    let module = Compression::from_magic(&file).unpack(&file).ok()?;
    Some(printable(&trust.judge(&*module).ok()?.common_name()))
}
