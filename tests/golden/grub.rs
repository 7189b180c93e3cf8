//! GnuPG judges our detached signatures and the exported key; GRUB itself does so in `tests/vm`.

use std::fs;
use std::path::{Path, PathBuf};

use bootseal::formats::grub::openpgp::{GrubKey, GrubKeyFile};
use bootseal::keys::{Signer, SoftwareKey};
use bootseal::system::Context;

use crate::support::ceremony::{encrypted, private};
use crate::support::judges::gpgv;
use crate::support::{bootseal, grub_image, keys, refuse, sign, succeed, tool, verify};

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
    let mut gpg = tool("gpg");
    gpg.arg("--homedir")
        .arg(home.path())
        .args(["--batch", "--with-colons", "--show-keys"]);
    let shown = succeed(gpg.arg(keys().join("grub.gpg")));
    assert!(shown.contains("pub:-:4096:1:"), "{shown}");
    let mut gpg = tool("gpg");
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
        let mut gpg = tool("gpg");
        gpg.arg("--homedir")
            .arg(home.path())
            .args(["--batch", "--pinentry-mode", "loopback", "--passphrase", ""]);
        gpg
    };
    succeed(gpg().args(["--quick-generate-key", "peer", "rsa2048", "sign", "never"]));
    let peer = home.path().join("keys");
    fs::create_dir(&peer).unwrap();
    let exported = gpg().args(["--export", "peer"]).output().unwrap().stdout;
    let key = GrubKeyFile::parse(&exported).unwrap().keys.remove(0);
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

/// A copy of the keys.
fn copy_of_keys(directory: &Path, name: &str) -> PathBuf {
    let copy = directory.join(name);
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(keys()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    copy
}

#[test]
fn a_small_key_signs_with_a_warning_and_is_embedded_only_while_it_gives_way() {
    let directory = tempfile::tempdir().unwrap();
    // As small as those of the firmware are.
    let weak_keys = copy_of_keys(directory.path(), "weak");
    let key = SoftwareKey::generate(&Context::host(), 2048).unwrap();
    let public = GrubKey::new(key.public_key(), 1).unwrap();
    fs::write(weak_keys.join("grub.gpg"), public.export("weak", &[]).unwrap()).unwrap();
    fs::remove_file(weak_keys.join("grub.key")).unwrap();
    let private_half = key.to_pem(&Context::host(), None).unwrap();
    private(&weak_keys.join("grub.key"), private_half.as_bytes());
    let config = directory.path().join("grub.cfg");
    fs::write(&config, b"set timeout=5\n").unwrap();
    let said = succeed(bootseal(["sign", "grub", "--keys"]).arg(&weak_keys).arg(&config));
    assert!(said.contains("GRUB's key has 2048 bits"), "{said}");
    let image = directory.path().join("grub.efi");
    let install = || grub_image(&weak_keys, &image);
    let refused = refuse(&mut install());
    assert!(
        refused.contains("has 2048 bits; an image embeds keys of 3072 and more")
            && refused.contains(" grub makes a stronger one"),
        "{refused}"
    );
    let strong = keys().join("grub.gpg");
    fs::create_dir_all(weak_keys.join("rotation/grub")).unwrap();
    fs::copy(&strong, weak_keys.join("rotation/grub/grub.gpg")).unwrap();
    succeed(&mut install());
    // Any other has to be strong.
    let weak = weak_keys.join("grub.gpg");
    assert!(refuse(install().arg("--add-key").arg(&weak)).contains("has 2048 bits"));
    fs::copy(&weak, weak_keys.join("rotation/grub/grub.gpg")).unwrap();
    assert!(refuse(&mut install()).contains("has 2048 bits"));
}

#[test]
fn of_several_keys_the_one_whose_private_half_is_there_signs_and_all_are_embedded() {
    let directory = tempfile::tempdir().unwrap();
    let several = copy_of_keys(directory.path(), "several");
    let other = fs::read(encrypted().file("grub.gpg")).unwrap();
    let own = fs::read(keys().join("grub.gpg")).unwrap();
    fs::write(several.join("grub.gpg"), [other.as_slice(), &own].concat()).unwrap();
    let config = directory.path().join("grub.cfg");
    fs::write(&config, b"set timeout=5\n").unwrap();
    succeed(bootseal(["sign", "grub", "--keys"]).arg(&several).arg(&config));
    succeed(&mut gpgv(&directory.path().join("grub.cfg.sig"), &config));
    succeed(bootseal(["verify", "--keys"]).arg(&several).arg(&config));
    let image = directory.path().join("grub.efi");
    succeed(&mut grub_image(&several, &image));
    let said = succeed(bootseal(["verify", "-v", "--keys"]).arg(&several).arg(&image));
    for key in [other, own].map(|bytes| GrubKeyFile::parse(&bytes).unwrap().keys.remove(0)) {
        assert!(said.contains(&key.fingerprint()), "{said}");
    }
    // Whose private half is nowhere.
    fs::copy(encrypted().file("grub.gpg"), several.join("grub.gpg")).unwrap();
    let said = refuse(bootseal(["sign", "grub", "--keys"]).arg(&several).arg(&config));
    assert!(said.contains("is not the private key of"), "{said}");
}
