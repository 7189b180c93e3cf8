//! One module of Debian's kernel, signed in every way that bootseal has.

use super::bootseal::Bootseal;
use super::packages::{Kernel, run};
use crate::support::programs::tool;
use crate::support::token::Token;
use ::bootseal::error::Error;
use ::bootseal::formats::crypto::cms::Shape;
use ::bootseal::formats::crypto::hash::{Digest, HashAlgorithm};
use ::bootseal::formats::crypto::sha3_lanes::Engine;
use ::bootseal::formats::kernel::module_signature::append;
use ::bootseal::keys::{Identity, KeyDirectory, KeyName, SoftwareKey};
use std::fs;

/// The object identifier 2.16.840.1.101.3.4.2.10, in DER.
const SHA3_512: [u8; 11] = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x0a];

/// The kernel's answer to a file that it cannot unpack.
const CANNOT_UNPACK: &str = "finit_module: Invalid argument";

/// Modules by name, and what the guest is to say of each.
#[derive(Default)]
pub struct Trials {
    /// The words of modinfo on every signature: the signer, the hash, the key.
    signature: String,
    pub modules: Vec<(String, Vec<u8>)>,
    pub answers: Vec<String>,
}

impl Trials {
    pub fn new(bootseal: &Bootseal, kernel: &Kernel) -> Self {
        let unsigned = without_signature(kernel.module("drivers/net/dummy.ko"));
        let signed = sign(bootseal, "dummy.ko", &unsigned);
        let signature = signed.strip_prefix(&unsigned[..]).expect("signing only appends");
        let is_sha3_512 = signature.windows(SHA3_512.len()).any(|bytes| bytes == SHA3_512);
        assert!(is_sha3_512, "the module is not signed with SHA3-512");

        let certificate = identity(bootseal).certificate;
        let serial = certificate.serial();
        let serial: Vec<String> = serial.iter().map(|byte| format!("{byte:02X}")).collect();
        let mut trials = Self {
            signature: format!("{} sha3-512 {} ", certificate.common_name(), serial.join(":")),
            ..Self::default()
        };
        trials.rejected("unsigned.ko", unsigned.clone());
        let mut flipped = signed.clone();
        flipped[unsigned.len() / 2] ^= 0xff;
        trials.rejected("flipped.ko", flipped);
        trials.loads("program.ko", "", signed.clone());
        trials.packed(bootseal, &unsigned, &signed);
        trials.hashed_by_each_engine(bootseal, &unsigned, kernel);
        trials.signed_by_the_rsa_crate(bootseal, &unsigned);
        trials.signed_by_a_token(bootseal, &unsigned);
        trials
    }

    fn loads(&mut self, name: &str, how: &str, module: Vec<u8>) {
        self.answers.push(format!("vm: {name} loads{how}"));
        self.answers.push(format!("vm: {name}: {}", self.signature));
        self.modules.push((name.to_owned(), module));
    }

    /// The kernel's answer to a signature that does not hold.
    fn rejected(&mut self, name: &str, module: Vec<u8>) {
        let reason = format!("insmod: can't insert '/modules/try/{name}': Key was rejected by service");
        self.refused(name, &reason, module);
    }

    fn refused(&mut self, name: &str, reason: &str, module: Vec<u8>) {
        self.answers.push(format!("vm: {name} refused: {reason}"));
        self.modules.push((name.to_owned(), module));
    }

    /// Packed as the kernel's build does, then signed; and signed, but packed so that the kernel refuses it, before and
    /// after bootseal has packed it anew.
    fn packed(&mut self, bootseal: &Bootseal, unsigned: &[u8], signed: &[u8]) {
        for (program, ending, options, how) in [
            ("gzip", "gz", &["-n"][..], "unpacked by gunzip"),
            (
                "xz",
                "xz",
                &["--check=crc32", "--lzma2=dict=1MiB"],
                "unpacked by the kernel",
            ),
            ("zstd", "zst", &["-q"], "unpacked by kmod"),
        ] {
            let name = format!("program.ko.{ending}");
            let module = sign(bootseal, &name, &pack(program, options, unsigned));
            assert_eq!(unpack(program, &name, &module), signed, "{name}");
            self.loads(&name, &format!(" ({how})"), module);
        }
        // Packed by others, signed over another hash first: a block of the signature's own takes the place of one, and the kernel
        // unpacks as many blocks as there are.
        for (name, options) in [
            ("threads", &["--check=crc32", "-T2", "--block-size=4096"][..]),
            ("unchecked", &["--check=none", "-9e"]),
            ("fast", &["--check=crc32", "-0"]),
        ] {
            let name = format!("{name}.ko.xz");
            let packed = pack("xz", options, unsigned);
            let module = signed_twice(bootseal, &name, &packed);
            assert!(unpack("xz", &name, &module) == signed, "{name}");
            assert!(module.len() < packed.len() + 900, "{name} is packed anew");
            // The signature lies there as it is, and the block has a check.
            let mut damaged = module.clone();
            let place = damaged.len() - 200;
            damaged[place] ^= 1;
            if name != "unchecked.ko.xz" {
                self.refused(&format!("damaged-{name}"), CANNOT_UNPACK, damaged);
            }
            self.loads(&name, " (unpacked by the kernel)", module);
        }
        for (name, options) in [
            ("crc64", &["--check=crc64"][..]),
            ("delta", &["--check=crc32", "--delta=dist=4", "--lzma2=preset=6"]),
        ] {
            let bad = pack("xz", options, signed);
            let good = sign(bootseal, "repacked.ko.xz", &bad);
            self.refused(&format!("{name}.ko.xz"), CANNOT_UNPACK, bad);
            self.loads(&format!("{name}-repacked.ko.xz"), " (unpacked by the kernel)", good);
        }
        let [first, second] = [&signed[..4096], &signed[4096..]].map(|part| pack("xz", &["--check=crc32"], part));
        let good = sign(bootseal, "repacked.ko.xz", &[first, second].concat());
        self.loads("streams-repacked.ko.xz", " (unpacked by the kernel)", good);
    }

