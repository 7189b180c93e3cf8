//! `bootseal enroll add`, `remove`, `reset` and `rotate`: writes made here and now from the firmware's present content.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use serde_json::{Value, json};

use crate::ceremony::{self, signer};
use crate::cli::session::Session;
use crate::cli::unlock::Unlock;
use crate::enroll::{self, Offline, Plan, Source, StoreChoice, Update, Updater, material};
use crate::error::{Error, Explain, Result, quoted};
use crate::finding::Finding;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::text::Shown;
use crate::keys::directory::TRANSCRIPT;
use crate::keys::{KeyDirectory, KeyName, Passphrase};
use crate::rotate::{ListChange, ListsChanged, NewLists, carry_over, sign_carried_over};
use crate::system::{self, NodeName};
use crate::ui::{Report, Style};

use super::apply::{Consent, apply};
use super::carried::CARRIED;
use super::changed::{Changed, write_lists};
use super::target::Target;

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
        make: impl FnOnce(&Updater<'_>, &KeyDirectory, &Unlock) -> Result<Made>,
    ) -> Result<Box<dyn Report>> {
        self.unlock.only_for(opened)?;
        let keys = KeyDirectory::open(&session.keys(self.keys.as_ref())?)?.below(session.context.root());
        if let Some(directory) = &self.output {
            return self.write_down(session, directory, &keys, make);
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

/// Signed writes, and the changes of variables that they are, as far as other boards are to have them.
struct Made {
    writes: Vec<Update>,
    changes: Vec<ListChange>,
    /// The lists of the directories of a ceremony that takes over.
    successor: Option<NewLists>,
    warnings: Vec<Finding>,
}

impl Made {
    /// Writes that are for this board alone.
    fn writes(writes: Vec<Update>) -> Self {
        Self::changing(writes, Vec::new())
    }

    /// Writes whose changes other boards are to have.
    fn changing(writes: Vec<Update>, changes: Vec<ListChange>) -> Self {
        Self {
            writes,
            changes,
            successor: None,
            warnings: Vec::new(),
        }
    }
}

impl Common {
    /// Signs the writes for a machine that is elsewhere.
    fn write_down(
        &self,
        session: &Session,
        directory: &Path,
        keys: &KeyDirectory,
        make: impl FnOnce(&Updater<'_>, &KeyDirectory, &Unlock) -> Result<Made>,
    ) -> Result<Box<dyn Report>> {
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
        let node = self.node.as_ref();
        let files = enroll::write_updates(&session.context, directory, &writes, (&text, node))?;
        let lists = lists.map(|lists| lists.publish(&session.context)).transpose()?;
        if system::is_there(&keys.file_path(TRANSCRIPT))? {
            ceremony::carry(&session.context, keys.path(), &directory.join(CARRIED))?;
        }
        Ok(Box::new(Written {
            directory: directory.to_owned(),
            node: self.node.clone(),
            files,
            plan,
            lists,
        }))
    }
}

/// Signed writes in files.
struct Written {
    directory: PathBuf,
    node: Option<NodeName>,
    files: Vec<PathBuf>,
    plan: Plan,
    lists: Option<ListsChanged>,
}

impl Report for Written {
    fn schema(&self) -> &'static str {
        "bootseal.enroll.update/1"
    }

    fn json(&self) -> Result<Value> {
        let files: Vec<String> = self.files.iter().map(|file| file.shown()).collect();
        Ok(json!({ "files": files, "node": self.node.as_ref().map(NodeName::as_str), "plan": self.plan.json()? }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        self.plan.human(out, style)?;
        for file in &self.files {
            writeln!(out, "{} written: {}", style.tick(), file.shown())?;
        }
        if self.plan.writes.iter().any(|write| write.append) {
            let warning = "a write that appends bears no time that a firmware asks for: each board with this KEK takes it, also after its \
                           entries were removed; keep it as you keep keys, or delete it once it is applied";
            writeln!(out, "{} {warning}", style.warn("!"))?;
        }
        self.lists.iter().try_for_each(|lists| write_lists(out, style, lists))?;
        let machine = self.node.as_ref().map_or("the machine", NodeName::as_str);
        let update = quoted(&self.directory);
        writeln!(
            out,
            "Next, on {machine}, where it is written: bootseal enroll apply {update}"
        )
    }
}

impl Add {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        self.common
            .carry_out(session, &[signer(self.variable)], |updater, keys, unlock| {
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
        self.common
            .carry_out(session, &[signer(self.variable)], |updater, _, unlock| {
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
