//! Scripts in real GRUB, and the judge of scripts on them: many in one boot of each version.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use bootseal::formats::grub::script::Script;
use bootseal::trust::grub_script::{Act, Scene, dangers};

use super::super::bootseal::Bootseal;
use super::super::machine::{Machine, Serial};
use super::super::packages;
use super::image::{self, Version};
use super::{entries, tree};

/// The verdict of the judge.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Enforces,
    Not,
    Unproven,
}

/// Ways to switch signatures off, each of which works by itself and within each of [`WITHIN`].
const WAYS: [&str; 12] = [
    "set check_signatures=no",
    "check_signatures=0",
    "unset check_signatures",
    "! set check_signatures=no",
    "time set check_signatures=no",
    "for check_signatures in no; do true; done",
    "n=check_signatures; set $n=no",
    "n=check_signatures; $n=no",
    "a=check; b=_signatures; set \"$a$b\"=no",
    "c=set; $c check_signatures=no",
    "x='unset check_signatures'; $x",
    "regexp --set=check_signatures '(.*)' no",
];

/// Words that do no harm, of the same kinds.
const HARMLESS: [&str; 10] = [
    "set check_signatures=enforce",
    "check_signatures=1",
    "unset other",
    "! set lang=",
    "time set other=no",
    "for other in no check_signatures; do true; done",
    "n=other; set $n=no",
    "n=other; $n=check_signatures",
    "c=echo; $c check_signatures=no",
    "regexp --set=other '(.*)' check_signatures",
];

/// Forms around them; `@` is the place. Functions have names of their own, since GRUB keeps them.
const WITHIN: [&str; 6] = [
    "@",
    "if true; then @; fi",
    "function f# {\n@\n}\nf#",
    "eval \"@\"",
    "once=; while [ x$once = x ]; do once=y; @; done",
    "if false; then true; else for i in 1 2; do if [ $i = 2 ]; then @; fi; done; fi",
];

/// Further ways to switch signatures off.
const OFF: [&str; 34] = [
    "search --no-floppy --fs-uuid --set=check_signatures UUID",
    "search -us check_signatures UUID",
    "search.fs_uuid UUID check_signatures",
    "search.fs_label NO check_signatures; unset check_signatures",
    "probe --set=check_signatures --fs ($root)",
    "probe -s check_signatures --fs ($root)",
    "smbios --type 1 --get-string 4 --set check_signatures; smbios -t 0 -s 4 --set check_signatures",
    "regexp -s check_signatures '(.*)' no",
    "regexp --set 1:check_signatures '(.*)' no",
    "regexp --set=1:other --set=2:check_signatures '(a)(b)' ab",
    "load_env -sf /u/env",
    "load_env --skip-sig --file /u/env",
    "load_env -s -f /u/env check_signatures",
    "load_env -f /u/env -s other check_signatures",
    "function a# {\nset $1=no\n}\na# check_signatures",
    "function b# {\nshift\nset $1=no\n}\nb# lang check_signatures",
    "function c# {\nsetparams x check_signatures\nset $2=no\n}\nc#",
    "function d# {\nset $@\n}\nd# check_signatures=no",
    "function e# {\nset $*\n}\ne# check_signatures=no",
    "function g# {\nset $2$1\n}\ng# =no check_signatures",
    "function h# {\n$1\n}\nh# check_signatures=no",
    "function i# {\nj#\n}\nfunction j# {\nunset check_signatures\n}\ni#",
    "eval eval eval unset check_signatures",
    "eval \"eval 'set check_signatures=no'\"",
    "x='check_signatures=no other=1'; set $x",
    "x=\"set check_signatures=no\"; y='$x'; eval $y",
    "for n in lang other check_signatures; do set $n=; done",
    "n=other; for i in 1 2; do set $n=no; n=check_signatures; done",
    "n=other; until [ $n = done ]; do set $n=no; if [ $n = check_signatures ]; then n=done; else n=check_signatures; fi; done",
    "if [ -d /boot ]; then n=check_signatures; else n=other; fi; set $n=no",
    "set check_signatures=enforce; unset check_signatures; true",
    "set 'check_signatures=no'",
    "set check\\_sign\"atures\"=no",
    "tr --set=check_signatures e n enforce; check_signatures=no",
];

