//! GRUB's own image: made by the distributions' `grub-mkimage`, judged by what it is made of, signed, placed, and tried.

mod shim;

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use crate::support::ceremony::{encrypted, private};
use crate::support::kernel::kernel_image;
use crate::support::node::{GLOBAL, Node};
use crate::support::{bootseal, refuse, succeed, text, tool};

const UUID: &str = "1234-ABCD";

/// A machine with an EFI system partition, and a configuration that names it.
struct Machine(Node);

impl Deref for Machine {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

impl Machine {
    fn new() -> Self {
        let node = Node::new();
        node.directory("efi/EFI");
        node.config("[grub]\nesp = \"/efi\"\n");
        Self(node)
    }

    /// The same with UEFI: no boot entry, and a partition that is known.
    fn with_firmware() -> Self {
        let machine = Self::new();
        machine.partition();
        machine.disk();
        machine.firmware();
        // The menu that the image will read, signed.
        machine.write("boot/vmlinuz", kernel_image("6.12.58"));
        machine.write(
            "boot/grub/grub.cfg",
            "menuentry Linux --unrestricted {\n\tlinux /vmlinuz\n}\n",
        );
        let mut sign = machine.bootseal(["sign", "grub", "--keys"]);
        sign.arg(encrypted().keys()).arg("--passphrase-file");
        sign.arg(encrypted().keys().with_file_name("passphrase"));
        succeed(sign.args(["boot/grub", "boot/vmlinuz"].map(|name| machine.path(name))));
        machine
    }

    fn numbers(&self, name: &str) -> Vec<u16> {
        let bytes = fs::read(self.variable(name, GLOBAL)).unwrap_or_default();
        let data = bytes.get(4..).unwrap_or_default();
        data.chunks(2)
            .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
            .collect()
    }

    fn install(&self, uuid: &str) -> std::process::Command {
        let mut command = self.bootseal(["grub", "install", "--grub-path", "/boot/grub", "--fs-uuid", uuid]);
        command.arg("--keys").arg(encrypted().keys());
        command.args(["--modules-dir", "/usr/lib/grub/x86_64-efi"]);
        command
    }

    fn confirm(&self) -> std::process::Command {
        self.bootseal(["grub", "confirm"])
    }

    fn image(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.path("efi/EFI/bootseal").join(name)).ok()
    }
}

