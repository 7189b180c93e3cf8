//! A key gives way to another, killed at every place where that can matter, and goes on: what is signed stays accepted.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;

use rayon::prelude::*;

use crate::support::backup::Whole;
use crate::support::ceremony::PASSPHRASE;
use crate::support::judges::subject_key_id;
use crate::support::node::Node;
use crate::support::{bootseal, refuse, succeed, text, tool};

use super::tracer::injection;

/// PK and KEK on a stick, the others on the node, which has files to sign, and a firmware that holds the keys.
pub struct Machine {
    pub whole: Whole,
}

pub const SPECIFICATION: &str = "microsoft = [\"none\"]\ndbx = \"none\"\n[keys.PK]\nencrypted = false\n[keys.KEK]\nencrypted = false\n\
    [keys.db]\nencrypted = false\n[keys.module]\nbits = 2048\nencrypted = false\n[keys.grub]\nbits = 3072\n\
    encrypted = false\n";

impl Machine {
    pub fn new(specification: &str) -> Self {
        let whole = Whole::planned(specification);
        succeed(&mut whole.run());
        fs::create_dir(whole.path("firmware")).unwrap();
        let node = Node::at(whole.path("root"));
        node.kernel("boot/vmlinuz");
        node.kernel("boot/vmlinuz-6.1.0");
        node.write("boot/grub.cfg", "set timeout=5\n");
        node.module("boot/a.ko");
        node.config(
            "[sign]\nmodules = [\"/boot/a.ko\"]\nefi = [\"/boot/vmlinuz\", \"/boot/vmlinuz-6.1.0\"]\n\
             grub = [\"/boot/vmlinuz\", \"/boot/vmlinuz-6.1.0\", \"/boot/grub.cfg\"]\n",
        );
        let machine = Self { whole };
        succeed(
            machine
                .command(&["enroll", "apply", "--yes", "--store"])
                .arg(machine.whole.path("firmware")),
        );
        succeed(&mut machine.command(&["sign", "all"]));
        machine
    }

    /// A copy, with keys and all.
    pub fn duplicate(&self) -> Self {
        let whole = Whole::planned("");
        let mut copy = tool("cp");
        copy.arg("-a")
            .arg("-T")
            .arg(self.whole.directory.path())
            .arg(whole.directory.path());
        succeed(&mut copy);
        Self { whole }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bootseal(["--root"]);
        command.arg(self.whole.path("root")).args(&arguments[..2]);
        command.arg("--keys").arg(self.whole.path("node")).args(&arguments[2..]);
        command
    }

    pub fn rotate(&self, key: &str, keys: &str) -> Command {
        self.change("rotate", key, keys)
    }

    /// `keys rotate` or `keys revoke`.
    pub fn change(&self, verb: &str, key: &str, keys: &str) -> Command {
        let mut command = bootseal(["--root"]);
        command
            .arg(self.whole.path("root"))
            .args(["keys", verb, key, "--yes", "--keys"]);
        command
            .arg(self.whole.path(keys))
            .arg("--authority")
            .arg(self.whole.path("offline"));
        command.arg("--store").arg(self.whole.path("firmware"));
        command.arg("--passphrase-file").arg(self.whole.path("passphrase"));
        command
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.whole.path(path)
    }

    pub fn fingerprint(&self, path: &str) -> String {
        let mut openssl = tool("openssl");
        let printed = succeed(
            openssl
                .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
                .arg(self.file(path)),
        );
        printed
            .trim()
            .rsplit('=')
            .next()
            .unwrap()
            .replace(':', "")
            .to_lowercase()
    }

    /// Certificates in a variable of the firmware.
    pub fn held(&self, variable: &str) -> String {
        let directory = fs::read_dir(self.file("firmware")).unwrap();
        let mut paths = directory.map(|entry| entry.unwrap().path());
        let name = |path: &PathBuf| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(&format!("{variable}-"))
        };
        let Some(path) = paths.find(name) else {
            return String::new();
        };
        let bytes = fs::read(path).unwrap();
        let lists = bootseal::formats::firmware::signature_list::SignatureDatabase::parse(&bytes[4..]).unwrap();
        let fingerprint = |der: &[u8]| {
            bootseal::formats::crypto::certificate::Certificate::from_der(der)
                .unwrap()
                .fingerprint()
                .to_hex()
        };
        lists
            .certificates()
            .map(|(_, der)| fingerprint(der))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The new db key is the one that counts, everywhere.
    fn judge_db(&self, old: &str, round: &str) {
        let new = self.fingerprint("node/db.pem");
        assert_ne!(new, old, "{round}");
        assert_eq!(self.held("db"), new, "{round}");
        assert_eq!(self.fingerprint("offline/db.pem"), new, "{round}");
        let image = self.file("root/boot/vmlinuz");
        succeed(tool("sbverify").arg("--cert").arg(self.file("node/db.pem")).arg(&image));
        let mut gpgv = tool("gpgv");
        gpgv.arg("--keyring").arg(self.file("node/grub.gpg"));
        succeed(gpgv.arg(self.file("root/boot/vmlinuz.sig")).arg(&image));
        for place in ["node", "offline"] {
            succeed(bootseal(["ceremony", "verify"]).arg(self.file(place)));
        }
        let retired = self.file(&format!("node/retired/db-{}", &old[..16]));
        for file in ["db.key", "db.pem"] {
            assert!(retired.join(file).is_file(), "{round}");
        }
        assert!(!self.file("node/rotation").exists(), "{round}");
    }
}

