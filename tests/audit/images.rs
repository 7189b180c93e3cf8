//! Images that others made, and broken ones, on the EFI system partition and in /boot of a machine that trusts Microsoft beside
//! its own keys.

use std::fs;
use std::os::unix::fs::symlink;

use bootseal::formats::firmware::authenticode::minimal_image;

use super::{DATABASE, Machine, says};
use crate::support::judges::{debians_grub, shim, uefi_shell};
use crate::support::keys;

/// The vendor of shim's variables.
const SHIM: &str = "605dab50-e046-4300-abb6-3dd810dd8b23";

impl Machine {
    /// Takes Microsoft's certificates out of db: the first is the machine's own.
    pub(super) fn trusts_nobody_else(&self) {
        let db = fs::read(keys().join("db.esl")).unwrap();
        let own = u32::from_le_bytes(db[16..20].try_into().unwrap()) as usize;
        self.set_variable("db", DATABASE, 0x27, &db[..own]);
    }
}

#[test]
fn what_microsoft_and_debian_signed_is_judged_by_db_and_dbx() {
    let machine = Machine::new();
    let name = "/efi/EFI/debian/shimx64.efi";
    machine.write(&name[1..], shim());
    machine.write("efi/EFI/debian/grubx64.efi", debians_grub());
    let said = machine.check("boot.images");
    says(
        &said,
        "evidence",
        "/efi/EFI/debian/grubx64.efi",
        "Debian Secure Boot Signer",
    );
    let by = "for whom \"Microsoft Corporation UEFI CA 2011\" in db vouches (entry 4 of db, x509, owner Microsoft), and is a \
              shim, of Debian, which starts what \"Debian Secure Boot CA\" signed";
    says(&said, "findings", name, by);
    machine.convicts("boot.images", "warn", name);
    // Where the configuration wants a shim, it is no finding; nor is one that db does not let in.
    machine.write("etc/bootseal/config.toml", b"[grub]\nshim = true\n");
    let said = machine.check("boot.images");
    assert_eq!(said["status"], "pass", "{said:#}");
    says(
        &said,
        "evidence",
        name,
        "a shim, as the configuration wants it, of Debian",
    );
    fs::remove_file(machine.path("etc/bootseal/config.toml")).unwrap();
    machine.trusts_nobody_else();
    let said = machine.check("boot.images");
    assert_eq!(said["status"], "pass", "{said:#}");
    says(&said, "evidence", name, "not let in, signed by");
}

#[test]
fn what_a_timestamp_might_let_in_is_told_where_the_firmware_has_a_dbt() {
    let machine = Machine::new();
    let mut openssl = crate::support::tool("openssl");
    openssl.args(["asn1parse", "-strparse", "4", "-noout", "-out"]);
    openssl.arg(machine.path("tbs")).arg("-in").arg(keys().join("db.pem"));
    crate::support::succeed(&mut openssl);
    let mut hash = crate::support::tool("sha256sum");
    let hash = crate::support::succeed(hash.arg(machine.path("tbs")));
    // EFI_CERT_X509_SHA256: header, owner, hash, and the first of November 2026.
    let mut list = hex::decode("92a4d23bc0967940b420fcf98ef103ed").unwrap();
    for field in [28 + 64_u32, 0, 64] {
        list.extend(field.to_le_bytes());
    }
    list.extend([7; 16]);
    list.extend(hex::decode(&hash[..64]).unwrap());
    list.extend([0xea, 7, 11, 1]);
    list.extend([0; 12]);
    machine.set_variable("dbx", DATABASE, 0x27, &list);
    let name = "/efi/EFI/BOOT/BOOTX64.EFI";
    let said = machine.check("boot.images");
    assert_eq!(said["status"], "pass", "{said:#}");
    says(&said, "evidence", name, "(entry 1 of dbx, x509_sha256");
    says(&said, "evidence", name, "from 2026-11-01T00:00:00Z on");
    machine.set_variable("dbt", DATABASE, 0x27, &list);
    let said = machine.check("boot.images");
    assert_eq!(said["status"], "could_not_run", "{said:#}");
    says(&said, "not_run", name, "a timestamp in it is vouched for by dbt");
}

