//! The record of signatures, and the files that it does not have: planted, signed elsewhere, or after the record was cut.

use std::fs;

use bootseal::formats::firmware::authenticode::minimal_image;
use serde_json::Value;

use super::{KERNEL, Machine, says};
use crate::support::judges::check_grub;
use crate::support::{as_printed, bootseal, keys, refuse, sign, succeed};

const LEDGER: &str = "var/lib/bootseal/ledger.jsonl";

impl Machine {
    /// The command of a finding's remedy, from `bootseal` on, run by a shell.
    fn follow(&self, check: &str) {
        let said: Value = self.check_as_it_is(check);
        let remedy = said["findings"][0]["remedy"].as_str().unwrap();
        let command = &remedy[remedy.find("bootseal ").unwrap()..];
        let command = command.split("; else").next().unwrap();
        succeed(&mut as_printed(command));
    }

    /// The answer of one check, with paths as they are.
    fn check_as_it_is(&self, id: &str) -> Value {
        let output = self.bootseal(["audit", "--json", "--only", id]).output().unwrap();
        crate::support::remedies::printed(&output);
        let mut said: Value = serde_json::from_slice(&output.stdout).unwrap();
        said["checks"][0].take()
    }
}

/// An image that differs from others by this byte.
fn image(byte: u8) -> Vec<u8> {
    let mut image = minimal_image();
    *image.last_mut().unwrap() = byte;
    image
}