/// GRUB is switched off by these, and the judge cannot prove what they do.
const OFF_UNPROVEN: [&str; 5] = [
    "hidden=check_signatures; source /boot/grub/nothing.cfg; set $hidden=no",
    "set $left=no",
    "set \"$left\"=no",
    "eval $text",
    "$word check_signatures=no",
];

/// Further words that do no harm.
const ON: [&str; 28] = [
    "for i in; do set check_signatures=no; done",
    "echo set check_signatures=no",
    "echo 'x; set check_signatures=no'",
    "# set check_signatures=no",
    "set check_signatures",
    "set\necho check_signatures=no",
    "set lang= check_signatures=no",
    "set x$left=no",
    "set other=$left",
    "if [ x$left = x ]; then echo none; fi",
    "search --no-floppy --fs-uuid --set=other UUID",
    "search --no-floppy --fs-uuid --set=other check_signatures",
    "search.fs_uuid UUID other",
    "probe --set=other --fs ($root)",
    "regexp --set=1:other --set=2:another '(a)(b)' ab",
    "load_env -sf /u/env other",
    "load_env",
    "load_env -f /u/env",
    "rmmod tpm",
    "configfile /u/off.cfg",
    "source /u/off.cfg",
    ". /u/off.cfg",
    "insmod /u/pgp.mod",
    "function k# {\nset $1=no\n}\nk# other",
    "eval 'set other=check_signatures'",
    "export check_signatures",
    "save_env -f /u/saved check_signatures",
    "extract_entries_source /u/off.cfg",
];

/// The judge is stricter than GRUB: `false` may not be there, and functions may be called by others.
const STRICTER: [&str; 7] = [
    "if false; then set check_signatures=no; fi",
    "if true; then true; else unset check_signatures; fi; if [ a = b ]; then unset check_signatures; fi",
    "function l# {\nset check_signatures=no\n}",
    "trust --skip-sig /u/env",
    "nothing_of_this_name",
    "write_dword 0 0",
    "load_env -s -f /u/none",
];

/// The modules of the commands in all of these.
const MODULES: [&str; 14] = [
    "eval",
    "loadenv",
    "memrw",
    "probe",
    "regexp",
    "search",
    "search_fs_uuid",
    "search_label",
    "smbios",
    "test",
    "time",
    "tpm",
    "tr",
    "true",
];

/// The last, after which nothing is checked any more where GRUB lets go of the module: 2.14 does, others say that it is in use.
const UNLOADING: [&str; 2] = ["for m in tpm pgp; do rmmod $m; done", "rmmod pgp"];

struct Trial {
    text: String,
    verdict: Verdict,
    /// True if GRUB is switched off by it; none if versions differ.
    is_off: Option<bool>,
}

fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    let mut add = |text: &str, verdict, is_off| {
        let number = format!("{}", trials.len());
        let text = text
            .replace('#', &number)
            .replace("UUID", super::super::disk::DISK_UUID);
        // A comment keeps its sign.
        let text = text
            .strip_prefix(&number)
            .map_or(text.clone(), |rest| format!("#{rest}"));
        trials.push(Trial { text, verdict, is_off });
    };
    for form in WITHIN {
        for way in WAYS {
            // What is between double quotes is expanded too early.
            if !(form.starts_with("eval") && way.contains(['$', '"'])) {
                add(&form.replace('@', way), Verdict::Not, Some(true));
            }
        }
        for way in HARMLESS {
            if !(form.starts_with("eval") && way.contains(['$', '"'])) {
                add(&form.replace('@', way), Verdict::Enforces, Some(false));
            }
        }
    }
    for text in ON {
        add(text, Verdict::Enforces, Some(false));
    }
    for text in STRICTER {
        let verdict = if text.starts_with("nothing") {
            Verdict::Unproven
        } else {
            Verdict::Not
        };
        add(text, verdict, Some(false));
    }
    for text in OFF_UNPROVEN {
        add(text, Verdict::Unproven, Some(true));
    }
    for text in OFF {
        add(text, Verdict::Not, Some(true));
    }
    for text in UNLOADING {
        add(text, Verdict::Not, None);
    }
    trials
}

fn judged(text: &str) -> Verdict {
    let dangers = dangers(&Script::parse(text), Scene::default());
    if dangers.is_empty() {
        Verdict::Enforces
    } else if dangers.iter().all(|danger| matches!(danger.act, Act::Unproven(_))) {
        Verdict::Unproven
    } else {
        Verdict::Not
    }
}

