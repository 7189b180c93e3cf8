use super::*;
use crate::system::Clock;
use std::fs;

fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Context) {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let context = Context::host().with_root(root.path());
    (root, context)
}

fn see(context: &Context, id: MachineCheck) -> Check {
    run(context, &Spec::new("x", "/nonexistent/keys"), id)
}

#[test]
fn each_check_tells_good_from_bad_and_from_unknown() {
    let good = [
        ("sys/class/net/lo/operstate", "unknown"),
        ("sys/class/net/lo/carrier", "1"),
        ("sys/class/net/eth0/operstate", "down\n"),
        (
            "proc/swaps",
            "Filename Type Size Used Priority\n/dev/dm-1 partition 1 0 -2\n/dev/zram0 partition 1 0 5\n",
        ),
        ("sys/block/dm-1/dm/uuid", "CRYPT-PLAIN-swap"),
        (
            "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
            "\u{6}\0\0\0\u{1}",
        ),
    ];
    let bad = [
        ("sys/class/net/wg0/operstate", "unknown"),
        ("sys/class/net/wg0/carrier", "1\n"),
        (
            "proc/swaps",
            "Filename Type Size Used Priority\n/dev/dm-1 partition 1 0 -2\n/dev/sda2 partition 1 0 5\n",
        ),
        ("sys/block/dm-1/dm/uuid", "LVM-abc"),
        (
            "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
            "\u{6}\0\0\0\0",
        ),
    ];
    let (_good, good) = tree(&good);
    let (_bad, bad) = tree(&bad);
    let (_none, none) = tree(&[]);
    for id in [MachineCheck::Network, MachineCheck::Swap, MachineCheck::SecureBoot] {
        assert_eq!(see(&good, id).status, Status::Pass, "{id:?}");
        assert_eq!(see(&good, id).remedy, None);
        assert_eq!(see(&bad, id).status, Status::Warn, "{id:?}");
        assert!(see(&bad, id).remedy.is_some());
        assert_eq!(see(&none, id).status, Status::CouldNotRun, "{id:?}");
    }
    let reason = see(&bad, MachineCheck::Swap).reason;
    assert!(reason.ends_with("/dev/dm-1, /dev/sda2"), "{reason}");
    for (now, status) in [
        (0, Status::Warn),
        (system::program_date().unwrap(), Status::Pass),
        (4_102_444_800, Status::Warn),
    ] {
        // Not the records of the machine that runs this.
        let context = none.clone().with_clock(Clock::Fixed(now));
        assert_eq!(see(&context, MachineCheck::Clock).status, status);
    }
    assert_eq!(see(&good, MachineCheck::Randomness).status, Status::Pass);
    assert_eq!(work_space(Path::new("/dev/shm/x/y")).unwrap().0, Status::Pass);
    assert_eq!(work_space(Path::new("/proc/x")).unwrap().0, Status::Warn);
}

#[test]
fn a_specification_makes_a_warning_fatal() {
    let (_bad, bad) = tree(&[("proc/swaps", "Filename\n/swapfile file 1 0 -2\n")]);
    let mut spec = Spec::new("x", "/nonexistent/keys");
    insist(&spec, &look(&bad, &spec)).unwrap();
    spec.fatal.insert(MachineCheck::Swap);
    let error = insist(&spec, &look(&bad, &spec)).unwrap_err();
    assert_eq!(error.hints(), ["swapoff -a"]);
    // What cannot be seen is no pass.
    spec.fatal = [MachineCheck::SecureBoot].into();
    assert!(insist(&spec, &look(&bad, &spec)).is_err());
    spec.fatal = [MachineCheck::Program].into();
    spec.program = Some(program().unwrap());
    insist(&spec, &look(&bad, &spec)).unwrap();
    spec.program = Some("00".repeat(32));
    assert!(insist(&spec, &look(&bad, &spec)).is_err());
}

#[test]
fn without_proc_the_hint_mounts_it() {
    let directory = tempfile::tempdir().unwrap();
    let error = program_at(&directory.path().join("proc/self/exe")).unwrap_err();
    assert_eq!(error.hints(), ["mount -t proc proc /proc"]);
    assert_eq!(error.kind().exit_code(), 3);
    let other = program_at(directory.path()).unwrap_err();
    assert!(other.hints().is_empty(), "{other}");
}

#[test]
fn scripts_and_transcripts_read_the_answer_as_before() {
    let check = Check {
        id: MachineCheck::Swap,
        status: Status::CouldNotRun,
        reason: "no".to_owned(),
        remedy: None,
    };
    let json = serde_json::to_value(&check).unwrap();
    assert_eq!(json["outcome"], "could_not_run");
    assert_eq!(check.record().outcome, "could not run");
}
