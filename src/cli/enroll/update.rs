//! `bootseal enroll add`, `remove`, `reset` and `rotate`: writes made here and now from the firmware's present content.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use crate::ceremony::{self, signer};
use crate::cli::session::Session;
use crate::cli::unlock::Unlock;
use crate::enroll::{self, Offline, Source, StoreChoice, Update, Updater, material};
use crate::error::{Error, Explain, Result};
use crate::fleet::{FleetDirectory, NodeChoice};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::text::Shown;
use crate::keys::directory::TRANSCRIPT;
use crate::keys::{KeyDirectory, KeyName, Passphrase};
use crate::rotate::{ListChange, NewLists, carry_over, sign_carried_over};
use crate::system::{self, NodeName};
use crate::ui::{Report, Style};

use super::apply::{Consent, apply};
use super::carried::CARRIED;
use super::changed::Changed;
use super::target::Target;
use super::written::{Made, Written, WrittenAll};

/// The keys that sign the write, the firmware, and how the user agrees.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Directory with the keys that the firmware trusts [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR", overrides_with = "keys")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    unlock: Unlock,
    /// Write nothing to the firmware, but the signed write and its plan into DIR, which must not exist yet: for another machine,
    /// where `bootseal enroll apply DIR` takes it. Without --store it is made from what the key directory enrolls
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Make it for the machine with this host name or machine-id alone: `enroll apply` refuses it elsewhere [default: for each machine of
    /// the fleet]
    #[arg(long = "for", value_name = "NODE", requires = "output")]
    node: Option<NodeName>,
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
    /// built in: the names of Microsoft's certificates, and `microsoft` for its revocations; or the first 8 or more digits of an
    /// entry that the firmware holds and the key directory lacks, as for `enroll remove`
    #[arg(required = true, value_name = "WHAT")]
    what: Vec<String>,
    /// Take the hashes of EFI images into db
    #[arg(long)]
    hash: bool,
    /// Why, for the transcript of the ceremony
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    nodes: Nodes,
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
    /// Why, for the transcript of the ceremony
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    nodes: Nodes,
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
    /// Read the passphrase of the new PK and KEK keys from the first line of FILE [default: as that of the present ones]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    new_passphrase_file: Option<PathBuf>,
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
        opened: &[KeyName],
        make: impl Fn(&Updater<'_>, &KeyDirectory, &Unlock) -> Result<Made>,
    ) -> Result<Box<dyn Report>> {
        self.unlock.only_for(opened)?;
        let keys = KeyDirectory::open(&session.keys(self.keys.as_ref())?)?.below(session.context.root());
        if let Some(directory) = &self.output {
            let written = self.write_down(session, (directory, self.node.as_ref()), &keys, make)?;
            return Ok(Box::new(written));
        }
        let updater = Updater::open(&session.context, &self.target.store, &keys)?;
        let Made {
            writes,
            changes,
            successor,
            warnings,
        } = make(&updater, &keys, &self.unlock)?;
        let lists = self.new_lists(session, &keys, &changes)?.or(successor);
        let request = self.target.request(Source::Updates(writes));
        let mut plan = enroll::plan(&session.context, &request)?;
        plan.warnings.extend(warnings);
        let applied = apply(session, &plan, &self.consent)?;
        let lists = lists.map(|lists| lists.publish(&session.context)).transpose()?;
        Ok(Box::new(Changed {
            applied,
            lists,
            again: None,
        }))
    }

    /// The lists that the ceremony's directories enroll from now on, signed.
    fn new_lists(&self, session: &Session, keys: &KeyDirectory, changes: &[ListChange]) -> Result<Option<NewLists>> {
        if changes.is_empty() {
            return Ok(None);
        }
        let ask = &mut |key: &str| self.unlock.existing(key);
        // The node's own directory, where the keys of PK and KEK are on a stick.
        let more = [session.keys(None)?];
        NewLists::sign(&session.context, keys, &more, changes, ask).map(Some)
    }
}

