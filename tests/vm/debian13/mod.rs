//! A full Debian 13: its own systemd, dpkg, initramfs-tools, kernels and loaders, in a machine with Secure Boot. What takes an
//! emulator long (packages, images, signatures) is done on the disk of the machine while that is off, by Debian's programs in
//! their own root; what firmware, loader and kernel say of it is what the machine says once it is on.

mod first_machine;
mod grub;
mod later;
mod systemd_boot;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::disk;
use super::machine::{Machine, Serial};
use super::packages::{self, run};
use super::ways::{Place, Way};
use crate::support::programs::{judge, tool};
use crate::support::text;

/// Said when the system is up, before what it is to do.
const UP: &str = "guest: up with ";
/// Said by the initramfs, after the kernel's release, once its modules have brought it the root file system.
const HAS_ROOT: &str = " has its root";

/// All keys are plain files: nobody is here to type a passphrase.
const CEREMONY: &str = "cd /root
bootseal ceremony run --name debian13 --microsoft none --plain PK,KEK,db,module,grub --out /root/keys
bootseal ceremony run --name foreign --microsoft none --plain PK,KEK,db,module,grub --out /root/foreign
install -d -m 700 /etc/bootseal/keys
cp keys/*.auth keys/*.esl keys/*.der keys/*.pem keys/db.key keys/module.key keys/grub.key keys/grub.gpg keys/owner.guid \
    /etc/bootseal/keys
rm -f /etc/bootseal/keys/noPK.auth";

/// Said by a system in which Secure Boot is on, as far as the kernel is concerned.
const LOOK: &str = "modprobe dummy && echo 'guest: a module loads'
cat /sys/kernel/security/lockdown";

/// The machine.
pub struct Debian {
    machine: Machine,
    disk: PathBuf,
    /// The content of the EFI system partition, while the machine is off.
    esp: PathBuf,
    work: TempDir,
}

impl Debian {
    /// A Debian with one kernel and nothing that starts it, in Setup Mode.
    pub fn new() -> Self {
        Self::on(Machine::in_setup_mode())
    }

    /// The same on a machine that is given.
    pub fn on(machine: Machine) -> Self {
        packages::require_all();
        let work = tempfile::tempdir().expect("a temporary folder");
        let (disk, esp) = (work.path().join("disk.img"), work.path().join("esp"));
        fs::create_dir(&esp).expect("a folder");
        let script = work.path().join("disk.sh");
        fs::write(&script, include_str!("disk.sh")).expect("written");
        run(tool("sh")
            .arg(script)
            .arg(&disk)
            .arg(judge("debian13/root.tar"))
            .arg(env!("CARGO_BIN_EXE_bootseal")));
        let debian = Self {
            machine,
            disk,
            esp,
            work,
        };
        debian.does(&format!(
            "mkdir -p /guest/parts; cat >/guest/parts/functions.sh <<'END'\n{}\n{}\nEND\n",
            include_str!("../ways/functions.sh"),
            include_str!("functions.sh"),
        ));
        debian
    }

    /// Runs commands on the disk, which must succeed; what was said.
    #[track_caller]
    pub fn does(&self, commands: &str) -> String {
        let output = self.script(commands);
        assert!(output.status.success(), "{commands}\n{}", text(&output));
        text(&output)
    }

    /// Enrolls the keys of the ceremony into the firmware of the machine, while that is off.
    pub fn enrolls(&self) {
        let keys = self.esp.join("keys");
        self.does("cp -r /root/keys boot/efi/keys");
        let mut bootseal = Command::new(env!("CARGO_BIN_EXE_bootseal"));
        bootseal.args(["enroll", "apply", "--yes", "--keys"]).arg(&keys);
        run(bootseal.arg("--store").arg(self.machine.variables()));
        fs::remove_dir_all(keys).expect("removed");
    }

    /// Starts the machine, has it run commands once it is up, and returns what was said until it switched itself off.
    pub fn starts(&self, commands: &str) -> Serial {
        // systemd's words to the terminal end without a new line.
        let script = format!(
            "echo; echo \"{UP}$(uname -r)\"\n{commands}\n{}",
            include_str!("tell.sh")
        );
        self.does(&format!("cat >/guest/run.sh <<'END'\n{script}\nEND\n"));
        self.put_partition();
        let log = self.machine.talk_disk(&self.disk, &[], &[]);
        fs::remove_dir_all(&self.esp).expect("removed");
        fs::create_dir(&self.esp).expect("a folder");
        disk::read_from_partition(&self.disk, "", &self.esp);
        log
    }

    /// Starts the machine, with somebody at the keyboard, until its initramfs has found the root file system: the rest takes an
    /// emulator a minute, and is the same each time.
    #[track_caller]
    pub fn finds_root(&self, release: &str, conversation: &[(&str, &str)]) {
        self.put_partition();
        let log = self.machine.talk_disk(&self.disk, conversation, &[HAS_ROOT]);
        log.expect_line(&format!("guest: Linux {release}{HAS_ROOT}"));
    }

    /// The EFI system partition as it is to be when the machine starts.
    fn put_partition(&self) {
        let partition = self.work.path().join("partition.img");
        let _ = fs::remove_file(&partition);
        disk::make_disk(&partition, &self.esp);
        let mut file = File::options().write(true).open(&self.disk).expect("a disk");
        file.seek(SeekFrom::Start(disk::PARTITION_START)).expect("a place");
        file.write_all(&fs::read(partition).expect("a file system"))
            .expect("written");
    }

    /// The release of a kernel package of `/debs`: the newest is the first.
    pub fn release(&self, number: usize) -> String {
        let said = self.does("cd /debs && ls -v linux-image-6*_amd64.deb");
        let mut releases: Vec<&str> = said.lines().filter_map(|name| name.split('_').next()).collect();
        releases.reverse();
        let release = releases[number].strip_prefix("linux-image-").expect("a kernel");
        release.to_owned()
    }

    /// The checks of the audit that find something.
    pub fn findings(&self) -> Vec<String> {
        let said = self.script("bootseal audit --json");
        let report: serde_json::Value =
            serde_json::from_slice(&said.stdout).unwrap_or_else(|_| panic!("{}", text(&said)));
        let checks = report["checks"].as_array().expect("checks");
        checks
            .iter()
            .filter(|check| check["status"] == "warn" || check["status"] == "fail")
            .map(|check| check["id"].as_str().expect("an identifier").to_owned())
            .collect()
    }

    /// Brings about each of the ways and mends it; the machine stays as each leaves it.
    pub fn is_told_and_mended(&self, ways: &[Way]) {
        let wrong: Vec<String> = ways
            .iter()
            .filter_map(|way| {
                // Each start takes the boot option of the next one alone away.
                self.does("rm -f guest/efi/efivars/BootNext-*");
                Some(format!("#### {} {}", way.name(), way.told_and_mended(self).err()?))
            })
            .collect();
        assert!(
            wrong.is_empty(),
            "{} of {}:\n{}",
            wrong.len(),
            ways.len(),
            wrong.join("\n")
        );
    }

    /// The arguments of a shell that runs commands on the disk.
    fn session(&self, commands: &str) -> [OsString; 4] {
        let session = self.work.path().join("session.sh");
        fs::write(&session, include_str!("session.sh")).expect("written");
        let commands = format!("[ ! -f /guest/parts/functions.sh ] || . /guest/parts/functions.sh\ncd /\n{commands}");
        [
            session.into(),
            self.disk.clone().into(),
            self.esp.clone().into(),
            commands.into(),
        ]
    }
}

impl Place for Debian {
    fn script(&self, commands: &str) -> Output {
        let mut shell = tool("sh");
        shell.args(self.session(commands));
        shell.output().expect("the shell can be started")
    }
}
