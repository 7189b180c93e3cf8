//! A node's tree below `--root`, for what needs no real kernel.

use std::ops::Deref;
use std::process::Command;

use crate::support::kernel::initramfs;
use crate::support::node::{Node, menu};
use crate::support::{keys, tool};

pub const VERSION: &str = "6.12.58-gentoo";

/// The tree, with copies of the keys.
pub struct Hooked(Node);

impl Deref for Hooked {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

impl Hooked {
    /// A kernel with modules, an initramfs and GRUB's configuration, nothing signed.
    pub fn new() -> Self {
        let node = Node::within(tempfile::Builder::new().prefix("a node ").tempdir().unwrap());
        node.kernel(&format!("boot/vmlinuz-{VERSION}"));
        node.write(&format!("boot/initramfs-{VERSION}.img"), initramfs("#!/bin/sh\n"));
        node.write("boot/grub/grub.cfg", menu(VERSION, 5));
        node.module(&format!("lib/modules/{VERSION}/loop.ko"));
        node.keys(keys(), |_| true);
        Self(node)
    }

    /// `bootseal --root TREE hook …`, with no terminal to ask at.
    pub fn hook(&self, arguments: &[&str]) -> Command {
        let inner = self.bootseal([&["hook"], arguments].concat());
        let mut command = tool("setsid");
        command.arg("--wait").arg(inner.get_program()).args(inner.get_args());
        command
    }

    pub fn run(&self, slot: &str, arguments: &[&str]) -> Command {
        self.hook(&[&["run", slot], arguments].concat())
    }
}
