//! The examination of the private keys.

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::grub::openpgp::{DetachedSignature, UnsignedSignature};
use crate::keys::{KeyName, Signer};

use super::product::{Product, Report};

/// Every key opens, belongs to its certificate, signs a nonce that its public half verifies, and is like no other.
pub(super) fn examine(product: &Product<'_>, report: &mut Report) -> Result<()> {
    let mut known: Vec<(KeyName, RsaPublicKey)> = Vec::new();
    for (name, signer) in product.work.signers()? {
        let key = try_key(product, *name, signer.as_ref())?;
        if let Some((other, _)) = known.iter().find(|(_, other)| other.modulus() == key.modulus()) {
            return Err(Error::bug(format!(
                "the {other} and {name} keys of the ceremony are the same"
            )));
        }
        let public = match name {
            KeyName::Grub => "OpenPGP key",
            _ => "certificate",
        };
        report.passed(format!(
            "{name} key: RSA-{}, read back from its place, signs a nonce that its {public} verifies",
            key.bits()
        ));
        known.push((*name, key));
    }
    report.passed(format!("{} keys, no two of them the same", known.len()));
    Ok(())
}

/// The public half of a key that signs and verifies.
fn try_key(product: &Product<'_>, name: KeyName, signer: &dyn Signer) -> Result<RsaPublicKey> {
    let nonce: [u8; 32] = product.work.began.random()?;
    if name == KeyName::Grub {
        let cannot = || "the grub key does not verify what it signs".to_owned();
        let key = product.directory.grub_public_key()?;
        let unsigned = UnsignedSignature::detached(&key, &nonce, key.created()).or_bug(cannot)?;
        let signature = signer.sign(unsigned.to_be_signed())?;
        let packet = unsigned.finish(&signature).or_bug(cannot)?;
        DetachedSignature::parse(&packet)
            .and_then(|signature| signature.verify(&key, &nonce))
            .or_bug(cannot)?;
        return Ok(key.public_key().clone());
    }
    let cannot = || format!("the {name} certificate does not verify what its key signs");
    let certificate = product.directory.certificate(name)?;
    let public = certificate.public_key().or_bug(cannot)?;
    let digest = HashAlgorithm::Sha256.digest(&[&nonce]);
    public.verify(&digest, &signer.sign(&digest)?).or_bug(cannot)?;
    Ok(public)
}
