//! The reach of a signed write that lies in a file: the boards that take it, until when, and what it would change on them. Nothing but
//! its signature and its time ties a write to a board, so whoever is root there can hand it to the firmware.

use serde::Serialize;

use crate::error::{Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticated_variable::{AuthenticatedVariable, EfiTime, VariableName};
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::text::printable;
use crate::keys::KeyDirectory;
use crate::system::{Context, is_there};
use crate::trust::meant;
use crate::trust::variable::{Authority, Firmware, judge, recognise};

use super::entries::{self, EntryChange, Owners};
use super::planned_write::appends;
use super::store::{Store, StoreChoice};

/// Hexadecimal digits of a certificate's SHA-256 that tell it from others of its name.
const DIGITS: usize = 16;

/// The reach of a signed write.
#[derive(Debug, Clone, Serialize)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own in the JSON
pub struct Reach {
    /// PK, KEK, db or dbx.
    pub variable: &'static str,
    /// True if the entries are added to the present ones; otherwise they replace them.
    pub append: bool,
    /// Time of the signature, UTC.
    #[serde(serialize_with = "super::json::as_text")]
    pub time: EfiTime,
    /// Common name of the certificate whose key signed it.
    pub signed_by: String,
    /// SHA-256 of that certificate, lower-case hexadecimal.
    pub signer: String,
    /// True if the boards that the key directory enrolls are among those that take it.
    pub is_ours: bool,
    /// The boards that take it, in words.
    pub boards: String,
    /// The end of that.
    pub until: Until,
    /// The entries that it adds to what the key directory enrolls, or takes from it.
    pub change: Vec<EntryChange>,
    /// The verdict of this machine's firmware, in words; null where that cannot be asked.
    pub here: Option<String>,
    /// True if this machine's firmware takes it, and does not hold its content yet.
    pub is_taken_here: bool,
    /// True if it takes the platform key out.
    pub removes_platform_key: bool,
}

/// The end of a write's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Never: firmware asks an append for no time.
    Endless,
    /// A later write of the variable; that of the key directory is not later.
    LaterWrite,
    /// The same, and it is that of the key directory.
    Recorded,
    /// Over: a board that has the write of the key directory refuses this one.
    Over(#[serde(serialize_with = "super::json::as_text")] EfiTime),
}

impl Reach {
    /// The reach of a write, by what a key directory enrolls and by a firmware, as far as these are given. Refused if the signature holds
    /// for no variable.
    pub fn read(
        context: &Context,
        (bytes, origin): (&[u8], &str),
        keys: Option<&KeyDirectory>,
        board: Option<(&StoreChoice, &Store)>,
    ) -> Result<Self> {
        let cannot = || format!("cannot use {origin}");
        let auth = AuthenticatedVariable::parse(bytes).or_refuse(cannot)?;
        let recognised = recognise(&auth).or_refuse(cannot)?;
        let write = Write {
            variable: recognised.variable,
            attributes: recognised.attributes,
            content: SignatureDatabase::parse(&auth.payload).or_refuse(cannot)?,
            auth: &auth,
            bytes,
        };
        let enrolled = keys.map(|keys| write.enrolled(keys)).transpose()?;
        let (here, is_taken_here) = match board {
            Some((choice, store)) => write.on_board(context, choice, store)?,
            None => (None, false),
        };
        let (authority, change, until) = enrolled.unwrap_or_default();
        Ok(Self {
            variable: write.variable.name(),
            append: appends(write.attributes),
            time: auth.time,
            signed_by: recognised.signer.common_name(),
            signer: recognised.signer.fingerprint().to_hex(),
            is_ours: authority.is_some(),
            boards: boards(write.variable, authority.as_ref(), &recognised.signer),
            until: until.unwrap_or_else(|| write.end()),
            change,
            here,
            is_taken_here,
            removes_platform_key: write.variable == VariableName::Pk && write.content.is_empty(),
        })
    }

    /// True if a board would be changed by it against what the key directory enrolls, with no key at hand. Boards that missed the last
    /// write count for the removal of PK alone, which ends all protection.
    #[must_use]
    pub fn is_bearer_token(&self) -> bool {
        let is_taken = self.is_ours || self.is_taken_here;
        let is_in_time = match self.until {
            Until::Endless | Until::LaterWrite => true,
            Until::Over(_) => self.removes_platform_key,
            Until::Recorded => false,
        };
        is_taken && is_in_time && !self.change.is_empty()
    }

    /// The end of its time, in words.
    #[must_use]
    pub fn until_in_words(&self) -> String {
        let (variable, time) = (self.variable, self.time);
        match self.until {
            Until::Endless => {
                "without end, as firmware asks an append for no time; a board refuses it once it does not trust the signer any more".to_owned()
            }
            Until::LaterWrite => format!("until a later write of {variable} than of {time} was made on the board; none is known"),
            Until::Recorded => format!("until a later write of {variable} was made on the board; it is what the key directory enrolls"),
            Until::Over(last) => format!(
                "no longer, where the write of {variable} of {last} was made, which the key directory has; boards that missed it take this one"
            ),
        }
    }
}

/// The authority by which boards take a write, if they do; what it changes on them; the end of that.
type Enrolled = (Option<Authority>, Vec<EntryChange>, Option<Until>);

/// A signed write that was read.
struct Write<'a> {
    variable: VariableName,
    attributes: u32,
    content: SignatureDatabase,
    auth: &'a AuthenticatedVariable,
    bytes: &'a [u8],
}

