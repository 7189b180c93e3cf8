use super::*;
use crate::system::config::Config;
use crate::system::{Clock, Context};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn ids_are_groups_and_names_and_each_is_there_once() {
    let mut ids: Vec<&str> = all_checks().map(|check| check.id).collect();
    for check in all_checks() {
        let (group, name) = check.id.split_once('.').unwrap();
        assert_eq!(group, check.group.name());
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{}", check.id);
        assert!(check.proves.ends_with('.') && !check.remedy.is_empty(), "{}", check.id);
    }
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

/// Where there is no UEFI, no keys and no kernel's own files, nothing passes.
#[test]
fn what_cannot_be_looked_at_is_no_pass() {
    let root = tempfile::tempdir().unwrap();
    let context = Context::host().with_root(root.path());
    let config = Config::default();
    let machine = Machine::new(&context, &config, root.path().join("keys"));
    let audit = audit(&machine, &Selection::default(), &Baseline::default()).unwrap();
    for checked in &audit.checked {
        let status = checked.status();
        assert!(
            status == Status::CouldNotRun || status == Status::NotApplicable,
            "{}: {:?}",
            checked.check.id,
            checked.outcome
        );
    }
    assert_eq!(audit.failure().unwrap().kind().exit_code(), 3);
}

#[test]
fn a_baseline_accepts_with_a_reason_until_a_day() {
    let root = tempfile::tempdir().unwrap();
    let keys = root.path().join("keys");
    fs::create_dir(&keys).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o755)).unwrap();
    let path = root.path().join("baseline.toml");
    let text = format!(
        "[[accept]]\ncheck = \"keys.private\"\nsubject = \"{}\"\nreason = \"it is a demonstration\"\nuntil = \"2026-11-30\"\n",
        keys.display()
    );
    fs::write(&path, &text).unwrap();
    let config = Config::default();
    let status = |day: u64, text: &str| {
        fs::write(&path, text).unwrap();
        // 2026-11-30 is the day 20,787 after 1970-01-01.
        let context = Context::host()
            .with_root(root.path())
            .with_clock(Clock::Fixed(day * 86_400));
        let machine = Machine::new(&context, &config, keys.clone());
        let baseline = Baseline::load(&context, Some(&path)).unwrap();
        let only = Selection {
            only: vec!["keys.private".to_owned()],
            ..Selection::default()
        };
        let audit = audit(&machine, &only, &baseline).unwrap();
        let findings = &audit.checked[0].outcome.findings;
        (
            audit.checked[0].status(),
            findings.first().map(|finding| finding.text.clone()).unwrap_or_default(),
        )
    };
    assert_eq!(status(20_787, &text).0, Status::Pass);
    let (expired, said) = status(20_788, &text);
    assert_eq!(expired, Status::Fail);
    assert!(said.contains("accepted until 2026-11-30, which is past"), "{said}");
    assert_eq!(status(20_787, &text.replace("/keys", "/other")).0, Status::Fail);
    let context = Context::host();
    for wrong in [
        text.replace("it is a demonstration", " "),
        text.replace("2026-11-30", "2026-11-31"),
        text.replace("keys.private", "keys.privat"),
    ] {
        fs::write(&path, format!("# ours\n\n{wrong}")).unwrap();
        let error = Baseline::load(&context, Some(&path)).unwrap_err();
        assert_eq!(error.kind().exit_code(), 2);
        assert!(error.in_one_line().contains("the entry from line 3 on"), "{error:?}");
    }
}
