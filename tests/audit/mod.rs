//! The audit of a machine below another root directory: clean, then with one fault at a time.

mod beside;
mod disks;
mod doors;
mod extended_boot;
mod firmware;
mod formats;
mod honest;
mod images;
mod kernels;
mod ledger;
mod measured;
mod menus;
mod modules;
mod named_disks;
mod pcr_signatures;
mod schema;
mod status;
mod watching;

use std::ffi::OsStr;
use std::fs;
use std::ops::Deref;

use bootseal::formats::firmware::authenticode::minimal_image;
use serde_json::Value;

use crate::support::judges::subject_key_id;
use crate::support::kernel::kernel_image;
use crate::support::node::{DATABASE, GLOBAL, Node};
use crate::support::{forget_kept_menu, keys, module, remedies, sign_file, succeed, text, tool};

const KERNEL: &str = "6.12.58-gentoo";
/// Variables are plain files here, there is no configuration of a kernel, no hooks are installed there, and keys that live as long as these tests have no
/// backup.
const ELSEWHERE: [&str; 2] = [
    "--skip",
    "firmware.writable,hooks,kernel.configuration,keys.backup,keys.drill,keys.offline,kernel.image,measured",
];

/// A machine as it should be, in the groups that are looked at here.
struct Machine(Node);

impl Deref for Machine {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

/// GRUB, in its place.
const IMAGE: &str = "efi/EFI/bootseal/grubx64.efi";

impl Machine {
    fn new() -> Self {
        let machine = Self(Node::new());
        // The keys of PK and KEK are elsewhere.
        machine.keys(keys(), |name| !["PK.key", "KEK.key"].contains(&name));
        for name in ["PK", "KEK", "db"] {
            let vendor = if name == "db" { DATABASE } else { GLOBAL };
            let lists = fs::read(keys().join(format!("{name}.esl"))).unwrap();
            machine.set_variable(name, vendor, 0x27, &lists);
        }
        // What the ceremony appends to dbx is behind the header that signs it.
        let update = fs::read(keys().join("dbx.auth")).unwrap();
        let size = u32::from_le_bytes(update[16..20].try_into().unwrap()) as usize;
        machine.set_variable("dbx", DATABASE, 0x27, &update[16 + size..]);
        machine.set_variable("SecureBoot", GLOBAL, 6, &[1]);
        machine.set_variable("SetupMode", GLOBAL, 6, &[0]);
        machine.partition();
        machine.write("proc/sys/kernel/osrelease", format!("{KERNEL}\n").as_bytes());
        machine.write("proc/sys/kernel/hostname", b"node\n");
        machine.write("sys/class/dmi/id/sys_vendor", b"QEMU\n");
        machine.write("sys/kernel/security/lockdown", b"none [integrity] confidentiality\n");
        machine.write("sys/module/module/parameters/sig_enforce", b"Y\n");
        machine.write("proc/cmdline", b"root=/dev/vda2 ro quiet\n");
        machine.write("proc/sys/kernel/tainted", b"0\n");
        machine.write("proc/sys/kernel/kexec_load_disabled", b"1\n");
        machine.write("proc/keys", module_key_listed());
        let loader = "efi/EFI/BOOT/BOOTX64.EFI";
        machine.write(loader, minimal_image());
        machine.chmod("efi", 0o700);
        machine.run(["sign", "efi"], &[loader]);
        let module = format!("lib/modules/{KERNEL}/kernel/x.ko");
        machine.write(&module, unsigned_module());
        machine.run(["sign", "modules"], &[&module]);
        machine.write(
            "boot/grub/grub.cfg",
            b"menuentry 'Linux' --unrestricted { linux /vmlinuz; initrd /initrd }\n",
        );
        machine.write("boot/vmlinuz", kernel_image(KERNEL));
        machine.write("boot/initrd", modules::cpio(&[("init", b"#!/bin/sh\n")]));
        machine.write("proc/modules", b"x 16384 0 - Live 0x0000000000000000\n");
        machine.run(["sign", "efi"], &["boot/vmlinuz"]);
        machine.run(["sign", "grub"], &["boot/grub"]);
        fs::create_dir_all(machine.path("efi/EFI/bootseal")).unwrap();
        let install = ["grub", "install", "--fs-uuid", "1234-ABCD", "--grub-path", "/grub"];
        let mut install = machine.bootseal(install);
        install.args(["--modules-dir", "/usr/lib/grub/x86_64-efi", "--output"]);
        succeed(install.arg(machine.path(IMAGE)));
        machine
    }

