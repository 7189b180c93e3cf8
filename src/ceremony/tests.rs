use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rayon::prelude::*;

use super::backup::drill::Opener;
use super::transcript::{Event, Transcript};
use super::*;
use crate::formats::guid::Guid;
use crate::formats::hash::HashAlgorithm;
use crate::formats::share::Share;
use crate::keys::KeyDirectory;
use crate::keys::directory::TRANSCRIPT;
use crate::system::Clock;
use crate::trust::microsoft::Selection;

/// 2028-02-29T12:00:00Z: a leap day, in the past of no certificate that matters here.
const LEAP_DAY: u64 = 1_835_438_400;

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn plain(name: &str, out: &Path) -> Spec {
    Spec::new(name, out).with_plain(KeyName::ALL)
}

fn run(context: &Context, spec: &Spec) -> Result<Report> {
    super::run(context, spec, &Unobserved)
}

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse").unwrap()
}

#[test]
fn a_ceremony_makes_what_its_dry_run_says() {
    let outside = tempfile::tempdir().unwrap();
    let out = outside.path().join("keys");
    let spec = Spec {
        passphrase: Some(passphrase()),
        ..Spec::new("Node, one+", &out).with_plain([KeyName::Db, KeyName::Module, KeyName::Grub])
    };
    let context = Context::host().with_clock(Clock::Fixed(LEAP_DAY));
    let planned = run(&context.clone().with_dry_run(true), &spec).unwrap();
    assert_eq!(names(outside.path()).len(), 0);

    let report = run(&context, &spec).unwrap();
    assert_eq!(names(outside.path()), ["keys"]);
    assert_eq!(names(&out), report.files);
    assert_eq!(planned.files, report.files);
    assert_eq!((planned.dry_run, report.dry_run), (true, false));
    assert_eq!(report.revocations, 443);
    for (planned, made) in planned.keys.iter().zip(&report.keys) {
        assert_eq!(planned.subject, made.subject);
        assert_eq!(
            (&planned.private_key, &planned.public_key),
            (&made.private_key, &made.public_key)
        );
        assert!(Path::new(&made.public_key).is_file());
        let mode = fs::metadata(&made.private_key).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o400);
        let begins = fs::read_to_string(&made.private_key).unwrap();
        assert_eq!(
            begins.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
            made.encrypted
        );
    }
    assert_eq!(report.keys[2].subject, "Node, one+ Secure Boot Signing Key 2028");
    assert_eq!(report.keys[2].not_after.as_deref(), Some("2038-02-28T12:00:00Z"));

    let directory = KeyDirectory::open(&out).unwrap();
    let mut asked = Vec::new();
    let mut ask = |name: &str| {
        asked.push(name.to_owned());
        Passphrase::new("correct horse")
    };
    directory.identity(KeyName::Pk, &mut ask).unwrap();
    directory.identity(KeyName::Db, &mut ask).unwrap();
    assert_eq!(asked, ["Passphrase of the PK key"]);
}

#[test]
fn the_revocations_are_microsofts_byte_for_byte() {
    let spec = Spec::new("x", "/nonexistent/keys");
    let bytes = make::revocations(&spec).unwrap().unwrap().to_bytes();
    assert_eq!(bytes.len(), 21_292);
    assert_eq!(
        HashAlgorithm::Sha256.digest(&[&bytes]).to_hex(),
        "140da251d008f95069c2412b1e432e392b1a2988845a0aebbcaac9ed2cc03716"
    );
}

#[test]
fn own_keys_only_and_no_revocations_can_be_asked_for() {
    let outside = tempfile::tempdir().unwrap();
    let out = outside.path().join("keys");
    let spec = Spec {
        microsoft: Selection::none(),
        dbx: Revocations::None,
        owner: Some(Guid::GLOBAL),
        ..plain("x", &out)
    };
    let report = run(&Context::host(), &spec).unwrap();
    assert_eq!(report.owner.as_deref(), Some("8be4df61-93ca-11d2-aa0d-00e098032b8c"));
    assert!(!out.join("dbx.auth").exists());
    let directory = KeyDirectory::open(&out).unwrap();
    for name in [KeyName::Pk, KeyName::Kek, KeyName::Db] {
        let database = directory.database(name.variable().unwrap()).unwrap();
        let entries: Vec<_> = database.certificates().collect();
        let own = directory.certificate(name).unwrap();
        assert_eq!(entries, [(Guid::GLOBAL, own.as_der())]);
    }
}