#[test]
fn killed_at_any_place_a_rotation_goes_on_and_the_machine_starts_all_along() {
    let machine = Machine::new(SPECIFICATION);
    let old = machine.fingerprint("node/db.pem");
    let reference = machine.duplicate();
    let trace = reference.file("trace");
    let traced = |machine: &Machine, options: &[&str]| {
        let rotate = machine.rotate("db", "node");
        let mut command = tool("strace");
        command.args(options).arg(rotate.get_program()).args(rotate.get_args());
        command.env("STATE_DIRECTORY", machine.file("state"));
        command.output().unwrap()
    };
    let output = traced(
        &reference,
        &["-f", "-e", "trace=fsync,renameat", "-o", trace.to_str().unwrap()],
    );
    assert!(output.status.success(), "{}", text(&output));
    reference.judge_db(&old, "undisturbed");
    let calls = fs::read_to_string(&trace).unwrap();
    let count = |name: &str| calls.lines().filter(|line| line.contains(&format!(" {name}("))).count();
    let rounds: Vec<(&str, usize)> = ["fsync", "renameat"]
        .into_iter()
        .flat_map(|call| (1..=count(call)).map(move |nth| (call, nth)))
        .collect();
    assert!(rounds.len() > 25, "{rounds:?}");
    rounds.into_par_iter().for_each(|(call, nth)| {
        let round = format!("{call} {nth}");
        let machine = machine.duplicate();
        let inject = injection(call, &format!("signal=KILL:when={nth}"));
        let trace = machine.file("trace");
        let output = traced(
            &machine,
            &[
                "-f",
                "-e",
                &format!("trace={call}"),
                "-e",
                &inject,
                "-o",
                trace.to_str().unwrap(),
            ],
        );
        assert_eq!(output.status.signal(), Some(9), "{round}: {}", text(&output));
        // Whatever was reached: what the firmware holds now lets the kernel start.
        let image = machine.file("root/boot/vmlinuz");
        let held = machine.held("db");
        let certificates =
            ["node/db.pem", "offline/db.pem"].map(|path| (machine.fingerprint(path), machine.file(path)));
        let retired = machine.file(&format!("node/retired/db-{}/db.pem", &old[..16]));
        let retired = retired.exists().then_some((old.clone(), retired));
        let accepted = certificates.into_iter().chain(retired).any(|(fingerprint, path)| {
            let verdict = tool("sbverify").arg("--cert").arg(path).arg(&image).output().unwrap();
            held.contains(&fingerprint) && verdict.status.success()
        });
        assert!(accepted, "{round}: {held}");
        succeed(&mut machine.rotate("db", "node"));
        machine.judge_db(&old, &round);
    });
}

/// A key of the kernel's maker, without which nothing would be known of the others.
const OTHERS: &str =
    "1f3ab2bb I------     1 perm 1f030000     0     0 asymmetri maker: 00112233445566778899: X509.rsa 99887766 []\n";

