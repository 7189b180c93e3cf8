//! The files that are changed.

use std::fs;

use bootseal::ceremony::ARCHIVE;
use bootseal::formats::firmware::authenticode::minimal_image;
use bootseal::formats::firmware::signature_list::SignatureDatabase;
use bootseal::formats::grub::openpgp::GrubKey;

use super::judges::{self, Judge};
use crate::support::signer::TestKey;
use crate::support::{bootseal, keys, module as compiled, module_certificate, sign, succeed, tool};

/// A kind of file.
pub struct Target {
    pub name: &'static str,
    pub original: Vec<u8>,
    pub judge: Judge,
}

/// All of them.
pub fn all() -> Vec<Target> {
    let target = |name, original, judge| Target { name, original, judge };
    let read = |name: &str| fs::read(keys().join(name)).unwrap();
    let lists = |name: &str| SignatureDatabase::parse(&read(name)).unwrap();
    let key = TestKey::shared();
    let image = key.sign_image(&minimal_image());
    let module = module();
    let (file, signature) = signed_for_grub();
    let grub_key = || GrubKey::parse(&read("grub.gpg")).unwrap();
    let (write, transcript) = (read("db.auth"), read("ceremony.jsonl"));
    let judge_image = judges::image(&image, &key.certificate);
    let judge_module = judges::module(&module, module_certificate());
    let judge_file = judges::grub_file(&file, &signature, grub_key());
    let judge_signature = judges::grub_signature(&file, &signature, grub_key());
    let judge_write = judges::write(&write, lists("PK.esl"), lists("KEK.esl"));
    let judge_transcript = judges::transcript(&transcript);
    let backup = backup();
    let judge_backup = judges::backup(&backup);
    vec![
        target("image", image, judge_image),
        target("module", module, judge_module),
        target("GRUB file", file, judge_file),
        target("GRUB signature", signature, judge_signature),
        target("write", write, judge_write),
        target("transcript", transcript, judge_transcript),
        target("backup", backup, judge_backup),
    ]
}

fn module() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = compiled(directory.path(), "swept.ko");
    succeed(&mut sign("modules", &[&path]));
    fs::read(&path).unwrap()
}

/// The archive of a backup under two of three shares. It records itself in the key directory, which is a copy.
fn backup() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let (copy, made) = (directory.path().join("keys"), directory.path().join("backup"));
    succeed(tool("cp").arg("-a").arg(keys()).arg(&copy));
    let mut command = bootseal(["ceremony", "backup", "--shares", "2/3", "--keys"]);
    succeed(command.arg(&copy).arg(&made));
    fs::read(made.join(ARCHIVE)).unwrap()
}

/// A file and its signature.
fn signed_for_grub() -> (Vec<u8>, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("grub.cfg");
    fs::write(
        &path,
        "set timeout=5\nmenuentry 'Gentoo' {\n linux /vmlinuz root=/dev/sda2\n}\n".repeat(20),
    )
    .unwrap();
    succeed(&mut sign("grub", &[&path]));
    let signature = fs::read(directory.path().join("grub.cfg.sig")).unwrap();
    (fs::read(&path).unwrap(), signature)
}