#[test]
fn what_cannot_be_made_is_refused_before_anything_is() {
    let outside = tempfile::tempdir().unwrap();
    let out = outside.path().join("keys");
    for name in ["", " x", "x\n", "a name that has more characters than fit"] {
        let error = run(&Context::host(), &plain(name, &out)).unwrap_err();
        assert_eq!(error.kind().exit_code(), 2, "{name:?}");
    }
    let error = run(&Context::host(), &Spec::new("x", &out)).unwrap_err();
    assert!(error.to_string().contains("no passphrase"), "{error}");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("PK.key"), b"precious").unwrap();
    let error = run(&Context::host(), &plain("x", &out)).unwrap_err();
    assert_eq!(error.kind().exit_code(), 1);
    assert_eq!(names(outside.path()), ["keys"]);
    assert_eq!(names(&out), ["PK.key"]);
}

#[test]
fn an_error_halfway_goes_on_later_or_is_aborted_with_nothing_left() {
    let outside = tempfile::tempdir().unwrap();
    let out = outside.path().join("keys");
    // OpenPGP's clock ends in 2106, so GRUB's key fails after the others were written.
    let context = Context::host().with_clock(Clock::Fixed(4_300_000_000));
    let error = run(&context, &plain("x", &out)).unwrap_err();
    assert!(error.to_string().contains("2106"), "{error}");
    assert_eq!(names(outside.path()), [".keys.ceremony"]);
    let work = outside.path().join(".keys.ceremony");
    assert!(
        error
            .hints()
            .contains(&format!("bootseal ceremony abort {}", work.display()).as_str())
    );
    let mode = fs::metadata(&work).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);

    let other = run(&Context::host(), &plain("y", &out)).unwrap_err();
    assert!(other.to_string().contains("another ceremony is under way"), "{other}");
    let no_pin = &mut |_: &str| unreachable!("no key is on a token");
    let aborted = abort(&Context::host(), &work, no_pin).unwrap();
    assert_eq!(aborted.work, work.display().to_string());
    assert_eq!(names(outside.path()).len(), 0);
    assert!(abort(&Context::host(), &work, no_pin).is_err());
}

/// A ceremony with all that one can have but tokens.
fn whole(outside: &Path) -> Spec {
    let mut spec = Spec::new("whole", outside.join("node")).with_plain([KeyName::Db, KeyName::Module, KeyName::Grub]);
    spec.offline = Some(outside.join("offline"));
    for name in [KeyName::Pk, KeyName::Kek] {
        spec.keys.get_mut(&name).unwrap().place = Place::Offline;
    }
    // The smallest keys: this is about the order of things.
    for (name, key) in &mut spec.keys {
        key.bits = if *name == KeyName::Grub { 3072 } else { 2048 };
    }
    let shares = Some(Shares { needed: 2, of: 3 });
    let directory = outside.join("backup");
    spec.backup = Some(Backup { directory, shares });
    spec.passphrase = Some(passphrase());
    spec
}

fn share(backup: &Path, number: u8) -> Share {
    let page = fs::read_to_string(backup.join("shares").join(backup::share_name(number))).unwrap();
    let start = page.find("bs1-").unwrap();
    Share::parse(page[start..].split('<').next().unwrap()).unwrap()
}

#[test]
fn keys_go_to_their_places_and_come_back_from_their_backup() {
    let outside = tempfile::tempdir().unwrap();
    let spec = whole(outside.path());
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
    let archive = backup.join(backup::ARCHIVE);
    let drill = |opener| backup::drill::drill(&context, &node, &archive, &opener);
    let too_few = drill(Opener::Shares(vec![share(&backup, 1)])).unwrap_err();
    assert_eq!(too_few.causes(), ["1 shares are there, and 2 are needed"]);
    assert!(drill(Opener::Passphrase(passphrase())).is_err());
    assert!(!verify::verify(&node, None).unwrap().complete);
    let drilled = drill(Opener::Shares(vec![share(&backup, 3), share(&backup, 1)])).unwrap();
    assert_eq!(drilled.restored, ["PK", "KEK", "db", "module", "grub"]);
    assert_eq!(drilled.opened_by, "shares 1, 3");

    // The sheet's lines, as somebody scans them.
    let page = fs::read_to_string(backup.join(backup::SHEET)).unwrap();
    let blocks = page.split("<pre class=\"lines\">").skip(1);
    let lines: Vec<&str> = blocks.map(|block| block.split('<').next().unwrap()).collect();
    let scanned = outside.path().join("scanned.txt");
    fs::write(&scanned, lines.join("\n")).unwrap();
    let shares = Opener::Shares(vec![share(&backup, 2), share(&backup, 1)]);
    let drilled = backup::drill::drill(&context, &node, &scanned, &shares).unwrap();
    assert_eq!(drilled.from, "sheet");

    let head = note(&context, &node, "Ada was present", &mut |_| unreachable!("db is plain")).unwrap();
    let verified = verify::verify(&node, Some(&drilled.head)).unwrap();
    assert!(
        verified.findings[0].contains("not the one named"),
        "{:?}",
        verified.findings
    );
    let verified = verify::verify(&node, Some(&head)).unwrap();
    assert_eq!(verified.findings, [""; 0]);
    assert!(verified.complete && verified.remarks[0].ends_with(": Ada was present"));
}

