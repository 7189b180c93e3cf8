//! Writes that change the content of the firmware's variables, made from the present content and signed by the keys that
//! the firmware trusts.

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticated_variable::{
    APPEND_ATTRIBUTES, ATTRIBUTES, AuthenticatedVariable, EfiTime, VariableName,
};
use crate::formats::firmware::signature_list::{Signature, SignatureDatabase, SignatureType};
use crate::formats::text::{Shown, printable};
use crate::keys::directory::Ask;
use crate::keys::{KeyDirectory, KeyName};
use crate::system::{self, Context};
use crate::trust::{meant, microsoft};

use super::request::Update;
use super::store::{Store, StoreChoice};
use super::vendor_defaults::vendor_defaults;
use super::writes;

/// Fewest digits of a fingerprint by which an entry is named.
const MIN_DIGITS: usize = 8;

/// Refuses variables in which the vendor's entries cannot stay beside those of a key directory.
pub fn check_keepable(variables: &[VariableName]) -> Result<()> {
    let reason = variables.iter().find_map(|variable| match variable {
        VariableName::Kek | VariableName::Db => None,
        VariableName::Dbx => Some((variable, "dbx is only ever added to")),
        VariableName::Pk => Some((variable, "there is one platform key")),
    });
    match reason {
        Some((variable, reason)) => Err(Error::usage(format!(
            "the vendor's {variable} cannot be kept: {reason}"
        ))),
        None => Ok(()),
    }
}

/// A maker of signed writes for a firmware.
#[derive(Debug)]
pub struct Updater<'a> {
    context: &'a Context,
    choice: &'a StoreChoice,
    keys: &'a KeyDirectory,
    store: Store,
}

impl<'a> Updater<'a> {
    /// Opens the firmware; `keys` holds the PK and KEK that it trusts.
    pub fn open(context: &'a Context, choice: &'a StoreChoice, keys: &'a KeyDirectory) -> Result<Self> {
        let store = Store::open(context, choice)?;
        Ok(Self {
            context,
            choice,
            keys,
            store,
        })
    }

    /// The write that adds entries to KEK, db or dbx and keeps the present ones. It is signed even if the variable holds all
    /// of them already, so that the plan can say so.
    pub fn add(&self, variable: VariableName, entries: &SignatureDatabase, ask: &mut Ask<'_>) -> Result<Update> {
        self.sign(variable, APPEND_ATTRIBUTES, entries, ask)
    }

    /// The entry of the firmware's variable that these digits name, as they do for [`Self::remove`]; none if they are no digits, or name
    /// no entry or several.
    pub fn held(&self, variable: VariableName, selector: &str) -> Result<Option<SignatureDatabase>> {
        let mut present = self.store.database(variable)?;
        let is_hex = selector.bytes().all(|digit| digit.is_ascii_hexdigit());
        let Some(named) = select(variable, &present, selector).ok().filter(|_| is_hex).cloned() else {
            return Ok(None);
        };
        present.retain(|_, entry| *entry == named);
        Ok(Some(present))
    }

    /// The write that removes entries from KEK, db or dbx, and the entries: a certificate is named by its SHA-256, another entry by its
    /// data, both in hexadecimal and at least the first 8 digits; a certificate also by its whole subject name. There is no write if
    /// only the key directory has them still.
    pub fn remove(
        &self,
        variable: VariableName,
        selectors: &[String],
        ask: &mut Ask<'_>,
    ) -> Result<(Option<Update>, SignatureDatabase)> {
        if variable == VariableName::Pk {
            return Err(Error::usage("PK is not emptied entry by entry").hint("bootseal enroll reset"));
        }
        let present = self.store.database(variable)?;
        let meant = meant(self.keys, variable)?;
        let mut doomed: Vec<&Signature> = Vec::new();
        for selector in selectors {
            doomed.push(select(variable, &present, selector).or_else(|error| {
                // The firmware lost it otherwise: reset, or by a run that a power cut ended.
                select(variable, &meant, selector).map_err(|_| error)
            })?);
        }
        let mut removed = present.clone();
        removed.merge(&meant);
        removed.retain(|_, entry| doomed.contains(&entry));
        let mut left = present.clone();
        left.retain(|_, entry| !doomed.contains(&entry));
        if left == present {
            return Ok((None, removed));
        }
        if left.is_empty() && variable != VariableName::Dbx {
            return Err(Error::refused(format!(
                "without {} {variable} would be empty, and could not be used or changed any more",
                selectors.join(", ")
            ))
            .hint(format!("first add another entry: bootseal enroll add {variable} FILE")));
        }
        Ok((Some(self.sign(variable, ATTRIBUTES, &left, ask)?), removed))
    }

