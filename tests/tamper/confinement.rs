//! Every command is confined before it writes or starts anything.

use std::process::Stdio;

use crate::support::node::Node;
use crate::support::{keys, tool};

/// A command of each kind. What it answers does not matter.
const COMMANDS: &[&[&str]] = &[
    &["audit", "--only", "keys"],
    &["ceremony", "plan", "--name", "t", "--out", "/root/none"],
    &["ceremony", "verify", "etc/bootseal/keys"],
    &["completions", "bash"],
    &["demo"],
    &["enroll", "plan"],
    &["enroll", "apply", "--yes"],
    &["grub", "install", "--output", "grub.efi"],
    &["grub", "confirm"],
    &["hook", "run", "all", "6.12.58-gentoo"],
    &["hook", "status"],
    &["kernel-config", "--check", "image.efi"],
    &["keys", "list"],
    &["keys", "rotate", "db"],
    &["ledger"],
    &["sign", "all"],
    &["sign", "efi", "image.efi"],
    &["sign", "grub", "boot"],
    &["sign", "modules", "lib"],
    &["status"],
    &["verify", "image.efi"],
];

#[test]
fn every_command_gives_up_its_powers_before_it_does_anything() {
    let node = Node::new();
    node.keys(keys(), |_| true);
    node.kernel("image.efi");
    node.config("");
    for arguments in COMMANDS {
        let mut command = tool("strace");
        let acts = [
            "execve",
            "mkdir",
            "mkdirat",
            "rename",
            "renameat",
            "renameat2",
            "socket",
            "unlink",
            "unlinkat",
        ];
        let calls = format!("trace=landlock_restrict_self,seccomp,{}", acts.join(","));
        command.args(["-qq", "-f", "-e", &calls, "-e", "signal=none"]);
        command
            .arg(env!("CARGO_BIN_EXE_bootseal"))
            .arg("--root")
            .arg(node.root());
        command.args(*arguments).current_dir(node.root()).stdin(Stdio::null());
        let said = String::from_utf8_lossy(&command.output().unwrap().stderr).into_owned();
        let at = |call: &str| {
            said.lines()
                .position(|line| line.contains(call) && line.ends_with("= 0"))
        };
        let (files, network) = (at("landlock_restrict_self("), at("seccomp(SECCOMP_SET_MODE_FILTER"));
        let (Some(files), Some(network)) = (files, network) else {
            panic!("{arguments:?} is not confined:\n{said}");
        };
        let before: Vec<&str> = said.lines().take(files.max(network)).collect();
        // strace starts bootseal itself.
        let acted = before
            .iter()
            .skip(1)
            .find(|line| acts.iter().any(|act| line.contains(&format!("{act}("))));
        assert_eq!(acted, None, "{arguments:?}\n{said}");
    }
}
