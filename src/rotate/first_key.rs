//! The first key of a name that a ceremony makes only where it is asked for. It can be had later: a key that is there vouches for it, and
//! it is protected as that one is, and lies in clear if that one is on a token.

use crate::ceremony::verify;
use crate::error::{Error, Result};
use crate::formats::text::Shown;
use crate::keys::directory::{Ask, TRANSCRIPT};
use crate::keys::{KeyName, Signer};
use crate::system::is_there;

use super::place::{Files, Place, Rotation};

/// The keys that may vouch for another, the likeliest to be at hand first.
const VOUCHERS: [KeyName; 4] = [KeyName::Db, KeyName::Module, KeyName::Kek, KeyName::Pk];

impl Place<'_> {
    /// True if the key is one that need not be there, and never was. Could not run if its private half is elsewhere.
    pub(super) fn is_first(&self, name: KeyName) -> Result<bool> {
        if is_there(&self.keys.private_key_path(name))? {
            return Ok(false);
        }
        let mut is_known = !name.is_optional();
        for directory in [self.keys, self.authority] {
            is_known |= is_there(&directory.public_path(name))? || is_there(&directory.private_key_path(name))?;
            if is_there(&directory.file_path(TRANSCRIPT))? {
                is_known |= verify::read(directory.path())?.keys.contains_key(name.name());
            }
        }
        if is_known {
            let text = format!("the private {name} key is not in {}", self.keys.path().shown());
            return Err(Error::could_not_run(text).hint(format!("where it is: bootseal keys rotate {name} --keys DIR")));
        }
        Ok(true)
    }

    /// The key that vouches for the first one of a name.
    pub(super) fn voucher_name(&self) -> Result<KeyName> {
        for name in VOUCHERS {
            if is_there(&self.keys.private_key_path(name))? || self.keys.token_uri(name)?.is_some() {
                return Ok(name);
            }
        }
        let text = format!(
            "{} has no private key, nor the name of one on a token, that could vouch for a new one",
            self.keys.path().shown()
        );
        Err(Error::refused(text).hint("where such keys are: bootseal keys rotate pcr --keys DIR"))
    }

    /// The same, opened. Refused if the transcript has another one of its name.
    pub(super) fn voucher(&self, ask: &mut Ask<'_>) -> Result<(KeyName, Box<dyn Signer>)> {
        let name = self.voucher_name()?;
        let key = self.keys.private(name, ask)?;
        if is_there(&self.keys.file_path(TRANSCRIPT))?
            && verify::read(self.keys.path())?.keys.get(name.name()) != Some(key.public_key())
        {
            let directory = self.keys.path().shown();
            return Err(Error::refused(format!(
                "the {name} key of {directory} is not the key of its transcript"
            )));
        }
        Ok((name, key))
    }

    /// The certificate of a first key, with the name of the owner and the validity of the one that vouches for it.
    pub(super) fn first(
        &self,
        name: KeyName,
        voucher: KeyName,
        new: &dyn Signer,
        files: &mut Files,
    ) -> Result<Rotation> {
        let like = self.keys.certificate(voucher)?;
        let subject = like.common_name();
        let owner = subject.split_once(voucher.purpose()).map_or("", |(owner, _)| owner);
        let subject = format!("{owner}{} {}", name.purpose(), self.context.date_time()?.year());
        let certificate = self.certify(name, new, &like, subject, files)?;
        Ok(Rotation {
            key: name.name().to_owned(),
            subject: certificate.common_name(),
            old: None,
            new: certificate.fingerprint().to_hex(),
            files: Vec::new(),
            basis: String::new(),
        })
    }
}
