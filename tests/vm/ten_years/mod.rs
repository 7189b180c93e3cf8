//! Ten years of keys on real firmware, in as few starts as can say it: `tests/cli/ten_years.rs` goes through all of them on a simulated
//! board, and here firmware and kernel are asked what they take and start after it. After each step the audit is clean, or names what
//! makes it clean, which is then done to the letter.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::bootseal::Bootseal;
use super::disk::{make_disk, write_to_disk};
use super::guest::{Administered, FIRST_WORDS, unified_image};
use super::machine::{FIRMWARE_GAVE_UP, Machine};
use super::modules::without_signature;
use super::node::write;
use super::packages::{self, Kernel, run};
use crate::support::backup::Whole;
use crate::support::ceremony::private;
use crate::support::programs::{EFI_STUB, tool};
use crate::support::{sign_file, succeed};

const LOADER: &str = "EFI/BOOT/BOOTX64.EFI";
/// The sessions: a script, and what it is to tell, each in a file that is read when the test runs.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vm/ten_years");
/// Beginnings of lines that are no part of the story: what a failed command said, and what each start says.
const NOISE: [&str; 3] = ["| ", "started with ", "pcr7 "];

/// As many were held in 2024: with Microsoft's certificates of 2011 alone, and without revocations.
const CEREMONY: &str = "microsoft = [\"kek-2011\", \"uefi-2011\"]\ndbx = \"none\"\n[keys.PK]\nencrypted = false\n\
    [keys.KEK]\nencrypted = false\n[keys.db]\nencrypted = false\n[keys.module]\nencrypted = false\nbits = 2048\n\
    [keys.grub]\nencrypted = false\nbits = 3072\n[backup]\ndirectory = \"backup\"\nshares = { needed = 2, of = 3 }\n";

