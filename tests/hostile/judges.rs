//! The judges of changed files: what is accepted may differ only where the format leaves it unsigned. The sweep and the fuzzer
//! (`fuzz/`) share them.

use std::path::Path;

use bootseal::ceremony::backup::whole_files;
use bootseal::ceremony::transcript::Transcript;
use bootseal::formats::crypto::certificate::Certificate;
use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::firmware::authenticated_variable::{ATTRIBUTES, AuthenticatedVariable, VariableName};
use bootseal::formats::firmware::authenticode::Image;
use bootseal::formats::firmware::guid::Guid;
use bootseal::formats::firmware::signature_list::SignatureDatabase;
use bootseal::formats::grub::openpgp::GrubKey;
use bootseal::formats::kernel::module_signature::Module;
use bootseal::trust::image::Policy;
use bootseal::trust::{grub, module, variable};

use super::flat::flat_digest;

/// A verdict on a changed file.
pub enum Verdict {
    Refused,
    /// Only what the format leaves unsigned has changed.
    Harmless,
    /// Accepted, and other than what was signed.
    Wrong,
}

/// The judge of a kind of file.
pub type Judge = Box<dyn Fn(&[u8]) -> Verdict + Send + Sync>;

/// `is_harmless` answers nothing where a file is refused.
fn judge(is_harmless: impl Fn(&[u8]) -> Option<bool> + Send + Sync + 'static) -> Judge {
    Box::new(move |bytes| match is_harmless(bytes) {
        None => Verdict::Refused,
        Some(true) => Verdict::Harmless,
        Some(false) => Verdict::Wrong,
    })
}

/// Firmware leaves out the checksum and the certificate table; a hash of another implementation says if the rest is as it was.
pub fn image(original: &[u8], certificate: &Certificate) -> Judge {
    let mut db = SignatureDatabase::default();
    db.add_certificate(Guid::MICROSOFT, certificate.as_der());
    let policy = Policy::new(&db, &SignatureDatabase::default());
    let signed = flat_digest(original, HashAlgorithm::Sha256);
    judge(move |bytes| {
        let image = Image::parse(bytes).ok()?;
        policy.judge(&image).ok()?;
        Some(flat_digest(bytes, HashAlgorithm::Sha256) == signed)
    })
}

pub fn module(original: &[u8], certificate: Certificate) -> Judge {
    let content = Module::parse(original).unwrap().content.to_vec();
    let trusted = [certificate];
    judge(move |bytes| {
        module::judge(bytes, &trusted).ok()?;
        Some(Module::parse(bytes).ok()?.content == content)
    })
}

pub fn grub_file(file: &[u8], signature: &[u8], key: GrubKey) -> Judge {
    let (file, signature, trusted) = (file.to_vec(), signature.to_vec(), [key]);
    judge(move |bytes| {
        grub::judge(bytes, Some(&signature), &trusted).ok()?;
        Some(bytes == file)
    })
}

/// The signed part of a signature itself (RFC 4880, section 5.2.4): from its version to the end of its hashed area. The number at its
/// end is fixed by that; between them stand the issuer and two bytes of the hash, which are hints.
pub fn grub_signature(file: &[u8], signature: &[u8], key: GrubKey) -> Judge {
    const HEADER: usize = 3;
    let hashed = usize::from(u16::from_be_bytes([signature[HEADER + 4], signature[HEADER + 5]]));
    let part = signature[HEADER..HEADER + 6 + hashed].to_vec();
    let number = key.public_key().modulus().len();
    let end = signature[signature.len() - number..].to_vec();
    let (file, trusted) = (file.to_vec(), [key]);
    judge(move |bytes| {
        grub::judge(&file, Some(bytes), &trusted).ok()?;
        let has_part = bytes.windows(part.len()).take(2 * HEADER).any(|window| window == part);
        Some(has_part && bytes.windows(end.len()).any(|window| window == end))
    })
}

/// Firmware signs the time and the lists of a write.
pub fn write(original: &[u8], pk: SignatureDatabase, kek: SignatureDatabase) -> Judge {
    let signed = AuthenticatedVariable::parse(original).unwrap();
    judge(move |bytes| {
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
pub fn transcript(original: &[u8]) -> Judge {
    let lines = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec);
        lines.collect()
    };
    let signed = lines(original);
    judge(move |bytes| {
        Transcript::parse(bytes).ok()?;
        let mut read = lines(bytes);
        read.pop();
        Some(signed.starts_with(&read))
    })
}

/// Between the files of an archive lie names, times and padding; what a restore takes out of it is what was put in.
pub fn backup(original: &[u8]) -> Judge {
    let files = |bytes: &[u8]| whole_files(bytes, Path::new("backup.tar")).ok();
    let saved = files(original).unwrap();
    judge(move |bytes| Some(files(bytes)? == saved))
}