#[test]
fn each_key_gives_way_and_the_transcript_says_to_which() {
    let encrypted = SPECIFICATION.replacen("[keys.PK]\nencrypted = false", "[keys.PK]\nencrypted = true", 1);
    let machine = Machine::new(&encrypted);
    let pk = machine.fingerprint("offline/PK.pem");
    succeed(&mut machine.rotate("PK", "offline"));
    assert_ne!(machine.held("PK"), pk);
    assert_eq!(machine.held("PK"), machine.fingerprint("offline/PK.pem"));
    // Encrypted as the old one was.
    let mut openssl = tool("openssl");
    openssl.args(["pkey", "-noout", "-passin", &format!("pass:{PASSPHRASE}"), "-in"]);
    succeed(openssl.arg(machine.file("offline/PK.key")));
    let encrypted = fs::read_to_string(machine.file("offline/PK.key")).unwrap();
    assert!(encrypted.starts_with("-----BEGIN ENCRYPTED"));

    let kek = machine.fingerprint("offline/KEK.pem");
    succeed(&mut machine.rotate("KEK", "offline"));
    assert_eq!(machine.held("KEK"), machine.fingerprint("offline/KEK.pem"));
    assert_ne!(machine.held("KEK"), kek);
    // The new KEK signs changes of db.
    let old = machine.fingerprint("node/db.pem");
    succeed(&mut machine.rotate("db", "node"));
    assert_eq!(machine.held("db"), machine.fingerprint("node/db.pem"));
    assert_ne!(machine.held("db"), old);

    // Kernel and GRUB have to know the new keys first.
    for (key, expected) in [
        ("module", "the running kernel does not know"),
        ("grub", "GRUB's image has to know"),
    ] {
        let refused = refuse(&mut machine.rotate(key, "node"));
        assert!(
            refused.contains(expected) && refused.contains(&format!(" {key} goes on from here")),
            "{refused}"
        );
        // It waits, and nothing waits for it.
        let before = machine.fingerprint("node/db.pem");
        succeed(&mut machine.rotate("db", "node"));
        assert_ne!(machine.fingerprint("node/db.pem"), before);
        assert!(machine.file(&format!("node/rotation/{key}")).is_dir());
        if key == "module" {
            let id = subject_key_id(&machine.file("node/rotation/module/module.pem"));
            let listed = machine.file("root/proc/keys");
            fs::create_dir_all(listed.parent().unwrap()).unwrap();
            let list = |kind: &str| {
                let line = format!(
                    "{OTHERS}2f3ab2bb I------     1 perm 1f030000     0     0 {kind} new: {id}: X509.rsa 44556677 []\n"
                );
                fs::write(&listed, line).unwrap();
            };
            // Anybody may describe a key of his so, beside those of the kernel.
            list("user     ");
            assert!(refuse(&mut machine.rotate(key, "node")).contains(expected));
            list("asymmetri");
            assert!(succeed(&mut machine.rotate(key, "node")).contains("each initramfs, and each unified image"));
        }
    }
    let install = || {
        let mut command = machine.command(&["grub", "install", "--no-nvram", "--grub-path", "/grub"]);
        command.args(["--fs-uuid", "1234-ABCD", "--modules-dir", "/usr/lib/grub/x86_64-efi"]);
        command
    };
    fs::create_dir_all(machine.file("root/efi/EFI/bootseal")).unwrap();
    fs::write(machine.file("root/efi/EFI/bootseal/grubx64.efi"), b"another").unwrap();
    let config = fs::read_to_string(machine.file("root/etc/bootseal/config.toml")).unwrap();
    fs::write(
        machine.file("root/etc/bootseal/config.toml"),
        format!("{config}[grub]\nesp = \"/efi\"\n"),
    )
    .unwrap();
    succeed(&mut install());
    let refused = refuse(&mut machine.rotate("grub", "node"));
    assert!(
        refused.contains("has not been confirmed to start this machine"),
        "{refused}"
    );
    let mut confirm = bootseal(["grub", "confirm", "--no-nvram", "--root"]);
    succeed(confirm.arg(machine.file("root")));
    let mut verify = bootseal(["verify", "--keys"]);
    verify
        .arg(machine.file("node"))
        .arg(machine.file("root/efi/EFI/bootseal/grubx64.efi"));
    // That firmware's db has another key by now, which is no matter of GRUB's.
    let both = text(&verify.output().unwrap());
    let by_two = both
        .lines()
        .find(|line| line.contains("enforces signatures by OpenPGP key"));
    assert!(by_two.is_some_and(|line| line.contains(" and ")), "{both}");
    assert!(both.contains(" and "), "{both}");
    succeed(&mut machine.rotate("grub", "node"));
    let said = succeed(&mut machine.command(&["keys", "show", "grub"]));
    assert!(said.contains("RSA-3072"), "{said}");
    let verify = |path: &str| {
        succeed(
            bootseal(["verify", "--keys"])
                .arg(machine.file("node"))
                .arg(machine.file(path)),
        )
    };
    for path in ["root/boot/a.ko", "root/boot/grub.cfg", "root/boot/vmlinuz"] {
        verify(path);
    }
    for place in ["node", "offline"] {
        let verified = bootseal(["ceremony", "verify"])
            .arg(machine.file(place))
            .output()
            .unwrap();
        assert!(verified.status.success(), "{place}: {}", text(&verified));
    }
}
