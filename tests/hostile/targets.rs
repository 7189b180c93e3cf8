//! The files that are changed.

use std::fs;

use bootseal::formats::firmware::authenticode::minimal_image;
use bootseal::formats::firmware::signature_list::SignatureDatabase;
use bootseal::formats::grub::openpgp::GrubKey;

use super::judges::{self, Judge};
use crate::support::signer::TestKey;
use crate::support::{keys, module as compiled, module_certificate, sign, succeed};

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
    vec![
        target("image", image, judge_image),
        target("module", module, judge_module),
        target("GRUB file", file, judge_file),
        target("GRUB signature", signature, judge_signature),
        target("write", write, judge_write),
        target("transcript", transcript, judge_transcript),
    ]
}

fn module() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = compiled(directory.path(), "swept.ko");
    succeed(&mut sign("modules", &[&path]));
    fs::read(&path).unwrap()
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
