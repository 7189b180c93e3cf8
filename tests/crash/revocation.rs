//! A key is revoked, killed at every place where that can matter, and goes on: the machine starts all along, and in the end nothing that the
//! old key signed does.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Output;

use rayon::prelude::*;

use crate::support::judges::subject_key_id;
use crate::support::{bootseal, refuse, succeed, text, tool};

use super::life::{PERSISTING, is_whole, killed};
use super::rotation::{Machine, SPECIFICATION};
use super::tracer::{injection, on_one_processor};

/// The kernels of its menu.
const KERNELS: [&str; 2] = ["root/boot/vmlinuz", "root/boot/vmlinuz-6.1.0"];

/// The certificates of a machine, past and present, that verify a signature of a kernel.
fn signers(machine: &Machine, kernel: &str) -> Vec<String> {
    let mut directories = vec![machine.file("node"), machine.file("node/rotation/db")];
    let retired = fs::read_dir(machine.file("node/retired")).into_iter().flatten();
    directories.extend(retired.map(|entry| entry.unwrap().path()));
    let mut found = Vec::new();
    for certificate in directories.iter().map(|directory| directory.join("db.pem")) {
        if !certificate.exists() {
            continue;
        }
        let mut sbverify = tool("sbverify");
        sbverify.arg("--cert").arg(&certificate).arg(machine.file(kernel));
        if sbverify.output().unwrap().status.success() {
            found.push(machine.fingerprint(certificate.to_str().unwrap()));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The firmware starts each kernel, also one that refuses an image for any signature that dbx forbids.
fn starts(machine: &Machine, round: &str) {
    let (db, dbx) = (machine.held("db"), machine.held("dbx"));
    for kernel in KERNELS {
        let signers = signers(machine, kernel);
        assert!(
            signers.iter().any(|signer| db.contains(signer)),
            "{round}: {kernel}: {signers:?}: {db}"
        );
        assert!(
            !signers.iter().any(|signer| dbx.contains(signer)),
            "{round}: {kernel}: {signers:?}: {dbx}"
        );
    }
}

/// GRUB takes the kernel.
fn grub_takes(machine: &Machine, kernel: &str) -> bool {
    takes(machine, kernel, &machine.file("node/grub.gpg"))
}

/// A GRUB that embeds this key takes the kernel.
fn takes(machine: &Machine, kernel: &str, key: &Path) -> bool {
    let mut gpgv = tool("gpgv");
    gpgv.arg("--keyring").arg(key);
    gpgv.arg(machine.file(&format!("{kernel}.sig")));
    let output: Output = gpgv.arg(machine.file(kernel)).output().unwrap();
    output.status.success()
}

fn revoked(machine: &Machine, old: &str, round: &str) {
    let new = machine.fingerprint("node/db.pem");
    assert_ne!(new, old, "{round}");
    assert_eq!(
        (machine.held("db"), machine.held("dbx")),
        (new.clone(), old.to_owned()),
        "{round}"
    );
    for kernel in KERNELS {
        assert_eq!(signers(machine, kernel), [new.as_str()], "{round}: {kernel}");
        assert!(grub_takes(machine, kernel), "{round}: {kernel}");
    }
    starts(machine, round);
    for place in ["node", "offline"] {
        succeed(bootseal(["ceremony", "verify"]).arg(machine.file(place)));
    }
    let transcripts = ["node", "offline"].map(|place| fs::read(machine.file(place).join("ceremony.jsonl")).unwrap());
    let [node, offline] = transcripts
        .each_ref()
        .map(|transcript| String::from_utf8_lossy(transcript));
    let parted = node.lines().zip(offline.lines()).find(|(one, other)| one != other);
    assert!(
        transcripts[0] == transcripts[1],
        "{round}: the transcripts have parted: {parted:#?}"
    );
    for left in ["node/rotation", "node/revocation-db.json"] {
        assert!(!machine.file(left).exists(), "{round}: {left}");
    }
    let boot = fs::read_dir(machine.file("root/boot"))
        .unwrap()
        .map(|entry| entry.unwrap());
    for entry in boot {
        let is_plain = entry.file_type().unwrap().is_file() && !entry.file_name().to_string_lossy().starts_with('.');
        assert!(is_plain, "{round}: {} is left", entry.path().display());
    }
}

/// A machine that is not where its ceremony was held: else each of its copies would find the places of the first.
fn machine() -> Machine {
    Machine::new(SPECIFICATION).duplicate()
}

#[test]
fn killed_at_any_place_a_revocation_goes_on_and_the_machine_starts_all_along() {
    let machine = machine();
    let old = machine.fingerprint("node/db.pem");
    let reference = machine.duplicate();
    let trace = reference.file("trace");
    let traced = |machine: &Machine, options: &[&str]| {
        let mut revoke = machine.change("revoke", "db", "node");
        revoke.args(["--reason", "the laptop was stolen"]);
        // strace counts the calls of each thread apart.
        let mut command = on_one_processor(0);
        command
            .arg("strace")
            .args(options)
            .arg(revoke.get_program())
            .args(revoke.get_args());
        command.env("STATE_DIRECTORY", machine.file("state"));
        command.output().unwrap()
    };
    let output = traced(
        &reference,
        &[
            "-f",
            "-e",
            &format!("trace={}", PERSISTING.join(",")),
            "-o",
            trace.to_str().unwrap(),
        ],
    );
    assert!(output.status.success(), "{}", text(&output));
    revoked(&reference, &old, "undisturbed");
    let said = succeed(bootseal(["ceremony", "verify"]).arg(reference.file("node")));
    assert!(
        said.contains("dbx gains") && said.contains("the laptop was stolen"),
        "{said}"
    );
    // Another board that is enrolled from here forbids it too.
    fs::create_dir(reference.file("board")).unwrap();
    succeed(
        reference
            .command(&["enroll", "apply", "--yes", "--store"])
            .arg(reference.file("board")),
    );
    let plan = succeed(
        reference
            .command(&["enroll", "plan", "--store"])
            .arg(reference.file("board")),
    );
    assert!(plan.contains(&old[..16]), "{plan}");

    let calls = fs::read_to_string(&trace).unwrap();
    let count = |name: &str| calls.lines().filter(|line| line.contains(&format!(" {name}("))).count();
    let rounds: Vec<(&str, usize)> = PERSISTING
        .into_iter()
        .flat_map(|call| (1..=count(call)).map(move |nth| (call, nth)))
        .collect();
    assert!(rounds.len() > 40, "{rounds:?}");
    rounds.into_par_iter().for_each(|(call, nth)| {
        let round = format!("{call} {nth}");
        let machine = machine.duplicate();
        let (trace, inject) = (
            machine.file("trace"),
            injection(call, &format!("signal=KILL:when={nth}")),
        );
        let trace = trace.to_str().unwrap();
        let output = traced(
            &machine,
            &["-f", "-e", &format!("trace={call}"), "-e", &inject, "-o", trace],
        );
        assert_eq!(output.status.signal(), Some(9), "{round}: {}", text(&output));
        starts(&machine, &round);
        for kernel in KERNELS {
            assert!(grub_takes(&machine, kernel), "{round}: GRUB refuses {kernel}");
        }
        succeed(&mut machine.change("revoke", "db", "node"));
        revoked(&machine, &old, &round);
    });
}

/// PK and KEK are revoked where they are, and the node learns it afterwards.
#[test]
fn killed_at_any_place_the_revocation_of_an_offline_key_goes_on() {
    let machine = machine();
    for key in ["PK", "KEK"] {
        let certificate = format!("offline/{key}.pem");
        let old = machine.fingerprint(&certificate);
        let revoke = |machine: &Machine| machine.change("revoke", key, "offline");
        killed(&machine, 20, revoke, |machine, round| {
            if round != "undisturbed" {
                succeed(&mut revoke(machine));
            }
            let new = machine.fingerprint(&certificate);
            assert_ne!(new, old, "{key}: {round}");
            assert_eq!(machine.held(key), new, "{key}: {round}");
            let mut sync = bootseal(["keys", "sync", "--keys"]);
            succeed(sync.arg(machine.file("node")).arg(machine.file("offline")));
            is_whole(machine, round);
            for left in ["rotation".to_owned(), format!("revocation-{key}.json")] {
                assert!(!machine.file("offline").join(&left).exists(), "{key}: {round}: {left}");
            }
        });
    }
}

/// GRUB and kernel hold both keys, since one takes the place of the other by their owner's word.
#[test]
fn killed_at_any_place_the_revocation_of_a_key_that_no_list_has_goes_on() {
    let machine = machine();
    for (key, public) in [("grub", "node/grub.gpg"), ("module", "node/module.pem")] {
        let before = fs::read(machine.file(public)).unwrap();
        let old = machine.file("old-grub.gpg");
        fs::copy(machine.file("node/grub.gpg"), &old).unwrap();
        let revoke = |machine: &Machine| {
            let mut revoke = machine.change("revoke", key, "node");
            revoke.arg("--trusted");
            revoke
        };
        killed(&machine, 20, revoke, |machine, round| {
            for kernel in KERNELS {
                let keys = ["node/grub.gpg", "node/rotation/grub/grub.gpg"].map(|key| machine.file(key));
                let is_taken = keys
                    .iter()
                    .chain([&old])
                    .any(|key| key.exists() && takes(machine, kernel, key));
                assert!(is_taken, "{key}: {round}: {kernel}");
            }
            if round != "undisturbed" {
                succeed(&mut revoke(machine));
            }
            assert_ne!(fs::read(machine.file(public)).unwrap(), before, "{key}: {round}");
            for kernel in KERNELS {
                assert!(grub_takes(machine, kernel), "{key}: {round}: {kernel}");
            }
            let mut verify = bootseal(["verify", "--keys"]);
            succeed(verify.arg(machine.file("node")).arg(machine.file("root/boot/a.ko")));
            is_whole(machine, round);
            for left in ["rotation".to_owned(), format!("revocation-{key}.json")] {
                assert!(!machine.file("node").join(&left).exists(), "{key}: {round}: {left}");
            }
        });
    }
}

#[test]
fn a_key_that_somebody_still_trusts_is_not_revoked_yet() {
    let machine = machine();
    for key in ["KEK", "PK"] {
        let old = machine.fingerprint(&format!("offline/{key}.pem"));
        let said = succeed(&mut machine.change("revoke", key, "offline"));
        assert!(
            said.contains("is worth nothing here any more")
                && said.contains("in no backup yet")
                && !machine.held(key).contains(&old),
            "{said}"
        );
        assert!(!machine.held("dbx").contains(&old));
    }
    let listed = machine.file("root/proc/keys");
    fs::create_dir_all(listed.parent().unwrap()).unwrap();
    let list = |certificates: &[&str]| {
        let line = |certificate: &&str| {
            let id = subject_key_id(&machine.file(certificate));
            format!("2f3ab2bb I------     1 perm 1f030000     0     0 asymmetri key: {id}: X509.rsa 44556677 []\n")
        };
        fs::write(&listed, certificates.iter().map(line).collect::<String>()).unwrap();
    };
    fs::copy(machine.file("node/module.pem"), machine.file("old-module.pem")).unwrap();
    list(&["old-module.pem"]);
    let refused = refuse(&mut machine.change("revoke", "module", "node"));
    assert!(
        refused.contains("does not know the new module key") && refused.contains(" module goes on from here"),
        "{refused}"
    );
    list(&["old-module.pem", "node/rotation/module/module.pem"]);
    let refused = refuse(&mut machine.change("revoke", "module", "node"));
    assert!(
        refused.contains("the running kernel still trusts the old module key"),
        "{refused}"
    );
    let new = fs::read(machine.file("node/module.pem")).unwrap();
    // A backup that is made before the end has the new key.
    let mut backup = bootseal(["ceremony", "backup", "--passphrase-file"]);
    backup
        .arg(machine.file("passphrase"))
        .arg("--keys")
        .arg(machine.file("node"));
    succeed(
        backup
            .arg("--authority")
            .arg(machine.file("offline"))
            .arg(machine.file("second")),
    );
    list(&["node/module.pem"]);
    let said = succeed(&mut machine.change("revoke", "module", "node"));
    assert!(!said.contains("in no backup"), "{said}");
    assert!(said.contains("the running kernel does not know the old key"), "{said}");
    // It went on where it was: there is no third key.
    assert_eq!(fs::read(machine.file("node/module.pem")).unwrap(), new);
    let said = succeed(machine.change("revoke", "grub", "node").arg("--trusted"));
    assert!(said.contains("by your word"), "{said}");
    for place in ["node", "offline"] {
        let verified = bootseal(["ceremony", "verify"])
            .arg(machine.file(place))
            .output()
            .unwrap();
        assert!(verified.status.success(), "{place}: {}", text(&verified));
    }
}
