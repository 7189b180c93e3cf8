//! Ceremonies that are cut short, and go on or are aborted.

use super::*;

#[test]
fn an_error_halfway_goes_on_later_or_is_aborted_with_nothing_left() {
    let outside = tempfile::tempdir().unwrap();
    let out = outside.path().join("keys");
    // Nobody opens the db key that is imported, after the others were written.
    let imported = tempfile::tempdir().unwrap();
    let key = crate::keys::SoftwareKey::generate(&Context::host(), 2048).unwrap();
    super::imports::foreign(imported.path(), &[(KeyName::Db, &key)], 10, LEAP_DAY);
    let wrapped = key.to_pem(&Context::host(), Some(&Passphrase::new("nobody knows it").unwrap()));
    let file = imported.path().join("db.key");
    fs::write(&file, wrapped.unwrap().as_bytes()).unwrap();
    let spec = Spec {
        import: Some(imported.path().to_path_buf()),
        ..plain("x", &out)
    };
    let error = run(&Context::host(), &spec).unwrap_err();
    assert!(
        error.hints().iter().any(|hint| hint.contains("goes on where it is")),
        "{error}"
    );
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

/// By a clock past OpenPGP's end no key of GRUB would be; by one before the program, no certificate would be true.
#[test]
fn by_a_clock_that_cannot_be_nothing_is_made() {
    let outside = tempfile::tempdir().unwrap();
    for now in [1_000_000_000, 4_300_000_000] {
        let context = Context::host().with_clock(Clock::Fixed(now));
        let error = run(&context, &plain("x", &outside.path().join("keys"))).unwrap_err();
        assert!(error.to_string().contains("which cannot be"), "{error}");
        assert_eq!(names(outside.path()).len(), 0);
    }
}

/// Cuts the ceremony off as `kill -9` does, with files that the next steps may have left half written.
#[test]
fn cut_off_it_goes_on_with_the_same_keys_and_no_leftover() {
    struct Stop(&'static str);
    impl Observer for Stop {
        fn step(&self, text: &str) {
            if text.starts_with(self.0) {
                std::panic::resume_unwind(Box::new("killed"));
            }
        }
    }
    // Every place at which a process can be killed is tests/crash's; these are before some steps of each kind.
    let cuts = [
        "make the KEK key",
        "issue the PK certificate",
        "make the backup",
        "sign the transcript",
        "put the backup directory",
    ];
    cuts.into_par_iter().for_each(|cut| {
        let outside = tempfile::tempdir().unwrap();
        let spec = complete_spec(outside.path());
        let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            crate::ceremony::run(&Context::host(), &spec, &Stop(cut))
        }));
        assert!(killed.is_err(), "{cut}");
        let work = spec.work_directory().unwrap();
        let before = Transcript::parse(&fs::read(work.join(TRANSCRIPT)).unwrap()).unwrap();
        for folder in ["keys", "backup", "shares"] {
            for left in ["PK.key", "module.pem", "dbx.auth", "grub.gpg", ARCHIVE, "share-2.html"] {
                let path = work.join(folder).join(left);
                if !path.exists() {
                    fs::write(path, b"cut off").unwrap();
                }
            }
        }
        {
            let mut wrong = complete_spec(outside.path());
            wrong.passphrase = Some(Passphrase::new("wrong horse").unwrap());
            assert!(before.is_sealed() || run(&Context::host(), &wrong).is_err(), "{cut}");
        }
        run(&Context::host(), &spec).unwrap();
        assert_eq!(names(outside.path()), ["backup", "node", "offline"], "{cut}");
        for place in ["node", "offline", "backup"] {
            let verified = verify::verify(&outside.path().join(place), None).unwrap();
            assert_eq!(verified.findings, [""; 0], "{cut}");
        }
        // What was recorded before is recorded still, and the files with it.
        let after = fs::read(outside.path().join("node").join(TRANSCRIPT)).unwrap();
        assert!(after.starts_with(before.as_bytes()), "{cut}");
    });
}

/// Killed while it clears up, a ceremony is over: neither way to end it touches what is in its place.
#[test]
fn what_is_in_its_place_outlives_a_run_cut_short_and_an_abort() {
    let outside = tempfile::tempdir().unwrap();
    let spec = complete_spec(outside.path());
    let report = run(&Context::host(), &spec).unwrap();
    let transcript = fs::read(outside.path().join("node").join(TRANSCRIPT)).unwrap();
    let work = spec.work_directory().unwrap();
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
