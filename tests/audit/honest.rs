//! Answers that are never a pass: files that cannot be read or are malformed, and acceptances that ended yesterday.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bootseal::audit::{Audit, Baseline, Machine as Live, Selection, audit};
use bootseal::finding::Status;
use bootseal::system::Context;
use bootseal::system::config::Config;
use serde_json::Value;

use super::{ELSEWHERE, KERNEL, Machine};
use crate::support::node::Node;
use crate::support::{refuse, succeed, tool};

/// The answers of an audit as JSON has it, by the checks' IDs.
fn answers(output: &std::process::Output) -> Vec<(String, String)> {
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let checks = said["checks"].as_array().unwrap().iter();
    checks
        .map(|check| (text(&check["id"]), text(&check["status"])))
        .collect()
}

#[test]
fn what_root_finds_nobody_else_passes() {
    let machine = Machine::new();
    machine.change_initrd();
    machine.write(&format!("lib/modules/{KERNEL}/kernel/x.ko"), b"\x7fELF");
    machine.write("efi/EFI/BOOT/BOOTX64.EFI", b"MZ");
    machine.chmod("etc/bootseal/keys/db.key", 0o644);
    for unreadable in ["boot/initrd", &format!("lib/modules/{KERNEL}/kernel/x.ko")] {
        machine.chmod(unreadable, 0o600);
    }
    machine.chmod("", 0o755);
    // The program may lie where nobody can reach it.
    let program = machine.path("bootseal");
    fs::copy(env!("CARGO_BIN_EXE_bootseal"), &program).unwrap();
    let root = machine.bootseal(["audit", "--json"]).output().unwrap();
    crate::support::remedies::printed(&root);
    let nobody = tool("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(["audit", "--json", "--root"])
        .arg(machine.path(""))
        .output()
        .unwrap();
    assert!([Some(1), Some(3)].contains(&nobody.status.code()), "{nobody:?}");
    let (root, nobody) = (answers(&root), answers(&nobody));
    let of = |id: &str| nobody.iter().find(|(own, _)| own == id).unwrap().1.as_str();
    for (id, status) in root.iter().filter(|(_, status)| status == "fail") {
        assert_ne!(of(id), "pass", "{id} is {status} for root");
    }
    for id in [
        "firmware.variables",
        "keys.private",
        "modules.files",
        "grub.files",
        "boot.entries",
    ] {
        assert!(["could_not_run", "fail"].contains(&of(id)), "{id}: {}", of(id));
    }
    assert_eq!(of("keys.private"), "could_not_run");
}

#[test]
fn where_there_is_no_uefi_the_reasons_are_told() {
    let machine = Machine(Node::new());
    let output = machine.bootseal(["audit"]).output().unwrap();
    crate::support::remedies::printed(&output);
    let said = crate::support::text(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("not booted through UEFI") && said.contains("The chain is not proven"),
        "{said}"
    );
    // The machine that the tests run on, whatever it is.
    let here = crate::support::bootseal(["audit", "--json"]).output().unwrap();
    crate::support::remedies::printed(&here);
    assert!(matches!(here.status.code(), Some(0 | 1 | 3)), "{here:?}");
    for (id, _) in answers(&here) {
        let said = succeed(&mut machine.bootseal(["audit", "--explain", &id]));
        let parts = ["Level ", "Proves ", "Remedy "];
        assert!(
            said.starts_with(&id) && parts.iter().all(|part| said.contains(part)),
            "{said}"
        );
    }
}

#[test]
fn what_lies_under_a_mount_point_is_not_what_starts() {
    let machine = Machine::new();
    let ids = ["boot.kernels", "boot.uki", "boot.command_lines", "grub.files"];
    let judged = |machine: &Machine| {
        let output = machine.bootseal(["audit", "--json"]).output().unwrap();
        let answers = answers(&output).into_iter();
        answers.filter(|(id, _)| ids.contains(&id.as_str())).collect::<Vec<_>>()
    };
    assert!(judged(&machine).iter().all(|(_, status)| status != "could_not_run"));
    machine.write("etc/fstab", "LABEL=boot /boot ext4 noauto 0 2\n");
    let answers = judged(&machine);
    assert!(
        answers.iter().all(|(_, status)| status == "could_not_run"),
        "{answers:?}"
    );
    let said = refuse(&mut machine.bootseal(["audit", "--only", "boot.uki"]));
    assert!(
        said.contains("/boot: it is listed in /etc/fstab and not mounted (mount /boot)"),
        "{said}"
    );
    // An EFI system partition that is to be mounted is named with its command as well.
    machine.write("etc/fstab", "LABEL=esp /efi vfat noauto 0 2\n");
    machine.write("proc/self/mountinfo", "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n");
    let said = refuse(&mut machine.bootseal(["audit", "--only", "boot.partition"]));
    assert!(
        said.contains("no EFI system partition is mounted (mount /efi)"),
        "{said}"
    );
}

#[test]
fn what_was_accepted_until_yesterday_is_found_again() {
    let machine = Machine::new();
    machine.change_initrd();
    let accept = |until: &str| {
        let text = format!("[[accept]]\ncheck = \"grub.files\"\nreason = \"a test\"\nuntil = \"{until}\"\n");
        machine.write("etc/bootseal/baseline.toml", text.as_bytes());
        machine.bootseal(["audit", "--only", "grub.files"])
    };
    let said = succeed(&mut accept("2999-12-31"));
    assert!(
        said.contains("accepted: ") && said.contains("(a test, until 2999-12-31)"),
        "{said}"
    );
    let said = refuse(&mut accept("2020-12-31"));
    assert!(said.contains("(accepted until 2020-12-31, which is past)"), "{said}");
    // A baseline decides what is fine, so nobody else may write to it.
    accept("2999-12-31");
    machine.chmod("etc/bootseal/baseline.toml", 0o666);
    refuse(&mut machine.bootseal(["audit", "--only", "grub.files"]));
}

/// An audit in this process: a panic is the test's.
fn audit_of(root: &Path) -> Audit {
    let context = Context::host().with_root(root);
    let config = Config::default();
    let machine = Live::new(&context, &config, root.join("etc/bootseal/keys"));
    let selection = Selection {
        skip: ELSEWHERE[1].split(',').map(str::to_owned).collect(),
        ..Selection::default()
    };
    audit(&machine, &selection, &Baseline::default()).unwrap()
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Files that an audit takes nothing from: private halves and what is made for others, records of bootseal's own that
/// cost only time, and text that says nothing wrong whatever it is.
fn says_nothing(name: &str) -> bool {
    let beginnings = ["var/lib/bootseal/", "sys/class/dmi/"];
    // No module may be loaded.
    let endings = [
        ".key",
        ".der",
        ".auth",
        "owner.guid",
        "proc/cmdline",
        "kernel/hostname",
        "proc/modules",
    ];
    let is_one = |name: &str| {
        beginnings.iter().any(|beginning| name.starts_with(beginning))
            || endings.iter().any(|ending| name.ends_with(ending))
    };
    is_one(name) && !name.ends_with("dbx.auth")
}

#[test]
fn malformed_files_are_findings_or_could_not_be_looked_at() {
    let machine = Machine::new();
    let root = machine.root();
    assert!(audit_of(root).failure().is_none());
    let mut paths = Vec::new();
    files(root, &mut paths);
    paths.sort();
    let mut passed = Vec::new();
    for path in paths {
        let before = fs::read(&path).unwrap();
        let mode = path.metadata().unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let garbage: Vec<u8> = (0..4099_u32)
            .map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0])
            .collect();
        let mut contents = vec![garbage];
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if !says_nothing(&name) {
            contents.push(vec![0xff; 70_000]);
            // A kernel that has loaded no module lists none.
            if !name.ends_with("proc/modules") {
                contents.push(Vec::new());
            }
            // Half of a line may be as good a line, and half of an OpenPGP key all of its first packet.
            if before.len() > 100 && !name.ends_with("grub.gpg") {
                contents.push(before[..before.len() / 2].to_vec());
            }
        }
        for content in contents {
            fs::write(&path, &content).unwrap();
            let audit = audit_of(root);
            if audit.failure().is_none() && !says_nothing(&name) {
                passed.push(format!("{name}: {} bytes", content.len()));
            }
            let is_pass = audit.checked.iter().any(|checked| checked.status() == Status::Pass);
            assert!(is_pass, "{name}: one file is not all");
        }
        fs::write(&path, &before).unwrap();
        fs::set_permissions(&path, mode).unwrap();
    }
    assert_eq!(passed, <[String; 0]>::default());
}
