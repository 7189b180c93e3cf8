//! Ways around a kernel that has started, and keys that are not encrypted.

use std::fs;

use super::{KERNEL, Machine};
use crate::support::{keys, refuse, succeed};

const LOCKDOWN: &str = "sys/kernel/security/lockdown";
const OFF: &[u8] = b"[none] integrity confidentiality\n";

impl Machine {
    fn configured(&self, options: &str) {
        self.write(&format!("boot/config-{KERNEL}"), options.as_bytes());
    }
}

#[test]
fn kexec_starts_what_is_signed_or_nothing() {
    let machine = Machine::new();
    machine.write("proc/sys/kernel/kexec_load_disabled", b"0\n");
    machine.configured("CONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_SIG=y\n");
    assert_eq!(machine.audit(), (0, vec![]));
    machine.configured("CONFIG_KEXEC_FILE=y\n# CONFIG_KEXEC_SIG is not set\n");
    machine.convicts("kernel.kexec", "fail", "kexec");
    machine.configured("# CONFIG_KEXEC_FILE is not set\n");
    assert_eq!(machine.audit(), (0, vec![]));
    fs::remove_file(machine.path(&format!("boot/config-{KERNEL}"))).unwrap();
    let (code, wrong) = machine.audit();
    assert_eq!(code, 3);
    assert_eq!(
        (wrong[0].0.as_str(), wrong[0].1.as_str()),
        ("kernel.kexec", "could_not_run")
    );
    // What only lockdown would close is one finding with it.
    machine.write(LOCKDOWN, OFF);
    machine.convicts("kernel.lockdown", "fail", "lockdown");
}

#[test]
fn memory_is_reached_by_nobody() {
    let machine = Machine::new();
    machine.write("dev/mem", b"");
    assert_eq!(machine.audit(), (0, vec![]));
    machine.write(LOCKDOWN, OFF);
    machine.configured("CONFIG_STRICT_DEVMEM=y\n");
    machine.convicts("kernel.lockdown", "fail", "lockdown");
    machine.configured("# CONFIG_STRICT_DEVMEM is not set\n");
    let said = refuse(&mut machine.bootseal(["audit", "--only", "kernel.memory"]));
    assert!(said.contains("/dev/mem reaches the kernel's memory"), "{said}");
}

#[test]
fn no_image_from_swap_takes_the_kernels_place() {
    let machine = Machine::new();
    machine.write("sys/power/disk", b"[disabled]\n");
    machine.write("proc/cmdline", b"root=/dev/vda2 resume=/dev/vda3\n");
    assert_eq!(machine.audit(), (0, vec![]));
    machine.write("sys/power/disk", b"[platform] shutdown reboot suspend test_resume\n");
    machine.convicts("kernel.hibernation", "warn", "resume");
    machine.write("proc/cmdline", b"root=/dev/vda2\n");
    machine.convicts("kernel.hibernation", "fail", "hibernation");
    machine.write(LOCKDOWN, OFF);
    machine.convicts("kernel.lockdown", "fail", "lockdown");
}

#[test]
fn keys_of_others_that_the_kernel_trusts_are_named() {
    let machine = Machine::new();
    let mut list = fs::read(machine.path("proc/keys")).unwrap();
    list.extend(
        b"31e88efb I------     1 perm 1f0b0000     0     0 keyring   .builtin_trusted_keys: 2\n\
          0f4e6a5b I------     1 perm 1f030000     0     0 asymmetri Debian: Debian Secure Boot CA: 6ccece7e4c6c0d1f6149f3dd27dfcc5cbb419ea1: X509.rsa bb419ea1 []\n",
    );
    machine.write("proc/keys", &list);
    let said = succeed(&mut machine.bootseal(["audit", "-v", "--only", "kernel.module_key"]));
    assert!(
        said.contains("keyrings: .builtin_trusted_keys 2") && said.contains("not ours: Debian: Debian Secure Boot CA"),
        "{said}"
    );
}

#[test]
fn authorities_keys_on_this_machine_are_found_and_plain_ones_twice() {
    let machine = Machine::new();
    let audit = |only: &str| machine.bootseal(["audit", "-v", "--only", only]);
    let removal = machine.path("etc/bootseal/keys/noPK.auth");
    let said = refuse(&mut audit("keys.offline"));
    let remedy = format!("rm {}", removal.display());
    assert!(
        said.contains("takes the platform key out of every board") && said.contains(&remedy),
        "{said}"
    );
    fs::remove_file(removal).unwrap();
    let said = succeed(&mut audit("keys.offline,keys.at_rest"));
    assert!(
        said.contains("module: plain") && said.contains("PK: elsewhere"),
        "{said}"
    );
    fs::copy(keys().join("PK.key"), machine.path("etc/bootseal/keys/PK.key")).unwrap();
    let said = refuse(&mut audit("keys.at_rest"));
    assert!(said.contains("the private key of PK is not encrypted"), "{said}");
    refuse(&mut audit("keys.offline"));
}
