//! A ceremony that is killed, and one that is watched: it goes on with the keys that it has, and its secrets reach no file
//! but those that are for them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use rayon::prelude::*;

use crate::support::backup::{SHARED, Whole};
use crate::support::{bootseal, refuse, succeed, text, tool};

use super::tracer::injection;

/// Runs the ceremony under strace.
fn traced(whole: &Whole, options: &[&str]) -> Command {
    let run = whole.run();
    let mut command = tool("strace");
    command.args(options).arg(run.get_program()).args(run.get_args());
    command.env("STATE_DIRECTORY", whole.path("state"));
    command
}

/// The content of each private key, by its file in the work directory or its place.
fn keys(whole: &Whole) -> BTreeMap<String, Vec<u8>> {
    let places = ["node", "offline", ".node.ceremony/keys"].map(|place| whole.path(place));
    let entries = places.iter().filter_map(|place| fs::read_dir(place).ok()).flatten();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "key"))
        .map(|path| {
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect()
}

/// Keys that the transcript of the work directory names: what is there besides was cut short.
fn recorded(whole: &Whole) -> String {
    fs::read_to_string(whole.path(".node.ceremony/ceremony.jsonl")).unwrap_or_default()
}

/// The smallest ceremony: plain keys, so that the time goes into what is tested.
const SMALL: &str = "microsoft = [\"none\"]\ndbx = \"none\"\n[keys.PK]\nencrypted = false\n[keys.KEK]\nencrypted = false\n\
    [keys.db]\nencrypted = false\n[keys.module]\nbits = 2048\nencrypted = false\n[keys.grub]\nbits = 3072\n\
    encrypted = false\n";
const BACKUP: &str = "[backup]\ndirectory = \"backup\"\nshares = { needed = 2, of = 3 }\n";

/// Every flush of a ceremony, from 1, and whether the keys were checked before it; then how many renames there are.
fn flushes(specification: &str) -> (Vec<(usize, bool)>, usize) {
    let reference = Whole::planned(specification);
    let trace = reference.path("trace");
    let options = [
        "-f",
        "-s",
        "4096",
        "-e",
        "trace=fsync,renameat,write",
        "-o",
        trace.to_str().unwrap(),
    ];
    succeed(&mut traced(&reference, &options));
    let (mut flushes, mut renames, mut is_checked) = (Vec::new(), 0, false);
    for call in fs::read_to_string(&trace).unwrap().lines() {
        is_checked |= call.contains("\\\"checked\\\"");
        if call.contains(" fsync(") {
            flushes.push((flushes.len() + 1, is_checked));
        }
        renames += usize::from(call.contains(" renameat("));
    }
    (flushes, renames)
}

/// The calls that clear up when all is in its place: after the last rename.
fn clearing(specification: &str) -> Vec<(&'static str, usize)> {
    const CALLS: [&str; 3] = ["unlink", "unlinkat", "rmdir"];
    let reference = Whole::planned(specification);
    let trace = reference.path("trace");
    let calls = format!("trace=renameat,{}", CALLS.join(","));
    succeed(&mut traced(
        &reference,
        &["-f", "-e", &calls, "-o", trace.to_str().unwrap()],
    ));
    let text = fs::read_to_string(&trace).unwrap();
    let last = text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains(" renameat("))
        .last()
        .unwrap()
        .0;
    let mut counts = BTreeMap::new();
    let mut found = Vec::new();
    for (place, line) in text.lines().enumerate() {
        if let Some(call) = CALLS.into_iter().find(|call| line.contains(&format!(" {call}("))) {
            let count = counts.entry(call).or_insert(0);
            *count += 1;
            if place > last {
                found.push((call, *count));
            }
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

#[test]
fn killed_at_any_flush_it_completes_with_the_keys_that_it_has() {
    let with_backup = format!("{SMALL}{BACKUP}");
    let (all, _) = flushes(SMALL);
    let (late, renames) = flushes(&with_backup);
    assert!(all.len() > 50 && renames >= 3, "{all:?}");
    // The steps before the backup are the same without one, which costs the most time.
    let rounds = all.into_iter().map(|(nth, _)| ("fsync", nth, SMALL));
    let late = late.into_iter().filter(|(_, is_checked)| *is_checked);
    let rounds = rounds.chain(late.map(|(nth, _)| ("fsync", nth, with_backup.as_str())));
    let clearing = clearing(SMALL).into_iter().map(|(call, nth)| (call, nth, SMALL));
    let rounds: Vec<_> = rounds
        .chain(clearing)
        .chain((1..=renames).map(|nth| ("renameat", nth, with_backup.as_str())))
        .collect();
    rounds.into_par_iter().for_each(|(call, nth, specification)| {
        let round = format!("{call} {nth} {}", specification == SMALL);
        let whole = Whole::planned(specification);
        let trace = whole.path("trace");
        let inject = injection(call, &format!("signal=KILL:when={nth}"));
        let options = [
            "-f",
            "-e",
            &format!("trace={call}"),
            "-e",
            &inject,
            "-o",
            trace.to_str().unwrap(),
        ];
        let output = traced(&whole, &options).output().unwrap();
        assert_eq!(output.status.signal(), Some(9), "{round}: {}", text(&output));
        let (before, transcript) = (keys(&whole), recorded(&whole));
        // The transcript goes last of all: without it nothing is left to go on with, and what is there stays.
        let is_over = ["unlink", "unlinkat", "rmdir"].contains(&call) && transcript.is_empty();
        if is_over {
            assert!(refuse(&mut whole.run()).contains("node is not empty"), "{round}");
        } else {
            let printed = succeed(&mut whole.run());
            assert!(printed.contains("Transcript: write its end down"), "{round}");
        }
        let after = keys(&whole);
        assert_eq!(after.len(), 5, "{round}");
        for (name, bytes) in before {
            let key = name.strip_suffix(".key").unwrap();
            if transcript.contains(&format!("{{\"key_made\":{{\"key\":\"{key}\"")) {
                assert_eq!(after[&name], bytes, "{round}: {name}");
            }
        }
        let places: &[&str] = if specification == SMALL {
            &["node", "offline"]
        } else {
            &["backup", "node", "offline"]
        };
        for place in places {
            succeed(bootseal(["ceremony", "verify"]).arg(whole.path(place)));
        }
        let mut left: Vec<String> = fs::read_dir(whole.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !["ceremony.toml", "passphrase", "trace", "state"].contains(&name.as_str()))
            .filter(|name| !is_over || name != ".node.ceremony")
            .collect();
        left.sort();
        assert_eq!(left, places, "{round}");
    });
}

/// The bytes that a process wrote, by the file or device that they went to.
fn writes(trace: &str) -> Vec<(String, Vec<u8>)> {
    let mut writes = Vec::new();
    for line in trace.lines() {
        let Some(call) = line.split_once(' ').map(|(_, call)| call.trim_start()) else {
            continue;
        };
        if !call.starts_with("write(") && !call.starts_with("pwrite64(") && !call.starts_with("sendto(") {
            continue;
        }
        let target = call
            .split_once('<')
            .and_then(|(_, rest)| rest.split_once('>'))
            .unwrap()
            .0;
        let target = String::from_utf8(unescape(target)).unwrap();
        let data = call.split_once(", \"").unwrap().1.split('"').next().unwrap();
        writes.push((target, unescape(data)));
    }
    writes
}

/// Undoes strace's `-xx`.
fn unescape(text: &str) -> Vec<u8> {
    if text.starts_with("\\x") {
        hex::decode(text.replace("\\x", "")).unwrap()
    } else {
        text.into()
    }
}

/// Parts of a text that are long enough to be it, and in no other.
fn parts(secret: &str) -> Vec<Vec<u8>> {
    let lines = secret
        .lines()
        .filter(|line| !line.starts_with("-----") && line.len() >= 20);
    lines.map(|line| line.as_bytes()[..20].to_vec()).collect()
}

#[test]
fn secrets_are_written_to_their_own_files_and_nowhere_else() {
    let whole = Whole::planned(SHARED);
    let trace = whole.path("trace");
    let options = [
        "-f",
        "-xx",
        "-y",
        "-s",
        "10000000",
        "-e",
        "trace=write,pwrite64,writev,pwritev,sendto,prctl",
        "-o",
        trace.to_str().unwrap(),
    ];
    let mut command = traced(&whole, &options);
    let output = command.arg("--verbose").output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let trace = fs::read_to_string(&trace).unwrap();
    assert!(!trace.contains("writev("), "a call that is not looked through");
    assert!(
        trace.lines().take(5).any(|line| line.contains("PR_SET_DUMPABLE")),
        "core dumps stay possible for too long"
    );
    let writes = writes(&trace);
    assert!(
        writes
            .iter()
            .any(|(target, _)| target.ends_with("/node/db.key") || target.contains("bootseal-new/db.key"))
    );

    // Secret text, and the names of files that may hold it.
    let mut secrets: Vec<(Vec<u8>, &str)> = vec![(crate::support::ceremony::PASSPHRASE.into(), "none")];
    for name in ["db.key", "module.key", "grub.key"] {
        let pem = fs::read_to_string(whole.path("node").join(name)).unwrap();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
        secrets.extend(parts(&pem).into_iter().skip(10).map(|part| (part, name)));
        // The primes as they are.
        let mut openssl = tool("openssl");
        let der = whole.path("plain.der");
        succeed(
            openssl
                .args(["pkey", "-outform", "DER", "-in"])
                .arg(whole.path("node").join(name))
                .arg("-out")
                .arg(&der),
        );
        let der = fs::read(der).unwrap();
        // Behind modulus and exponents: the first prime.
        let place = der.len() * 62 / 100;
        secrets.push((der[place..place + 24].to_vec(), name));
    }
    for number in 1..=3 {
        let name = ["share-1.html", "share-2.html", "share-3.html"][number - 1];
        secrets.push((whole.share(u8::try_from(number).unwrap()).into_bytes(), name));
    }
    for (secret, home) in &secrets {
        let mut found = 0;
        for (target, bytes) in &writes {
            if bytes.windows(secret.len()).any(|window| window == secret) {
                found += 1;
                assert_eq!(
                    Path::new(target).file_name().unwrap().to_str().unwrap(),
                    *home,
                    "{target}"
                );
            }
        }
        assert!(
            found > 0 || *home == "none" || !secret.is_ascii(),
            "{home} was never written"
        );
    }
    for place in ["node", "offline", "backup", "backup/shares"] {
        for entry in fs::read_dir(whole.path(place)).unwrap() {
            let entry = entry.unwrap();
            let mode = std::os::unix::fs::PermissionsExt::mode(&entry.metadata().unwrap().permissions());
            let Ok(bytes) = fs::read(entry.path()) else { continue };
            if mode & 0o077 != 0 && entry.file_type().unwrap().is_file() {
                for (secret, home) in &secrets {
                    let holds = bytes.windows(secret.len()).any(|window| window == secret);
                    assert!(!holds, "{} holds what belongs to {home}", entry.path().display());
                }
            }
        }
    }
    let all = text(&output);
    assert!(!all.contains(&whole.share(1)) && !all.contains(crate::support::ceremony::PASSPHRASE));
}

#[test]
fn it_leaves_no_core_and_a_signal_leaves_it_to_be_gone_on_with() {
    let whole = Whole::planned(SHARED);
    let trace = whole.path("trace");
    let run = |signal: &str| {
        let inject = injection("fsync", &format!("signal={signal}:when=9"));
        let options = ["-f", "-e", "trace=fsync", "-e", &inject, "-o", trace.to_str().unwrap()];
        let traced = traced(&whole, &options);
        // As large a core as the system allows.
        let mut shell = tool("sh");
        shell
            .args(["-c", "ulimit -c unlimited; exec \"$@\"", "sh"])
            .arg(traced.get_program())
            .args(traced.get_args());
        shell.env("STATE_DIRECTORY", whole.path("state"));
        shell.output().unwrap()
    };
    run("ABRT");
    let log = fs::read_to_string(&trace).unwrap();
    assert!(
        log.contains("killed by SIGABRT") && !log.contains("core dumped"),
        "{log}"
    );
    let interrupted = run("INT");
    assert_eq!(interrupted.status.code(), Some(3), "{}", text(&interrupted));
    let message = text(&interrupted);
    for expected in [
        "interrupted by a signal; the finished steps are recorded",
        "run the same command again",
        "ceremony abort",
    ] {
        assert!(message.contains(expected), "{message}");
    }
    let aborted = succeed(bootseal(["ceremony", "abort"]).arg(whole.path(".node.ceremony")));
    assert!(aborted.contains("removed: "), "{aborted}");
    assert!(!whole.path(".node.ceremony").exists() && !whole.path("node").exists());
    refuse(bootseal(["ceremony", "abort"]).arg(whole.path(".node.ceremony")));
}
