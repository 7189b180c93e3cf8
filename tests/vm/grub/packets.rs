//! OpenPGP packets byte by byte, in every form that RFC 4880 knows and in some that it does not, signed by OpenSSL.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::signer::TestKey;
use crate::support::tool;
use ::bootseal::formats::grub::openpgp::GrubKey;

use super::super::packages::run;

pub const SIGNATURE: u8 = 2;
pub const PUBLIC_KEY: u8 = 6;
pub const USER_ID: u8 = 13;
pub const PUBLIC_SUBKEY: u8 = 14;

/// Subpacket types.
pub const ISSUER: u8 = 16;
pub const ISSUER_FINGERPRINT: u8 = 33;
const CREATED: u8 = 2;
/// The bit of a subpacket's type that wants it to be understood.
pub const CRITICAL: u8 = 0x80;

/// When everything here was made.
const MOMENT: [u8; 4] = 1_700_000_000_u32.to_be_bytes();

/// How a packet says how long it is (RFC 4880, section 4.2).
#[derive(Clone, Copy)]
pub enum Length {
    OldTwoOctets,
    OldFourOctets,
    OldIndeterminate,
    NewTwoOctets,
    NewFiveOctets,
    /// 128 bytes, and up to 191 more.
    NewPartial,
}

/// A packet of 192 to 8383 bytes.
pub fn packet(length: Length, tag: u8, body: &[u8]) -> Vec<u8> {
    let (old, new) = (0x80 | tag << 2, 0xc0 | tag);
    let size = u16::try_from(body.len()).expect("a short packet");
    let [high, low] = size.to_be_bytes();
    let [high_two, low_two] = size.wrapping_sub(192).to_be_bytes();
    match length {
        Length::OldTwoOctets => [&[old | 1, high, low], body].concat(),
        Length::OldFourOctets => [&[old | 2, 0, 0, high, low], body].concat(),
        Length::OldIndeterminate => [&[old | 3], body].concat(),
        Length::NewTwoOctets => [&[new, high_two + 192, low_two], body].concat(),
        Length::NewFiveOctets => [&[new, 255, 0, 0, high, low], body].concat(),
        Length::NewPartial => {
            let (first, rest) = body.split_at(128);
            assert!(rest.len() < 192);
            let last = u8::try_from(rest.len()).expect("a short packet");
            [&[new, 224 + 7], first, &[last], rest].concat()
        }
    }
}

/// A subpacket with a length of one octet.
pub fn subpacket(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len() + 1).expect("a short subpacket");
    [&[length, kind], content].concat()
}

/// An unsigned number with its size in bits.
fn mpi(number: &[u8]) -> Vec<u8> {
    let number = &number[number.iter().take_while(|byte| **byte == 0).count()..];
    let unused = number.first().map_or(0, |byte| byte.leading_zeros() as usize);
    let bits = u16::try_from(number.len() * 8 - unused).expect("a short number");
    [&bits.to_be_bytes(), number].concat()
}

/// A key pair of OpenSSL's as OpenPGP shows it.
pub struct Pair {
    key: TestKey,
    pub id: [u8; 8],
    pub fingerprint: Vec<u8>,
}

impl Pair {
    pub fn new() -> Self {
        let made = std::iter::repeat_with(Self::any);
        // Where GRUB goes on after a length of two octets, which it takes for 192 less; here it must find no packet.
        let fits = |pair: &Self| {
            let body = pair.body();
            (1..0x80).contains(&body[body.len() - 192])
        };
        made.take(64).find(fits).expect("one of two keys")
    }

    fn any() -> Self {
        let key = TestKey::new("grub");
        let public = key.certificate.public_key().expect("an RSA key");
        let openpgp = GrubKey::new(&public, u32::from_be_bytes(MOMENT)).expect("a key that GRUB takes");
        let id = hex::decode(openpgp.key_id()).expect("hexadecimal digits");
        Self {
            key,
            id: id.try_into().expect("eight bytes"),
            fingerprint: hex::decode(openpgp.fingerprint()).expect("hexadecimal digits"),
        }
    }

    /// The body of its public key packet.
    pub fn body(&self) -> Vec<u8> {
        let public = self.key.certificate.public_key().expect("an RSA key");
        let head = [&[4][..], &MOMENT, &[1]].concat();
        [head, mpi(&public.modulus()), mpi(&public.exponent())].concat()
    }

    /// The body of the version 3 packet: it also has days of validity.
    pub fn body_of_version_3(&self) -> Vec<u8> {
        let body = self.body();
        [&[3], &body[1..5], &[0, 0], &body[5..]].concat()
    }

