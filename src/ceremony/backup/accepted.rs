//! The trial of restored keys on a board that has the present lists: a key that signs, and whose signature no board takes, is of no use.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::cms::{Shape, Unsigned};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::{ATTRIBUTES, AuthenticatedVariable, EfiTime, VariableName};
use crate::formats::firmware::authenticode::{Image, minimal_image};
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::text::Shown;
use crate::keys::{KeyName, Signer};
use crate::system::{self, Context};
use crate::trust::variable::{Firmware, judge};
use crate::trust::{Anchors, examine};

use super::super::staged::MAX_FILE;

/// A board that has what a key directory enrolls, or the archive where the directory has no lists.
pub(super) struct Board<'a> {
    context: &'a Context,
    keys: &'a Path,
    /// The files of the archive.
    files: &'a BTreeMap<String, Vec<u8>>,
}

impl<'a> Board<'a> {
    pub(super) const fn new(context: &'a Context, keys: &'a Path, files: &'a BTreeMap<String, Vec<u8>>) -> Self {
        Self { context, keys, files }
    }

    /// The keys whose signatures the board takes: PK's and KEK's on a write, db's on an image. Refused if it does not take one; nothing
    /// is said where there are no lists.
    pub(super) fn takes(&self, restored: &BTreeMap<KeyName, Box<dyn Signer>>) -> Result<Vec<String>> {
        let Some(anchors) = self.anchors()? else {
            return Ok(Vec::new());
        };
        let mut taken = Vec::new();
        for (name, key) in restored {
            let variable = match name {
                KeyName::Pk => Some(VariableName::Kek),
                KeyName::Kek => Some(VariableName::Db),
                KeyName::Db => None,
                KeyName::Module | KeyName::Grub | KeyName::Pcr | KeyName::Fleet => continue,
            };
            let Some(certificate) = self.file(&format!("{name}.pem"))? else {
                continue;
            };
            let certificate =
                Certificate::from_pem(&certificate).or_refuse(|| format!("cannot use the certificate of {name}"))?;
            let refusal = match variable {
                Some(variable) => self.write(variable, &certificate, key.as_ref(), &anchors)?,
                None => image(&certificate, key.as_ref(), &anchors)?,
            };
            if let Some(refusal) = refusal {
                let text = format!(
                    "the {name} key of the backup signs, but a board with the lists of {} takes nothing that it signs: {refusal}",
                    self.keys.shown()
                );
                let look = format!("bootseal ceremony verify {}", quoted(self.keys));
                return Err(Error::refused(text).hint(look));
            }
            taken.push(name.name().to_owned());
        }
        Ok(taken)
    }

    /// A file of the key directory, or of the archive.
    fn file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let there = system::read_ours_if_there(&self.keys.join(name), MAX_FILE)?;
        Ok(there.or_else(|| self.files.get(name).cloned()))
    }

    fn anchors(&self) -> Result<Option<Anchors>> {
        let cannot = |name: &str| format!("cannot read signature lists from {name}");
        let mut anchors = Anchors::default();
        for (name, lists) in [
            ("PK.esl", &mut anchors.pk),
            ("KEK.esl", &mut anchors.kek),
            ("db.esl", &mut anchors.db),
        ] {
            let Some(bytes) = self.file(name)? else {
                return Ok(None);
            };
            *lists = SignatureDatabase::parse(&bytes).or_refuse(|| cannot(name))?;
        }
        if let Some(bytes) = self.file("dbx.auth")? {
            let write = AuthenticatedVariable::parse(&bytes).or_refuse(|| cannot("dbx.auth"))?;
            anchors.dbx = SignatureDatabase::parse(&write.payload).or_refuse(|| cannot("dbx.auth"))?;
        }
        Ok(Some(anchors))
    }

    /// The reason for which the board refuses a write of this key that changes nothing.
    fn write(
        &self,
        variable: VariableName,
        certificate: &Certificate,
        key: &dyn Signer,
        anchors: &Anchors,
    ) -> Result<Option<String>> {
        let lists = if variable == VariableName::Kek {
            &anchors.kek
        } else {
            &anchors.db
        };
        let mut write = AuthenticatedVariable {
            time: EfiTime::from(self.context.date_time()?),
            signed_data: Vec::new(),
            payload: lists.to_bytes(),
        };
        let cannot = || format!("cannot sign a write of {variable}");
        let unsigned = Unsigned::new(Shape::Variable, certificate, write.signed_digest(variable, ATTRIBUTES));
        let signature = key.sign(&unsigned.to_be_signed().or_bug(cannot)?)?;
        write.signed_data = unsigned.assemble(&signature).or_bug(cannot)?;
        let firmware = Firmware {
            pk: &anchors.pk,
            kek: &anchors.kek,
            setup_mode: false,
            last_write: None,
        };
        let refusal = judge(&firmware, variable, ATTRIBUTES, &write).err();
        Ok(refusal.map(|refusal| refusal.to_string()))
    }
}

/// The reason for which the board refuses an image that this key has signed.
fn image(certificate: &Certificate, key: &dyn Signer, anchors: &Anchors) -> Result<Option<String>> {
    let cannot = || "cannot sign an EFI image".to_owned();
    let file = minimal_image();
    let image = Image::parse(&file).or_bug(cannot)?;
    let unsigned = image
        .unsigned_signature(certificate, HashAlgorithm::Sha256)
        .or_bug(cannot)?;
    let signature = key.sign(&unsigned.to_be_signed().or_bug(cannot)?)?;
    let signed = image
        .with_signature(&unsigned.assemble(&signature).or_bug(cannot)?)
        .or_bug(cannot)?;
    let judgements = examine(&signed, None, anchors);
    Ok(judgements.into_iter().find_map(|judgement| judgement.verdict.err()))
}
