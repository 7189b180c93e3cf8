//! Partitions with signed and unsigned files, and what would become of them.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::enroll::request::Allow;
use crate::finding::Level;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticode::Image;
use crate::formats::firmware::authenticode::minimal_image;
use crate::formats::firmware::signature_list::SignatureType;
use crate::system::Context;
use crate::system::variables::{Efivarfs, Variables};
use crate::trust::identities::{DB, OWNER, STRANGER, database, sign_image};

struct Machine {
    root: tempfile::TempDir,
    request: Request,
    after: Lists,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for directory in ["esp", "firmware"] {
            fs::create_dir(root.path().join(directory)).unwrap();
        }
        let mut request = Request::new("/keys".into(), StoreChoice::At(root.path().join("firmware")));
        request.esp.push(root.path().join("esp"));
        let after = Lists {
            db: database(&[&DB]),
            ..Lists::default()
        };
        Self { root, request, after }
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.root.path().join("esp").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn context(&self) -> Context {
        Context::host().with_root(self.root.path())
    }

    fn variable(&self, name: &str, data: &[u8]) {
        let mut firmware = Efivarfs::at(&self.context(), self.root.path().join("firmware"));
        firmware.write_raw(name, &Guid::GLOBAL, 7, data).unwrap();
    }

    /// An active entry for a file.
    fn entry(&self, number: u16, file: &str) {
        let name: Vec<u8> = format!("{file}\0").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut path = vec![4, 4];
        path.extend(u16::try_from(name.len() + 4).unwrap().to_le_bytes());
        path.extend(name);
        path.extend([0x7f, 0xff, 4, 0]);
        let mut bytes = vec![1, 0, 0, 0];
        bytes.extend(u16::try_from(path.len()).unwrap().to_le_bytes());
        bytes.extend([b'x', 0, 0, 0]);
        bytes.extend(path);
        self.variable(&format!("Boot{number:04X}"), &bytes);
    }

