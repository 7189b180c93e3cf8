//! OpenSSL's RSA signatures hold here, and nothing that was made of them does.

use std::fs;

use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::crypto::rsa_public_key::RsaPublicKey;

use crate::support::{succeed, tool};

/// Bits, and public exponents: the usual ones, and the largest that is taken.
const KEYS: [(u32, u64); 7] = [
    (1024, 65_537),
    (2048, 65_537),
    (2048, 3),
    (2048, 0x1_ffff_ffff),
    (3072, 65_537),
    (4096, 65_537),
    (4096, 3),
];
const MESSAGE: &[u8] = b"a module";
/// Bytes from one changed bit to the next.
const STEP: usize = 7;

#[test]
fn what_openssl_signs_holds_and_nothing_near_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("message"), MESSAGE).unwrap();
    for (bits, exponent) in KEYS {
        let openssl = |arguments: &str| {
            let mut command = tool("openssl");
            succeed(command.current_dir(&directory).args(arguments.split_whitespace()))
        };
        openssl(&format!(
            "genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:{bits} -pkeyopt rsa_keygen_pubexp:{exponent} -out key"
        ));
        openssl("pkey -in key -pubout -outform DER -out public");
        let key = RsaPublicKey::from_spki_der(&fs::read(path("public")).unwrap()).unwrap();
        assert_eq!(key.bits(), bits);
        assert!(exponent.to_be_bytes().ends_with(&key.exponent()));
        for hash in HashAlgorithm::ALL {
            openssl(&format!("dgst -{} -sign key -out signature message", hash.name()));
            let signature = fs::read(path("signature")).unwrap();
            let digest = hash.digest(&[MESSAGE]);
            assert!(key.verify(&digest, &signature).is_ok(), "{bits} {exponent} {hash:?}");
            assert!(key.verify(&hash.digest(&[b"another"]), &signature).is_err());
            for other in HashAlgorithm::ALL.into_iter().filter(|other| *other != hash) {
                assert!(key.verify(&other.digest(&[MESSAGE]), &signature).is_err(), "{other:?}");
            }
            for place in (0..signature.len()).step_by(STEP) {
                let mut changed = signature.clone();
                changed[place] ^= 1 << (place % 8);
                assert!(key.verify(&digest, &changed).is_err(), "byte {place}");
            }
            let longer = [&[0], signature.as_slice()].concat();
            for wrong in [
                &longer,
                &signature[1..],
                &signature[..signature.len() - 1],
                &[],
                &key.modulus(),
            ] {
                assert!(key.verify(&digest, wrong).is_err(), "{} bytes", wrong.len());
            }
        }
    }
}
