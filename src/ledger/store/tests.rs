use super::*;
use crate::ledger::{Origin, SignedFile};
use std::fs;

fn batch(kind: Kind, path: &str, text: &str) -> Batch {
    let digest = HashAlgorithm::Sha256.digest(&[text.as_bytes()]).to_hex();
    Batch {
        kind,
        key: "ab".repeat(32),
        hash: "sha256".to_owned(),
        origin: Origin::Installed,
        time: None,
        files: vec![SignedFile {
            path: path.to_owned(),
            sha256: digest.clone(),
            signed: digest,
        }],
    }
}

fn write(context: &Context, batches: Vec<Batch>) -> Ledger {
    let mut ledger = Ledger::read(context).unwrap();
    let intent = ledger.intend(context, "sign", Vec::new(), batches, false).unwrap();
    ledger.complete(context, intent.unwrap(), &BTreeSet::new()).unwrap();
    ledger
}

#[test]
fn signatures_are_found_by_digest_and_path_and_the_last_counts() {
    let root = tempfile::tempdir().unwrap();
    let context = Context::host().with_root(root.path());
    assert!(Ledger::read(&context).unwrap().is_empty());
    write(&context, vec![batch(Kind::Efi, "/boot/a", "one")]);
    let written = write(&context, vec![batch(Kind::Efi, "/boot/a", "two")]);
    let read = Ledger::read(&context).unwrap();
    assert_eq!(read.head(), written.head());
    assert_eq!(read.length(), 5);
    let [one, two] = ["one", "two"].map(|text| HashAlgorithm::Sha256.digest(&[text.as_bytes()]).to_hex());
    let index = read.index();
    assert!(index.by_digest(Kind::Efi, &one).is_some() && index.by_digest(Kind::Grub, &one).is_none());
    assert_eq!(index.by_path(Kind::Efi, "/boot/a").unwrap().file.signed, two);
    assert!(index.has(Kind::Efi) && !index.has(Kind::Modules));
}

#[test]
fn a_run_that_was_cut_off_is_completed_by_what_lies_there() {
    let root = tempfile::tempdir().unwrap();
    let context = Context::host().with_root(root.path());
    fs::create_dir(context.path("/boot")).unwrap();
    fs::write(context.path("/boot/there"), "there").unwrap();
    let batches = vec![
        batch(Kind::Efi, "/boot/there", "there"),
        batch(Kind::Efi, "/boot/gone", "gone"),
        batch(Kind::Grub, "/boot/there", "there"),
    ];
    let mut ledger = Ledger::read(&context).unwrap();
    drop(ledger.intend(&context, "sign", Vec::new(), batches, false).unwrap());
    assert!(Ledger::read(&context).unwrap().open_run().is_some());
    // A line that was cut off in the middle of its write.
    let mut bytes = fs::read(ledger.path()).unwrap();
    bytes.extend(b"{\"number\":2,");
    fs::write(ledger.path(), &bytes).unwrap();
    assert!(Ledger::read(&context).unwrap().has_torn_line());
    let ledger = write(&context, vec![batch(Kind::Efi, "/boot/x", "x")]);
    let text = fs::read_to_string(ledger.path()).unwrap();
    let cut_off: serde_json::Value = serde_json::from_str(text.lines().nth(2).unwrap()).unwrap();
    assert_eq!(
        cut_off["event"]["cut_off"]["missing"],
        serde_json::json!(["/boot/gone", "/boot/there"]),
        "{text}"
    );
    assert_eq!(Ledger::read(&context).unwrap().open_run(), None);
}

#[test]
fn a_folded_ledger_goes_on_from_the_head_of_before() {
    let root = tempfile::tempdir().unwrap();
    let context = Context::host().with_root(root.path());
    write(
        &context,
        vec![
            batch(Kind::Efi, "/boot/a", "a"),
            batch(Kind::Modules, "/lib/gone.ko", "m"),
        ],
    );
    let mut large = batch(Kind::Grub, "/boot/g", "g");
    let file = large.files[0].clone();
    // The same file again and again.
    large.files = vec![file; FOLDED_FROM / 150];
    let before = write(&context, vec![large]);
    let head = before.head().to_owned();
    let after = write(&context, vec![batch(Kind::Efi, "/boot/b", "b")]);
    assert!(fs::metadata(after.path()).unwrap().len() < 4096);
    let read = Ledger::read(&context).unwrap();
    let text = fs::read_to_string(after.path()).unwrap();
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["previous"], serde_json::json!(head));
    assert_eq!(read.length(), 8);
    for (kind, path, is_kept) in [
        (Kind::Efi, "/boot/a", true),
        (Kind::Efi, "/boot/b", true),
        (Kind::Grub, "/boot/g", true),
        (Kind::Modules, "/lib/gone.ko", false),
    ] {
        assert_eq!(read.index().by_path(kind, path).is_some(), is_kept, "{path}");
    }
}

#[test]
fn every_flipped_byte_is_seen_or_changes_the_head() {
    let root = tempfile::tempdir().unwrap();
    let context = Context::host().with_root(root.path());
    let ledger = write(&context, vec![batch(Kind::Efi, "/boot/a", "one")]);
    let bytes = fs::read(ledger.path()).unwrap();
    for place in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[place] ^= 1;
        let parsed = Ledger::parse(ledger.path(), &bad);
        assert!(
            parsed.is_err() || parsed.is_ok_and(|parsed| parsed.head() != ledger.head()),
            "byte {place}"
        );
    }
}