    fn check(&self) -> (Vec<BootFile>, Vec<(&'static str, Level)>) {
        let store = Store::open(&self.context(), &self.request.store).unwrap();
        let (files, warnings) = check(&self.context(), &store, &self.request, &self.after).unwrap();
        let warnings = warnings
            .iter()
            .map(|warning| (warning.kind.name(), warning.level))
            .collect();
        (files, warnings)
    }

    fn warnings(&self) -> Vec<(&'static str, Level)> {
        self.check().1
    }
}

fn signed() -> Vec<u8> {
    sign_image(&minimal_image(), &DB)
}

#[test]
fn the_first_file_that_is_there_has_to_be_accepted() {
    let machine = Machine::new();
    assert_eq!(machine.warnings(), [("no_boot_file_found", Level::Error)]);
    machine.put("EFI/Boot/bootx64.efi", &minimal_image());
    assert_eq!(machine.warnings(), [("next_boot_refused", Level::Error)]);
    machine.put("EFI/Gentoo/grubx64.efi", &signed());
    machine.entry(1, "\\efi\\gentoo\\GRUBX64.EFI");
    machine.variable("BootOrder", &[9, 0, 1, 0]);
    let (files, warnings) = machine.check();
    assert_eq!(warnings, [("boot_file_refused", Level::Warning)]);
    assert!(files[0].is_next && files[0].source.starts_with("Boot0001"), "{files:?}");
    assert!(
        matches!(&files[0].verdict, Verdict::Accepted(why) if why.starts_with("signed by \"Test db\", which is in db (entry 1 of db")),
        "{files:?}"
    );
    machine.put("EFI/Gentoo/grubx64.efi", &minimal_image());
    assert_eq!(machine.warnings()[0], ("next_boot_refused", Level::Error));
}

#[test]
fn boot_next_comes_before_boot_order() {
    let machine = Machine::new();
    machine.put("a.efi", &signed());
    machine.put("b.efi", &minimal_image());
    machine.entry(1, "\\a.efi");
    machine.entry(2, "\\b.efi");
    machine.variable("BootOrder", &[1, 0, 2, 0]);
    assert_eq!(machine.warnings(), [("boot_file_refused", Level::Warning)]);
    machine.variable("BootNext", &[2, 0]);
    assert_eq!(machine.warnings()[0], ("next_boot_refused", Level::Error));
}

#[test]
fn an_entry_of_dbx_that_hits_the_loader_stops_and_the_file_is_named() {
    let mut machine = Machine::new();
    machine.put("EFI/BOOT/BOOTX64.EFI", &signed());
    assert_eq!(machine.warnings(), []);
    let image = signed();
    let digest = Image::parse(&image).unwrap().digest(HashAlgorithm::Sha256);
    machine.after.dbx.add(SignatureType::Sha256, OWNER, digest.as_bytes());
    let store = Store::open(&machine.context(), &machine.request.store).unwrap();
    let (_, warnings) = check(&machine.context(), &store, &machine.request, &machine.after).unwrap();
    let [stop] = warnings.as_slice() else {
        panic!("{warnings:?}")
    };
    assert_eq!(stop.level, Level::Error);
    assert!(
        stop.text.contains("BOOTX64.EFI") && stop.text.contains("dbx forbids"),
        "{}",
        stop.text
    );
    assert!(stop.remedies[0].starts_with("put a version of"), "{:?}", stop.remedies);
    machine.request.allow = Allow {
        boot_files: true,
        ..Allow::default()
    };
    assert_eq!(machine.warnings(), [("next_boot_refused", Level::Warning)]);
}

#[test]
fn one_kernel_of_the_loader_has_to_be_accepted() {
    let machine = Machine::new();
    machine.put("EFI/BOOT/BOOTX64.EFI", &signed());
    machine.put("loader/entries/one.conf", b"linux /one/linux\ninitrd /one/initrd\n");
    machine.put("one/linux", &minimal_image());
    let unaccepted = [
        ("no_kernel_accepted", Level::Error),
        ("boot_file_refused", Level::Warning),
    ];
    assert_eq!(machine.warnings(), unaccepted);
    machine.put("grub/grub.cfg", b"menuentry x {\n linux /two root=/\n}\n");
    machine.put("two", &signed());
    assert_eq!(machine.warnings(), [("boot_file_refused", Level::Warning)]);
    machine.put("one/linux", &signed());
    assert_eq!(machine.warnings(), []);
    machine.put("EFI/Linux/three.EFI", &minimal_image());
    assert_eq!(machine.warnings(), [("boot_file_refused", Level::Warning)]);
}

#[test]
fn nothing_leads_out_of_the_partition() {
    let machine = Machine::new();
    fs::write(machine.root.path().join("outside.efi"), signed()).unwrap();
    symlink(
        machine.root.path().join("outside.efi"),
        machine.root.path().join("esp/link.efi"),
    )
    .unwrap();
    for (number, path) in [(1, "\\..\\outside.efi"), (2, "\\link.efi")] {
        machine.entry(number, path);
    }
    machine.variable("BootOrder", &[1, 0, 2, 0]);
    let (files, warnings) = machine.check();
    assert!(
        files.iter().all(|file| matches!(file.verdict, Verdict::NotJudged(_))),
        "{files:?}"
    );
    assert_eq!(warnings, [("no_boot_file_found", Level::Error)]);
}

#[test]
fn what_is_no_image_is_refused_and_a_foreign_signature_too() {
    let machine = Machine::new();
    machine.put("EFI/BOOT/BOOTX64.EFI", b"MZ and no more");
    assert_eq!(machine.warnings(), [("next_boot_refused", Level::Error)]);
    machine.put("EFI/BOOT/BOOTX64.EFI", &sign_image(&minimal_image(), &STRANGER));
    assert_eq!(machine.warnings(), [("next_boot_refused", Level::Error)]);
}

#[test]
fn a_partition_that_is_not_there_is_an_error_and_an_unknown_one_a_note() {
    let mut machine = Machine::new();
    machine.request.esp = vec!["/nonexistent/esp".into()];
    let store = Store::open(&machine.context(), &machine.request.store).unwrap();
    let error = check(&machine.context(), &store, &machine.request, &machine.after).unwrap_err();
    assert_eq!(error.kind().exit_code(), 3);
    machine.request.esp.clear();
    assert_eq!(machine.warnings(), [("boot_files_not_judged", Level::Note)]);
}

#[test]
fn a_signature_that_dbx_forbids_has_to_go_and_an_unreadable_file_is_no_reason_to_look_further() {
    let mut machine = Machine::new();
    machine.put("EFI/BOOT/BOOTX64.EFI", &sign_image(&minimal_image(), &STRANGER));
    machine.after.dbx = database(&[&STRANGER]);
    let store = Store::open(&machine.context(), &machine.request.store).unwrap();
    let (_, warnings) = check(&machine.context(), &store, &machine.request, &machine.after).unwrap();
    assert!(
        warnings[0].remedies[0].starts_with("bootseal sign efi --replace --keys /keys "),
        "{warnings:?}"
    );

    machine.put("huge.efi", b"");
    let huge = fs::File::options()
        .write(true)
        .open(machine.root.path().join("esp/huge.efi"))
        .unwrap();
    huge.set_len(3 << 30).unwrap();
    machine.put("EFI/BOOT/BOOTX64.EFI", &signed());
    machine.entry(1, "\\huge.efi");
    machine.variable("BootOrder", &[1, 0]);
    assert_eq!(machine.warnings(), [("next_boot_refused", Level::Error)]);
}

/// A disk that nobody can look at may have the file.
#[test]
fn disks_that_cannot_be_looked_at_are_told_where_a_file_is_not_found() {
    let machine = Machine::new();
    machine.entry(1, "\\a.efi");
    machine.variable("BootOrder", &[1, 0]);
    for directory in ["sys/devices/pci/sda", "sys/class/block"] {
        fs::create_dir_all(machine.root.path().join(directory)).unwrap();
    }
    let listed = machine.root.path().join("sys/class/block/sda");
    symlink("../../devices/pci/sda", listed).unwrap();
    let live = Request::new("/keys".into(), StoreChoice::Live);
    let unreadable = unmounted(&machine.context(), &live, &[]).unwrap();
    assert_eq!(unreadable.len(), 1);
    let store = Store::open(&machine.context(), &machine.request.store).unwrap();
    let cases = [
        (Ok(Vec::new()), "no such file"),
        (Ok(unreadable), "sda: firmware may start"),
        (Err(Error::could_not_run("/sys is not mounted")), "/sys is not mounted"),
    ];
    for (unmounted, expected) in cases {
        let judge = Judge {
            policy: Policy::new(&machine.after.db, &machine.after.dbx),
            partitions: Vec::new(),
            unmounted,
        };
        let file = judge.entries(&store).unwrap().next().unwrap();
        assert!(
            matches!(&file.verdict, Verdict::NotJudged(reason) if reason.contains(expected)),
            "{expected}: {file:?}"
        );
    }
}
