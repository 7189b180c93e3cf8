//! The maker of the running kernel's modules.

use crate::audit::machine::Machine;
use crate::formats::text::printable;
use crate::start::modules::unpack;
use crate::system;
use crate::trust::kernel::KernelTrust;

use super::tree::{Tree, of_running_kernel};

/// The common name of the certificate in the running kernel that vouches for the first of its modules, which stands for the
/// others here: `modules.files` looks at each.
pub(in crate::audit::checks) fn maker_of_modules(machine: &Machine<'_>) -> Option<String> {
    let Tree { release, paths, .. } = of_running_kernel(machine).ok()?;
    let module = unpack(system::read(paths.first()?).ok()?).ok()?;
    let maker = KernelTrust::read(machine.context(), &release, None)
        .judge(module.subject())
        .ok()?;
    Some(printable(&maker.common_name()))
}
