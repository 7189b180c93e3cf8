//! Backup, drill and transcript.

use std::collections::BTreeMap;

use super::*;
use crate::keys::{Signer, SoftwareKey};

#[test]
fn keys_go_to_their_places_and_come_back_from_their_backup() {
    let outside = tempfile::tempdir().unwrap();
    let spec = complete_spec(outside.path());
    let context = Context::host();
    let plan = Plan::new(&context, &spec).unwrap();
    let report = run(&context, &spec).unwrap();
    assert_eq!(report.plan, plan.digest);
    assert_eq!(names(outside.path()), ["backup", "node", "offline"]);
    for file in &plan.contents.files {
        let mode = fs::metadata(&file.path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(format!("{mode:04o}"), file.mode, "{}", file.path);
    }
    let keys = |place: &str| -> Vec<String> {
        let mut names = names(&outside.path().join(place));
        names.retain(|name| Path::new(name).extension().is_some_and(|ending| ending == "key"));
        names
    };
    assert_eq!(keys("node"), ["db.key", "grub.key", "module.key"]);
    assert_eq!(keys("offline"), ["KEK.key", "PK.key"]);
    assert_eq!(report.missing.len(), 1);

    for place in ["node", "offline", "backup"] {
        let verified = verify::verify(&outside.path().join(place), None).unwrap();
        assert_eq!(verified.findings, [""; 0], "{place}");
        assert!(!verified.complete);
        assert_eq!(Some(verified.head), report.transcript);
    }
    let (node, backup) = (outside.path().join("node"), outside.path().join("backup"));
    let archive = backup.join(ARCHIVE);
    let drill_with = |opener| drill::drill(&context, &node, &[], &archive, &opener);
    let too_few = drill_with(Opener::Shares(vec![share(&backup, 1)])).unwrap_err();
    assert_eq!(too_few.causes(), ["2 different shares are needed, not 1"]);
    assert!(drill_with(Opener::Passphrase(passphrase())).is_err());
    assert!(!verify::verify(&node, None).unwrap().complete);
    let drilled = drill_with(Opener::Shares(vec![share(&backup, 3), share(&backup, 1)])).unwrap();
    assert_eq!(drilled.restored, ["PK", "KEK", "db", "module", "grub"]);
    assert_eq!(drilled.opened_by, "shares 1, 3");

    // The sheet's lines, as somebody scans them.
    let page = fs::read_to_string(backup.join(SHEET)).unwrap();
    let blocks = page.split("<pre class=\"lines\">").skip(1);
    let lines: Vec<&str> = blocks.map(|block| block.split('<').next().unwrap()).collect();
    let scanned = outside.path().join("scanned.txt");
    fs::write(&scanned, lines.join("\n")).unwrap();
    let shares = Opener::Shares(vec![share(&backup, 2), share(&backup, 1)]);
    let drilled = drill::drill(&context, &node, &[], &scanned, &shares).unwrap();
    assert_eq!(drilled.from, "sheet");

    let end = note(&context, &node, "Ada was present", &mut |_| unreachable!("db is plain")).unwrap();
    let verified = verify::verify(&node, Some(&end.head)).unwrap();
    assert_eq!((verified.findings, verified.lines_since_head), (Vec::new(), Some(0)));
    // An end that was written down earlier is genuine; two lines came after it.
    for earlier in [&drilled.end.head, &drilled.end.words.replace('-', " ")] {
        let verified = verify::verify(&node, Some(earlier)).unwrap();
        assert_eq!((verified.findings, verified.lines_since_head), (Vec::new(), Some(2)));
    }
    let other = verify::verify(&node, Some(&"0".repeat(64))).unwrap();
    assert!(
        other.findings[0].contains("no line of it has the one named"),
        "{:?}",
        other.findings
    );
    // The beginning has nothing before it.
    assert_eq!(other.lines_since_head, None);
    let verified = verify::verify(&node, None).unwrap();
    assert!(verified.complete && verified.remarks[0].ends_with(": Ada was present"));
}

#[test]
fn a_file_that_changed_is_found() {
    let outside = tempfile::tempdir().unwrap();
    run(&Context::host(), &complete_spec(outside.path())).unwrap();
    let node = outside.path().join("node");
    let findings = || verify::verify(&node, None).unwrap().findings;
    let finding = |expected: &str| {
        let findings = findings();
        assert!(findings.len() == 1 && findings[0].ends_with(expected), "{findings:?}");
    };
    let db = node.join("db.pem");
    let original = fs::read(&db).unwrap();
    fs::write(&db, b"other").unwrap();
    finding("db.pem is not the file that is recorded");
    fs::write(&db, &original).unwrap();
    let key = node.join("db.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    finding("db.key has the mode 0644: others can use it");
    fs::rename(&key, outside.path().join("db.key")).unwrap();
    finding("db.key is missing");
    fs::rename(outside.path().join("db.key"), &key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
    fs::write(node.join("other.key"), b"").unwrap();
    finding("other.key is not recorded");
    fs::remove_file(node.join("other.key")).unwrap();
    assert_eq!(findings(), [""; 0]);
}

/// The transcript of a ceremony with a drill, made once.
fn transcript() -> (tempfile::TempDir, Vec<u8>) {
    let outside = tempfile::tempdir().unwrap();
    let mut spec = complete_spec(outside.path());
    spec.microsoft = Selection::none();
    spec.dbx = Revocations::None;
    run(&Context::host(), &spec).unwrap();
    let (node, backup) = (outside.path().join("node"), outside.path().join("backup"));
    let shares = Opener::Shares(vec![share(&backup, 2), share(&backup, 1)]);
    drill::drill(&Context::host(), &node, &[], &backup.join(ARCHIVE), &shares).unwrap();
    let bytes = fs::read(node.join(TRANSCRIPT)).unwrap();
    (outside, bytes)
}

#[test]
fn every_byte_of_the_transcript_counts() {
    let (_directory, bytes) = transcript();
    let holds =
        |bytes: &[u8]| Transcript::parse(bytes).is_ok_and(|transcript| verify::check_seals(&transcript).is_ok());
    assert!(holds(&bytes));
    (0..bytes.len()).into_par_iter().for_each(|place| {
        for mask in [0x01, 0x20, 0x80, 0xff] {
            let mut flipped = bytes.clone();
            flipped[place] ^= mask;
            assert!(!holds(&flipped), "byte {place} ^ {mask:#x}");
        }
        let without = [&bytes[..place], &bytes[place + 1..]].concat();
        assert!(!holds(&without), "without byte {place}");
    });
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let is_seal = |line: &&[u8]| String::from_utf8_lossy(line).contains("\"sealed\"");
    for kept in 0..lines.len() {
        // Cut back to an earlier seal it holds, and it takes the head that was written down to see that.
        assert_eq!(holds(&lines[..kept].concat()), kept > 0 && is_seal(&lines[kept - 1]));
        for other in 0..kept {
            let mut swapped = lines.clone();
            swapped.swap(kept, other);
            assert!(!holds(&swapped.concat()));
        }
    }
}

#[test]
fn a_drill_is_waived_by_name_or_the_ceremony_is_not_complete() {
    let outside = tempfile::tempdir().unwrap();
    let mut spec = plain("x", &outside.path().join("keys"));
    let (by, reason) = ("Ada Lovelace".to_owned(), "to try things on".to_owned());
    spec.waiver = Some(Waiver { by, reason });
    let report = run(&Context::host(), &spec).unwrap();
    assert_eq!(report.missing, [""; 0]);
    let verified = verify::verify(&spec.out, None).unwrap();
    assert!(verified.complete && verified.last_drill.is_none());
    assert!(verified.remarks[0].ends_with("Ada Lovelace waives the restore drill: to try things on"));
}

#[test]
fn another_passphrase_is_recorded_and_the_old_one_is_of_no_use() {
    let outside = tempfile::tempdir().unwrap();
    run(&Context::host(), &complete_spec(outside.path())).unwrap();
    let keys = KeyDirectory::open(&outside.path().join("offline")).unwrap();
    let new = Passphrase::new("better horse").unwrap();
    let rewrap = |old: &str, new: Option<&Passphrase>| {
        let ask = &mut |_: &str| Passphrase::new(old);
        life::rewrap(&Context::host(), &keys, &[KeyName::Pk, KeyName::Kek], new, ask)
    };
    let before = fs::read(keys.private_key_path(KeyName::Pk)).unwrap();
    assert!(rewrap("wrong horse", Some(&new)).is_err());
    assert_eq!(fs::read(keys.private_key_path(KeyName::Pk)).unwrap(), before);
    rewrap("correct horse", Some(&new)).unwrap();
    assert!(
        keys.private(KeyName::Pk, &mut |_| Passphrase::new("correct horse"))
            .is_err()
    );
    rewrap("better horse", None).unwrap();
    let mode = fs::metadata(keys.private_key_path(KeyName::Pk))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o400);
    let verified = verify::verify(keys.path(), None).unwrap();
    assert_eq!(verified.findings, [""; 0]);
    let listed = life::list(&keys).unwrap();
    let rests: Vec<&str> = listed.iter().map(|key| key.protection.as_str()).collect();
    assert_eq!(rests, ["plain", "plain", "elsewhere", "elsewhere", "elsewhere"]);
    assert!(
        listed
            .iter()
            .all(|key| key.backed_up == Some(true) && key.last_drill.is_none())
    );
    assert_eq!(life::show(&keys, KeyName::Db).unwrap(), listed[2]);
    fs::remove_file(keys.public_path(KeyName::Db)).unwrap();
    assert_eq!(life::show(&keys, KeyName::Db).unwrap_err().kind().exit_code(), 3);
}

#[test]
fn a_key_that_comes_later_is_vouched_for_by_one_that_is_known() {
    let outside = tempfile::tempdir().unwrap();
    let (context, directory) = (Context::host(), outside.path().join("keys"));
    run(&context, &plain("x", &directory)).unwrap();
    let keys = KeyDirectory::open(&directory).unwrap();
    let append = |is_vouched_for: bool| {
        let key = SoftwareKey::generate(&context, 2048).unwrap();
        let made = Event::KeyMade {
            key: "pcr".to_owned(),
            bits: 2048,
            protection: "plain".to_owned(),
            public_key: hex::encode(key.public_key().spki_der()),
            files: Vec::new(),
        };
        let mut signers: BTreeMap<KeyName, Box<dyn Signer>> = BTreeMap::new();
        signers.insert(KeyName::Pcr, Box::new(key));
        if is_vouched_for {
            let db = keys.software_key(KeyName::Db, &mut |_| unreachable!("a plain key"));
            signers.insert(KeyName::Db, Box::new(db.unwrap()));
        }
        let transcript = verify::read(&directory).unwrap().transcript;
        append_to_transcript(&context, &directory, transcript, vec![made], &signers)
    };
    let refused = append(false).unwrap_err().in_one_line();
    assert!(refused.contains("is not signed for by any key before it"), "{refused}");
    append(true).unwrap();
    verify::read(&directory).unwrap();
}