#[test]
fn a_file_that_changed_is_found() {
    let outside = tempfile::tempdir().unwrap();
    run(&Context::host(), &whole(outside.path())).unwrap();
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
    let mut spec = whole(outside.path());
    spec.microsoft = Selection::none();
    spec.dbx = Revocations::None;
    run(&Context::host(), &spec).unwrap();
    let (node, backup) = (outside.path().join("node"), outside.path().join("backup"));
    let shares = Opener::Shares(vec![share(&backup, 2), share(&backup, 1)]);
    backup::drill::drill(&Context::host(), &node, &backup.join(backup::ARCHIVE), &shares).unwrap();
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

/// Cuts the ceremony off as `kill -9` does, with files that the next steps may have left half written.
#[test]
fn cut_off_it_goes_on_with_the_same_keys_and_no_leftover() {
    struct Cut(std::cell::Cell<usize>);
    impl Observer for Cut {
        fn step(&self, _: &str) {
            self.0.set(self.0.get() + 1);
        }
    }
    let counter = Cut(std::cell::Cell::new(0));
    let reference = tempfile::tempdir().unwrap();
    super::run(&Context::host(), &whole(reference.path()), &counter).unwrap();
    let steps = counter.0.get();
    assert!(steps > 15, "{steps}");
    // Every place at which a process can be killed is tests/crash's; these are before certificates, backup and seal.
    [2, steps - 7, steps - 3].into_par_iter().for_each(|cut| {
        struct Stop(std::cell::Cell<usize>);
        impl Observer for Stop {
            fn step(&self, _: &str) {
                if self.0.replace(self.0.get() - 1) == 1 {
                    std::panic::resume_unwind(Box::new("killed"));
                }
            }
        }
        let outside = tempfile::tempdir().unwrap();
        let spec = whole(outside.path());
        let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            super::run(&Context::host(), &spec, &Stop(std::cell::Cell::new(cut)))
        }));
        assert!(killed.is_err(), "step {cut}");
        let work = spec.work_directory();
        let before = Transcript::parse(&fs::read(work.join(TRANSCRIPT)).unwrap()).unwrap();
        for folder in ["keys", "backup", "shares"] {
            for left in [
                "PK.key",
                "module.pem",
                "dbx.auth",
                "grub.gpg",
                backup::ARCHIVE,
                "share-2.html",
            ] {
                let path = work.join(folder).join(left);
                if !path.exists() {
                    fs::write(path, b"cut off").unwrap();
                }
            }
        }
        {
            let mut wrong = whole(outside.path());
            wrong.passphrase = Some(Passphrase::new("wrong horse").unwrap());
            let sealed = before.events().any(|event| matches!(event, Event::Sealed { .. }));
            assert!(sealed || run(&Context::host(), &wrong).is_err(), "step {cut}");
        }
        run(&Context::host(), &spec).unwrap();
        assert_eq!(names(outside.path()), ["backup", "node", "offline"], "step {cut}");
        for place in ["node", "offline", "backup"] {
            let verified = verify::verify(&outside.path().join(place), None).unwrap();
            assert_eq!(verified.findings, [""; 0], "step {cut}");
        }
        // What was recorded before is recorded still, and the files with it.
        let after = fs::read(outside.path().join("node").join(TRANSCRIPT)).unwrap();
        assert!(after.starts_with(before.as_bytes()), "step {cut}");
    });
}