#[test]
fn a_shell_leads_around_the_chain_once_it_is_signed() {
    let machine = Machine::new();
    let name = "efi/EFI/tools/shellx64.efi";
    machine.write(name, uefi_shell());
    assert_eq!(machine.audit(), (0, vec![]), "one that db does not let in harms nobody");
    machine.run(["sign", "efi"], &[name]);
    machine.convicts("boot.images", "fail", "/efi/EFI/tools/shellx64.efi");
    // Firmware starts a file whatever it is called.
    fs::rename(machine.path(name), machine.path("efi/notes.txt")).unwrap();
    machine.convicts("boot.images", "fail", "/efi/notes.txt");
}

#[test]
fn a_loader_below_the_level_is_a_finding_where_there_is_a_shim() {
    let machine = Machine::new();
    let own = "/efi/EFI/bootseal/grubx64.efi";
    machine.write("efi/EFI/debian/grubx64.efi", debians_grub());
    let level = |level: &[u8]| machine.set_variable("SbatLevelRT", SHIM, 6, level);
    let said = machine.check("boot.sbat");
    says(
        &said,
        "evidence",
        "/efi/EFI/debian/grubx64.efi: grub 5, grub.debian 5",
        "",
    );
    level(b"sbat,1,2030010100\nshim,4\ngrub,6\n");
    let said = machine.check("boot.sbat");
    assert_eq!(said["status"], "pass", "{said:#}");
    says(
        &said,
        "evidence",
        "/efi/EFI/debian/grubx64.efi",
        "grub 5 and not 6; there is no shim",
    );
    says(&said, "evidence", own, "grub 5 and not 6; there is no shim");
    // Configured, there is none yet; nor does one count that firmware does not start.
    machine.write("etc/bootseal/config.toml", b"[grub]\nshim = true\n");
    assert_eq!(machine.check("boot.sbat")["status"], "pass");
    fs::remove_file(machine.path("etc/bootseal/config.toml")).unwrap();
    machine.write("efi/EFI/debian/shimx64.efi", shim());
    let db = machine.path(&format!("sys/firmware/efi/efivars/db-{DATABASE}"));
    let both = fs::read(&db).unwrap();
    machine.trusts_nobody_else();
    assert_eq!(machine.check("boot.sbat")["status"], "pass");
    fs::write(&db, both).unwrap();

    let said = machine.check("boot.sbat");
    assert_eq!(said["status"], "warn", "{said:#}");
    says(&said, "findings", own, "too old for shim: grub 5 and not 6");
    says(
        &said,
        "findings",
        "/efi/EFI/debian/grubx64.efi",
        "too old for shim: grub 5 and not 6",
    );
    says(
        &said,
        "evidence",
        "/efi/EFI/debian/shimx64.efi: shim 4, shim.debian 1",
        "",
    );
    // The level of today.
    level(b"sbat,1,2025051000\nshim,4\ngrub,5\ngrub.proxmox,2\n");
    let said = machine.check("boot.sbat");
    says(
        &said,
        "evidence",
        "/efi/EFI/debian/grubx64.efi: grub 5, grub.debian 5",
        "",
    );
    level(b"sbat,one\n");
    let said = machine.check("boot.sbat");
    assert_eq!(said["status"], "could_not_run");
    says(&said, "not_run", "SbatLevelRT cannot be read", "offset 0x0");
}

#[test]
fn a_kernel_that_nobody_signed_is_found_under_every_name() {
    let machine = Machine::new();
    for name in [
        "boot/vmlinuz-6.1.old",
        "boot/kernel-6.12.58-gentoo",
        "boot/bzImage-6.12.58-gentoo",
        "boot/Image.old",
        "boot/EFI/Linux/gentoo-6.12.58+3-1.efi",
        "boot/gentoo/6.12.58/linux",
        "efi/EFI/Gentoo/vmlinuz-6.12.58-old.efi",
    ] {
        machine.write(name, minimal_image());
        machine.convicts("boot.kernels", "warn", &format!("/{name}"));
        let signed = fs::read(machine.path("boot/vmlinuz")).unwrap();
        machine.write(name, &signed[..signed.len() - 8]);
        // A broken image on the EFI system partition is told of once.
        let id = if name.starts_with("efi/") {
            "boot.images"
        } else {
            "boot.kernels"
        };
        machine.convicts(id, "warn", &format!("/{name}"));
        machine.write(name, &signed);
        assert_eq!(machine.audit(), (0, vec![]));
    }
    machine.write("boot/kernel-config", b"CONFIG_MODULES=y\n");
    machine.write("boot/vmlinuz-6.1.old", b"");
    machine.convicts("boot.kernels", "warn", "/boot/vmlinuz-6.1.old");
}

