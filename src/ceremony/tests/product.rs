//! The products of ceremonies, and specifications that are refused.

use super::*;

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
    assert_eq!(asked, [KeyName::Pk.secret_in(&out.join("PK.key"))]);
}

#[test]
fn the_revocations_are_microsofts_byte_for_byte() {
    let bytes = crate::trust::microsoft::revocations().unwrap().to_bytes();
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
fn a_rehearsal_says_test_and_leaves_nothing() {
    let outside = tempfile::tempdir().unwrap();
    let mut spec = complete_spec(outside.path());
    let uri = "pkcs11:token=none;object=db".to_owned();
    let parsed = uri.parse().unwrap();
    let token = TokenPlace {
        uri,
        parsed,
        import: false,
    };
    spec.keys.get_mut(&KeyName::Db).unwrap().place = Place::Token(Box::new(token));
    let places = spec.directories();
    let report = rehearse(&Context::host(), spec, &Unobserved).unwrap();
    assert!(report.rehearsal && places.iter().all(|(_, path)| !path.exists()));
    for key in &report.keys {
        assert!(key.subject.starts_with("TEST whole "), "{}", key.subject);
        assert!(!Path::new(&key.private_key).exists());
    }
    assert_eq!(names(outside.path()).len(), 0);
}