#[test]
fn what_ten_years_do_to_keys_is_what_firmware_and_kernel_enforce() {
    packages::require_all();
    let life = Life::begin();
    let board = Machine::in_setup_mode().with_tpm();
    let other = Machine::in_setup_mode().with_tpm();
    let mut wrong = Vec::new();
    for (board, session) in [
        (&board, "new-board"),
        (&board, "next-start"),
        (&board, "revoked"),
        (&board, "last-start"),
        (&other, "other-board"),
        (&other, "other-start"),
    ] {
        wrong.extend(life.session(board, session));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for board in [&board, &other] {
        life.the_revoked_key_starts_nothing(board);
    }
}

struct Life {
    /// The keys of the first day; those on the disk have a life of their own.
    first: Bootseal,
    /// A unified image, unsigned.
    image: PathBuf,
    disk: PathBuf,
    work: TempDir,
}

impl Life {
    fn begin() -> Self {
        let work = tempfile::tempdir().expect("a temporary folder");
        let whole = Whole::planned(CEREMONY);
        succeed(&mut whole.run());
        let first = Bootseal {
            program: env!("CARGO_BIN_EXE_bootseal").into(),
            keys: work.path().join("first"),
        };
        copy_all(&whole.path("node"), &first.keys);
        let kernel = Kernel::newest();
        let guest = Administered {
            kernel: &kernel,
            program: &first.program,
            keys: &[],
        };
        let [initrd, image, disk, tree] =
            ["initrd.img", "unsigned.efi", "disk.img", "tree"].map(|name| work.path().join(name));
        fs::write(&initrd, guest.initrd()).expect("written");
        unified_image(&kernel, &initrd, &image);
        write(&tree.join(LOADER), &fs::read(&image).expect("an image"));
        write(&tree.join("grub.cfg"), b"set timeout=5\n");
        let module = kernel.module("drivers/net/dummy.ko");
        let root = whole.path("root");
        put_vendor(&root.join("opt"), &without_signature(module.clone()));
        // By the db key of the first day.
        let old = root.join("opt/old.ko");
        write(&old, &module);
        first.sign_module(&old);
        put_root(&whole, &kernel, &module, &tree.join("root.tar"));
        make_disk(&disk, &tree);
        Self {
            first,
            image,
            disk,
            work,
        }
    }

    /// Starts the machine from the disk as it is by now, does what the session's script says, and compares what came of it with the text
    /// beside the script.
    fn session(&self, board: &Machine, name: &str) -> Option<String> {
        let [functions, script, expected] = ["functions.sh", &format!("{name}.sh"), &format!("{name}.txt")]
            .map(|file| fs::read_to_string(Path::new(FOLDER).join(file)).expect("a file of the test"));
        let file = self.work.path().join("run.sh");
        fs::write(&file, format!("{functions}{script}save\n")).expect("written");
        write_to_disk(&self.disk, &file);
        let log = board.boot_disk(&self.disk);
        let told: String = log
            .after("vm: ")
            .into_iter()
            .filter(|line| !NOISE.iter().any(|noise| line.starts_with(noise)))
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect();
        (told != expected).then(|| {
            format!(
                "--- {name}:\n{told}--- and not:\n{expected}--- it said:\n{}",
                log.after("vm: | ").join("\n")
            )
        })
    }

    fn the_revoked_key_starts_nothing(&self, board: &Machine) {
        let disk = self.work.path().join("by-the-first-key");
        let loader = disk.join(LOADER);
        write(&loader, &fs::read(&self.image).expect("an image"));
        self.first.sign_efi(&loader);
        let log = board.twin().boot(&disk);
        log.expect_no(FIRST_WORDS);
        log.expect(": Access Denied");
        log.expect_line(FIRMWARE_GAVE_UP);
    }
}

/// A vendor's certificate, and what it signs: a module, and an image in two versions, the first of which is to be revoked.
fn put_vendor(directory: &Path, module: &[u8]) {
    let work = tempfile::tempdir().expect("a temporary folder");
    let work = work.path();
    let (key, certificate) = (work.join("vendor.key"), directory.join("vendor.pem"));
    fs::create_dir_all(directory).expect("a folder");
    let mut openssl = tool("openssl");
    openssl.args("req -x509 -nodes -days 3650 -subj /CN=vendor -newkey rsa:2048".split(' '));
    run(openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate));
    for name in ["vendor-old.efi", "vendor.efi"] {
        let image = work.join(name);
        let mut bytes = fs::read(EFI_STUB).expect("an image");
        // In the padding of the last section.
        *bytes.last_mut().expect("a byte") ^= u8::from(name == "vendor.efi");
        fs::write(&image, bytes).expect("written");
        run(tool("sbsign")
            .arg("--key")
            .arg(&key)
            .arg("--cert")
            .arg(&certificate)
            .arg("--output")
            .arg(directory.join(name))
            .arg(&image));
    }
    write(&directory.join("vendor.ko"), module);
    run(sign_file()
        .arg("sha256")
        .arg(&key)
        .arg(&certificate)
        .arg(directory.join("vendor.ko")));
}

/// The files of the node, of the stick and of the backup, in an archive that keeps owners and modes.
fn put_root(whole: &Whole, kernel: &Kernel, module: &[u8], archive: &Path) {
    let root = whole.path("root");
    copy_all(&whole.path("node"), &root.join("etc/bootseal/keys"));
    copy_all(&whole.path("offline"), &root.join("stick"));
    copy_all(&whole.path("backup"), &root.join("backup/1"));
    let shares = format!("{}\n{}\n", whole.share(1), whole.share(3));
    private(&root.join("shares"), shares.as_bytes());
    write(
        &root.join("etc/bootseal/config.toml"),
        b"[sign]\nmodules = [\"/lib/modules\"]\nefi = [\"/efi/EFI/BOOT/BOOTX64.EFI\"]\ngrub = [\"/efi/grub.cfg\"]\n",
    );
    let release = kernel.release();
    let configuration = fs::read(kernel.configuration()).expect("a configuration");
    write(&root.join(format!("boot/config-{release}")), &configuration);
    write(
        &root.join(format!("lib/modules/{release}/kernel/drivers/net/dummy.ko")),
        module,
    );
    fs::create_dir_all(root.join("var/lib/bootseal")).expect("a folder");
    let mut tar = tool("tar");
    tar.arg("-c").arg("-f").arg(archive).arg("-C").arg(&root);
    run(tar.args(["etc", "stick", "backup", "shares", "boot", "lib", "opt", "var"]));
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("a folder above")).expect("a folder");
    run(tool("cp").arg("-a").arg(from).arg(to));
}