#[test]
fn a_broken_partition_is_looked_at_as_far_as_it_goes() {
    let machine = Machine::new();
    let signed = fs::read(machine.path("efi/EFI/BOOT/BOOTX64.EFI")).unwrap();
    machine.write("efi/garbage.efi", b"MZ and then nothing that makes sense");
    machine.write("efi/empty.efi", b"");
    machine.write("efi/text.EFI", b"no image");
    machine.write("efi/truncated.efi", &signed[..signed.len() / 2]);
    machine.write("efi/directory.efi/readme", b"text");
    machine.write("efi/noise.efi", &uefi_shell()[..4096]);
    let said = machine.check("boot.images");
    assert_eq!(said["status"], "warn", "{said:#}");
    for name in ["garbage.efi", "empty.efi", "text.EFI", "truncated.efi", "noise.efi"] {
        says(&said, "findings", &format!("/efi/{name} "), "is no image");
        fs::remove_file(machine.path("efi").join(name)).unwrap();
    }
    assert_eq!(machine.check("boot.images")["status"], "pass");
    // What cannot be read is no pass, and keeps nothing else from being judged.
    symlink("loop.efi", machine.path("efi/loop.efi")).unwrap();
    symlink("../..", machine.path("efi/up")).unwrap();
    machine.write("efi/zzz.efi", uefi_shell());
    machine.run(["sign", "efi"], &["efi/zzz.efi"]);
    let deep = format!("efi/{}", "d/".repeat(40));
    fs::create_dir_all(machine.path(&deep)).unwrap();
    crate::support::succeed(crate::support::tool("mkfifo").arg(machine.path("efi/pipe.efi")));
    let said = machine.check("boot.images");
    assert_eq!(said["status"], "fail", "{said:#}");
    says(&said, "findings", "/efi/zzz.efi", "UEFI shell");
    for (name, why) in [
        ("cannot read /efi/loop.efi", "symbolic links"),
        ("/efi/d/d", "too deep"),
        ("/efi/pipe.efi", "not a regular file"),
    ] {
        says(&said, "not_run", name, why);
    }
    fs::remove_file(machine.path("efi/zzz.efi")).unwrap();
    assert_eq!(machine.check("boot.images")["status"], "could_not_run");
}

#[test]
fn an_image_in_two_places_is_found_once() {
    let machine = Machine::new();
    machine.write("proc/self/mountinfo", b"30 22 8:1 / /boot rw - vfat /dev/vda1 rw\n");
    fs::create_dir(machine.path("boot/EFI")).unwrap();
    machine.write("boot/EFI/empty.efi", b"");
    let named = |check: &str, name: &str| {
        let said = machine.check(check);
        let texts = said["evidence"].as_array().unwrap().iter().map(ToString::to_string);
        let findings = said["findings"].as_array().unwrap().iter();
        let texts = texts.chain(findings.map(|finding| finding["text"].to_string()));
        texts.filter(|text| text.contains(name)).count()
    };
    for (check, name, count) in [
        ("boot.images", "/boot/vmlinuz", 1),
        ("boot.kernels", "/boot/vmlinuz", 1),
        ("boot.sbat", "/boot/vmlinuz", 1),
        ("boot.images", "/boot/EFI/empty.efi", 1),
        ("boot.kernels", "/boot/EFI/empty.efi", 0),
        // No partition is mounted there any more.
        ("boot.images", "/efi/EFI/BOOT/BOOTX64.EFI", 0),
    ] {
        assert_eq!(named(check, name), count, "{check} {name}");
    }
}
