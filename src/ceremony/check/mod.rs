//! Trying the product before it is handed over: everything is read back from the disk, every key signs, and every
//! write is judged as firmware will.

use std::collections::BTreeSet;
use std::fs;

use crate::enroll::{self, Request, StoreChoice};
use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::firmware::authenticated_variable::{
    APPEND_ATTRIBUTES, ATTRIBUTES, AuthenticatedVariable, VariableName,
};
use crate::formats::firmware::authenticode::{Image, minimal_image};
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::grub::openpgp::{DetachedSignature, UnsignedSignature};
use crate::keys::{KeyDirectory, KeyName, Signer};
use crate::system;
use crate::trust::variable::{Authority, Firmware, judge};
use crate::trust::{Anchors, examine, read_database};

use super::make;
use super::spec::Spec;
use super::transcript::Event;
use super::work::Work;

mod lint;

/// Folder of the simulated firmware, in the work directory.
const TRIAL: &str = "trial";

/// Checks what was made, unless that is recorded.
pub(super) fn all(work: &mut Work<'_>) -> Result<()> {
    if work.has(|event| matches!(event, Event::Checked { .. })) {
        return Ok(());
    }
    work.check_files()?;
    let directory = work.directory()?;
    let product = Product {
        work,
        spec: work.spec,
        directory: &directory,
    };
    work.step("reading the keys back: each signs, and its certificate verifies")?;
    product.keys()?;
    product.certificates()?;
    work.step("trying the signed writes as firmware takes them")?;
    product.variables()?;
    product.enrolment()?;
    let checks = [
        "each key signs a nonce that its public half verifies, read back from the disk",
        "no two keys are the same",
        "certificates: serial number, validity, usage, self-signature, strength",
        "signature lists and signed writes read back, judged by the rules of EDK2",
        "a simulated firmware goes from Setup Mode to User Mode with this PK",
        "that firmware lets a signed EFI image start, and no altered one",
    ];
    let checks = checks.map(str::to_owned).into();
    work.record(Event::Checked { checks })
}

/// What was made, as it stands on the disk.
struct Product<'a> {
    work: &'a Work<'a>,
    spec: &'a Spec,
    directory: &'a KeyDirectory,
}