/// Killed while it clears up, a ceremony is over: neither way to end it touches what is in its place.
#[test]
fn what_is_in_its_place_outlives_a_run_cut_short_and_an_abort() {
    let outside = tempfile::tempdir().unwrap();
    let spec = whole(outside.path());
    let report = run(&Context::host(), &spec).unwrap();
    let transcript = fs::read(outside.path().join("node").join(TRANSCRIPT)).unwrap();
    let work = spec.work_directory();
    let half_cleared = || {
        crate::system::create_dir(&Context::host(), &work.join("keys")).unwrap();
        fs::set_permissions(&work, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(work.join(TRANSCRIPT), &transcript).unwrap();
    };
    half_cleared();
    let again = run(&Context::host(), &spec).unwrap();
    assert_eq!(again, report);
    half_cleared();
    let aborted = abort(&Context::host(), &work, &mut |_| unreachable!()).unwrap();
    assert_eq!(aborted.directories, [""; 0]);
    assert_eq!(names(outside.path()), ["backup", "node", "offline"]);
    for place in ["node", "offline", "backup"] {
        assert_eq!(
            verify::verify(&outside.path().join(place), None).unwrap().findings,
            [""; 0]
        );
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
fn a_rehearsal_says_test_and_leaves_nothing() {
    let outside = tempfile::tempdir().unwrap();
    let mut spec = whole(outside.path());
    let uri = "pkcs11:token=none;object=db".to_owned();
    let parsed = uri.parse().unwrap();
    let token = TokenPlace {
        uri,
        parsed,
        import: false,
    };
    spec.keys.get_mut(&KeyName::Db).unwrap().place = Place::Token(Box::new(token));
    let report = rehearse(&Context::host(), spec, &Unobserved).unwrap();
    assert!(report.rehearsal);
    for key in &report.keys {
        assert!(key.subject.starts_with("TEST whole "), "{}", key.subject);
        assert!(!Path::new(&key.private_key).exists());
    }
    assert_eq!(names(outside.path()).len(), 0);
}

#[test]
fn a_specification_says_what_is_wrong_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ceremony.toml");
    let error = |text: &str| {
        fs::write(&path, text).unwrap();
        let error = Spec::load(&path).and_then(|spec| spec.validate()).err().unwrap();
        assert_eq!(error.kind().exit_code(), 2);
        let hints = error.hints().join("; ");
        format!("{error}: {}; {hints}", error.causes().join(": "))
    };
    let base = "name = \"x\"\nnode = \"keys\"\noffline = \"stick\"\n";
    for (text, expected) in [
        ("nmae = \"y\"", "did you mean \"name\" for \"nmae\"?"),
        ("[keys.DB]\nbits = 2048", "did you mean [keys.db]?"),
        (
            "[keys.db]\nbitz = 2048",
            "did you mean \"bits\" for \"bitz\" in [keys.db]?",
        ),
        ("[keys.db]\nbits = 1024", "the db key has 1024 bits"),
        (
            "[keys.grub]\nbits = 2048",
            "an image of GRUB embeds keys of 3072 and 4096",
        ),
        ("[keys.db]\ntype = \"ecdsa\"", "firmware and GRUB read RSA alone"),
        (
            "[keys.db]\nplace = \"stick\"",
            "a key goes to \"node\", \"offline\", or a token",
        ),
        ("[keys.db]\nplace = \"pkcs11:token=a\"", "neither object nor id"),
        ("[keys.db]\ntoken = \"import\"", "its place is no token"),
        (
            "[backup]\ndirectory = \"b\"\nshares = { neded = 2, of = 3 }",
            "did you mean \"needed\"",
        ),
        (
            "[backup]\ndirectory = \"b\"\nshares = { needed = 4, of = 3 }",
            "4 of 3 shares cannot be",
        ),
        ("[backup]\ndirectory = \"keys/b\"", "lie in each other"),
        ("[preflight]\nfatal = [\"netwrk\"]", "did you mean \"network\"?"),
        ("[preflight]\nprogram = \"12\"", "has 64 hexadecimal digits"),
        (
            "microsoft = [\"uefi-2024\"]",
            "\"uefi-2024\" is none of Microsoft's certificates",
        ),
        ("owner = \"me\"", "owner is no GUID"),
        ("years = 101", "1 to 100 years"),
    ] {
        let error = error(&format!("{base}{text}\n"));
        assert!(error.contains(expected), "{text}: {error}");
    }
    let error = error("name = \"x\"\nnode = \"keys\"\n");
    assert!(
        error.contains("the PK key is to be offline, but no directory is named"),
        "{error}"
    );
    fs::write(&path, base).unwrap();
    let spec = Spec::load(&path).unwrap();
    spec.validate().unwrap();
    assert_eq!(spec.out, directory.path().join("keys"));
}

#[test]
fn the_example_is_a_specification() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys.example/ceremony.toml");
    let spec = Spec::load(&path).unwrap();
    spec.validate().unwrap();
    // What is commented out is right, too.
    let text = fs::read_to_string(path).unwrap();
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix("#= ").unwrap_or(line))
        .collect();
    assert!(uncommented.join("\n") != text);
    let directory = tempfile::tempdir().unwrap();
    let all = directory.path().join("all.toml");
    fs::write(&all, uncommented.join("\n")).unwrap();
    let mut spec = Spec::load(&all).unwrap();
    assert_eq!(spec.import.take().unwrap(), Path::new("/var/lib/sbctl/keys"));
    spec.validate().unwrap();
}

#[test]
fn another_passphrase_is_recorded_and_the_old_one_is_of_no_use() {
    let outside = tempfile::tempdir().unwrap();
    run(&Context::host(), &whole(outside.path())).unwrap();
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
}
