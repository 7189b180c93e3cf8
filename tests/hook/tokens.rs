//! Hooks with keys on a token and nobody there: the PIN comes from where the machine says, or nothing is written.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use bootseal::formats::firmware::authenticode::minimal_image;

use super::machine::{Machine, snapshot};
use super::node::{Hooked, VERSION};
use super::traditional;
use crate::support::ceremony::private;
use crate::support::judges::{check_grub, check_kernel, judge_module};
use crate::support::token::{LIBRARY, PIN, Token};
use crate::support::{keys, succeed, text};

/// Copies what names the keys of the token to a key directory, in place of the keys themselves.
fn replace_keys(token: &Token, directory: &Path) {
    for name in ["db", "module", "grub"] {
        fs::remove_file(directory.join(format!("{name}.key"))).unwrap();
        let uri = format!("{name}.uri");
        fs::copy(token.path("keys").join(&uri), directory.join(&uri)).unwrap();
    }
}

/// A node whose keys are on a token, and a kernel that waits to be installed there.
fn node(token: &Token) -> Hooked {
    let node = Hooked::new();
    replace_keys(token, &node.path("etc/bootseal/keys"));
    node.write("usr/src/bzImage", minimal_image());
    node
}

/// A slot that has no terminal, no input, and the token in reach.
fn run(node: &Hooked, token: &Token, options: &[&str], slot: &str, image: &str) -> Command {
    let mut command = node.hook(&[&["run"], options, &[slot, VERSION, image]].concat());
    command
        .env("SOFTHSM2_CONF", token.path("softhsm2.conf"))
        .env_remove("CREDENTIALS_DIRECTORY")
        .stdin(Stdio::null());
    command
}

/// All slots of an installation, each with options and what `with` gives it; what they sign is judged.
fn install(node: &Hooked, token: &Token, options: &[&str], with: impl Fn(&mut Command)) {
    let installed = format!("/boot/vmlinuz-{VERSION}");
    for (slot, image) in [
        ("modules", "/usr/src/bzImage"),
        ("image", &installed),
        ("grub", &installed),
    ] {
        let mut command = run(node, token, options, slot, image);
        with(&mut command);
        succeed(&mut command);
    }
    succeed(&mut judge_module(&node.path(&format!("lib/modules/{VERSION}/loop.ko"))));
    check_kernel(&node.path(&format!("boot/vmlinuz-{VERSION}")));
    check_grub(&node.path(&format!("boot/initramfs-{VERSION}.img")));
    check_grub(&node.path("boot/grub/grub.cfg"));
}

#[test]
fn a_kernel_is_installed_with_all_keys_on_a_token_and_refused_before_anything_is_written_without_its_pin() {
    let machine = traditional::machine();
    let release = machine.kernel.release().to_owned();
    let token = Token::new(keys());
    replace_keys(&token, &machine.path("etc/bootseal/keys"));
    // emerge hands no variable on.
    let config = fs::read(token.path("softhsm2.conf")).unwrap();
    machine.write("etc/softhsm/softhsm2.conf", &config);
    let add = |machine: &Machine| format!("setsid --wait sh -c \"{}\" </dev/null", traditional::add(machine));
    let status = |machine: &Machine| text(&machine.run("bootseal hook status --mode traditional"));
    assert!(!status(&machine).contains("on a token"), "{}", status(&machine));

    machine.succeed(&add(&machine));
    for module in machine.modules() {
        succeed(&mut judge_module(&module));
    }
    check_kernel(&machine.path(&format!("boot/vmlinuz-{release}")));
    check_grub(&machine.path(&format!("boot/initramfs-{release}.img")));
    check_grub(&machine.path("boot/grub/grub.cfg"));

    machine.add_modules();
    let tree = || ["boot", "usr/lib/modules", "etc"].map(|name| snapshot(&machine.path(name)));
    let before = tree();
    let pin = token.path("pin");
    fs::remove_file(&pin).unwrap();
    let (code, said) = machine.refuse(&add(&machine));
    assert_eq!(code, 3, "{said}");
    assert!(
        said.contains(&pin.display().to_string()) && said.contains("make install, or emerge --config"),
        "{said}"
    );
    assert!(tree() == before, "{said}");
    let said = status(&machine);
    assert!(
        said.contains("the PIN of the db key's token is to be in") && said.contains(&pin.display().to_string()),
        "{said}"
    );
}

#[test]
fn a_pin_comes_from_file_descriptor_credential_or_configuration_and_else_no_slot_writes_anything() {
    let token = Token::new(keys());
    for name in ["db", "module", "grub"] {
        token.name_key(name, &format!("pkcs11:token=node;object={name}?module-path={LIBRARY}"));
    }
    let without = node(&token);
    // All but what is recorded of each run.
    let tree = || ["boot", "etc", "lib", "usr"].map(|name| snapshot(&without.path(name)));
    let before = tree();
    let installed = format!("/boot/vmlinuz-{VERSION}");
    for (slot, image, remedy) in [
        ("modules", "/usr/src/bzImage", "make install, or emerge --config"),
        ("image", &installed, "before the next reboot: bootseal"),
        ("grub", &installed, "before the next reboot: bootseal"),
    ] {
        let output = run(&without, &token, &[], slot, image).output().unwrap();
        let said = text(&output);
        assert_eq!(output.status.code(), Some(3), "{slot}: {said}");
        assert!(
            said.contains("there is no terminal")
                && said.contains("[hook] passphrase_file")
                && said.contains("bootseal.passphrase")
                && said.contains(remedy),
            "{slot}: {said}"
        );
        assert!(tree() == before, "{slot}: {said}");
    }
    let said = text(&without.hook(&["status", "--mode", "traditional"]).output().unwrap());
    assert!(
        said.contains("the db key is on a token, and nobody may be there to type the PIN"),
        "{said}"
    );

    let pin = token.path("pin");
    let named = ["--passphrase-file", pin.to_str().unwrap()];
    install(&node(&token), &token, &named, |_| ());
    install(&node(&token), &token, &["--passphrase-fd", "0"], |command| {
        command.stdin(fs::File::open(&pin).unwrap());
    });
    let credentials = tempfile::tempdir().unwrap();
    private(&credentials.path().join("bootseal.passphrase"), PIN.as_bytes());
    install(&node(&token), &token, &[], |command| {
        command.env("CREDENTIALS_DIRECTORY", credentials.path());
    });
    let configured = node(&token);
    private(&configured.path("etc/bootseal/pin"), PIN.as_bytes());
    let config = "[hook]\npassphrase_file = \"/etc/bootseal/pin\"\n";
    configured.write("etc/bootseal/config.toml", config.as_bytes());
    install(&configured, &token, &[], |_| ());
}
