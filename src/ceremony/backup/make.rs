//! The step of a ceremony that makes the backup.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::keys::{KeyName, Passphrase, Signer, SoftwareKey};
use crate::system;

use super::super::spec::Shares;
use super::super::transcript::Event;
use super::super::work::Work;
use super::assemble::{Backup, Wrap, assemble};
use super::contents::Subject;

/// Makes the backup and restores from it: archive, sheet and shares in one step, since they are under one secret, which
/// nothing keeps.
pub(in super::super) fn make(work: &mut Work<'_>, divided: Option<Shares>) -> Result<()> {
    let wrap = match divided {
        Some(shares) => Wrap::Divided(shares),
        None => Wrap::Passphrase(match &work.spec.backup_passphrase {
            Some(derived) => derived.passphrase.duplicate(),
            None => work
                .spec
                .required_passphrase("the backup is under the passphrase of the keys")?
                .duplicate(),
        }),
    };
    let (names, without): (Vec<KeyName>, Vec<KeyName>) =
        work.spec.names().partition(|name| work.spec.is_backed_up(*name));
    let mut keys = BTreeMap::new();
    for name in names.iter().copied() {
        let key = software_key(work, name)?;
        let made = work.signers()?.get(&name);
        let made = made.ok_or_else(|| Error::bug("a key of the backup was not made"))?;
        if key.public_key() != made.public_key() {
            return Err(Error::bug(format!("the backup would hold another {name} key")));
        }
        keys.insert(name, Arc::new(key));
    }
    let mut public = BTreeMap::new();
    for record in work.transcript.events().flat_map(Event::files) {
        if record.place == "keys" {
            let bytes = system::read(&work.place("keys").join(&record.name))?;
            public.insert(record.name.clone(), bytes);
        }
    }
    let subject = Subject {
        name: &work.spec.name,
        rehearsal: work.spec.rehearsal,
        date: work.began.date_time()?.to_string(),
        transcript: &work.transcript,
        public,
        under: work
            .spec
            .backup_passphrase
            .as_ref()
            .map(|derived| derived.under.clone()),
    };
    let backup = assemble(&work.began, &subject, &keys, &wrap)?;
    let files = backup.files.iter();
    let files = files.map(|(place, name, bytes)| work.file(place, name, bytes, Backup::MODE));
    let files = files.collect::<Result<_>>()?;
    let texts = |names: Vec<KeyName>| names.into_iter().map(|name| name.name().to_owned()).collect();
    work.record(Event::BackedUp {
        keys: texts(names),
        without: texts(without),
        shares: backup.shares,
        files,
    })
}

/// A key from its file, or one that is on a token from the copy that was put there.
fn software_key(work: &Work<'_>, name: KeyName) -> Result<SoftwareKey> {
    let path = work.place("keys").join(format!("{name}.imported"));
    if path.exists() {
        let wrap = || {
            work.spec
                .required_passphrase("a key is encrypted on its way to the token")
        };
        return SoftwareKey::load(&path, &mut || wrap().map(Passphrase::duplicate));
    }
    work.directory()?
        .software_key(name, &mut |secret| work.ask(name, secret))
}
