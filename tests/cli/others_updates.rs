//! Signed writes of others, Microsoft's and a vendor's: applied, and kept for other boards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::backup::Whole;
use crate::support::node::DATABASE;
use crate::support::{bootseal, self_signed, succeed, tool};

/// Revocations as Microsoft publishes them, signed by its KEK of 2011 or 2023.
const MICROSOFTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/trust/microsoft/updates/DBXUpdateSVN.bin"
);
/// A certificate that no ceremony brings without being asked.
const WINDOWS: &[u8] = include_bytes!("../../src/trust/microsoft/DB/windows-uefi-ca-2023.der");

/// A ceremony whose KEK has Microsoft's certificates, a board with it, and a node that knows of no stick.
fn fleet() -> Whole {
    let whole = Whole::planned(
        "dbx = \"none\"\n[keys.db]\nencrypted = false\n[keys.module]\nbits = 2048\nencrypted = false\n[keys.grub]\nbits = 3072\n\
         encrypted = false\n",
    );
    succeed(&mut whole.run());
    fs::rename(whole.path("node"), whole.path("carried")).unwrap();
    enrolled(&whole, "board");
    whole
}

fn on_node(whole: &Whole, board: &str, arguments: &[&str]) -> Command {
    let mut command = bootseal(["enroll"]);
    command.args(arguments).arg("--keys").arg(whole.path("carried"));
    command.arg("--store").arg(whole.path(board));
    command
}

/// Another board, enrolled from the node's key directory.
fn enrolled(whole: &Whole, board: &str) {
    fs::create_dir(whole.path(board)).unwrap();
    succeed(&mut on_node(whole, board, &["apply", "--yes"]));
}

fn with_stick(whole: &Whole, arguments: &[&str]) {
    let mut command = bootseal(["enroll"]);
    command
        .args(arguments)
        .arg("--yes")
        .arg("--keys")
        .arg(whole.path("offline"));
    command.arg("--passphrase-file").arg(whole.path("passphrase"));
    succeed(command.arg("--store").arg(whole.path("board")));
    sync(whole);
}

fn sync(whole: &Whole) {
    let mut sync = bootseal(["keys", "sync", "--keys"]);
    succeed(sync.arg(whole.path("carried")).arg(whole.path("offline")));
}

fn variable(whole: &Whole, board: &str, name: &str) -> Vec<u8> {
    fs::read(whole.path(board).join(format!("{name}-{DATABASE}"))).unwrap_or_default()
}

fn verified(whole: &Whole, place: &str) -> String {
    succeed(bootseal(["ceremony", "verify"]).arg(whole.path(place)))
}

/// The files of others in the node's key directory, each with its size.
fn kept(whole: &Whole) -> Vec<(String, u64)> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(whole.path("carried")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("applied-") {
            kept.push((name, entry.metadata().unwrap().len()));
        }
    }
    kept.sort();
    kept
}

fn nothing_to_do(whole: &Whole, board: &str) {
    let plan = succeed(&mut on_node(whole, board, &["plan"]));
    for name in ["PK", "KEK", "db"] {
        assert!(plan.contains(&format!("\n{name}: nothing to do")), "{plan}");
    }
}