    /// Another initramfs, as good as the one that was signed.
    fn change_initrd(&self) {
        self.write("boot/initrd", modules::cpio(&[("init", b"#!/bin/busybox sh\n")]));
    }

    fn run<const N: usize>(&self, words: [&str; N], files: &[&str]) {
        let mut command = self.bootseal(words);
        if words.first() == Some(&"sign") {
            command.arg("--accept-changed").arg(self.root());
        }
        succeed(command.args(files.iter().map(|file| self.path(file))));
    }

    /// The exit code, and the checks that do not pass with their answers and the subjects of findings.
    fn audit(&self) -> (i32, Vec<(String, String, Vec<String>)>) {
        let output = self.bootseal(["audit", "--json"]).args(ELSEWHERE).output().unwrap();
        remedies::printed(&output);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let root = self.root().to_str().unwrap();
        let checks = said["checks"].as_array().unwrap();
        let is_fine = |check: &&Value| ["pass", "not_applicable"].contains(&check["status"].as_str().unwrap());
        let wrong = checks.iter().filter(|check| !is_fine(check)).map(|check| {
            let text = |value: &Value| value.as_str().unwrap().replace(root, "");
            let findings = check["findings"].as_array().unwrap();
            let subjects = findings.iter().map(|finding| text(&finding["subject"])).collect();
            (text(&check["id"]), text(&check["status"]), subjects)
        });
        (output.status.code().unwrap(), wrong.collect())
    }

    /// The answer of one check, as JSON, with paths below the root.
    fn check(&self, id: &str) -> Value {
        self.check_with(id, &[])
    }

    /// The same, with more words for the audit.
    fn check_with(&self, id: &str, words: &[&OsStr]) -> Value {
        let mut audit = self.bootseal(["audit", "--json", "--only", id]);
        let output = audit.args(words).output().unwrap();
        remedies::printed(&output);
        let root = self.root().to_str().unwrap();
        let said = String::from_utf8(output.stdout).unwrap().replace(root, "");
        let mut said: Value = serde_json::from_str(&said).unwrap();
        said["checks"][0].take()
    }

    /// Exactly this check answers so, and says that it is about this.
    #[track_caller]
    fn convicts(&self, id: &str, status: &str, subject: &str) {
        let (code, wrong) = self.audit();
        let [(own, answer, subjects)] = wrong.as_slice() else {
            panic!("{wrong:?}, not {id} alone");
        };
        assert_eq!((code, own.as_str(), answer.as_str()), (1, id, status), "{wrong:?}");
        assert!(
            subjects.iter().any(|own| own.starts_with(subject)),
            "{subjects:?}: {subject}"
        );
    }
}

/// The texts of a list of the check's.
fn texts(check: &Value, list: &str) -> Vec<String> {
    let all = check[list].as_array().unwrap().iter();
    all.map(|item| item.as_str().or(item["text"].as_str()).unwrap().to_owned())
        .collect()
}

#[track_caller]
fn says(check: &Value, list: &str, beginning: &str, part: &str) {
    let all = texts(check, list);
    let is_it = |text: &&String| text.starts_with(beginning) && text.contains(part);
    assert!(all.iter().any(|text| is_it(&text)), "{beginning} … {part}: {check:#}");
}

/// `/proc/keys` of a kernel that trusts the module key.
fn module_key_listed() -> Vec<u8> {
    let id = subject_key_id(&keys().join("module.pem"));
    let short = &id[id.len() - 8..];
    format!("2f3ab2bb I------     1 perm 1f030000     0     0 asymmetri test: {id}: X509.rsa {short} []\n").into_bytes()
}

#[test]
fn faults_of_the_running_kernel_are_each_convicted() {
    let machine = Machine::new();
    let with = |name: &str, content: &str, id: &str, subject: &str| {
        let before = fs::read(machine.path(name)).unwrap();
        machine.write(name, content.as_bytes());
        machine.convicts(id, "fail", subject);
        machine.write(name, &before);
    };
    let lockdown = "sys/kernel/security/lockdown";
    with(
        lockdown,
        "[none] integrity confidentiality\n",
        "kernel.lockdown",
        "lockdown",
    );
    let enforce = "sys/module/module/parameters/sig_enforce";
    with(enforce, "N\n", "kernel.modules_enforced", "sig_enforce");
    for line in [
        "module.sig_enforce=0",
        "lockdown=none",
        "init=/bin/sh",
        "quiet \"init=/bin/sh\"",
    ] {
        with("proc/cmdline", line, "kernel.command_line", "");
    }
    // Out of tree and unsigned; a proprietary module alone is no matter of the chain.
    with("proc/sys/kernel/tainted", "12288\n", "kernel.taint", "O");
    let other =
        "2f3ab2bb I------     1 perm 1f030000     0     0 asymmetri x: 0011223344556677: X509.rsa 44556677 []\n";
    with("proc/keys", other, "kernel.module_key", "module key");
    // In a keyring of root's own, where the kernel does not look for modules.
    let own = String::from_utf8(module_key_listed())
        .unwrap()
        .replace("1f030000", "39010000");
    with("proc/keys", &own, "kernel.module_key", "module key");
    machine.write("proc/sys/kernel/tainted", b"1\n");
    assert_eq!(machine.audit(), (0, vec![]));
}

fn unsigned_module() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    fs::read(module(directory.path(), "x.ko")).unwrap()
}

