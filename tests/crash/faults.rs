//! Death and failing system calls at every place of a run where that can matter.

use super::node::Template;
use super::tracer::{Fault, Faulted, Round, calls, inject, run};
use crate::support::text;

/// System calls that change something on disk, under their names on all architectures. A process that is killed
/// between two calls leaves the same disk as one that is killed just before the next of these.
const CHANGES: [&str; 22] = [
    "write",
    "writev",
    "pwrite64",
    "copy_file_range",
    "ftruncate",
    "fallocate",
    "mkdir",
    "mkdirat",
    "link",
    "linkat",
    "symlinkat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "fchmod",
    "fchown",
    "fsetxattr",
    "utimensat",
    "fsync",
    "syncfs",
];
/// Those that find the disk full.
const SPACE: [&str; 11] = [
    "openat",
    "write",
    "mkdir",
    "mkdirat",
    "linkat",
    "symlinkat",
    "fsync",
    "syncfs",
    "rename",
    "renameat",
    "fsetxattr",
];
/// Those that meet a broken disk: all that changes something, and these.
const READS: [&str; 12] = [
    "openat",
    "read",
    "getdents64",
    "statx",
    "newfstatat",
    "readlink",
    "readlinkat",
    "flock",
    "listxattr",
    "openat2",
    "flistxattr",
    "fgetxattr",
];

fn rounds(calls: Vec<(String, usize)>, fault: Fault) -> Vec<Round> {
    let round = |(call, nth)| Round { call, nth, fault };
    calls.into_iter().map(round).collect()
}

/// That the run makes the calls on which everything depends.
fn assert_covered(rounds: &[Round], calls: &[&str]) {
    for call in calls {
        let found = rounds.iter().any(|round| round.call.starts_with(call));
        assert!(found, "a run makes no {call}");
    }
}

fn killed(round: &Round, faulted: &Faulted<'_>) {
    assert!(faulted.injected, "{round:?}: nothing was injected");
    assert!(!faulted.output.status.success(), "{round:?}");
    let stale = faulted
        .node
        .check_whole()
        .unwrap_or_else(|wrong| panic!("{round:?}: {wrong}"));
    // The one moment that no file system can make one: between the renames of a kernel and of its signatures. GRUB
    // refuses such a kernel; the next run signs it.
    let kernels = ["boot/vmlinuz-6.12.58.sig", "boot/vmlinuz.sig"];
    let at_rename = round.call.starts_with("rename");
    assert!(
        stale.is_empty() || (at_rename && stale.iter().all(|name| kernels.contains(&name.as_str()))),
        "{round:?}: {stale:?}"
    );
    faulted.node.check_recovery();
}

#[test]
fn a_run_that_is_killed_at_any_change_leaves_every_file_old_or_new() {
    let template = Template::small();
    let rounds = rounds(calls(template, &CHANGES), Fault::Kill);
    assert_covered(
        &rounds,
        &[
            "write",
            "mkdir",
            "rename",
            "unlink",
            "fchmod",
            "fchown",
            "fsetxattr",
            "utimensat",
            "fsync",
        ],
    );
    run(template, &rounds, killed);
}

#[test]
fn a_run_of_several_threads_that_is_killed_leaves_every_file_old_or_new() {
    let template = Template::large();
    let mut injected = 0;
    for call in ["utimensat", "fchmod"] {
        for nth in 1..=8 {
            let round = Round {
                call: call.to_owned(),
                nth,
                fault: Fault::Kill,
            };
            let faulted = inject(template, &round, None);
            if faulted.injected {
                injected += 1;
                killed(&round, &faulted);
            }
        }
    }
    assert!(injected >= 4, "only {injected} runs were killed");
}

#[test]
fn a_run_that_is_killed_while_several_threads_rename_leaves_every_file_old_or_new() {
    let template = Template::many();
    let mut injected = 0;
    for nth in [1, 2, 7, 20, 45, 64, 80] {
        let round = Round {
            call: "renameat".to_owned(),
            nth,
            fault: Fault::Kill,
        };
        let faulted = inject(template, &round, None);
        if faulted.injected {
            injected += 1;
            killed(&round, &faulted);
        }
    }
    assert!(injected >= 4, "only {injected} runs were killed");
}

/// A run with an error ends in order: it says what is wrong, leaves nothing behind, and claims no success that is none.
fn failed(round: &Round, faulted: &Faulted<'_>) {
    let Faulted { node, output, injected } = faulted;
    let said = text(output);
    assert!(injected, "{round:?}: nothing was injected");
    if let Err(wrong) = node.check_whole() {
        panic!("{round:?}: {wrong}: {said}");
    }
    match output.status.code() {
        Some(0) => node.check_new(),
        Some(1 | 3) => assert!(
            node.is_named_in(&said)
                || said.contains("cannot write the report")
                || said.contains("cannot confine the process by Landlock to /"),
            "{round:?}: no file is named: {said}"
        ),
        code => panic!("{round:?}: exit code {code:?}: {said}"),
    }
    if !round.call.starts_with("unlink") {
        assert!(node.staged().is_empty(), "{round:?}: {:?}", node.staged());
    }
    node.check_ledger();
    node.check_recovery();
}

#[test]
fn a_disk_that_is_full_at_any_call_leaves_every_file_old_or_new() {
    let template = Template::small();
    let rounds = rounds(calls(template, &SPACE), Fault::Error("ENOSPC"));
    assert_covered(&rounds, &["openat", "write", "mkdir", "fsync", "rename", "fsetxattr"]);
    run(template, &rounds, failed);
}

#[test]
fn a_disk_that_fails_at_any_call_leaves_every_file_old_or_new() {
    let template = Template::small();
    let calls = calls(template, &[&CHANGES[..], &READS[..]].concat());
    let rounds = rounds(calls, Fault::Error("EIO"));
    assert_covered(
        &rounds,
        &[
            "read",
            "getdents64",
            "statx",
            "flock",
            "rename",
            "unlink",
            "fsync",
            "utimensat",
        ],
    );
    run(template, &rounds, failed);
}

#[test]
fn a_file_system_that_cannot_be_flushed_leaves_every_file_old_or_new() {
    let template = Template::large();
    let calls = calls(template, &["syncfs"]);
    // Before and after the renames.
    assert_eq!(calls.len(), 2, "{calls:?}");
    for fault in ["ENOSPC", "EIO"] {
        run(template, &rounds(calls.clone(), Fault::Error(fault)), failed);
    }
    run(template, &rounds(calls, Fault::Kill), killed);
}
