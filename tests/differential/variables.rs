//! Writes of db, signed through generated chains, with every certificate of the chain in KEK.

use bootseal::formats::firmware::authenticated_variable::{
    ATTRIBUTES, AuthenticatedVariable, EfiTime, VariableName, signed_bytes,
};
use bootseal::formats::firmware::guid::Guid;
use bootseal::formats::firmware::signature_list::SignatureDatabase;
use bootseal::trust::variable::{Firmware, judge};

use super::judge::Judge;
use super::random::Random;
use super::{chains, reason, signatures};

/// Identifier of SHA-256, which EDK2 looks for at one of two places.
const SHA_256: [u8; 9] = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];

#[test]
fn writes_of_db_are_judged_as_edk2_judges_them() {
    let mut random = Random::new(0x5eed_0004_b007_5ea1);
    let mut openssl = Judge::start();
    let time = EfiTime::from(der::DateTime::new(2026, 1, 1, 0, 0, 0).unwrap());
    let mut payload = SignatureDatabase::default();
    payload.add_sha256(Guid::MICROSOFT, &[7; 32]);
    let payload = payload.to_bytes();
    let (variable, nothing) = (VariableName::Db, SignatureDatabase::default());
    let head = signed_bytes(variable.name(), &variable.vendor(), ATTRIBUTES, &time);
    let (mut compared, mut accepted, mut differences) = (0, 0, Vec::new());
    for number in 0..600 {
        let chain = chains::random(&mut random);
        let content = [&head[..], &payload].concat();
        let signed_data = signatures::variable(&mut random, &chain, &content);
        let auth = AuthenticatedVariable {
            time,
            signed_data: signed_data.clone(),
            payload: if random.once_in(20) {
                Vec::new()
            } else {
                payload.clone()
            },
        };
        let content = [&head[..], &auth.payload].concat();
        for anchor in &chain.certificates {
            let mut kek = SignatureDatabase::default();
            kek.add_certificate(Guid::MICROSOFT, anchor);
            let firmware = Firmware {
                pk: &nothing,
                kek: &kek,
                setup_mode: false,
                last_write: None,
            };
            let ours = judge(&firmware, variable, ATTRIBUTES, &auth);
            let is_announced = signed_data[1] & 0x82 == 0x82
                && [13, 32].iter().any(|place| signed_data[*place..].starts_with(&SHA_256));
            let theirs = is_announced && openssl.pkcs7(&signed_data, anchor, &content);
            compared += 1;
            accepted += usize::from(theirs);
            match ours {
                Ok(_) if !theirs => differences.push(format!("variable {number}: EDK2 refuses it")),
                Err(refusal) if theirs && reason(&refusal.to_string()).is_none() => {
                    differences.push(format!("variable {number}: EDK2 takes it, ours: {refusal}"));
                }
                _ => {}
            }
        }
    }
    println!("compared {compared}, accepted {accepted}");
    assert!(compared >= 500 && accepted >= 100, "{compared} {accepted}");
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
