use super::*;
use std::fs;
use std::path::PathBuf;

use crate::formats::firmware::authenticode::minimal_image;
use crate::formats::text::Shown;
use crate::system::variables::{Efivarfs, Variables};

/// A machine with an EFI system partition at `/efi`.
struct Machine {
    root: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            root: tempfile::tempdir().unwrap(),
        };
        for directory in ["efi", "boot", "sys/firmware/efi/efivars"] {
            fs::create_dir_all(machine.root.path().join(directory)).unwrap();
        }
        machine.put("efi/linux", b"");
        machine
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn entry(&self, name: &str, words: &str) {
        self.put(&format!("efi/loader/entries/{name}"), words.as_bytes());
    }

    fn image(&self, name: &str, system: &str) {
        let mut image = minimal_image();
        let section = 64 + 24 + 240 + 2 * 40;
        image[section..section + 8].copy_from_slice(b".osrel\0\0");
        let offset = usize::try_from(u32::from_le_bytes(
            image[section + 20..section + 24].try_into().unwrap(),
        ))
        .unwrap();
        image[section + 8..section + 12].copy_from_slice(&u32::try_from(system.len()).unwrap().to_le_bytes());
        image[offset..offset + system.len()].copy_from_slice(system.as_bytes());
        self.put(&format!("efi/EFI/Linux/{name}"), &image);
    }

    fn variable(&self, name: &str, text: &str) {
        let context = Context::host().with_root(self.root.path());
        let data: Vec<u8> = format!("{text}\0").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut firmware = Efivarfs::live(&context).unwrap();
        firmware.write_raw(name, &VENDOR, 7, &data).unwrap();
    }

    fn partition(&self, name: &str) -> EfiPartition {
        EfiPartition::named(&self.root.path().join(name)).unwrap()
    }

    fn choice(&self) -> Option<Choice> {
        let context = Context::host().with_root(self.root.path());
        let extended = ExtendedBoot::Mounted(self.partition("boot"));
        systemd_boot_choice(&context, &self.partition("efi"), &extended).unwrap()
    }

    /// The file of the entry that starts, and the one that is passed over.
    #[track_caller]
    fn starts(&self, expected: &str, passed_over: &str) {
        let choice = self.choice().unwrap();
        assert_eq!(choice.hidden, None);
        let below = |entry: &NextEntry| {
            let file = entry
                .own_file()
                .map_or_else(|| entry.source.clone().into(), PathBuf::from);
            file.strip_prefix(self.root.path()).unwrap_or(&file).shown()
        };
        assert_eq!(below(&choice.entry), expected);
        assert_eq!(
            choice.passed_over.map(|(entry, _)| below(&entry)).unwrap_or_default(),
            passed_over
        );
    }
}

#[test]
fn keys_and_versions_come_before_names() {
    let machine = Machine::new();
    assert!(machine.choice().is_none());
    machine.entry("z.conf", "linux /linux\n");
    machine.starts("efi/loader/entries/z.conf", "");
    machine.entry("a.conf", "linux /linux\nsort-key x\nversion 6.9\n");
    machine.starts("efi/loader/entries/a.conf", "");
    machine.entry("b.conf", "linux /linux\nsort-key x\nversion 6.12\n");
    machine.starts("efi/loader/entries/b.conf", "");
    machine.image("c.efi", "ID=x\nVERSION_ID=\"6.13~rc1\"\n");
    // The machine's ID is compared before the version, and an image has none.
    machine.entry("b.conf", "linux /linux\nsort-key x\nversion 7\nmachine-id 0\n");
    machine.starts("efi/EFI/Linux/c.efi", "");
    // On the extended boot partition, whose files are its own.
    machine.put("boot/loader/entries/d.conf", b"linux /linux\nsort-key a\n");
    machine.starts("efi/EFI/Linux/c.efi", "boot/loader/entries/d.conf");
    machine.put("boot/linux", b"");
    machine.starts("boot/loader/entries/d.conf", "");
    // One without tries goes last.
    fs::remove_file(machine.root.path().join("boot/loader/entries/d.conf")).unwrap();
    machine.put("boot/loader/entries/d+0-3.conf", b"linux /linux\nsort-key a\n");
    machine.starts("efi/EFI/Linux/c.efi", "");
}

#[test]
fn the_strongest_wish_counts() {
    let machine = Machine::new();
    for name in ["a.conf", "b.conf", "c.conf", "D.conf"] {
        machine.entry(name, "linux /linux\n");
    }
    machine.starts("efi/loader/entries/D.conf", "");
    machine.put("efi/loader/loader.conf", b"default A.*\n");
    machine.starts("efi/loader/entries/a.conf", "");
    machine.put("efi/loader/loader.conf", b"default @saved\n");
    machine.variable("LoaderEntryLastBooted", "b.conf");
    machine.starts("efi/loader/entries/b.conf", "");
    machine.variable("LoaderEntryDefault", "c.conf");
    machine.starts("efi/loader/entries/c.conf", "");
    machine.variable("LoaderEntryOneShot", "nobody");
    machine.starts("efi/loader/entries/c.conf", "");
    machine.variable("LoaderEntryOneShot", "auto-windows");
    machine.starts("efi/loader/entries/c.conf", "");
    machine.put("efi/EFI/Microsoft/Boot/bootmgfw.efi", b"");
    machine.starts("systemd-boot entry auto-windows", "");
    machine.put("efi/loader/loader.conf", b"auto-entries no\n");
    machine.starts("efi/loader/entries/c.conf", "");
}

#[test]
fn an_entry_without_its_kernel_is_not_shown() {
    let machine = Machine::new();
    machine.entry("gentoo-6.12.conf", "linux /linux-6.12\n");
    let choice = machine.choice().unwrap();
    assert!(choice.hidden.unwrap().contains("/linux-6.12 is not there"));
    machine.entry("gentoo-6.9.conf", "linux /linux\n");
    machine.starts(
        "efi/loader/entries/gentoo-6.9.conf",
        "efi/loader/entries/gentoo-6.12.conf",
    );
    for (text, hidden) in [
        ("linux /linux\nefi /linux\n", true),
        ("title x\n", true),
        ("linux /nobody\nlinux /linux\n", false),
        ("linux \\linux\n", false),
    ] {
        machine.entry("gentoo-6.12.conf", text);
        let [expected, over] = if hidden { ["6.9", "6.12"] } else { ["6.12", ""] };
        let path = |version: &str| format!("efi/loader/entries/gentoo-{version}.conf");
        machine.starts(
            &path(expected),
            &if over.is_empty() { String::new() } else { path(over) },
        );
    }
    // Not for this machine, and not by a name that it reads.
    machine.entry("gentoo-6.12.conf", "linux /linux\narchitecture loongarch64\n");
    machine.entry("auto-7.conf", "linux /linux\n");
    machine.entry(".z.conf", "linux /linux\n");
    machine.starts("efi/loader/entries/gentoo-6.9.conf", "");
    machine.image("z.efi", "NAME=x\n");
    machine.starts("efi/EFI/Linux/z.efi", "");
    machine.put("efi/EFI/Linux/z.efi", b"MZ");
    machine.starts("efi/EFI/Linux/z.efi", "");
    fs::rename(
        machine.root.path().join("efi/EFI/Linux/z.efi"),
        machine.root.path().join("efi/EFI/Linux/a.efi"),
    )
    .unwrap();
    machine.starts("efi/loader/entries/gentoo-6.9.conf", "");
}