impl Common {
    /// The same for nodes of a fleet, each with keys of its own.
    fn carry_out_for(
        &self,
        session: &Session,
        nodes: &[NodeChoice],
        make: impl Fn(&Updater<'_>, &KeyDirectory, &Unlock) -> Result<Made>,
    ) -> Result<Box<dyn Report>> {
        let output = self
            .output
            .as_ref()
            .ok_or_else(|| Error::usage("--nodes goes with --output"))?;
        let fleet = FleetDirectory::open(&session.keys(self.keys.as_ref())?)?;
        let mut chosen = Vec::new();
        for node in fleet.chosen(nodes)? {
            let keys = KeyDirectory::open(&fleet.keys_of(&node))?;
            let name: NodeName = node.name.parse()?;
            let directory = output.join(name.as_str());
            system::NewDirectory::check(&directory)?;
            chosen.push((name, keys, directory));
        }
        self.unlock.ask_once();
        let mut updates: Vec<Written> = Vec::new();
        for (name, keys, directory) in &chosen {
            let written = self
                .write_down(session, (directory, Some(name)), keys, &make)
                .map_err(|error| {
                    let before: Vec<String> = updates.iter().map(|update| update.directory.shown()).collect();
                    let known = if before.is_empty() {
                        "none".to_owned()
                    } else {
                        before.join(", ")
                    };
                    error.explained(format!("no update for {} was made; before it: {known}", name.as_str()))
                })?;
            updates.push(written);
        }
        Ok(Box::new(WrittenAll(updates)))
    }

    /// Signs the writes for a machine that is elsewhere.
    fn write_down(
        &self,
        session: &Session,
        (directory, node): (&Path, Option<&NodeName>),
        keys: &KeyDirectory,
        make: impl Fn(&Updater<'_>, &KeyDirectory, &Unlock) -> Result<Made>,
    ) -> Result<Written> {
        if session.context.dry_run() {
            return Err(Error::usage(
                "--output writes to no firmware: leave --dry-run out, and look at its PLAN.txt",
            ));
        }
        let offline;
        let store = match &self.target.store {
            StoreChoice::Live => {
                offline = Offline::new(&session.context, keys.path())?;
                offline.store()
            }
            at @ StoreChoice::At(_) => at.clone(),
        };
        let updater = Updater::open(&session.context, &store, keys)?;
        let Made {
            writes,
            changes,
            successor,
            warnings,
        } = make(&updater, keys, &self.unlock)?;
        let lists = self.new_lists(session, keys, &changes)?.or(successor);
        let request = enroll::Request {
            source: Source::Updates(writes.clone()),
            store,
            ..self.target.request(Source::Updates(Vec::new()))
        };
        let mut plan = enroll::plan(&session.context, &request)?;
        plan.warnings.extend(warnings);
        plan.check_stops()?;
        let mut text = Vec::new();
        plan.human(&mut text, Style::plain())
            .or_bug(|| "cannot write a plan down".to_owned())?;
        let files = enroll::write_updates(&session.context, directory, &writes, (&text, node))?;
        let lists = lists.map(|lists| lists.publish(&session.context)).transpose()?;
        if system::is_there(&keys.file_path(TRANSCRIPT))? {
            ceremony::carry(&session.context, keys.path(), &directory.join(CARRIED))?;
        }
        Ok(Written {
            directory: directory.to_owned(),
            node: node.cloned(),
            files,
            plan,
            lists,
        })
    }
}

/// The nodes of a fleet that a write is for.
#[derive(Debug, Args)]
pub(in crate::cli) struct Nodes {
    /// Make a write for each of these nodes of the fleet whose offline directory --keys names, with the keys of each, into DIR/NODE of
    /// --output: `all`, or names
    #[arg(long, value_name = "NODES", value_delimiter = ',', requires = "output", conflicts_with_all = ["node", "store"])]
    nodes: Vec<NodeChoice>,
}

impl Nodes {
    /// Makes a write for this machine, for one that is elsewhere, or for these nodes.
    fn carry_out(
        &self,
        common: &Common,
        session: &Session,
        opened: &[KeyName],
        make: impl Fn(&Updater<'_>, &KeyDirectory, &Unlock) -> Result<Made>,
    ) -> Result<Box<dyn Report>> {
        if self.nodes.is_empty() {
            return common.carry_out(session, opened, make);
        }
        common.unlock.only_for(opened)?;
        common.carry_out_for(session, &self.nodes, make)
    }
}

impl Add {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        self.nodes.carry_out(
            &self.common,
            session,
            &[signer(self.variable)],
            |updater, keys, unlock| {
                let owner = keys.owner()?;
                let mut entries = SignatureDatabase::default();
                for what in &self.what {
                    // A file of such a name is the file.
                    let held = if Path::new(what).exists() {
                        None
                    } else {
                        updater.held(self.variable, what)?
                    };
                    entries.merge(&match held {
                        Some(held) => held,
                        None => material(self.variable, what, owner, self.hash)?,
                    });
                }
                let update = updater.add(self.variable, &entries, &mut |key| unlock.existing(key))?;
                let change = ListChange {
                    variable: self.variable,
                    written: None,
                    added: entries,
                    removed: SignatureDatabase::default(),
                    reason: self.reason.clone(),
                };
                Ok(Made::changing(vec![update], vec![change]))
            },
        )
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
        self.nodes
            .carry_out(&self.common, session, &[signer(self.variable)], |updater, _, unlock| {
                let ask = &mut |key: &str| unlock.existing(key);
                let (update, removed) = updater.remove(self.variable, &self.entries, ask)?;
                let change = ListChange {
                    variable: self.variable,
                    written: update.as_ref().map(Update::time).transpose()?,
                    added: SignatureDatabase::default(),
                    removed,
                    reason: self.reason.clone(),
                };
                Ok(Made::changing(update.into_iter().collect(), vec![change]))
            })
    }
}

impl Reset {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        self.common.carry_out(session, &[KeyName::Pk], |updater, _, unlock| {
            Ok(Made::writes(vec![updater.reset(&mut |key| unlock.existing(key))?]))
        })
    }
}

impl Rotate {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        let new = KeyDirectory::open(&self.new)?;
        let given = self.new_passphrase_file.as_deref().map(Passphrase::from_file);
        let given = given.transpose()?;
        self.common
            .carry_out(session, &[KeyName::Pk, KeyName::Kek], |updater, keys, unlock| {
                let mut made = Made::writes(updater.rotate(&new, &mut |key| unlock.existing(key))?);
                let ask = &mut |key: &str| match &given {
                    Some(given) => Ok(given.duplicate()),
                    None => unlock.existing(key),
                };
                let changes = carry_over(keys, &new)?;
                (made.successor, made.warnings) = sign_carried_over(&session.context, &new, &changes, ask)?;
                Ok(made)
            })
    }
}

impl Revert {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        self.common
            .carry_out(session, &[KeyName::Pk, KeyName::Kek], |updater, _, unlock| {
                let mut made = Made::writes(updater.revert(&self.backup, &mut |key| unlock.existing(key))?);
                // What other boards enroll stays, but was signed before this: this one would not take it any more.
                let is_signed = |write: &&Update| matches!(write.variable, VariableName::Kek | VariableName::Db);
                if !updater.setup_mode()? {
                    for write in made.writes.iter().filter(is_signed) {
                        made.changes.push(ListChange::later_than(write)?);
                    }
                }
                Ok(made)
            })
    }
}
