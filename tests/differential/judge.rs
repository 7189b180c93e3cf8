//! The judges: OpenSSL, old and new, in a program that calls it as EDK2 does.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::firmware::authenticode::Image;

use crate::support::programs::{judge, tool};
use crate::support::succeed;

/// Offset at which EDK2 looks for the digest algorithm of an image's signature.
const ANNOUNCED: usize = 32;

/// OpenSSL of Debian 12 and of Debian 13: firmware has both, and they differ. Each signature and image has to please both.
pub struct Judge([OpenSsl; 2]);

struct OpenSsl {
    child: Child,
    questions: ChildStdin,
    answers: ChildStdout,
}

impl Judge {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("judge");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/judge.c");
        let mut gcc = tool("gcc");
        gcc.args(["-O2", "-Wall", "-Werror", "-o"])
            .arg(&program)
            .arg(source)
            .arg("-lcrypto");
        succeed(&mut gcc);
        // The libraries that kmod came with.
        let libraries = judge("kmod/usr/lib/x86_64-linux-gnu");
        let mut newer = Command::new(libraries.join("ld-linux-x86-64.so.2"));
        newer.arg("--library-path").arg(libraries).arg(&program);
        Self([OpenSsl::start(Command::new(&program)), OpenSsl::start(newer)])
    }

    /// `Pkcs7Verify`.
    pub fn pkcs7(&mut self, pkcs7: &[u8], trusted: &[u8], data: &[u8]) -> bool {
        self.all(|one| one.ask(b'v', [pkcs7, trusted, data]))
    }

    /// `DxeImageVerificationHandler` with certificates alone in db and dbx.
    pub fn image(&mut self, image: &Image<'_>, db: &[Vec<u8>], dbx: &[Vec<u8>]) -> bool {
        self.all(|one| one.image(image, db, dbx))
    }

    fn all(&mut self, says: impl Fn(&mut OpenSsl) -> bool) -> bool {
        self.0.iter_mut().all(says)
    }
}

impl OpenSsl {
    fn start(mut program: Command) -> Self {
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (questions, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut openssl = Self {
            child,
            questions,
            answers,
        };
        // An answer, so that it has been loaded before its file goes.
        assert!(!openssl.has_signers(&[]));
        openssl
    }

    fn ask(&mut self, letter: u8, parts: [&[u8]; 3]) -> bool {
        let mut question = vec![letter];
        for part in parts {
            question.extend_from_slice(&u32::try_from(part.len()).unwrap().to_le_bytes());
        }
        for part in parts {
            question.extend_from_slice(part);
        }
        self.questions.write_all(&question).unwrap();
        let mut answer = [0];
        self.answers.read_exact(&mut answer).unwrap();
        answer == *b"1"
    }

    fn authenticode(&mut self, pkcs7: &[u8], trusted: &[u8], digest: &[u8]) -> bool {
        self.ask(b'a', [pkcs7, trusted, digest])
    }

    /// `Pkcs7GetSigners`.
    fn has_signers(&mut self, pkcs7: &[u8]) -> bool {
        self.ask(b's', [pkcs7, &[], &[]])
    }

    fn image(&mut self, image: &Image<'_>, db: &[Vec<u8>], dbx: &[Vec<u8>]) -> bool {
        let mut verified = false;
        for entry in image.signatures() {
            let Some(pkcs7) = entry.pkcs7() else { continue };
            let Some(hash) = announced(pkcs7) else { continue };
            let digest = image.digest(hash);
            let digest = digest.as_bytes();
            if !dbx.is_empty() {
                let forbidden = dbx.iter().any(|trusted| self.authenticode(pkcs7, trusted, digest));
                if forbidden || !self.has_signers(pkcs7) {
                    return false;
                }
            }
            verified = verified || db.iter().any(|trusted| self.authenticode(pkcs7, trusted, digest));
        }
        verified
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn announced(pkcs7: &[u8]) -> Option<HashAlgorithm> {
    let place = pkcs7.get(ANNOUNCED..)?;
    if pkcs7[1] & 0x82 != 0x82 {
        return None;
    }
    [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512]
        .into_iter()
        .find(|hash| place.starts_with(hash.oid().as_bytes()))
}
