//! GnuPG judges our detached signatures and the exported key; GRUB itself does so in `tests/vm`.

use std::fs;

use crate::support::judges::gpgv;
use crate::support::{keys, refuse, sign, succeed, tool, verify};

#[test]
fn gpgv_accepts_our_signature_and_refuses_another_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("grub.cfg");
    let signature = directory.path().join("grub.cfg.sig");
    for length in [0, 1, 63, 64, 4096, 1_000_003] {
        fs::write(&file, vec![b'#'; length]).unwrap();
        succeed(&mut sign("grub", &[&file]));
        succeed(&mut gpgv(&signature, &file));
    }
    fs::write(&file, b"set check_signatures=no").unwrap();
    refuse(&mut gpgv(&signature, &file));
    refuse(&mut verify(&[&file]));
}

#[test]
fn gpg_reads_the_key_and_the_packets_have_old_headers() {
    let home = tempfile::tempdir().unwrap();
    let mut gpg = tool("gpg", "gpg");
    gpg.arg("--homedir")
        .arg(home.path())
        .args(["--batch", "--with-colons", "--show-keys"]);
    let shown = succeed(gpg.arg(keys().join("grub.gpg")));
    assert!(shown.contains("pub:-:4096:1:"), "{shown}");
    let mut gpg = tool("gpg", "gpg");
    let packets = succeed(gpg.args(["--batch", "--list-packets"]).arg(keys().join("grub.gpg")));
    assert!(
        packets.contains("ctb=99"),
        "an old-format header with two octets of length:\n{packets}"
    );
    assert!(!packets.contains("new-ctb"), "{packets}");
}

#[test]
fn a_signature_by_gpg_in_grubs_form_verifies() {
    let home = tempfile::tempdir().unwrap();
    let gpg = || {
        let mut gpg = tool("gpg", "gpg");
        gpg.arg("--homedir")
            .arg(home.path())
            .args(["--batch", "--pinentry-mode", "loopback", "--passphrase", ""]);
        gpg
    };
    succeed(gpg().args(["--quick-generate-key", "peer", "rsa2048", "sign", "never"]));
    let peer = home.path().join("keys");
    fs::create_dir(&peer).unwrap();
    let exported = gpg().args(["--export", "peer"]).output().unwrap().stdout;
    let key = bootseal::formats::openpgp::GrubKey::parse(&exported).unwrap();
    let file = home.path().join("grub.cfg");
    fs::write(&file, b"set timeout=5").unwrap();
    succeed(gpg().args(["--digest-algo", "SHA512", "--detach-sign"]).arg(&file));
    let signature = fs::read(home.path().join("grub.cfg.sig")).unwrap();
    let judged = bootseal::trust::grub::judge(b"set timeout=5", Some(&signature), std::slice::from_ref(&key));
    assert_eq!(judged.unwrap().fingerprint(), key.fingerprint());
    succeed(
        gpg()
            .args(["--yes", "--digest-algo", "SHA1", "--detach-sign"])
            .arg(&file),
    );
    let weak = fs::read(home.path().join("grub.cfg.sig")).unwrap();
    let refusal = bootseal::trust::grub::judge(b"set timeout=5", Some(&weak), &[key]).unwrap_err();
    assert!(refusal.to_string().contains("SHA1"), "{refusal}");
}
