//! The commands that mend what a walk finds.

use std::path::Path;

use crate::disk::{fat_partitions, make_menu, reinstall_image, reinstall_loader, reinstall_newest};
use crate::enroll::{BootFile, NextEntry, Remedy};
use crate::error::quoted;
use crate::sign::acceptance;
use crate::sign::grub::EntryFile;
use crate::system::Context;

/// The programs that build an initramfs, the first that is there.
const BUILDERS: [(&str, Build); 5] = [
    ("/usr/bin/dracut", |path, release| {
        format!("dracut --force {path} {release}")
    }),
    ("/usr/bin/ugrd", |path, release| {
        format!("ugrd --no-rotate --kver {release} {path}")
    }),
    ("/usr/sbin/update-initramfs", |_, release| {
        format!("update-initramfs -u -k {release}")
    }),
    ("/usr/sbin/mkinitramfs", |path, release| {
        format!("mkinitramfs -o {path} {release}")
    }),
    ("/usr/bin/mkinitcpio", |path, release| {
        format!("mkinitcpio -k {release} -g {path}")
    }),
];

/// A command by the path of the initramfs and the kernel's release.
type Build = fn(&str, &str) -> String;

/// The command that builds an initramfs for a kernel anew.
pub(super) fn build_initramfs(context: &Context, path: &Path, release: &str) -> String {
    let (shown, release) = (quoted(&context.below_root(path)), quoted(Path::new(release)));
    let builder = BUILDERS
        .iter()
        .find(|(program, _)| context.path(program).is_file())
        .map(|(_, build)| context.command_inside(&build(&shown, &release)));
    builder.unwrap_or_else(|| format!("build {shown} anew for Linux {release}"))
}

/// The command that has a file signed for GRUB, whoever changed it: that is for the person to know who types it.
pub(super) fn sign_for_grub(path: &Path) -> String {
    acceptance::command_for("grub", path)
}

/// The commands after which an entry names what is there.
pub(super) fn missing(context: &Context, entry: &NextEntry, file: &EntryFile) -> Vec<String> {
    let sign = "bootseal sign all".to_owned();
    match &entry.menu {
        Some(menu) if file.is_initramfs() => {
            let kernel = entry.kernel().and_then(|kernel| kernel.path.as_deref());
            let build = kernel.map_or_else(|| reinstall_newest(context), |kernel| reinstall_image(context, kernel));
            vec![build, make_menu(context, menu), sign]
        }
        Some(menu) => vec![make_menu(context, menu), sign],
        None if file.is_initramfs() && entry.file.is_none() => {
            let kernel = entry.kernel().and_then(|kernel| kernel.path.as_deref());
            kernel
                .map(|kernel| reinstall_image(context, kernel))
                .into_iter()
                .collect()
        }
        None => {
            let removed = entry.file.iter();
            let remove = removed.map(|entry| format!("or have it start no more: rm {}", quoted(entry)));
            let install = reinstall_image(context, file.name.as_ref());
            std::iter::once(install).chain(remove).collect()
        }
    }
}

/// The ways to have the firmware accept a file. A signature would not mend one that was changed after it was signed.
pub(super) fn have_accepted(context: &Context, file: &BootFile) -> Vec<String> {
    let path = Path::new(&file.path);
    let install = || {
        if file.is_of_loader() {
            vec![reinstall_image(context, path)]
        } else {
            // Programs that install loaders leave alone what they do not know.
            let away = file.file().map(|file| format!("mv {0} {0}.damaged", quoted(file)));
            let install = reinstall_loader(context, &fat_partitions(context).unwrap_or_default());
            away.into_iter().chain(install).collect()
        }
    };
    let sign = |options: &str| format!("bootseal sign efi {options}--accept-changed {0} {0}", quoted(path));
    match file.remedy() {
        Remedy::Sign => vec![sign("")],
        // A signature would let in what opens anything. Out of the way, it leaves the start to what comes after it.
        Remedy::Enforce => {
            let away = file.file().map(|file| format!("mv {0} {0}.open", quoted(file)));
            away.into_iter().chain(["bootseal grub install".to_owned()]).collect()
        }
        Remedy::Replace => {
            let mut ways = install();
            ways.push(format!("or, if you changed it yourself: {}", sign("--replace ")));
            ways
        }
        Remedy::Exchange => vec![format!(
            "put a version of {} in its place that dbx does not forbid",
            quoted(path)
        )],
        Remedy::Repair => install(),
    }
}

/// The command that has the modules of a kernel signed, whose copies are in an initramfs.
pub(super) fn sign_modules(context: &Context, release: &str) -> String {
    let directory = context.path("/lib/modules").join(release);
    format!("bootseal sign modules {}", quoted(&directory))
}