fn verify(image: &Path) -> Value {
    let output = bootseal(["--json", "verify"])
        .arg("--keys")
        .arg(encrypted().keys())
        .arg(image)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The problems that the verdict names in an image of `grub-mkimage` with these further options.
fn convicted(options: &[&str], modules: &[&str], configuration: &str) -> Vec<String> {
    let machine = Machine::new();
    let work = machine.root();
    let image = work.join("hand-made.efi");
    fs::write(work.join("embedded.cfg"), configuration).unwrap();
    let key = encrypted().file("grub.gpg");
    let mut command = tool("grub-mkimage");
    command
        .args(["-O", "x86_64-efi", "-p", "/boot/grub", "-c"])
        .arg(work.join("embedded.cfg"));
    command.arg("-o").arg(&image).args(options).args(modules);
    if !options.contains(&"--note") {
        command.arg("-k").arg(key);
    }
    succeed(&mut command);
    let said = verify(&image);
    let problems = said["files"][0]["findings"][1]["grub_image"]["problems"]
        .as_array()
        .unwrap();
    problems
        .iter()
        .map(|problem| problem["problem"].as_str().unwrap().to_owned())
        .collect()
}

const ALL: [&str; 7] = [
    "pgp",
    "gcry_rsa",
    "gcry_sha512",
    "normal",
    "configfile",
    "reboot",
    "search_fs_uuid",
];
const CLOSED: &str = "set superusers=root\nexport superusers\nconfigfile /grub.cfg\nreboot\n";

#[test]
fn images_made_by_hand_are_convicted_of_what_they_lack() {
    let lock = ["--disable-shim-lock"];
    let without = |name: &str| ALL.into_iter().filter(|module| *module != name).collect::<Vec<_>>();
    assert_eq!(convicted(&lock, &ALL, CLOSED), [""; 0]);
    // 2.06's gcry_rsa needs pgp, and brings it.
    assert_eq!(convicted(&lock, &without("pgp"), CLOSED), [""; 0]);
    let bare = ["gcry_sha512", "normal", "configfile", "reboot"];
    assert_eq!(convicted(&lock, &bare, CLOSED), ["no_pgp"]);
    let measured = ["tpm", "gcry_sha512", "normal", "configfile", "reboot"];
    assert_eq!(convicted(&lock, &measured, CLOSED), ["tpm_without_pgp"]);
    assert_eq!(convicted(&lock, &without("gcry_sha512"), CLOSED), ["no_verifier"]);
    assert_eq!(convicted(&[], &ALL, CLOSED), ["shim_lock"]);
    assert_eq!(convicted(&["--disable-shim-lock", "--note"], &ALL, CLOSED), ["no_key"]);
    assert_eq!(convicted(&lock, &ALL, "configfile /grub.cfg\nreboot\n"), ["open_shell"]);
    assert_eq!(
        convicted(&lock, &ALL, &format!("set check_signatures=no\n{CLOSED}")),
        ["disabled"]
    );
}

#[test]
fn an_image_of_ours_is_accepted_by_sbverify_and_enforces() {
    let machine = Machine::new();
    let image = machine.path("grub.efi");
    succeed(machine.install(UUID).arg("--output").arg(&image));
    succeed(
        tool("sbverify")
            .arg("--cert")
            .arg(encrypted().file("db.pem"))
            .arg(&image),
    );
    let said = verify(&image);
    let finding = &said["files"][0]["findings"][1];
    assert_eq!(finding["accepted"], true, "{said}");
    let version = finding["grub_image"]["version"].as_str().unwrap();
    let package = succeed(tool("grub-mkimage").arg("--version"));
    assert!(package.trim().ends_with(version), "{package}: {version}");
    assert_eq!(finding["grub_image"]["prefix"], "/boot/grub");
    assert_eq!(finding["grub_image"]["shim_lock_disabled"], true);
    assert!(finding["grub_image"]["configuration"].as_str().unwrap().contains(UUID));
}

#[test]
fn what_would_not_enforce_or_is_not_what_it_seems_is_not_made() {
    let machine = Machine::new();
    let said = |command: &mut std::process::Command| refuse(command.arg("--output").arg(machine.path("grub.efi")));
    // A distribution's modules, one of them missing.
    let modules = machine.path("x86_64-efi");
    fs::create_dir(&modules).unwrap();
    for entry in fs::read_dir("/usr/lib/grub/x86_64-efi").unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("pgp.mod") {
            symlink(&path, modules.join(path.file_name().unwrap())).unwrap();
        }
    }
    let mut command = bootseal(["grub", "install", "--grub-path", "/boot/grub", "--fs-uuid", UUID]);
    command
        .arg("--keys")
        .arg(encrypted().keys())
        .arg("--modules-dir")
        .arg(&modules);
    assert!(said(&mut command).contains("has no module pgp"));
    assert!(said(&mut machine.install("1234; reboot")).contains("is no UUID"));
    let mut evil = bootseal(["grub", "install", "--fs-uuid", UUID, "--grub-path", "/boot/$grub"]);
    evil.arg("--keys").arg(encrypted().keys());
    assert!(said(&mut evil).contains("is no absolute path"));
    // Keys that GRUB would stop at.
    let key = machine.path("key.gpg");
    fs::write(&key, b"\x98\x06\x04\0\0\0\0\x16").unwrap();
    assert!(said(machine.install(UUID).arg("--add-key").arg(&key)).contains("cannot use"));
    assert!(said(machine.install(UUID).args(["--mkimage", "/nowhere/grub-mkimage"])).contains("no program"));
    assert!(!machine.path("grub.efi").exists());
}

