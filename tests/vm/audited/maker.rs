//! A distribution's kernel that its maker signed, and whose SHA-3 is a module: its modules stay its maker's, and ours are signed
//! over SHA-512 once it takes our key.

use std::fs;

use super::super::guest::COMMAND_LINE;
use super::super::node::{MODULES, module, put_modules, put_modules_of_maker, write};
use super::super::packages::{self, Kernel};
use super::Node;
use crate::support::{refuse, succeed};

/// All that a machine can have signed.
const CONFIGURATION: &str =
    "[sign]\nmodules = [\"/lib/modules\"]\nefi = [\"/boot/vmlinuz-*-amd64\"]\ngrub = [\"/boot\"]\n";

/// Nothing but what the baseline of a distribution's kernel accepts.
const CLEAN: &[super::Found] = &[];

#[test]
fn a_kernel_of_its_maker_keeps_its_modules_and_takes_ours_over_a_hash_that_it_has() {
    packages::require_all();
    let kernel = Kernel::with_sha3_as_a_module();
    let node = Node::with_keys(kernel.release());
    let root = &node.root.0;
    let modules = || MODULES.map(|path| fs::read(module(root, &kernel, path)).expect("a module"));

    // It does not hold our key.
    node.root.take_module_key(&node.bootseal.keys, "module");
    put_modules_of_maker(root, &kernel);
    let before = modules();
    node.root.install_with_modules(&node.bootseal, &kernel);
    node.put_kernels_loader(&kernel);
    write(&root.join("etc/bootseal/config.toml"), CONFIGURATION.as_bytes());
    let said = succeed(&mut node.root.bootseal(&node.bootseal, &["sign", "all"]));
    assert!(modules() == before, "{said}");
    let audits = node.boot(&node.enrolled(), "audit maker\n");
    audits.log.expect_line(&format!(
        "vm: started with BOOT_IMAGE=/vmlinuz-{} {COMMAND_LINE} module.sig_enforce=1",
        kernel.release()
    ));
    let mut wrong = audits.compare("maker", CLEAN);

    // It does now: what it would refuse is told before anything is replaced, and the remedy is run as it is printed.
    node.root.take_module_key(&node.bootseal.keys, "db");
    put_modules(root, &kernel);
    let before = modules();
    let said = refuse(&mut node.root.sign_modules(&node.bootseal, &kernel));
    assert!(
        said.contains("as a module only (CONFIG_CRYPTO_SHA3=m)") && modules() == before,
        "{said}"
    );
    let hint = said.lines().find_map(|line| line.trim().strip_prefix("hint: printf "));
    let hint = hint.unwrap_or_else(|| panic!("{said}"));
    succeed(crate::support::tool("sh").args(["-c", &format!("printf {hint}")]));
    node.root.install(&node.bootseal, &kernel);
    // No hook signs it, and the guest signs the whole directory.
    fs::remove_file(node.tree.join("grub/grub.cfg~")).expect("grub-mkconfig keeps the former menu");
    // The system of the guest was made before its configuration had the hash.
    fs::copy(root.join("etc/bootseal/config.toml"), node.tree.join("config.toml")).expect("copied");
    let script = "mv /boot/config.toml /etc/bootseal/\naudit sha512\n";
    let audits = node.boot(&node.enrolled(), script);
    wrong.extend(audits.compare("sha512", CLEAN));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
