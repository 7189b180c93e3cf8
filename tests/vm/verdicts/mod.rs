//! A sample of the images that `tests/differential` makes, started by real firmware, the oldest and the newest of Debian's: what it
//! starts is what bootseal accepts.

mod sample;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use bootseal::formats::firmware::authenticated_variable::VariableName;
use bootseal::formats::firmware::authenticode::Image;
use bootseal::formats::firmware::signature_list::SignatureDatabase;
use bootseal::formats::firmware::variable_image::VariableImage;
use bootseal::trust::image::{Policy, Refusal};
use sample::{Sample, Samples};
use serde_json::Value;

use super::bootseal::Bootseal;
use super::machine::{Firmware, Machine, Serial};
use super::packages;
use crate::differential::reason;
use crate::support::bootseal;
use crate::support::judges::uefi_shell;

/// Said by the script that starts the images, at its end.
const LAST_WORDS: &str = "verdicts: all were tried";

/// Dates that OpenSSL reads up to 3.2, which the older firmware has.
const OLD_DATES: &str = "has a date without seconds";

#[test]
fn firmware_starts_what_is_accepted_and_nothing_else() {
    packages::require_all();
    let work = tempfile::tempdir().expect("a temporary folder");
    let ours = Bootseal::ceremony(&work.path().join("keys"));
    let samples = Samples::make();
    let disk = work.path().join("disk");
    fill(&disk, &ours, &samples);
    let [mut db, dbx] = [&samples.db, &samples.dbx].map(Clone::clone);
    let shell = SignatureDatabase::parse(&ours.list("db")).expect("a list");
    db.merge(&shell);
    let verdicts = verdicts(work.path(), &disk, &samples, &db, &dbx);
    all_start_in_setup_mode(&disk, &samples);
    for (firmware, reasons) in [(Firmware::debian_12(), &[OLD_DATES][..]), (Firmware::newest(), &[])] {
        let machine = Machine::with_firmware(firmware);
        ours.enroll_image(machine.variables());
        put(&machine, VariableName::Db, &db);
        put(&machine, VariableName::Dbx, &dbx);
        let log = machine.talk_until(&disk, &[], &[LAST_WORDS]);
        compare(&log, &samples.all, &verdicts, reasons);
    }
}

/// The shell, the images, and the script that starts each of them.
fn fill(disk: &Path, ours: &Bootseal, samples: &Samples) {
    let shell = disk.join("EFI/BOOT/BOOTX64.EFI");
    fs::create_dir_all(disk.join("EFI/BOOT")).expect("a folder");
    fs::write(&shell, uefi_shell()).expect("written");
    ours.sign_efi(&shell);
    let mut script = "@echo -off\nfs0:\n".to_owned();
    for sample in &samples.all {
        let name = sample.file_name();
        fs::write(disk.join(&name), &sample.file).expect("written");
        // Of an application that is refused the shell would end the script.
        writeln!(script, "load -nc {name}").expect("text");
    }
    writeln!(script, "echo \"{LAST_WORDS}\"").expect("text");
    fs::write(disk.join("startup.nsh"), script).expect("written");
}

/// Exchanges what a variable holds. The firmware trusts what its memory holds.
fn put(machine: &Machine, name: VariableName, database: &SignatureDatabase) {
    let path = machine.variables();
    let mut image = VariableImage::parse(fs::read(path).expect("variables")).expect("variables");
    let mut variable = image.get(name.name(), &name.vendor()).expect("it was enrolled").clone();
    variable.data = database.to_bytes();
    image.set(variable);
    fs::write(path, image.to_bytes().expect("there is room")).expect("written");
}

/// The judge's word on each image, which is also the command's.
fn verdicts(
    work: &Path,
    disk: &Path,
    samples: &Samples,
    db: &SignatureDatabase,
    dbx: &SignatureDatabase,
) -> Vec<Result<(), Refusal>> {
    let mut verify = bootseal(["verify", "--json"]);
    for (option, name, database) in [("--db", "db", db), ("--dbx", "dbx", dbx)] {
        let path = work.join(name);
        fs::write(&path, database.to_bytes()).expect("written");
        verify.arg(option).arg(path);
    }
    verify.args(samples.all.iter().map(|sample| disk.join(sample.file_name())));
    let said = verify.output().expect("bootseal can be started");
    let said: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    let policy = Policy::new(db, dbx);
    let judged = samples.all.iter().zip(said["files"].as_array().expect("files"));
    judged
        .map(|(sample, said)| {
            let verdict = policy.judge(&Image::parse(&sample.file).expect("an image"));
            assert_eq!(said["accepted"], verdict.is_ok(), "{}: {said}", sample.what);
            verdict.map(drop)
        })
        .collect()
}

/// The shell's word on an image.
fn answer(log: &Serial, sample: &Sample) -> String {
    let said = log.after(&format!("Image 'FS0:\\{}' ", sample.file_name()));
    let [answer] = said.as_slice() else {
        panic!("{}: {said:?}\n{}", sample.what, log.tail());
    };
    answer.clone()
}

/// None is refused for anything but its signatures.
fn all_start_in_setup_mode(disk: &Path, samples: &Samples) {
    let log = Machine::in_setup_mode().talk_until(disk, &[], &[LAST_WORDS]);
    for sample in &samples.all {
        let answer = answer(&log, sample);
        assert!(sample.has_started(&answer), "{}: {answer}", sample.what);
    }
}

/// Compares the answers with the verdicts. The reasons are those for which bootseal refuses what this firmware starts.
fn compare(log: &Serial, samples: &[Sample], verdicts: &[Result<(), Refusal>], reasons: &[&str]) {
    let (mut started, mut stricter, mut differences) = (0, 0, Vec::new());
    for (sample, verdict) in samples.iter().zip(verdicts) {
        let answer = answer(log, sample);
        let starts = sample.has_started(&answer);
        started += usize::from(starts);
        if sample.expected.is_some_and(|expected| expected != starts) {
            differences.push(format!("{}: firmware said {answer}", sample.what));
        }
        match verdict {
            Ok(()) if starts => {}
            Err(_) if !starts => {}
            Ok(()) => differences.push(format!("{}: accepted, and firmware said {answer}", sample.what)),
            // Other firmware forbids what is signed under a certificate of dbx by a path that this one does not take.
            Err(Refusal::ForbiddenCertificate(_)) if sample.is_forbidden_by_some => stricter += 1,
            Err(refusal) if reason(&refusal.to_string()).is_some() => stricter += 1,
            Err(refusal) if reasons.iter().any(|reason| refusal.to_string().contains(reason)) => stricter += 1,
            Err(refusal) => differences.push(format!("{}: started, and refused: {refusal}", sample.what)),
        }
    }
    println!(
        "{} images, {started} started, {stricter} refused by bootseal alone",
        samples.len()
    );
    assert!(differences.is_empty(), "{}\n{}", differences.join("\n"), log.tail());
    assert!(samples.len() >= 60 && started >= 25 && samples.len() - started >= 25 && stricter * 8 < samples.len());
}
