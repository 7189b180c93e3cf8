//! RSA: our verification and the `rsa` crate's say the same, and padding is what the standard says to the last byte.

use std::sync::LazyLock;

use bootseal::formats::crypto::hash::{Digest, HashAlgorithm};
use bootseal::formats::crypto::rsa_public_key::{RsaPublicKey, pkcs1v15};
use crypto_bigint::modular::BoxedMontyForm;
use crypto_bigint::{BoxedUint, Limb};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use proptest::prelude::*;
use proptest::sample::Index;
use rsa::RsaPrivateKey;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};

/// Bits and public exponents; sizes that are no multiple of 8 or of 64 are rare, but read.
const KEYS: [(usize, u64); 5] = [
    (1024, 3),
    (1024, 65_537),
    (1031, 65_537),
    (1096, 0x1_0000_0001),
    (2048, 65_537),
];

#[derive(Debug)]
struct Key {
    private: RsaPrivateKey,
    ours: RsaPublicKey,
}

static ALL: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let make = |(bits, exponent): (usize, u64)| {
        let private = RsaPrivateKey::new_with_exp(&mut UnwrapErr(SysRng), bits, BoxedUint::from(exponent)).unwrap();
        let ours = RsaPublicKey::from_rsa(private.to_public_key()).unwrap();
        Key { private, ours }
    };
    KEYS.map(make).into()
});

impl Key {
    fn width(&self) -> usize {
        self.private.size()
    }

    fn sign(&self, digest: &Digest) -> Vec<u8> {
        let scheme = pkcs1v15(digest.algorithm());
        self.private.sign(scheme, digest.as_bytes()).unwrap()
    }

    /// The verdict on a signature, which both must share.
    fn accepts(&self, digest: &Digest, signature: &[u8]) -> bool {
        let ours = self.ours.verify(digest, signature).is_ok();
        let scheme = pkcs1v15(digest.algorithm());
        let theirs = self
            .private
            .as_public_key()
            .verify(scheme, digest.as_bytes(), signature);
        assert_eq!(
            ours,
            theirs.is_ok(),
            "{} bits, {digest:?}: {}",
            self.ours.bits(),
            hex::encode(signature)
        );
        ours
    }

    fn number(&self, bytes: &[u8]) -> BoxedUint {
        BoxedUint::from_be_slice(bytes, self.private.n_bits_precision()).unwrap()
    }

    fn bytes(&self, number: &BoxedUint) -> Vec<u8> {
        let bytes = number.to_be_bytes();
        bytes[bytes.len() - self.width()..].to_vec()
    }

    /// The signature that holds exactly these bytes, whatever they are.
    fn holding(&self, encoded: &[u8]) -> Vec<u8> {
        let base = BoxedMontyForm::new(self.number(encoded), self.private.n_params());
        self.bytes(&base.pow(self.private.d()).retrieve())
    }

    /// The content of a signature.
    fn held(&self, digest: &Digest) -> Vec<u8> {
        let info = [&digest.algorithm().digest_info_prefix(), digest.as_bytes()].concat();
        let padding = vec![0xff; self.width() - 3 - info.len()];
        [&[0, 1], padding.as_slice(), &[0], &info].concat()
    }

    /// A signature made over one of many messages, for which this is so.
    fn until(&self, wanted: impl Fn(&[u8]) -> bool) -> (Digest, Vec<u8>) {
        let signed = (0_u32..).map(|number| {
            let digest = HashAlgorithm::Sha256.digest(&[&number.to_be_bytes()]);
            let signature = self.sign(&digest);
            (digest, signature)
        });
        signed.into_iter().find(|(_, signature)| wanted(signature)).unwrap()
    }
}

fn keys() -> impl Strategy<Value = &'static Key> {
    (0..KEYS.len()).prop_map(|index| &ALL[index])
}