    /// The write that removes the platform key, which leads back to Setup Mode. The ceremony has made that write, and it is kept
    /// beside the private key of PK; it is signed anew if it is elsewhere, or if the platform key was written later.
    pub fn reset(&self, ask: &mut Ask<'_>) -> Result<Update> {
        let last = self.last_write(VariableName::Pk)?;
        let is_later = |made: &AuthenticatedVariable| last.is_none_or(|last| made.time.is_later_than(&last));
        if let Some(made) = self.keys.remove_pk()?.filter(is_later) {
            return Ok(Update {
                variable: VariableName::Pk,
                attributes: ATTRIBUTES,
                auth: made.to_bytes(),
                origin: self.keys.file_path(crate::keys::directory::REMOVE_PK).shown(),
            });
        }
        self.sign(VariableName::Pk, ATTRIBUTES, &SignatureDatabase::default(), ask)
    }

    /// The writes that enroll the keys of another ceremony, signed by the present ones: db and KEK get them in addition to
    /// the present entries, and the new platform key replaces the old, last of all. There is none if that is done: a run that was cut
    /// short is ended.
    pub fn rotate(&self, new: &KeyDirectory, ask: &mut Ask<'_>) -> Result<Vec<Update>> {
        let mut updates = Vec::new();
        if !self.store.setup_mode()? && new.database(VariableName::Pk)? == self.store.database(VariableName::Pk)? {
            return Ok(updates);
        }
        for variable in [VariableName::Db, VariableName::Kek] {
            let lists = new.database(variable)?;
            // An append may bear any time. An early one leaves room for the new ceremony's own writes.
            let time = MICROSOFTS_TIME;
            updates.push(self.sign_at(variable, APPEND_ATTRIBUTES, &lists, time, ask)?);
        }
        let pk = new.database(VariableName::Pk)?;
        updates.push(self.sign(VariableName::Pk, ATTRIBUTES, &pk, ask)?);
        Ok(updates)
    }

    /// The write that replaces the platform key by another; the present one signs it.
    pub fn replace_platform_key(&self, pk: &SignatureDatabase, ask: &mut Ask<'_>) -> Result<Update> {
        self.sign(VariableName::Pk, ATTRIBUTES, pk, ask)
    }

    /// True if the variable holds the certificate.
    pub fn holds_certificate(&self, variable: VariableName, certificate: &Certificate) -> Result<bool> {
        Ok(self
            .store
            .database(variable)?
            .contains(SignatureType::X509, certificate.as_der()))
    }

    /// The writes of the key directory with more entries: the present and factory entries of the variables in `vendor`, and
    /// the hashes of Option ROMs in db. Only a write that gets more entries is signed anew.
    pub fn keep(&self, vendor: &[VariableName], hashes: &[[u8; 32]], ask: &mut Ask<'_>) -> Result<Vec<Update>> {
        check_keepable(vendor)?;
        let defaults = vendor_defaults(&self.store)?;
        let owner = self.keys.owner()?;
        let mut updates = writes::read_key_directory(self.keys.path())?;
        for update in &mut updates {
            let variable = update.variable;
            if update.attributes == APPEND_ATTRIBUTES {
                continue;
            }
            let own = self.keys.database(variable)?;
            let mut content = own.clone();
            if vendor.contains(&variable) {
                content.merge(&self.store.database(variable)?);
                for default in defaults.iter().filter(|default| default.name == variable) {
                    content.merge(&default.content);
                }
            }
            if variable == VariableName::Db {
                for hash in hashes {
                    content.add_sha256(owner, hash);
                }
            }
            if content != own {
                *update = self.sign(variable, ATTRIBUTES, &content, ask)?;
            }
        }
        Ok(updates)
    }

    pub(super) fn sign(
        &self,
        variable: VariableName,
        attributes: u32,
        content: &SignatureDatabase,
        ask: &mut Ask<'_>,
    ) -> Result<Update> {
        self.sign_at(variable, attributes, content, self.time(variable)?, ask)
    }

    fn sign_at(
        &self,
        variable: VariableName,
        attributes: u32,
        content: &SignatureDatabase,
        time: EfiTime,
        ask: &mut Ask<'_>,
    ) -> Result<Update> {
        let name = match variable {
            VariableName::Pk | VariableName::Kek => KeyName::Pk,
            VariableName::Db | VariableName::Dbx => KeyName::Kek,
        };
        self.check_enrolled(variable, name)?;
        self.check_present(variable, name)?;
        let identity = self.keys.identity(name, ask)?;
        let auth = identity.sign_update(variable, attributes, time, content.to_bytes())?;
        Ok(Update {
            variable,
            attributes,
            auth: auth.to_bytes(),
            origin: format!("the write of {variable} by the {name} key"),
        })
    }

    /// Could not run where the private key that signs is elsewhere, as PK and KEK are on a node.
    fn check_present(&self, variable: VariableName, name: KeyName) -> Result<()> {
        let path = self.keys.private_key_path(name);
        if system::is_there(&path)? || self.keys.token_uri(name)?.is_some() {
            return Ok(());
        }
        let text = format!("there is no {}, which signs changes of {variable}", path.shown());
        Err(Error::could_not_run(text)
            .hint("name the directory that has it with --keys DIR")
            .hint("or sign the write where the key is, with --output UPDATE, and here: bootseal enroll apply UPDATE"))
    }