    /// The key as GRUB wants it.
    pub fn export(&self) -> Vec<u8> {
        packet(Length::OldTwoOctets, PUBLIC_KEY, &self.body())
    }

    fn openssl(&self, hash: &str, message: &[u8], signs: bool) -> Vec<u8> {
        let work = tempfile::tempdir().expect("a temporary folder");
        let file = work.path().join("message");
        fs::write(&file, message).expect("written");
        let mut openssl = tool("openssl");
        openssl.args(["dgst", "-binary"]).arg(format!("-{hash}"));
        if signs {
            openssl.arg("-sign").arg(&self.key.key);
        }
        run(openssl.arg(file))
    }
}

/// A signature to be made.
#[derive(Clone)]
pub struct Draft {
    pub length: Length,
    pub version: u8,
    pub kind: u8,
    pub algorithm: u8,
    /// OpenPGP's number of a hash and OpenSSL's name of it.
    pub hash: (u8, &'static str),
    /// After the moment that every signature names.
    pub hashed: Vec<u8>,
    pub unhashed: Vec<u8>,
    /// The change to the digest's first two bytes.
    pub prefix_change: u8,
    /// Zeros before the signature's number, which are counted by its size.
    pub leading_zeros: usize,
}

impl Draft {
    /// In the form that GRUB takes.
    pub fn by(pair: &Pair) -> Self {
        Self {
            length: Length::OldTwoOctets,
            version: 4,
            kind: 0,
            algorithm: 1,
            hash: (10, "sha512"),
            hashed: Vec::new(),
            unhashed: subpacket(ISSUER, &pair.id),
            prefix_change: 0,
            leading_zeros: 0,
        }
    }

    /// The packet of a signature by `pair` over `data`.
    pub fn sign(&self, pair: &Pair, data: &[u8]) -> Vec<u8> {
        let (hash_number, hash) = self.hash;
        let area = |bytes: &[u8]| {
            let size = u16::try_from(bytes.len()).expect("a short area");
            [&size.to_be_bytes(), bytes].concat()
        };
        let hashed = area(&[subpacket(CREATED, &MOMENT), self.hashed.clone()].concat());
        let head = [&[self.version, self.kind, self.algorithm, hash_number], &hashed[..]].concat();
        let size = u32::try_from(head.len()).expect("a short head");
        let message = [data, &head, &[self.version, 0xff], &size.to_be_bytes()].concat();
        let prefix: Vec<u8> = pair.openssl(hash, &message, false)[..2]
            .iter()
            .map(|byte| byte ^ self.prefix_change)
            .collect();
        let signed = pair.openssl(hash, &message, true);
        let number = if self.leading_zeros == 0 {
            mpi(&signed)
        } else {
            let number = [vec![0; self.leading_zeros], signed].concat();
            let bits = u16::try_from(number.len() * 8).expect("a short number");
            [&bits.to_be_bytes(), &number[..]].concat()
        };
        let body = [head, area(&self.unhashed), prefix, number].concat();
        packet(self.length, SIGNATURE, &body)
    }
}

/// A version 3 signature by `pair` over `data` (RFC 4880, section 5.2.2).
pub fn version_3(pair: &Pair, data: &[u8]) -> Vec<u8> {
    let hashed = [&[0][..], &MOMENT].concat();
    let message = [data, &hashed].concat();
    let prefix = &pair.openssl("sha512", &message, false)[..2];
    let number = mpi(&pair.openssl("sha512", &message, true));
    let body = [&[3, 5], &hashed[..], &pair.id, &[1, 10], prefix, &number].concat();
    packet(Length::OldTwoOctets, SIGNATURE, &body)
}

/// GnuPG with a key of its own: the exported key, and its signature over `data`, made with these options.
pub fn gpg(algorithm: &str, options: &[&str], data: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let gpg = |words: &[&str], file: Option<&Path>| {
        let mut gpg: Command = tool("gpg");
        gpg.arg("--homedir").arg(home.path());
        gpg.args(["--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", ""]);
        run(gpg.args(words).args(file))
    };
    let file = home.path().join("data");
    fs::write(&file, data).expect("written");
    gpg(&["--quick-generate-key", "peer", algorithm, "sign", "1y"], None);
    let signature = gpg(&[options, &["--output", "-", "--detach-sign"]].concat(), Some(&file));
    (gpg(&["--export", "peer"], None), signature)
}