#[test]
fn a_new_image_is_tried_once_before_the_present_one_gives_way() {
    let machine = Machine::with_firmware();
    // Somebody else's entry is there already.
    machine.set_variable("Boot0000", GLOBAL, 7, b"malformed");
    machine.set_variable("BootOrder", GLOBAL, 7, &[0, 0]);
    let printed = succeed(&mut machine.install(UUID));
    assert!(
        printed.contains("firmware variable Boot0001: \"bootseal\" starts \\EFI\\bootseal\\grubx64.efi"),
        "{printed}"
    );
    assert_eq!(machine.numbers("BootOrder"), [1, 0]);
    let first = machine.image("grubx64.efi").unwrap();
    let entry = fs::read(machine.variable("Boot0001", GLOBAL)).unwrap();
    assert_eq!(entry[..8], [7, 0, 0, 0, 1, 0, 0, 0]);
    let blocks: Vec<u8> = [256_u64, 51200].into_iter().flat_map(u64::to_le_bytes).collect();
    assert!(entry.windows(16).any(|window| window == blocks), "{entry:x?}");

    // The same again changes nothing.
    succeed(&mut machine.install(UUID));
    assert_eq!(
        (machine.image("grubx64-new.efi"), machine.numbers("BootNext")),
        (None, vec![])
    );

    let printed = succeed(&mut machine.install("ABCD-1234"));
    assert!(printed.contains("only the next start is by Boot0002"), "{printed}");
    assert_eq!(machine.numbers("BootNext"), [2]);
    assert_eq!(machine.numbers("BootOrder"), [1, 0]);
    assert_eq!(machine.image("grubx64.efi").unwrap(), first);
    let new = machine.image("grubx64-new.efi").unwrap();

    // Started by the old one: nothing is confirmed.
    let current = machine.variable("BootCurrent", GLOBAL);
    fs::write(&current, b"\x06\0\0\0\x01\0").unwrap();
    let said = refuse(&mut machine.confirm());
    assert!(
        said.contains("this start came by Boot0001, \\EFI\\bootseal\\grubx64.efi, not by the image on trial"),
        "{said}"
    );
    assert_eq!(machine.image("grubx64.efi").unwrap(), first);

    fs::write(&current, b"\x06\0\0\0\x02\0").unwrap();
    succeed(machine.confirm().arg("--dry-run"));
    assert_eq!(machine.image("grubx64.efi").unwrap(), first);
    succeed(&mut machine.confirm());
    assert_eq!(machine.image("grubx64.efi").unwrap(), new);
    assert_eq!(machine.image("grubx64-previous.efi").unwrap(), first);
    assert_eq!(machine.image("grubx64-new.efi"), None);
    assert!(!machine.variable("Boot0002", GLOBAL).exists());
    assert_eq!(machine.numbers("BootOrder"), [1, 0]);
    assert!(refuse(&mut machine.confirm()).contains("no image is on trial"));
}

#[test]
fn without_variables_the_last_image_that_started_the_machine_is_kept() {
    let machine = Machine::new();
    succeed(machine.install(UUID).arg("--removable"));
    let first = machine.image("grubx64.efi").unwrap();
    assert_eq!(machine.image("../BOOT/BOOTX64.EFI").as_ref(), Some(&first));
    succeed(&mut machine.install("1111-1111"));
    let printed = succeed(&mut machine.install("2222-2222"));
    assert!(
        printed.contains("grub confirm --no-nvram") || !printed.contains("Kept"),
        "{printed}"
    );
    // The second was never confirmed, so that the first stays.
    assert_eq!(machine.image("grubx64-previous.efi").as_ref(), Some(&first));
    let third = machine.image("grubx64.efi").unwrap();
    succeed(machine.confirm().arg("--no-nvram"));
    succeed(&mut machine.install("3333-3333"));
    assert_eq!(machine.image("grubx64-previous.efi"), Some(third));
    // Another's loader is not pushed out of the path that firmware falls back to.
    machine.write("efi/EFI/BOOT/BOOTX64.EFI", b"MZ somebody's");
    let said = refuse(machine.install(UUID).arg("--removable"));
    assert!(said.contains("is no GRUB"), "{said}");
}