#[test]
fn a_file_that_a_run_left_unsigned_is_told_of_until_it_is_gone_or_accepted() {
    let machine = Machine::new();
    let initrd = fs::read(machine.path("boot/initrd")).unwrap();
    let file = "boot/initrd";
    machine.change_initrd();
    refuse(machine.bootseal(["sign", "grub"]).arg(machine.path(file)));
    let said = machine.check("boot.unvouched");
    assert_eq!(said["status"], "warn", "{said:#}");
    says(
        &said,
        "findings",
        "/boot/initrd is left unsigned since 20",
        "it was changed after it was signed on ",
    );
    let remedy = said["findings"][0]["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("rm /boot/initrd; "), "{remedy}");
    // Brought back as it was, it is no finding any more; nor is it once it is accepted.
    machine.write(file, &initrd);
    assert_eq!(machine.audit(), (0, vec![]));
    machine.change_initrd();
    refuse(machine.bootseal(["sign", "grub"]).arg(machine.path(file)));
    machine.follow("boot.unvouched");
    check_grub(&machine.path(file));
    assert_eq!(machine.audit(), (0, vec![]));
    // One that nobody knows, met by a hook.
    let planted = "efi/EFI/Linux/kernel.efi";
    machine.write(planted, image(66));
    succeed(&mut machine.bootseal(["hook", "run", "image", KERNEL, "/boot/vmlinuz"]));
    let said = machine.check("boot.unvouched");
    says(&said, "findings", "/efi/EFI/Linux/kernel.efi", "nobody knows it");
    fs::remove_file(machine.path(planted)).unwrap();
    assert_eq!(machine.check("boot.unvouched")["status"], "pass");
}

#[test]
fn a_signature_by_our_key_that_is_in_no_ledger_is_convicted() {
    let machine = Machine::new();
    // Somebody with the keys, on another machine.
    let (loader, menu) = ("efi/EFI/evil/evil.efi", "boot/grub/custom.cfg");
    machine.write(loader, image(66));
    let elsewhere = tempfile::tempdir().unwrap();
    let foreign = |kind: &str, name: &str| {
        let mut command = sign(kind, &[&machine.path(name)]);
        succeed(command.env("STATE_DIRECTORY", elsewhere.path()));
    };
    foreign("efi", loader);
    machine.convicts("boot.unrecorded", "fail", "/efi/EFI/evil/evil.efi");
    fs::remove_file(machine.path(loader)).unwrap();
    machine.write(menu, "set timeout=7\n");
    foreign("grub", menu);
    machine.convicts("boot.unrecorded", "fail", "/boot/grub/custom.cfg");
    let said = machine.check("boot.unrecorded");
    says(
        &said,
        "findings",
        "/boot/grub/custom.cfg",
        "signature by our grub key that is in no ledger",
    );
    // A run that meets it does not take it over.
    succeed(machine.bootseal(["sign", "grub"]).arg(machine.path("boot/grub")));
    machine.convicts("boot.unrecorded", "fail", "/boot/grub/custom.cfg");
    machine.follow("boot.unrecorded");
    assert_eq!(machine.audit(), (0, vec![]));
    // A package may hold what its build signed.
    machine.write(loader, image(67));
    foreign("efi", loader);
    machine.write("opt/signed/loader", fs::read(machine.path(loader)).unwrap());
    machine.config("[sign]\nsources = [\"/opt/signed\"]\n");
    let said = machine.check("boot.unrecorded");
    assert_eq!(said["status"], "pass", "{said:#}");
    says(&said, "evidence", "/efi/EFI/evil/evil.efi", "equals /opt/signed/loader");
}

#[test]
fn a_ledger_that_was_changed_or_cut_is_convicted() {
    let machine = Machine::new();
    let good = fs::read(machine.path(LEDGER)).unwrap();
    let said = machine.check("ledger.chain");
    says(&said, "evidence", "11 lines, 7 signatures, head ", "");
    let mut bad = good.clone();
    bad[40] ^= 1;
    machine.write(LEDGER, &bad);
    let said = machine.check("ledger.chain");
    assert_eq!(said["status"], "fail", "{said:#}");
    says(&said, "findings", "", "line 2 does not follow the one before");
    assert!(
        said["findings"][0]["remedy"].as_str().unwrap().starts_with("mv "),
        "{said:#}"
    );
    assert_eq!(machine.check("boot.unrecorded")["status"], "could_not_run");
    // Its end is gone, with the signatures for GRUB.
    let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
    machine.write(LEDGER, lines[..lines.len() - 2].concat());
    assert_eq!(machine.check("ledger.chain")["status"], "pass");
    machine.write(LEDGER, &good);
    // One that was put aside is told of until somebody has looked.
    let aside = "var/lib/bootseal/ledger.broken";
    machine.write(aside, &bad);
    machine.convicts("ledger.chain", "warn", "/var/lib/bootseal/ledger.broken");
    machine.remove(aside);
    machine.remove(LEDGER);
    for id in ["ledger.chain", "boot.unrecorded"] {
        assert_eq!(machine.check(id)["status"], "not_applicable", "{id}");
    }
}

#[test]
fn the_head_stands_in_json_metrics_and_markdown() {
    let machine = Machine::new();
    let verified = succeed(&mut machine.bootseal(["--json", "ledger", "verify"]));
    let verified: Value = serde_json::from_str(&verified).unwrap();
    let head = verified["head"].as_str().unwrap();
    for command in ["audit", "status"] {
        let output = machine.bootseal(["--json", command]).output().unwrap();
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        for key in ["head", "lines", "signatures"] {
            assert_eq!(said["ledger"][key], verified[key], "{command}: {said:#}");
        }
    }
    let written = |format: &str| {
        let output = machine.bootseal(["audit", "--format", format]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (metrics, page) = (written("prometheus"), written("markdown"));
    assert!(
        metrics.contains(&format!("bootseal_ledger_info{{head=\"{head}\"}} 1\n")),
        "{metrics}"
    );
    assert!(metrics.contains("bootseal_ledger_lines 11\n"), "{metrics}");
    assert!(
        page.contains(&format!("Ledger: 11 lines, 7 signatures, head `{head}`.")),
        "{page}"
    );
}

#[test]
fn an_image_of_grub_stands_in_the_ledger_as_made() {
    let state = tempfile::tempdir().unwrap();
    let image = state.path().join("grub.efi");
    succeed(crate::support::grub_image(keys(), &image).env("STATE_DIRECTORY", state.path()));
    let said = succeed(bootseal(["ledger"]).arg(&image).env("STATE_DIRECTORY", state.path()));
    assert!(said.contains("  made  "), "{said}");
}