fn hashes() -> impl Strategy<Value = HashAlgorithm> {
    proptest::sample::select(HashAlgorithm::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_signed_holds_until_a_bit_changes(key in keys(), hash in hashes(), message: Vec<u8>, bit: Index) {
        let digest = hash.digest(&[&message]);
        let mut signature = key.sign(&digest);
        prop_assert!(key.accepts(&digest, &signature));
        let bit = bit.index(signature.len() * 8);
        signature[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!key.accepts(&digest, &signature));
    }

    #[test]
    fn other_bytes_are_no_signature(key in keys(), hash in hashes(), seed: [u8; 32], extra in 0..3_usize) {
        let stream = HashAlgorithm::ALL.iter().cycle().zip(0_u32..).flat_map(|(hash, count)| {
            hash.digest(&[&seed, &count.to_be_bytes()]).as_bytes().to_vec()
        });
        let bytes: Vec<u8> = stream.take(key.width() + extra - 1).collect();
        prop_assert!(!key.accepts(&hash.digest(&[&seed]), &bytes));
    }

    #[test]
    fn every_byte_of_the_padding_counts(key in keys(), hash in hashes(), place: Index, change in 1..=255_u8) {
        let digest = hash.digest(&[b"message"]);
        let mut held = key.held(&digest);
        prop_assert_eq!(key.holding(&held), key.sign(&digest));
        // The first byte is zero, or the number is no longer below the modulus.
        let place = 1 + place.index(held.len() - 1);
        held[place] ^= change;
        prop_assert!(!key.accepts(&digest, &key.holding(&held)));
    }
}

#[test]
fn forged_paddings_are_refused() {
    let digest = HashAlgorithm::Sha256.digest(&[b"message"]);
    let prefix = HashAlgorithm::Sha256.digest_info_prefix();
    for key in ALL.iter() {
        let filled = |start: &[u8], rest: &[u8]| {
            let padding = vec![0xff; key.width() - start.len() - rest.len()];
            [start, &padding, rest].concat()
        };
        let info = [&[0], prefix.as_slice(), digest.as_bytes()].concat();
        // NULL parameters left out (RFC 8017, appendix B.1, note), which is taken nowhere in this chain.
        let without_null = [
            &[0, 0x30, 0x2f, 0x30, 0x0b],
            &prefix[4..15],
            &prefix[17..],
            digest.as_bytes(),
        ]
        .concat();
        let mut short_padding = [&[0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], info.as_slice()].concat();
        // Bleichenbacher's forgery for the exponent 3: the digest early, and anything behind it.
        short_padding.resize(key.width(), 0x5a);
        let forged = [
            short_padding,
            filled(&[0, 1], &without_null),
            filled(&[0, 2], &info),
            filled(&[0, 0], &info),
            filled(&[0, 1], &[&[0], digest.as_bytes()].concat()),
            filled(&[0, 1], &[&info, [0].as_slice()].concat()),
        ];
        assert!(key.accepts(&digest, &key.holding(&filled(&[0, 1], &info))));
        for held in forged {
            assert!(!key.accepts(&digest, &key.holding(&held)), "{}", hex::encode(held));
        }
    }
}

#[test]
fn a_signature_is_below_the_modulus_and_as_wide_as_it() {
    let mut tried = 0;
    for key in ALL.iter() {
        let modulus = key.private.n().as_ref();
        // The same number modulo the modulus, if it is not too wide.
        let wider = |signature: &[u8]| {
            let (sum, carry) = key.number(signature).carrying_add(modulus, Limb::ZERO);
            let bytes = sum.to_be_bytes();
            let (above, bytes) = bytes.split_at(bytes.len() - key.width());
            (carry == Limb::ZERO && above.iter().all(|byte| *byte == 0)).then(|| bytes.to_vec())
        };
        // With less room above the modulus, hardly any signature has such a twin.
        if key.bytes(modulus)[0] < 0xf0 {
            let (digest, signature) = key.until(|signature| wider(signature).is_some());
            assert!(key.accepts(&digest, &signature));
            assert!(!key.accepts(&digest, &wider(&signature).unwrap()));
            tried += 1;
        }

        let (digest, signature) = key.until(|signature| signature[0] == 0);
        assert!(key.accepts(&digest, &signature));
        assert!(!key.accepts(&digest, &signature[1..]));
        assert!(!key.accepts(&digest, &[&[0], signature.as_slice()].concat()));

        let zero = vec![0; key.width()];
        let modulus = key.bytes(modulus);
        for edge in [zero, modulus, vec![0xff; key.width()], vec![0xff; 2048], Vec::new()] {
            assert!(!key.accepts(&digest, &edge));
        }
    }
    // That of 1031 bits has room for all.
    assert!(tried > 0);
}