#[test]
fn microsofts_revocations_are_applied_and_other_boards_get_them() {
    let whole = fleet();
    with_stick(&whole, &["add", "KEK", "kek-2011"]);
    let before = fs::read(whole.path("carried/ceremony.jsonl")).unwrap();
    let said = succeed(&mut on_node(&whole, "board", &["apply", "--yes", MICROSOFTS]));
    assert!(said.contains("carried enrolls it from now on"), "{said}");
    let dbx = variable(&whole, "board", "dbx");
    assert!(!dbx.is_empty());
    let said = verified(&whole, "carried");
    assert!(
        said.contains("dbx: DBXUpdateSVN.bin was applied, by ") && said.contains(", signed by \"Microsoft"),
        "{said}"
    );
    let transcript = fs::read(whole.path("carried/ceremony.jsonl")).unwrap();
    assert!(transcript.len() - before.len() < 4096, "a line, not the list");
    assert_eq!(kept(&whole).len(), 1);
    let mut export = bootseal(["enroll", "export", "--keys"]);
    succeed(export.arg(whole.path("carried")).arg(whole.path("exported")));
    let exported = fs::read(whole.path("exported").join(&kept(&whole)[0].0)).unwrap();
    assert_eq!(exported, fs::read(MICROSOFTS).unwrap());
    // Who applied it is recorded.
    assert!(said.contains("DBXUpdateSVN.bin was applied, by "), "{said}");
    // Once is enough.
    succeed(&mut on_node(&whole, "board", &["apply", "--yes", MICROSOFTS]));
    assert_eq!(fs::read(whole.path("carried/ceremony.jsonl")).unwrap(), transcript);
    nothing_to_do(&whole, "board");
    enrolled(&whole, "second");
    assert_eq!(variable(&whole, "second", "dbx"), dbx);

    // The stick learns of it; what it signs has the entries, and what it takes out stays out.
    sync(&whole);
    verified(&whole, "offline");
    let pem = self_signed(whole.directory.path(), "stolen", &["rsa:2048"]);
    with_stick(&whole, &["add", "dbx", pem.to_str().unwrap()]);
    assert!(kept(&whole).iter().all(|(_, size)| *size == 0), "{:?}", kept(&whole));
    for place in ["carried", "offline"] {
        verified(&whole, place);
    }
    enrolled(&whole, "third");
    let (third, board) = (variable(&whole, "third", "dbx"), variable(&whole, "board", "dbx"));
    assert_eq!(third.len(), board.len());
    let entry = hex::encode(&dbx[dbx.len() - 32..]);
    with_stick(
        &whole,
        &["remove", "dbx", &entry, "--i-know-this-allows-what-was-revoked"],
    );
    enrolled(&whole, "fourth");
    assert_eq!(
        variable(&whole, "fourth", "dbx").len(),
        variable(&whole, "board", "dbx").len()
    );
    assert!(variable(&whole, "fourth", "dbx").len() < third.len());
}

/// An addition to db, signed by this key.
fn addition(whole: &Whole, signer: &Path) -> PathBuf {
    let pem = whole.path("windows.pem");
    let der = whole.path("windows.der");
    fs::write(&der, WINDOWS).unwrap();
    succeed(
        tool("openssl")
            .args(["x509", "-inform", "DER", "-in"])
            .arg(&der)
            .arg("-out")
            .arg(&pem),
    );
    let (lists, update) = (whole.path("windows.esl"), whole.path("VendorUpdate.auth"));
    succeed(tool("cert-to-efi-sig-list").arg(&pem).arg(&lists));
    let mut sign = tool("sign-efi-sig-list");
    sign.env("TZ", "UTC").args(["-a", "-c"]).arg(signer);
    sign.arg("-k").arg(signer.with_extension("key")).arg("db");
    succeed(sign.arg(&lists).arg(&update));
    update
}

#[test]
fn a_vendors_addition_is_kept_as_long_as_its_key_is_trusted() {
    let whole = fleet();
    let vendor = self_signed(whole.directory.path(), "vendor", &["rsa:2048"]);
    with_stick(&whole, &["add", "KEK", vendor.to_str().unwrap()]);
    let update = addition(&whole, &vendor);
    succeed(&mut on_node(
        &whole,
        "board",
        &["apply", "--yes", update.to_str().unwrap()],
    ));
    nothing_to_do(&whole, "board");
    enrolled(&whole, "second");
    let holds = |board: &str| {
        variable(&whole, board, "db")
            .windows(WINDOWS.len())
            .any(|part| part == WINDOWS)
    };
    assert!(holds("board") && holds("second"));
    nothing_to_do(&whole, "second");

    // One that no KEK here trusts, though the firmware does, is applied and not kept.
    let other = fleet();
    let stranger = self_signed(other.directory.path(), "stranger", &["rsa:2048"]);
    with_stick(&whole, &["remove", "KEK", "vendor"]);
    enrolled(&whole, "third");
    assert!(!holds("third"), "nobody vouches for it any more");
    let update = addition(&other, &stranger);
    let refused = on_node(&other, "board", &["apply", "--yes", update.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(kept(&other).is_empty());
}

/// The stick knows of it since it was signed there: kept here as well, the two would part.
#[test]
fn a_single_write_of_ones_own_is_learnt_from_the_stick() {
    let whole = fleet();
    let mut made = bootseal(["enroll", "add", "db", "windows-2023", "--keys"]);
    made.arg(whole.path("offline"))
        .arg("--passphrase-file")
        .arg(whole.path("passphrase"));
    succeed(made.arg("--output").arg(whole.path("update")));
    let single = whole.path("update/1-db.auth");
    let said = succeed(&mut on_node(
        &whole,
        "board",
        &["apply", "--yes", single.to_str().unwrap()],
    ));
    assert!(
        said.contains("not recorded in") && said.contains("bootseal keys sync"),
        "{said}"
    );
    sync(&whole);
    nothing_to_do(&whole, "board");
}
