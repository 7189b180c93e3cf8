//! The files that are changed, and what may be said of one that is accepted all the same: what its format signs is as it was.

use std::fs;

use bootseal::ceremony::transcript::Transcript;
use bootseal::formats::crypto::certificate::Certificate;
use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::firmware::authenticated_variable::{ATTRIBUTES, AuthenticatedVariable, VariableName};
use bootseal::formats::firmware::authenticode::{Image, minimal_image};
use bootseal::formats::firmware::signature_list::SignatureDatabase;
use bootseal::formats::grub::openpgp::GrubKey;
use bootseal::formats::kernel::module_signature::Module;
use bootseal::trust::image::Policy;
use bootseal::trust::{grub, module, variable};

use crate::support::image::flat_digest;
use crate::support::signer::TestKey;
use crate::support::{keys, module as compiled, module_certificate, sign, succeed};

/// A verdict on a changed file.
pub enum Verdict {
    Refused,
    /// Only what the format leaves unsigned has changed.
    Harmless,
    /// Accepted, and other than what was signed.
    Wrong,
}

/// The judge of a kind of file.
type Judge = dyn Fn(&[u8]) -> Verdict + Sync;

/// A kind of file.
pub struct Target {
    pub name: &'static str,
    pub original: Vec<u8>,
    pub judge: Box<Judge>,
}

fn target(
    name: &'static str,
    original: Vec<u8>,
    is_harmless: impl Fn(&[u8]) -> Option<bool> + Sync + 'static,
) -> Target {
    let judge = move |bytes: &[u8]| match is_harmless(bytes) {
        None => Verdict::Refused,
        Some(true) => Verdict::Harmless,
        Some(false) => Verdict::Wrong,
    };
    Target {
        name,
        original,
        judge: Box::new(judge),
    }
}

/// All of them.
pub fn all() -> Vec<Target> {
    vec![
        image(),
        a_module(),
        grub_file(),
        grub_signature(),
        write(),
        transcript(),
    ]
}

/// Firmware leaves out the checksum and the certificate table; a hash of another implementation says if the rest is as it was.
fn image() -> Target {
    let key = TestKey::shared();
    let original = key.sign_image(&minimal_image());
    let mut db = SignatureDatabase::default();
    db.add_certificate(
        bootseal::formats::firmware::guid::Guid::MICROSOFT,
        key.certificate.as_der(),
    );
    let policy = Policy::new(&db, &SignatureDatabase::default());
    let signed = flat_digest(&original, HashAlgorithm::Sha256);
    target("image", original, move |bytes| {
        let image = Image::parse(bytes).ok()?;
        policy.judge(&image).ok()?;
        Some(flat_digest(bytes, HashAlgorithm::Sha256) == signed)
    })
}

fn a_module() -> Target {
    let directory = tempfile::tempdir().unwrap();
    let path = compiled(directory.path(), "swept.ko");
    succeed(&mut sign("modules", &[&path]));
    let original = fs::read(&path).unwrap();
    let content = Module::parse(&original).unwrap().content.to_vec();
    let trusted: [Certificate; 1] = [module_certificate()];
    target("module", original, move |bytes| {
        module::judge(bytes, &trusted).ok()?;
        Some(Module::parse(bytes).ok()?.content == content)
    })
}

/// A file, its signature and the keys.
fn signed_for_grub() -> (Vec<u8>, Vec<u8>, [GrubKey; 1]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("grub.cfg");
    fs::write(
        &path,
        "set timeout=5\nmenuentry 'Gentoo' {\n linux /vmlinuz root=/dev/sda2\n}\n".repeat(20),
    )
    .unwrap();
    succeed(&mut sign("grub", &[&path]));
    let key = GrubKey::parse(&fs::read(keys().join("grub.gpg")).unwrap()).unwrap();
    let signature = fs::read(directory.path().join("grub.cfg.sig")).unwrap();
    (fs::read(&path).unwrap(), signature, [key])
}

fn grub_file() -> Target {
    let (file, signature, trusted) = signed_for_grub();
    target("GRUB file", file, move |bytes| {
        grub::judge(bytes, Some(&signature), &trusted).ok().map(|_| false)
    })
}

/// The signed part of a signature itself (RFC 4880, section 5.2.4): from its version to the end of its hashed area. The number at its
/// end is fixed by that; between them stand the issuer and two bytes of the hash, which are hints.
fn grub_signature() -> Target {
    const HEADER: usize = 3;
    let (file, signature, trusted) = signed_for_grub();
    let hashed = usize::from(u16::from_be_bytes([signature[HEADER + 4], signature[HEADER + 5]]));
    let part = signature[HEADER..HEADER + 6 + hashed].to_vec();
    let number = trusted[0].public_key().modulus().len();
    let end = signature[signature.len() - number..].to_vec();
    target("GRUB signature", signature, move |bytes| {
        grub::judge(&file, Some(bytes), &trusted).ok()?;
        let has_part = bytes.windows(part.len()).take(2 * HEADER).any(|window| window == part);
        Some(has_part && bytes.windows(end.len()).any(|window| window == end))
    })
}

/// Firmware signs the time and the lists of a write.
fn write() -> Target {
    let read = |name: &str| fs::read(keys().join(name)).unwrap();
    let lists = |name: &str| SignatureDatabase::parse(&read(name)).unwrap();
    let (pk, kek) = (lists("PK.esl"), lists("KEK.esl"));
    let original = read("db.auth");
    let signed = AuthenticatedVariable::parse(&original).unwrap();
    target("write", original, move |bytes| {
        let auth = AuthenticatedVariable::parse(bytes).ok()?;
        let firmware = variable::Firmware {
            pk: &pk,
            kek: &kek,
            setup_mode: false,
            last_write: None,
        };
        variable::judge(&firmware, VariableName::Db, ATTRIBUTES, &auth).ok()?;
        Some(auth.payload == signed.payload && auth.time == signed.time)
    })
}

/// Each line names the one before it, so that all but the last one are fixed; that one has a seal apart.
fn transcript() -> Target {
    let original = fs::read(keys().join("ceremony.jsonl")).unwrap();
    let lines = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec);
        lines.collect()
    };
    let signed = lines(&original);
    target("transcript", original, move |bytes| {
        Transcript::parse(bytes).ok()?;
        let mut read = lines(bytes);
        read.pop();
        Some(signed.starts_with(&read))
    })
}
