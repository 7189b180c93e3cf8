//! `bootseal enroll add`, `remove`, `reset` and `rotate`: writes made here and now from the firmware's present content.

use std::path::PathBuf;

use clap::Args;

use crate::cli::session::Session;
use crate::cli::unlock::Unlock;
use crate::enroll::{self, Source, Update, Updater, material};
use crate::error::{Error, Result};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::keys::KeyDirectory;
use crate::ui::Report;

use super::apply::{Consent, apply};
use super::target::Target;

/// The keys that sign the write, the firmware, and how the user agrees.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Directory with the keys that the firmware trusts [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    unlock: Unlock,
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    consent: Consent,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// KEK, db or dbx
    #[arg(value_name = "VARIABLE")]
    variable: VariableName,
    /// Certificates, signature lists, signed updates such as Microsoft's, EFI images (their hash), or words for what is
    /// built in: the names of Microsoft's certificates, and `microsoft` for its revocations
    #[arg(required = true, value_name = "WHAT")]
    what: Vec<String>,
    /// Take the hashes of EFI images into db
    #[arg(long)]
    hash: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Remove {
    /// KEK, db or dbx
    #[arg(value_name = "VARIABLE")]
    variable: VariableName,
    /// Subjects of certificates, or the first 8 or more digits of the SHA-256 of certificates, or of other entries' data
    #[arg(required = true, value_name = "ENTRY")]
    entries: Vec<String>,
    /// Take entries out of dbx, so that what they revoked starts again
    #[arg(long)]
    i_know_this_allows_what_was_revoked: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Reset {
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Rotate {
    /// Directory of the ceremony whose keys are to take over
    #[arg(value_name = "NEW-KEYS")]
    new: PathBuf,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Revert {
    /// The directory that `enroll apply` saved the variables in
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    #[command(flatten)]
    pub(super) common: Common,
}

impl Common {
    fn carry_out(
        &self,
        session: &Session,
        make: impl FnOnce(&Updater<'_>, &KeyDirectory, &Unlock) -> Result<Vec<Update>>,
    ) -> Result<Box<dyn Report>> {
        let keys = KeyDirectory::open(&session.keys(self.keys.as_ref())?)?.below(session.context.root());
        let updater = Updater::open(&session.context, &self.target.store, &keys)?;
        let writes = make(&updater, &keys, &self.unlock)?;
        let request = self.target.request(Source::Updates(writes));
        apply(session, &enroll::plan(&session.context, &request)?, &self.consent)
    }
}

impl Add {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        self.common.carry_out(session, |updater, keys, unlock| {
            let owner = keys.owner()?;
            let mut entries = SignatureDatabase::default();
            for what in &self.what {
                entries.merge(&material(self.variable, what, owner, self.hash)?);
            }
            Ok(vec![
                updater.add(self.variable, &entries, &mut |key| unlock.existing(key))?,
            ])
        })
    }
}

impl Remove {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        if self.variable == VariableName::Dbx && !self.i_know_this_allows_what_was_revoked {
            return Err(
                Error::usage("images whose entries are taken out of dbx may start again")
                    .hint("if that is meant, add --i-know-this-allows-what-was-revoked"),
            );
        }
        self.common.carry_out(session, |updater, _, unlock| {
            Ok(vec![updater.remove(self.variable, &self.entries, &mut |key| {
                unlock.existing(key)
            })?])
        })
    }
}

impl Reset {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        self.common.carry_out(session, |updater, _, unlock| {
            Ok(vec![updater.reset(&mut |key| unlock.existing(key))?])
        })
    }
}

impl Rotate {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        let new = KeyDirectory::open(&self.new)?;
        self.common.carry_out(session, |updater, _, unlock| {
            updater.rotate(&new, &mut |key| unlock.existing(key))
        })
    }
}

impl Revert {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        self.common.carry_out(session, |updater, _, unlock| {
            updater.revert(&self.backup, &mut |key| unlock.existing(key))
        })
    }
}