#[test]
fn a_clean_machine_has_no_finding() {
    assert_eq!(Machine::new().audit(), (0, vec![]));
}

#[test]
fn faults_of_the_firmware_are_each_convicted() {
    let machine = Machine::new();
    machine.set_variable("SecureBoot", GLOBAL, 6, &[0]);
    machine.convicts("firmware.secure_boot", "fail", "SecureBoot");
    machine.set_variable("SecureBoot", GLOBAL, 6, &[1]);
    machine.set_variable("AuditMode", GLOBAL, 6, &[1]);
    machine.convicts("firmware.mode", "fail", "AuditMode");
    machine.set_variable("AuditMode", GLOBAL, 6, &[0]);
    let db = fs::read(keys().join("db.esl")).unwrap();
    let foreign = include_bytes!("../../src/trust/microsoft/DB/windows-uefi-ca-2023.der");
    let mut list = hex::decode("a159c0a5e494a74a87b5ab155c2bf072").unwrap();
    let size = u32::try_from(foreign.len() + 16).unwrap();
    for field in [size + 28, 0, size] {
        list.extend(field.to_le_bytes());
    }
    list.extend([0; 16]);
    list.extend(foreign);
    machine.set_variable("db", DATABASE, 0x27, &[db.clone(), list].concat());
    machine.convicts("firmware.variables", "fail", "db: ");
    machine.set_variable("db", DATABASE, 7, &db);
    machine.convicts("firmware.attributes", "fail", "db");
    machine.set_variable("db", DATABASE, 0x27, &db);
    let dbx = fs::read(machine.path(&format!("sys/firmware/efi/efivars/dbx-{DATABASE}"))).unwrap();
    fs::remove_file(machine.path(&format!("sys/firmware/efi/efivars/dbx-{DATABASE}"))).unwrap();
    let (code, wrong) = machine.audit();
    let ids: Vec<&str> = wrong.iter().map(|(id, _, _)| id.as_str()).collect();
    assert_eq!(
        (code, ids.as_slice()),
        (1, &["firmware.variables", "firmware.revocations"][..])
    );
    machine.write(&format!("sys/firmware/efi/efivars/dbx-{DATABASE}"), &dbx);
    assert_eq!(machine.audit(), (0, vec![]));
}

