//! The signed files that the fuzzer starts from, with what is trusted: `fuzz/originals`, made once by `fuzz/originals/make`.

use bootseal::formats::crypto::certificate::Certificate;
use bootseal::formats::firmware::signature_list::SignatureDatabase;
use bootseal::formats::grub::openpgp::GrubKey;

use super::judges::{self, Judge};

/// A file of the directory.
macro_rules! original {
    ($name:literal) => {
        include_bytes!(concat!("../../fuzz/originals/", $name))
    };
}

/// The targets of trust, by name.
pub fn judges() -> Vec<(&'static str, Judge)> {
    let certificate = |pem: &[u8]| Certificate::from_pem(pem).unwrap();
    let lists = |bytes: &[u8]| SignatureDatabase::parse(bytes).unwrap();
    let key = || GrubKey::parse(original!("grub.gpg")).unwrap();
    let (file, signature) = (original!("grub.cfg"), original!("grub.cfg.sig"));
    let write = judges::write(
        original!("db.auth"),
        lists(original!("PK.esl")),
        lists(original!("KEK.esl")),
    );
    vec![
        (
            "trust-image",
            judges::image(original!("image.efi"), &certificate(original!("db.pem"))),
        ),
        (
            "trust-module",
            judges::module(original!("module.ko"), certificate(original!("module.pem"))),
        ),
        ("trust-grub-file", judges::grub_file(file, signature, key())),
        ("trust-grub-signature", judges::grub_signature(file, signature, key())),
        ("trust-write", write),
        ("trust-transcript", judges::transcript(original!("ceremony.jsonl"))),
    ]
}