impl Write<'_> {
    /// The write as boards see it that have what the key directory enrolls.
    fn enrolled(&self, keys: &KeyDirectory) -> Result<Enrolled> {
        let firmware = Firmware {
            pk: &keys.database(VariableName::Pk)?,
            kek: &keys.database(VariableName::Kek)?,
            setup_mode: false,
            last_write: None,
        };
        let authority = judge(&firmware, self.variable, self.attributes, self.auth).ok();
        let before = meant(keys, self.variable)?;
        let owners = Owners {
            own: keys.owner().ok(),
            vendor: Vec::new(),
        };
        let mut change = entries::changes(&before, &self.after(&before), &owners);
        change.retain(|entry| entry.change != entries::Change::Kept);
        let until = match self.recorded(keys)?.filter(|_| !appends(self.attributes)) {
            Some((_, true)) => Some(Until::Recorded),
            Some((last, false)) if !self.auth.time.is_later_than(&last) => Some(Until::Over(last)),
            _ => None,
        };
        Ok((authority, change, until))
    }

    /// The time of the key directory's own write of the variable, and true if this is that one.
    fn recorded(&self, keys: &KeyDirectory) -> Result<Option<(EfiTime, bool)>> {
        let path = keys.update_path(self.variable);
        if !is_there(&path)? {
            return Ok(None);
        }
        let own = keys.update(self.variable)?;
        let is_it = own.to_bytes() == self.bytes;
        Ok(Some((own.time, is_it)))
    }

    fn after(&self, before: &SignatureDatabase) -> SignatureDatabase {
        let mut after = self.content.clone();
        if appends(self.attributes) {
            after.clone_from(before);
            after.merge(&self.content);
        }
        after
    }

    const fn end(&self) -> Until {
        if appends(self.attributes) {
            Until::Endless
        } else {
            Until::LaterWrite
        }
    }

    /// The verdict of a firmware, and true if it would be changed.
    fn on_board(&self, context: &Context, choice: &StoreChoice, store: &Store) -> Result<(Option<String>, bool)> {
        let before = store.database(self.variable)?;
        let firmware = Firmware {
            pk: &store.database(VariableName::Pk)?,
            kek: &store.database(VariableName::Kek)?,
            setup_mode: store.setup_mode()?,
            last_write: store.known_last_write(context, choice, self.variable)?,
        };
        let after = self.after(&before);
        let is_held = before.contains_all(&after) && after.contains_all(&before);
        let verdict = judge(&firmware, self.variable, self.attributes, self.auth);
        Ok(match verdict {
            Ok(_) if is_held => (Some("it takes it, and holds its content already".to_owned()), false),
            Ok(_) => (Some("it takes it".to_owned()), true),
            Err(refusal) => (Some(format!("it refuses it: {refusal}")), false),
        })
    }
}

/// The boards that take a write of a variable, in words.
fn boards(variable: VariableName, authority: Option<&Authority>, signer: &Certificate) -> String {
    let named = |certificate: &Certificate| {
        let digits: String = certificate.fingerprint().to_hex().chars().take(DIGITS).collect();
        format!("\"{}\" ({digits}…)", printable(&certificate.common_name()))
    };
    let by_right = match authority {
        Some(Authority::PlatformKey(pk)) => format!("each board whose PK is {}", named(pk)),
        Some(Authority::KeyExchangeKey { enrolled, .. }) => format!("each board whose KEK holds {}", named(enrolled)),
        _ if matches!(variable, VariableName::Pk | VariableName::Kek) => {
            format!("each board whose PK is {}", named(signer))
        }
        _ => format!(
            "each board whose KEK holds {}, or its issuer, or whose PK it is",
            named(signer)
        ),
    };
    format!("{by_right}, and each in Setup Mode")
}