#[test]
fn faults_of_the_boot_path_are_each_convicted() {
    let machine = Machine::new();
    let loader = "efi/EFI/BOOT/BOOTX64.EFI";
    let signed = fs::read(machine.path(loader)).unwrap();
    machine.write(loader, minimal_image());
    machine.convicts("boot.entries", "fail", "/efi/EFI/BOOT/BOOTX64.EFI");
    machine.write(loader, &signed);
    // An old GRUB that db lets in and that opens anything.
    let open = machine.path("open.efi");
    succeed(
        tool("grub-mkimage")
            .args(["-O", "x86_64-efi", "-p", "/boot/grub", "-o"])
            .arg(&open)
            .args(["normal", "fat", "part_gpt"]),
    );
    machine.write("efi/EFI/old/grubx64.efi", fs::read(&open).unwrap());
    assert_eq!(machine.audit(), (0, vec![]), "one that db does not let in harms nobody");
    machine.run(["sign", "efi"], &["efi/EFI/old/grubx64.efi"]);
    machine.convicts("boot.images", "fail", "/efi/EFI/old/grubx64.efi");
    fs::remove_file(machine.path("efi/EFI/old/grubx64.efi")).unwrap();
    machine.chmod("efi", 0o777);
    machine.convicts("boot.partition", "warn", "/efi");
}

#[test]
fn faults_of_grubs_files_modules_and_keys_are_each_convicted() {
    let machine = Machine::new();
    let initrd = fs::read(machine.path("boot/initrd")).unwrap();
    machine.change_initrd();
    machine.convicts("grub.files", "fail", "/boot/initrd");
    machine.write("boot/initrd", &initrd);
    machine.write("boot/grub/custom.cfg", b"set check_signatures=no\n");
    machine.run(["sign", "grub"], &["boot/grub/custom.cfg"]);
    machine.convicts("grub.files", "fail", "/boot/grub/custom.cfg:1");
    for name in ["custom.cfg", "custom.cfg.sig"] {
        fs::remove_file(machine.path("boot/grub").join(name)).unwrap();
    }
    // As they were built before: no word of it.
    let image = fs::read(machine.path(IMAGE)).unwrap();
    forget_kept_menu(&machine.path(IMAGE));
    machine.convicts("grub.kept_menu", "warn", "/efi/EFI/bootseal/grubx64.efi");
    machine.write(IMAGE, &image);

    let name = format!("lib/modules/{KERNEL}/kernel/x.ko");
    let module = fs::read(machine.path(&name)).unwrap();
    let mut changed = module.clone();
    changed[100] ^= 1;
    machine.write(&name, &changed);
    machine.convicts("modules.files", "fail", &format!("/{name}"));
    // Signed by the right key, over a hash that nobody should rely on.
    machine.write(&name, unsigned_module());
    let (key, certificate) = (keys().join("module.key"), keys().join("module.pem"));
    succeed(
        sign_file()
            .arg("sha256")
            .args([&key, &certificate])
            .arg(machine.path(&name)),
    );
    machine.convicts("modules.files", "fail", &format!("/{name}"));
    machine.write(&name, &module);

    machine.chmod("etc/bootseal/keys/db.key", 0o644);
    let (code, wrong) = machine.audit();
    assert_eq!(
        (code, wrong[0].0.as_str(), wrong.len()),
        (1, "keys.private", 1),
        "{wrong:?}"
    );
    machine.chmod("etc/bootseal/keys/db.key", 0o400);
    // The private half of another key, copied by mistake.
    let own = fs::read(machine.path("etc/bootseal/keys/db.key")).unwrap();
    machine.write("etc/bootseal/keys/db.key", fs::read(keys().join("KEK.key")).unwrap());
    let said = machine.check("keys.pairs");
    assert_eq!(said["status"], "fail", "{said:#}");
    assert!(
        said["findings"][0]["text"]
            .as_str()
            .unwrap()
            .contains("db.key is not the private key of")
    );
    let status = machine.bootseal(["status"]).output().unwrap();
    assert!(
        text(&status).contains("db.key is not the private key of"),
        "{}",
        text(&status)
    );
    let hooks = text(
        &machine
            .bootseal(["hook", "status", "--mode", "traditional"])
            .output()
            .unwrap(),
    );
    assert!(hooks.contains("db.key is not the private key of"), "{hooks}");
    machine.write("etc/bootseal/keys/db.key", own);
    // Whatever it is called.
    machine.write("efi/EFI/keys.txt", fs::read(keys().join("KEK.key")).unwrap());
    machine.convicts("keys.place", "fail", "/efi/EFI/keys.txt");
    machine.write("efi/EFI/keys.txt", fs::read(keys().join("KEK.pem")).unwrap());
    assert_eq!(machine.audit(), (0, vec![]));
}
