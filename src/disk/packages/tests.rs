use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use md5::{Digest, Md5};

use super::*;

struct Machine {
    root: tempfile::TempDir,
    context: Context,
}

impl Machine {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        let machine = Self { root, context };
        for directory in ["boot", "efi"] {
            fs::create_dir(machine.root.path().join(directory)).unwrap();
        }
        for (path, bytes) in files {
            machine.write(path, bytes);
        }
        machine
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn packages(&self, sources: &[&str]) -> Result<Packages> {
        let media = BootMedia::of_machine(&self.context, []).unwrap();
        let sources: Vec<PathBuf> = sources.iter().map(|path| self.context.path(path)).collect();
        Packages::read(&self.context, &media, &sources)
    }

    fn owner(&self, path: &str, bytes: &[u8]) -> Option<Owner> {
        let packages = self.packages(&[]).unwrap();
        packages.owner(&self.root.path().join(path), bytes).unwrap()
    }

    fn owns(&self, path: &str, bytes: &[u8]) -> bool {
        self.owner(path, bytes).is_some()
    }
}

fn md5(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

#[test]
fn grubs_directories_vouch_for_data_of_the_same_name_and_bytes() {
    let machine = Machine::new(&[
        ("usr/lib/grub/x86_64-efi/normal.mod", b"module"),
        ("usr/lib/grub/x86_64-efi/monolithic/grubx64.efi", b"MZ grub"),
        ("usr/share/grub/themes/x/grub.cfg", b"set check_signatures=no"),
        ("usr/share/locale/de/LC_MESSAGES/grub.mo", b"deutsch"),
    ]);
    let module = "boot/grub/x86_64-efi/normal.mod";
    let owner = machine.owner(module, b"module").unwrap();
    assert_eq!(owner.package, None);
    assert!(owner.file.ends_with("usr/lib/grub/x86_64-efi/normal.mod"));
    assert!(machine.owns("boot/grub/x86_64-efi/NORMAL.MOD", b"module"));
    assert!(machine.owns("boot/grub/locale/de.mo", b"deutsch"));
    for (path, bytes) in [
        (module, &b"modulE"[..]),
        (module, b"module and more"),
        ("boot/grub/x86_64-efi/other.mod", b"module"),
        ("efi/EFI/debian/grubx64.efi", b"MZ grub"),
        ("boot/grub/grub.cfg", b"set check_signatures=no"),
        ("boot/grub/locale/fr.mo", b"deutsch"),
        ("boot/grub/de.mo", b"deutsch"),
    ] {
        assert!(!machine.owns(path, bytes), "{path}");
    }
}

#[test]
fn loaders_are_vouched_for_in_directories_of_loaders_only() {
    let machine = Machine::new(&[
        ("usr/lib/systemd/boot/efi/systemd-bootx64.efi", b"MZ sd-boot"),
        ("usr/lib/shim/shimx64.efi.signed", b"MZ shim"),
        ("usr/lib/systemd/boot/efi/readme", b"text"),
    ]);
    for (path, bytes) in [
        ("efi/EFI/systemd/systemd-bootx64.efi", &b"MZ sd-boot"[..]),
        ("efi/EFI/BOOT/BOOTX64.EFI", b"MZ sd-boot"),
        ("efi/EFI/debian/SHIMX64.EFI", b"MZ shim"),
    ] {
        assert!(machine.owns(path, bytes), "{path}");
    }
    for (path, bytes) in [
        ("efi/EFI/Linux/systemd-bootx64.efi", &b"MZ sd-boot"[..]),
        ("efi/EFI/evil/vmlinuz.efi", b"MZ sd-boot"),
        ("boot/systemd-bootx64.efi", b"MZ sd-boot"),
        ("efi/EFI/debian/BOOTX64.EFI", b"MZ shim"),
        ("efi/EFI/systemd/readme", b"text"),
    ] {
        assert!(!machine.owns(path, bytes), "{path}");
    }
}

#[test]
fn configured_sources_vouch_under_any_name_but_not_from_a_boot_medium() {
    let machine = Machine::new(&[("srv/images/bzImage", b"MZ kernel"), ("boot/images/x", b"x")]);
    let owner = |sources: &[&str], bytes: &[u8]| {
        let packages = machine.packages(sources).unwrap();
        packages.owner(&machine.context.path("/boot/vmlinuz-1"), bytes).unwrap()
    };
    assert!(owner(&["/srv/images"], b"MZ kernel").is_some());
    assert!(owner(&["/srv/images/bzImage"], b"MZ kernel").is_some());
    assert_eq!(owner(&[], b"MZ kernel"), None);
    assert_eq!(owner(&["/srv/images"], b"MZ kerneL"), None);
    symlink("/boot/images", machine.root.path().join("srv/link")).unwrap();
    for medium in ["/boot", "/boot/images", "/srv/link"] {
        let error = machine.packages(&[medium]).unwrap_err();
        assert_eq!(error.kind().exit_code(), 2, "{medium}");
    }
    let packages = machine.packages(&["/srv/images", "/srv/none"]).unwrap();
    assert_eq!(packages.missing_sources().unwrap(), [machine.context.path("/srv/none")]);
}

#[test]
fn no_link_leads_out_and_nobody_else_may_write() {
    let machine = Machine::new(&[("boot/evil.mod", b"module"), ("usr/lib/grub/normal.mod", b"normal")]);
    let grub = machine.root.path().join("usr/lib/grub");
    symlink("/boot/evil.mod", grub.join("evil.mod")).unwrap();
    assert!(!machine.owns("boot/evil.mod", b"module"));
    assert!(machine.owns("boot/normal.mod", b"normal"));
    fs::set_permissions(grub.join("normal.mod"), fs::Permissions::from_mode(0o666)).unwrap();
    assert!(!machine.owns("boot/normal.mod", b"normal"));
    // The whole directory leads to a medium.
    fs::remove_dir_all(&grub).unwrap();
    symlink("/boot", &grub).unwrap();
    assert!(!machine.owns("boot/evil.mod", b"module"));
}

#[test]
fn both_managers_lists_own_the_very_path_on_a_medium() {
    let microcode = format!("dir /boot\nobj /boot/amd-uc.img {} 1700000000\n", md5(b"microcode"));
    let memtest = format!(
        "{}  boot/memtest86+x64.efi\n{}  efi/x y.img\n",
        md5(b"MZ test"),
        md5(b"x")
    );
    let machine = Machine::new(&[
        ("var/db/pkg/sys-kernel/linux-firmware-1/CONTENTS", microcode.as_bytes()),
        ("var/lib/dpkg/info/memtest86+.md5sums", memtest.as_bytes()),
        ("boot/amd-uc.img", b"microcode"),
        ("boot/memtest86+x64.efi", b"MZ test"),
    ]);
    let package = |path: &str, bytes: &[u8]| machine.owner(path, bytes).and_then(|owner| owner.package);
    assert_eq!(
        package("boot/amd-uc.img", b"microcode").as_deref(),
        Some("sys-kernel/linux-firmware-1")
    );
    assert_eq!(
        package("boot/memtest86+x64.efi", b"MZ test").as_deref(),
        Some("memtest86+")
    );
    assert_eq!(package("efi/x y.img", b"x").as_deref(), Some("memtest86+"));
    for (path, bytes) in [
        ("boot/amd-uc.img", &b"changed"[..]),
        ("boot/intel-uc.img", b"microcode"),
        ("efi/EFI/evil/memtest86+x64.efi", b"MZ test"),
        ("boot/grub/amd-uc.img", b"microcode"),
    ] {
        assert!(!machine.owns(path, bytes), "{path}");
    }
}

#[test]
fn an_installed_file_of_the_same_name_vouches_if_it_is_as_its_list_says() {
    let listed = |bytes: &[u8]| {
        format!(
            "obj /usr/share/a b/desk top.png {} 1\nobj /opt/shell/shellx64.efi {} 1\nobj /opt/grub.cfg {} 1\n",
            md5(bytes),
            md5(b"MZ shell"),
            md5(b"cfg"),
        )
    };
    let list = "var/db/pkg/x11-themes/desk-1/CONTENTS";
    let machine = Machine::new(&[
        (list, listed(b"picture").as_bytes()),
        ("usr/share/a b/desk top.png", b"picture"),
        ("opt/shell/shellx64.efi", b"MZ shell"),
        ("opt/grub.cfg", b"cfg"),
    ]);
    let on_boot = "boot/grub/desk top.png";
    let owner = machine.owner(on_boot, b"picture").unwrap();
    assert_eq!(owner.package.as_deref(), Some("x11-themes/desk-1"));
    assert!(owner.file.ends_with("usr/share/a b/desk top.png"));
    for (path, bytes) in [
        (on_boot, &b"Picture"[..]),
        ("boot/grub/other.png", b"picture"),
        ("efi/EFI/Linux/shellx64.efi", b"MZ shell"),
        ("boot/grub/grub.cfg", b"cfg"),
    ] {
        assert!(!machine.owns(path, bytes), "{path}");
    }
    // Installed, but changed since: the list says otherwise.
    machine.write(list, listed(b"former").as_bytes());
    assert!(!machine.owns(on_boot, b"picture"));
    // A package that is only being installed vouches for nothing.
    machine.write(list, b"");
    machine.write(
        "var/db/pkg/x11-themes/-MERGING-desk-2/CONTENTS",
        listed(b"picture").as_bytes(),
    );
    assert!(!machine.owns(on_boot, b"picture"));
}

#[test]
fn a_list_that_is_too_long_is_named() {
    let machine = Machine::new(&[("var/lib/dpkg/info/huge.md5sums", b"")]);
    let list = machine.root.path().join("var/lib/dpkg/info/huge.md5sums");
    fs::File::options()
        .write(true)
        .open(&list)
        .unwrap()
        .set_len(65 << 20)
        .unwrap();
    let packages = machine.packages(&[]).unwrap();
    let error = packages.owner(&machine.context.path("/boot/x"), b"x").unwrap_err();
    assert!(error.to_string().contains("huge.md5sums"), "{error}");
}

#[test]
fn many_threads_may_ask() {
    fn is_sync<T: Sync + Send>() {}
    is_sync::<Packages>();
}