impl Product<'_> {
    /// Every key opens, belongs to its certificate, signs what that verifies, and is like no other.
    fn keys(&self) -> Result<()> {
        let signers = self.work.signers()?;
        let mut moduli = signers
            .iter()
            .map(|(name, signer)| Ok(self.key(*name, signer.as_ref())?.modulus()))
            .collect::<Result<Vec<_>>>()?;
        moduli.sort();
        moduli.dedup();
        if moduli.len() == KeyName::ALL.len() {
            Ok(())
        } else {
            Err(Error::bug("two keys of the ceremony are the same"))
        }
    }

    fn key(&self, name: KeyName, signer: &dyn Signer) -> Result<RsaPublicKey> {
        let nonce: [u8; 32] = self.work.began.random()?;
        if name == KeyName::Grub {
            let cannot = || "the grub key does not verify what it signs".to_owned();
            let key = self.directory.grub_public_key()?;
            let unsigned = UnsignedSignature::detached(&key, &nonce, key.created()).or_bug(cannot)?;
            let signature = signer.sign(unsigned.to_be_signed())?;
            let packet = unsigned.finish(&signature).or_bug(cannot)?;
            DetachedSignature::parse(&packet)
                .and_then(|signature| signature.verify(&key, &nonce))
                .or_bug(cannot)?;
            return Ok(key.public_key().clone());
        }
        let cannot = || format!("the {name} certificate does not verify what its key signs");
        let certificate = self.directory.certificate(name)?;
        let public = certificate.public_key().or_bug(cannot)?;
        let digest = HashAlgorithm::Sha256.digest(&[&nonce]);
        public.verify(&digest, &signer.sign(&digest)?).or_bug(cannot)?;
        Ok(public)
    }

    /// The certificates state what was asked for, and are what firmware and kernel take.
    fn certificates(&self) -> Result<()> {
        let mut serials = BTreeSet::new();
        let imported = self.spec.imported()?;
        for name in KeyName::CERTIFIED {
            let certificate = self.directory.certificate(name)?;
            let der = system::read(&self.directory.certificate_path(name).with_extension("der"))?;
            same(certificate.as_der(), &der, &format!("{name}.der"))?;
            // What was made elsewhere states what its owner wanted; that it is firmware's to read was seen above.
            if imported.contains_key(&name) {
                continue;
            }
            let expected = lint::Expected {
                purpose: make::purpose(name),
                bits: self.spec.key(name).bits,
                years: self.spec.key(name).years,
                from: self.work.began.date_time()?,
            };
            let finding = lint::lint(&certificate, &expected);
            if let Some(finding) = finding.first() {
                return Err(Error::bug(format!("the {name} certificate: {finding}")));
            }
            serials.insert(
                certificate
                    .parsed()
                    .tbs_certificate()
                    .serial_number()
                    .as_bytes()
                    .to_vec(),
            );
        }
        if serials.len().saturating_add(imported.len()) == KeyName::CERTIFIED.len() {
            Ok(())
        } else {
            Err(Error::bug("two certificates have one serial number"))
        }
    }

    /// A firmware in Setup Mode is given all of it, and must end in User Mode, with this PK, starting what db signs.
    fn enrolment(&self) -> Result<()> {
        let cannot = || "cannot try the enrolment".to_owned();
        let trial = self.work.path().join(TRIAL);
        if trial.exists() {
            fs::remove_dir_all(&trial).or_could_not_run(cannot)?;
        }
        let firmware = trial.join("firmware");
        fs::create_dir_all(&firmware).or_could_not_run(cannot)?;
        // Backups of variables go below this root, too.
        let context = self.work.began.clone().with_root(&trial);
        let store = StoreChoice::At(firmware.clone());
        let request = Request::new(self.directory.path().to_path_buf(), store);
        let applied = enroll::apply(&context, &enroll::plan(&context, &request)?, || ())?;
        let held = |variable: VariableName| {
            let bytes = system::read(&firmware.join(variable.full_name()))?;
            read_database(&bytes).or_bug(cannot)
        };
        if applied.setup_mode || held(VariableName::Pk)? != self.directory.database(VariableName::Pk)? {
            return Err(Error::bug(
                "the simulated firmware did not end in User Mode with this PK",
            ));
        }
        let dbx = self.spec.dbx == super::Revocations::Microsoft;
        let anchors = Anchors {
            pk: held(VariableName::Pk)?,
            kek: held(VariableName::Kek)?,
            db: held(VariableName::Db)?,
            dbx: if dbx {
                held(VariableName::Dbx)?
            } else {
                SignatureDatabase::default()
            },
            ..Anchors::default()
        };
        self.image(&anchors)?;
        fs::remove_dir_all(&trial).or_could_not_run(cannot)
    }

    fn image(&self, anchors: &Anchors) -> Result<()> {
        let cannot = || "cannot sign an EFI image".to_owned();
        let certificate = self.directory.certificate(KeyName::Db)?;
        let key = self
            .work
            .signers()?
            .get(&KeyName::Db)
            .ok_or_else(|| Error::bug(cannot()))?;
        let file = minimal_image();
        let image = Image::parse(&file).or_bug(cannot)?;
        let unsigned = image
            .unsigned_signature(&certificate, HashAlgorithm::Sha256)
            .or_bug(cannot)?;
        let signature = key.sign(&unsigned.to_be_signed().or_bug(cannot)?)?;
        let signed = image
            .with_signature(&unsigned.assemble(&signature).or_bug(cannot)?)
            .or_bug(cannot)?;
        let starts = |bytes: &[u8]| {
            examine(bytes, None, anchors)
                .iter()
                .all(|finding| finding.verdict.is_ok())
        };
        let mut altered = signed.clone();
        if let Some(byte) = altered.get_mut(file.len() / 2) {
            *byte ^= 1;
        }
        if starts(&signed) && !starts(&file) && !starts(&altered) {
            Ok(())
        } else {
            Err(Error::bug(
                "the simulated firmware does not start what db signs, or starts what it does not",
            ))
        }
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