/// As the hook after an update of GRUB asks for it: nobody is there to say which partition the image is on.
#[test]
fn an_image_on_one_of_several_partitions_is_made_anew_and_one_out_of_reach_is_told() {
    let machine = Machine::new();
    machine.config("");
    machine.directory("second/EFI");
    let first = "30 22 8:1 / /efi rw - vfat /dev/sda1 rw\n";
    let second = "31 22 8:17 / /second rw - vfat /dev/sdb1 rw\n";
    machine.write("proc/self/mountinfo", format!("{first}{second}"));
    machine.write("etc/fstab", "LABEL=a /efi vfat noauto\nLABEL=b /second vfat noauto\n");
    let again = |uuid: &str| {
        let mut command = machine.install(uuid);
        command.arg("--if-installed");
        command
    };
    let image = || fs::read(machine.path("second/EFI/bootseal/grubx64.efi")).ok();
    succeed(&mut again(UUID));
    assert_eq!((image(), machine.image("grubx64.efi")), (None, None));
    assert!(refuse(&mut machine.install(UUID)).contains("there are several EFI system partitions"));
    succeed(machine.install(UUID).arg("--esp").arg(machine.path("second")));
    let made = image().unwrap();
    succeed(&mut again("1111-1111"));
    let anew = image().unwrap();
    assert_ne!(anew, made);
    assert_eq!(machine.image("grubx64.efi"), None);

    machine.write("proc/self/mountinfo", first);
    fs::rename(machine.path("second"), machine.path("away")).unwrap();
    machine.directory("second");
    let said = refuse(&mut again("2222-2222"));
    assert!(said.contains("/second is not mounted"), "{said}");
    assert!(said.contains("hint: mount /second"), "{said}");
    // The same on a machine that never had one: there is nothing to tell.
    fs::remove_dir_all(machine.path("var/lib/bootseal")).unwrap();
    succeed(&mut again("2222-2222"));
}

#[test]
fn a_password_is_hashed_as_grub_hashes_it() {
    let machine = Machine::new();
    let path = machine.path("password");
    private(&path, b"correct horse battery\n");
    let hash = succeed(bootseal(["grub", "password", "--password-file"]).arg(&path));
    let judge = "import hashlib,sys\n\
        scheme=sys.argv[1].strip().split('.')\n\
        made=hashlib.pbkdf2_hmac('sha512',b'correct horse battery',bytes.fromhex(scheme[4]),int(scheme[3]))\n\
        assert scheme[:3]==['grub','pbkdf2','sha512'] and made.hex().upper()==scheme[5], scheme\n";
    succeed(tool("python3").args(["-c", judge, &hash]));
    let image = machine.path("grub.efi");
    succeed(
        machine
            .install(UUID)
            .arg("--output")
            .arg(&image)
            .arg("--password-file")
            .arg(&path),
    );
    let said = verify(&image).to_string();
    assert!(
        said.contains("password_pbkdf2 root …") && !said.contains("grub.pbkdf2"),
        "{said}"
    );
}

/// No module is read from the disk, where those of another version may be.
#[test]
fn the_image_holds_what_its_menu_uses() {
    let machine = Machine::new();
    machine.write(
        "grub.cfg",
        b"insmod png\nif loadfont unicode; then terminal_output gfxterm; fi\nterminal_input serial\n\
          insmod no_such_module\nmenuentry 'Linux' --class os --unrestricted { initrd /i }\n\
          menuentry 'Other' { chainloader /x.efi }\n",
    );
    let image = machine.path("grub.efi");
    let menu = machine.path("grub.cfg");
    let printed = succeed(
        machine
            .install(UUID)
            .arg("--output")
            .arg(&image)
            .arg("--menu")
            .arg(&menu),
    );
    let said = verify(&image);
    let modules = said["files"][0]["findings"][1]["grub_image"]["modules"].to_string();
    for name in ["png", "font", "gfxterm", "serial"] {
        assert!(modules.contains(&format!("\"{name}\"")), "{name}: {modules}");
    }
    assert!(
        printed.contains("1 entries of") && printed.contains("\"Other\" the first"),
        "{printed}"
    );
    assert!(
        printed.contains("grub.cfg: there is no signature beside it"),
        "{printed}"
    );
}
