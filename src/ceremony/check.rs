//! Trying the product before it is handed over: everything is read back from the disk, every key signs, and every
//! write is judged as firmware will.

use std::path::Path;

use rayon::prelude::*;

use crate::error::{Error, Explain, Result};
use crate::formats::authenticated_variable::{APPEND_ATTRIBUTES, ATTRIBUTES, AuthenticatedVariable, VariableName};
use crate::formats::certificate::Certificate;
use crate::formats::hash::HashAlgorithm;
use crate::formats::openpgp::{DetachedSignature, UnsignedSignature};
use crate::formats::public_key::PublicKey;
use crate::formats::signature_list::SignatureDatabase;
use crate::keys::{KeyDirectory, KeyName, Passphrase};
use crate::system::Context;
use crate::trust::variable::{Authority, Firmware, judge};

use super::{Report, Spec, make};

/// Checks the directory at `out`; reports on it as if it were in its place.
pub(super) fn all(context: &Context, spec: &Spec, out: &Path) -> Result<Report> {
    let directory = KeyDirectory::open(out)?;
    let product = Product {
        context,
        spec,
        directory: &directory,
    };
    product.keys()?;
    product.variables()?;
    Report::made(spec, &directory)
}

/// What was made, as it stands on the disk.
struct Product<'a> {
    context: &'a Context,
    spec: &'a Spec,
    directory: &'a KeyDirectory,
}