    /// Refuses, before a passphrase is asked for, if the firmware does not know the key that is to sign.
    fn check_enrolled(&self, variable: VariableName, name: KeyName) -> Result<()> {
        let master = match name {
            KeyName::Pk => VariableName::Pk,
            _ => VariableName::Kek,
        };
        let ours = self.keys.certificate(name)?;
        let enrolled = self.store.database(master)?;
        if self.store.setup_mode()? || enrolled.contains(SignatureType::X509, ours.as_der()) {
            return Ok(());
        }
        Err(Error::refused(format!(
            "the firmware's {master} holds {}, but not the \"{}\" of {}, so {variable} cannot be changed with it",
            certificate_names(&enrolled),
            printable(&ours.common_name()),
            self.keys.path().shown()
        ))
        .hint("name the directory with the enrolled keys: --keys DIR"))
    }

    pub(super) fn database(&self, variable: VariableName) -> Result<SignatureDatabase> {
        self.store.database(variable)
    }

    /// True if the firmware is in Setup Mode.
    pub fn setup_mode(&self) -> Result<bool> {
        self.store.setup_mode()
    }

    /// True if these lists hold the platform key of the key directory.
    pub(super) fn is_own_platform_key(&self, pk: &SignatureDatabase) -> Result<bool> {
        let ours = self.keys.certificate(KeyName::Pk)?;
        Ok(pk.contains(SignatureType::X509, ours.as_der()))
    }

    /// The time of the last write of the variable, as far as the firmware or bootseal's record tells.
    fn last_write(&self, variable: VariableName) -> Result<Option<EfiTime>> {
        self.store.known_last_write(self.context, self.choice, variable)
    }

    /// The present time, or a second after the latest known write: a clock that is behind must not make a write that the
    /// firmware refuses.
    pub(super) fn time(&self, variable: VariableName) -> Result<EfiTime> {
        let now = EfiTime::from(self.context.date_time()?);
        let made = self.keys.update_if_there(variable)?.map(|update| update.time);
        let known = [self.last_write(variable)?, made];
        let latest = known
            .into_iter()
            .flatten()
            .reduce(|a, b| if a.is_later_than(&b) { a } else { b });
        match latest {
            Some(latest) if !now.is_later_than(&latest) => latest
                .next_second()
                .or_refuse(|| format!("{latest}, the time of the last write, cannot be exceeded")),
            _ => Ok(now),
        }
    }
}

/// The time that all revocation updates of Microsoft bear, so that they can only be appended.
const MICROSOFTS_TIME: EfiTime = EfiTime::from_bytes([0xda, 0x07, 3, 6, 19, 17, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/// The entry that a selector names.
fn select<'d>(variable: VariableName, present: &'d SignatureDatabase, selector: &str) -> Result<&'d Signature> {
    let digits = selector.to_ascii_lowercase();
    let is_hex = digits.len() >= MIN_DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let is_meant = |kind: SignatureType, entry: &Signature| {
        if kind != SignatureType::X509 {
            return is_hex && hex::encode(&entry.data).starts_with(&digits);
        }
        // `enroll add` takes Microsoft's by these names.
        if microsoft::find(&entry.data).is_some_and(|known| known.name == selector) {
            return true;
        }
        Certificate::from_der(&entry.data).is_ok_and(|certificate| {
            certificate.common_name() == selector || is_hex && certificate.fingerprint().to_hex().starts_with(&digits)
        })
    };
    let found: Vec<&Signature> = present
        .entries()
        .filter(|(kind, entry)| is_meant(*kind, entry))
        .map(|(_, entry)| entry)
        .collect();
    match found.as_slice() {
        [entry] => Ok(entry),
        [] => Err(Error::refused(format!(
            "{variable} holds no \"{}\"; it holds {}",
            printable(selector),
            certificate_names(present)
        ))
        .hint(format!(
            "name an entry by its subject, by Microsoft's short name, or by at least {MIN_DIGITS} digits of its SHA-256: bootseal enroll plan shows them"
        ))),
        several => Err(Error::refused(format!(
            "\"{}\" means {} entries of {variable}",
            printable(selector),
            several.len()
        ))
        .hint("give more digits of the SHA-256")),
    }
}

/// The certificates of a database, for a message.
fn certificate_names(database: &SignatureDatabase) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut others = Vec::new();
    for (kind, entry) in database.entries() {
        let certificate = (kind == SignatureType::X509).then(|| Certificate::from_der(&entry.data));
        let Some(Ok(certificate)) = certificate else {
            others.push(entry);
            continue;
        };
        let fingerprint = certificate.fingerprint().to_hex();
        let short = fingerprint.get(..16).unwrap_or(&fingerprint);
        names.push(format!("\"{}\" ({short}…)", printable(&certificate.common_name())));
    }
    if !others.is_empty() {
        names.push(format!("{} other entries", others.len()));
    }
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendor_entries_stay_in_kek_and_db_alone() {
        check_keepable(&[VariableName::Kek, VariableName::Db]).unwrap();
        for other in [VariableName::Pk, VariableName::Dbx] {
            let refused = check_keepable(&[VariableName::Db, other]).unwrap_err();
            assert_eq!(refused.kind().exit_code(), 2);
        }
    }
}