/// Each script, and then an attempt to open a file that nobody signed.
fn configuration(trials: &[Trial]) -> String {
    let mut script = String::from("set pager=0\n");
    for module in MODULES {
        writeln!(script, "insmod {module}").expect("a string takes all");
    }
    for (number, trial) in trials.iter().enumerate() {
        // Left by others, who ran before.
        script.push_str("left=check_signatures\ntext='unset check_signatures'\nword=set\n");
        write!(
            script,
            "echo 'begin {number}'\n{}\nnumber={number}\necho \"is $check_signatures\"\nsource /u/open.cfg\necho 'end {number}'\n",
            trial.text
        )
        .expect("a string takes all");
        script.push_str("set check_signatures=enforce\nexport check_signatures\nset root=$before\n");
    }
    format!("before=$root\n{script}")
}

#[test]
fn the_judge_of_scripts_is_never_laxer_than_grub() {
    packages::require_all();
    let trials = trials();
    let attacks = trials.iter().filter(|trial| trial.is_off == Some(true)).count();
    assert!(
        trials.len() >= 150 && attacks * 2 >= 150,
        "{attacks} of {}",
        trials.len()
    );
    let otherwise = trials.iter().filter(|trial| judged(&trial.text) != trial.verdict);
    let otherwise: Vec<_> = otherwise.map(|trial| (&trial.text, judged(&trial.text))).collect();
    assert!(otherwise.is_empty(), "judged otherwise: {otherwise:#?}");
    let work = tempfile::tempdir().expect("a temporary folder");
    let own = Bootseal::ceremony(&work.path().join("own"));
    let machine = Machine::in_setup_mode();
    own.enroll_image(machine.variables());
    for version in [Version::V2_06, Version::V2_12, Version::V2_14] {
        let disk = work.path().join(format!("{version:?}"));
        fill(&disk, version, &own, &trials);
        let log = machine.boot(&disk);
        let mut differences = differences(&log, &trials);
        if version == Version::V2_14 {
            differences.extend(entries::differences(&log, &disk));
        }
        println!("{version:?}: {} scripts", trials.len());
        assert!(differences.is_empty(), "{version:?}: {differences:#?}\n{}", log.tail());
    }
}

fn fill(disk: &Path, version: Version, own: &Bootseal, trials: &[Trial]) {
    let grub = disk.join("boot/grub");
    for folder in [&grub, &disk.join("EFI/BOOT"), &disk.join("u")] {
        fs::create_dir_all(folder).expect("a folder");
    }
    tree::install(version, &grub);
    let mut script = configuration(trials);
    if version == Version::V2_14 {
        entries::put(disk, own);
        let [before, after] = entries::configuration();
        script = format!("{before}{script}{after}");
    }
    fs::write(grub.join("grub.cfg"), script).expect("written");
    fs::write(grub.join("nothing.cfg"), "true\n").expect("written");
    own.sign_for_grub(&[disk.join("boot")]);
    if version == Version::V2_14 {
        entries::unsign(disk);
    }
    let environment = "# GRUB Environment Block\nother=1\ncheck_signatures=no\n";
    for name in ["env", "saved"] {
        fs::write(disk.join("u").join(name), format!("{environment:#<1024}")).expect("written");
    }
    fs::write(disk.join("u/open.cfg"), "echo \"opened $number\"\n").expect("written");
    fs::write(disk.join("u/off.cfg"), "set check_signatures=no\n").expect("written");
    fs::copy(grub.join("x86_64-efi/tr.mod"), disk.join("u/pgp.mod")).expect("copied");
    image::enforcing(version, own, None, &disk.join("EFI/BOOT/BOOTX64.EFI"));
}

/// Where GRUB and the judge differ.
fn differences(log: &Serial, trials: &[Trial]) -> Vec<String> {
    let mut differences = Vec::new();
    for (number, trial) in trials.iter().enumerate() {
        let said = log.between(&format!("begin {number}"), &format!("end {number}"));
        let is_off = said.contains(&format!("opened {number}"));
        if is_off && trial.verdict == Verdict::Enforces {
            differences.push(format!("the judge is laxer: {}: {said}", trial.text));
        } else if trial.is_off.is_some_and(|wanted| wanted != is_off) {
            differences.push(format!("GRUB does otherwise: {}: {said}", trial.text));
        }
    }
    differences
}