impl Product<'_> {
    /// Every key opens, belongs to its certificate, signs what that verifies, and is like no other.
    fn keys(&self) -> Result<()> {
        let mut moduli = KeyName::ALL
            .into_par_iter()
            .map(|name| Ok(self.key(name)?.modulus()))
            .collect::<Result<Vec<_>>>()?;
        moduli.sort();
        moduli.dedup();
        if moduli.len() == KeyName::ALL.len() {
            Ok(())
        } else {
            Err(Error::bug("two keys of the ceremony are the same"))
        }
    }

    fn key(&self, name: KeyName) -> Result<PublicKey> {
        let ask = &mut |_: &str| self.ask(name);
        let nonce: [u8; 32] = self.context.random()?;
        if name == KeyName::Grub {
            let cannot = || "the grub key does not verify what it signs".to_owned();
            let (signer, key) = self.directory.grub_key(ask)?;
            let unsigned = UnsignedSignature::detached(&key, &nonce, key.created()).or_bug(cannot)?;
            let signature = signer.sign(unsigned.to_be_signed())?;
            let packet = unsigned.finish(&signature).or_bug(cannot)?;
            DetachedSignature::parse(&packet)
                .and_then(|signature| signature.verify(&key, &nonce))
                .or_bug(cannot)?;
            return Ok(key.public_key().clone());
        }
        let cannot = || format!("the {name} certificate does not verify what its key signs");
        let identity = self.directory.identity(name, ask)?;
        let public = identity.certificate.public_key().or_bug(cannot)?;
        let digest = HashAlgorithm::Sha256.digest(&[&nonce]);
        public.verify(&digest, &identity.signer.sign(&digest)?).or_bug(cannot)?;
        self_signature(&identity.certificate, &public).or_bug(cannot)?;
        Ok(public)
    }

    fn ask(&self, name: KeyName) -> Result<Passphrase> {
        self.spec
            .passphrase_of(name)?
            .map(Passphrase::duplicate)
            .ok_or_else(|| Error::bug(format!("the {name} key is encrypted although it was to stay plain")))
    }

    /// Firmware in Setup Mode takes the writes in the order of enrolment; afterwards only from whom they should come.
    fn variables(&self) -> Result<()> {
        let pk = self.lists(VariableName::Pk, KeyName::Pk)?;
        let kek = self.lists(VariableName::Kek, KeyName::Kek)?;
        self.lists(VariableName::Db, KeyName::Db)?;
        let empty = SignatureDatabase::default();
        let mut updates = Vec::new();
        if let Some(revoked) = make::revocations(self.spec)? {
            let update = self.directory.update(VariableName::Dbx)?;
            same(&update.payload, &revoked.to_bytes(), "dbx.auth")?;
            updates.push((VariableName::Dbx, APPEND_ATTRIBUTES, update));
        }
        for variable in [VariableName::Db, VariableName::Kek, VariableName::Pk] {
            updates.push((variable, ATTRIBUTES, self.directory.update(variable)?));
        }
        for (variable, attributes, update) in &updates {
            let setup = Firmware {
                pk: &empty,
                kek: &empty,
                setup_mode: true,
                last_write: None,
            };
            let user = Firmware {
                pk: &pk,
                kek: &kek,
                setup_mode: false,
                last_write: None,
            };
            accepted(&setup, *variable, *attributes, update)?;
            let authority = accepted(&user, *variable, *attributes, update)?;
            self.expect_authority(*variable, &authority)?;
        }
        self.removal(&pk, &kek)
    }

    /// `noPK.auth` is an empty write that a machine with PK enrolled takes.
    fn removal(&self, pk: &SignatureDatabase, kek: &SignatureDatabase) -> Result<()> {
        let enrolled = self.directory.update(VariableName::Pk)?;
        let removal = self.directory.remove_pk()?;
        same(&removal.payload, &[], "noPK.auth")?;
        let firmware = Firmware {
            pk,
            kek,
            setup_mode: false,
            last_write: Some(enrolled.time),
        };
        let authority = accepted(&firmware, VariableName::Pk, ATTRIBUTES, &removal)?;
        self.expect_authority(VariableName::Pk, &authority)
    }

    /// PK answers for PK and KEK, our own KEK for db and dbx.
    fn expect_authority(&self, variable: VariableName, authority: &Authority) -> Result<()> {
        let (name, signer) = match authority {
            Authority::PlatformKey(signer) => (KeyName::Pk, signer),
            Authority::KeyExchangeKey { signer, .. } => (KeyName::Kek, signer),
            Authority::Unchecked | Authority::NewPlatformKey(_) => {
                return Err(Error::bug(format!("nobody answers for the {variable} write")));
            }
        };
        let expected = match variable {
            VariableName::Pk | VariableName::Kek => KeyName::Pk,
            VariableName::Db | VariableName::Dbx => KeyName::Kek,
        };
        if name == expected && **signer == self.directory.certificate(expected)? {
            return Ok(());
        }
        Err(Error::bug(format!("the {variable} write is not signed by {expected}")))
    }

    /// The lists of a variable hold our certificate first, then those of Microsoft's that were chosen, and no others;
    /// the signed write carries the same bytes.
    fn lists(&self, variable: VariableName, own: KeyName) -> Result<SignatureDatabase> {
        let lists = self.directory.database(variable)?;
        let own = self.directory.certificate(own)?;
        let expected: Vec<&[u8]> = std::iter::once(own.as_der())
            .chain(self.spec.microsoft.certificates(variable).map(|known| known.der))
            .collect();
        let present: Vec<&[u8]> = lists.certificates().map(|(_, der)| der).collect();
        if present != expected || lists.entries().count() != expected.len() {
            return Err(Error::bug(format!("{variable}.esl does not hold what it should")));
        }
        same(
            &self.directory.update(variable)?.payload,
            &lists.to_bytes(),
            &format!("{variable}.auth"),
        )?;
        Ok(lists)
    }
}

fn accepted(
    firmware: &Firmware<'_>,
    variable: VariableName,
    attributes: u32,
    update: &AuthenticatedVariable,
) -> Result<Authority> {
    update
        .time
        .check()
        .or_bug(|| format!("the time of the {variable} write is none"))?;
    judge(firmware, variable, attributes, update).or_bug(|| format!("firmware would refuse the {variable} write"))
}

fn same(present: &[u8], expected: &[u8], file: &str) -> Result<()> {
    if present == expected {
        Ok(())
    } else {
        Err(Error::bug(format!("{file} does not hold what it should")))
    }
}

/// Checks the signature of a certificate that is its own issuer.
fn self_signature(
    certificate: &Certificate,
    key: &PublicKey,
) -> std::result::Result<(), crate::formats::public_key::SignatureMismatch> {
    let digest = HashAlgorithm::Sha256.digest(&[certificate.tbs_der()]);
    key.verify(&digest, certificate.parsed().signature().raw_bytes())
}
