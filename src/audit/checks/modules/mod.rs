//! Checks of kernel modules: the files of kernels, those in initramfs images, and the loaded ones.

mod files;
mod initramfs;
mod loaded;
mod maker;
mod tree;

use crate::audit::check::{Check, Group};

pub(super) use maker::maker_of_modules;

use crate::start::modules::MODULE_REFUSED;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "modules.files",
        group: Group::Modules,
        title: "Signatures of the modules of each kernel",
        kind: MODULE_REFUSED,
        proves: "Each file of /lib/modules/VERSION is unpacked and verified against the certificate of the module key, \
                 whatever any record says; the kernel can unpack it by itself; the hash is SHA3-512, or the one that the \
                 configuration has for it. Where the kernel would refuse that certificate, by those in its image, in db \
                 and MOK and by its configuration, the modules are verified against the certificates that it holds. VERSION is the running \
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
                 far as the kernel shows it, and set no taint flag of unsigned or forced code.",
        remedy: "Find out where it came from, remove it (modprobe -r), and restart",
        run: loaded::run,
    },
];