    /// The digest comes from each engine that this processor has, with other messages beside it in the lanes.
    fn hashed_by_each_engine(&mut self, bootseal: &Bootseal, unsigned: &[u8], kernel: &Kernel) {
        let identity = identity(bootseal);
        let neighbour = kernel.module("fs/fat/fat.ko");
        let mut messages = vec![&neighbour[..]; 8];
        messages[3] = unsigned;
        for engine in Engine::ALL {
            match engine.digests(&messages) {
                Some(mut digests) => {
                    let name = format!("{engine:?}.ko").to_lowercase();
                    self.loads(&name, "", signed_by(&identity, unsigned, digests.swap_remove(3)));
                }
                None => println!("this processor has no {engine:?}: no module is hashed by it"),
            }
        }
    }

    /// The private operation of builds without AWS-LC.
    fn signed_by_the_rsa_crate(&mut self, bootseal: &Bootseal, unsigned: &[u8]) {
        let key = SoftwareKey::load(&bootseal.keys.join("db.key"), &mut || {
            Err(Error::bug("the key is plain"))
        });
        let identity = Identity {
            signer: Box::new(key.and_then(SoftwareKey::portable).expect("the db key")),
            ..identity(bootseal)
        };
        let digest = HashAlgorithm::Sha3_512.digest(&[unsigned]);
        self.loads("rsa-crate.ko", "", signed_by(&identity, unsigned, digest));
    }

    /// The private operation of a token, through PKCS#11.
    fn signed_by_a_token(&mut self, bootseal: &Bootseal, unsigned: &[u8]) {
        let token = Token::new(&bootseal.keys);
        let path = token.path("token.ko");
        fs::write(&path, unsigned).expect("written");
        run(token.sign("modules", &[&path]).args(["--key", "db"]));
        self.loads("token.ko", "", fs::read(path).expect("the signed module"));
    }
}

/// The db key, through AWS-LC unless the build is without it: Debian's kernel has no other key of ours on its keyrings.
fn identity(bootseal: &Bootseal) -> Identity {
    let keys = KeyDirectory::open(&bootseal.keys).expect("the ceremony's folder");
    let ask = &mut |_: &str| Err(Error::bug("the keys are plain"));
    keys.identity(KeyName::Db, ask).expect("the db key")
}

fn signed_by(identity: &Identity, unsigned: &[u8], digest: Digest) -> Vec<u8> {
    assert_eq!(digest.algorithm(), HashAlgorithm::Sha3_512);
    let cms = identity.sign_cms(Shape::Module, digest).expect("a signature");
    append(unsigned, &cms).expect("a signed module")
}

fn pack(program: &str, options: &[&str], content: &[u8]) -> Vec<u8> {
    let work = tempfile::tempdir().expect("a temporary folder");
    let path = work.path().join("module.ko");
    fs::write(&path, content).expect("written");
    run(tool(program).args(options).arg("-c").arg(path))
}

fn unpack(program: &str, name: &str, packed: &[u8]) -> Vec<u8> {
    let work = tempfile::tempdir().expect("a temporary folder");
    let path = work.path().join(name);
    fs::write(&path, packed).expect("written");
    run(tool(program).args(["-d", "-c"]).arg(path))
}

/// The output of the program for a file with this name and content.
fn sign(bootseal: &Bootseal, name: &str, content: &[u8]) -> Vec<u8> {
    let work = tempfile::tempdir().expect("a temporary folder");
    let path = work.path().join(name);
    fs::write(&path, content).expect("written");
    bootseal.sign_module(&path);
    fs::read(path).expect("the signed module")
}

/// Signed over another hash, and then as the configuration has it.
fn signed_twice(bootseal: &Bootseal, name: &str, content: &[u8]) -> Vec<u8> {
    let work = tempfile::tempdir().expect("a temporary folder");
    let path = work.path().join(name);
    fs::write(&path, content).expect("written");
    bootseal.sign_module_over("sha512", &path);
    bootseal.sign_module(&path);
    fs::read(path).expect("the signed module")
}

/// Takes off the signature of Debian's build, whose key is built into the kernel: a module that
/// loads must owe it to bootseal.
///
/// It is the content, the signature, 12 bytes of which the last 4 are its size, and the mark.
pub fn without_signature(mut module: Vec<u8>) -> Vec<u8> {
    let rest = module
        .strip_suffix(b"~Module signature appended~\n")
        .expect("Debian's modules are signed");
    let (rest, size) = rest.split_last_chunk().expect("a size before the mark");
    let size = u32::from_be_bytes(*size) as usize;
    module.truncate(rest.len() - 8 - size);
    module
}
