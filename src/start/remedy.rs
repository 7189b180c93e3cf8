//! The commands that mend what a walk finds.

use std::path::Path;

use crate::enroll::{BootFile, Remedy};
use crate::error::quoted;
use crate::sign::acceptance;
use crate::system::Context;

/// The programs that build an initramfs, the first that is there.
const BUILDERS: [(&str, Build); 5] = [
    ("/usr/bin/dracut", |path, release| {
        format!("dracut --force {path} {release}")
    }),
    ("/usr/bin/ugrd", |path, release| format!("ugrd --kver {release} {path}")),
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
    let (shown, release) = (quoted(path), quoted(Path::new(release)));
    let builder = BUILDERS
        .iter()
        .find(|(program, _)| context.path(program).is_file())
        .map(|(_, build)| build(&shown, &release));
    builder.unwrap_or_else(|| format!("build {shown} anew for Linux {release}"))
}

/// A command of ours, for this machine.
pub(super) fn ours(context: &Context, command: &str) -> String {
    let root = context.root();
    if root == Path::new("/") {
        format!("bootseal {command}")
    } else {
        format!("bootseal --root {} {command}", quoted(root))
    }
}

/// The command that has a file signed for GRUB, whoever changed it: that is for the person to know who types it.
pub(super) fn sign_for_grub(context: &Context, path: &Path) -> String {
    acceptance::command_for(&acceptance::Place::new(context, None), "grub", path)
}

/// The ways to have the firmware accept a file. A signature would not mend one that was changed after it was signed.
pub(super) fn have_accepted(context: &Context, file: &BootFile) -> Vec<String> {
    let path = Path::new(&file.path);
    let install = || format!("install {} again", quoted(path));
    let sign = |options: &str| {
        ours(
            context,
            &format!("sign efi {options}--accept-changed {0} {0}", quoted(path)),
        )
    };
    match file.remedy() {
        Remedy::Sign => vec![sign("")],
        Remedy::Replace => vec![
            install(),
            format!("or, if you changed it yourself: {}", sign("--replace ")),
        ],
        Remedy::Exchange => vec![format!(
            "put a version of {} in its place that dbx does not forbid",
            quoted(path)
        )],
        Remedy::Repair => vec![install()],
    }
}

/// The command that has the modules of a kernel signed, whose copies are in an initramfs.
pub(super) fn sign_modules(context: &Context, release: &str) -> String {
    let directory = context.path("/lib/modules").join(release);
    ours(context, &format!("sign modules {}", quoted(&directory)))
}

/// The command that has GRUB's menu made anew.
pub(super) fn make_menu(menu: &Path) -> String {
    format!("grub-mkconfig -o {}", quoted(menu))
}
