//! Hidden files in the directories of hooks.

use super::status::{gentoo, status};
use crate::support::{succeed, text};

/// Portage's `keepdir` leaves empty files, which no reader of the directories takes for plugins.
#[test]
fn hidden_files_are_no_plugins() {
    let node = gentoo();
    for directory in ["preinst.d", "postinst.d", "install.d"] {
        node.write(&format!("etc/kernel/{directory}/.keep_sys-kernel_installkernel-0"), b"");
    }
    succeed(&mut node.hook(&["install", "--mode", "traditional", "--mode", "systemd"]));
    let said = text(&status(&node).output().unwrap());
    assert!(said.contains("preinst.d") && said.contains("install.d"), "{said}");
    assert!(!said.contains(".keep"), "{said}");
}
