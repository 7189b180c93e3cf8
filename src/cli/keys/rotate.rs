//! `bootseal keys rotate` and `revoke`: another key in the place of one.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::ceremony::life::{self, Copy};
use crate::cli::next_start::{check_menus, with_next_start};
use crate::cli::session::Session;
use crate::cli::transcript_end::{write_end, write_not_recorded};
use crate::cli::unlock::Unlock;
use crate::cli::{enroll, sign};
use crate::enroll::{Plan, Source};
use crate::error::Result;
use crate::formats::backup::words::fingerprint_words;
use crate::formats::text::{Shown, printable};
use crate::keys::{KeyDirectory, KeyName, Passphrase, Protection};
use crate::rotate::{self, Aborted, Attendant, Place, Request, Revoked, Rotated};
use crate::ui::{Progress, Report, Style};

/// The key, and what a change of it needs.
#[allow(clippy::struct_excessive_bools)] // each is an option of its own
#[derive(Debug, Args)]
pub(in crate::cli) struct Change {
    /// PK, KEK, db, module, grub or pcr
    #[arg(value_name = "KEY")]
    name: KeyName,
    #[command(flatten)]
    key: sign::KeyArguments,
    /// Directory with the PK and KEK keys, which sign the change [default: the key directory]
    #[arg(long, value_name = "DIR", overrides_with = "authority")]
    authority: Option<PathBuf>,
    /// The kernel, or GRUB's image, knows the new key already
    #[arg(long)]
    trusted: bool,
    /// All files are signed again, by other means than `sign all`
    #[arg(long)]
    signed: bool,
    /// The clock is right, though a signed record is of a later time, or every certificate has ended
    #[arg(long)]
    clock_is_right: bool,
    /// Write to the firmware without asking
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    target: enroll::Target,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Rotate {
    #[command(flatten)]
    change: Change,
    /// Give up the rotation of KEY that is under way; the present key stays
    #[arg(long, conflicts_with_all = ["trusted", "signed"])]
    abort: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Revoke {
    #[command(flatten)]
    change: Change,
    /// Why, for the transcript of the ceremony
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Change {
    /// Carries a change out.
    fn carry_out<T>(
        &self,
        session: &Session,
        revokes: bool,
        change: impl FnOnce(&Request<'_>) -> Result<T>,
    ) -> Result<T> {
        self.key.unlock.only_for(match self.name {
            KeyName::Pk | KeyName::Kek => &[KeyName::Pk, KeyName::Kek],
            // And those that sign its files again.
            _ => &KeyName::ALL,
        })?;
        let keys = self.key.directory(session)?;
        let authority = match &self.authority {
            Some(path) => KeyDirectory::open(path)?,
            None => keys.clone(),
        };
        let config = session.config()?;
        change(&Request {
            name: self.name,
            place: Place {
                context: &session.context,
                keys: &keys,
                authority: &authority,
            },
            config: &config,
            firmware: &self.target.request(Source::Updates(Vec::new())),
            is_trusted: self.trusted,
            is_signed: self.signed,
            is_clock_right: self.clock_is_right,
            revokes,
            recheck: self.key.recheck,
            observer: &Progress::new("signing", session.quiet),
            attendant: &Asked {
                unlock: &self.key.unlock,
                session,
                yes: self.yes,
            },
        })
    }

    /// Refuses to sign a menu anew that starts nothing.
    fn check_menus(&self, session: &Session) -> Result<()> {
        let signs = ![KeyName::Pk, KeyName::Kek, KeyName::Pcr].contains(&self.name) && !self.signed;
        if signs && !session.config()?.sign.grub.is_empty() {
            check_menus(session, self.key.keys.as_ref())?;
        }
        Ok(())
    }

    /// The exported copies that are of a former key now. Without a record of them the change is as good.
    fn outdated_copies(&self, session: &Session) -> Result<Vec<Copy>> {
        let keys = self.key.directory(session)?;
        Ok(life::outdated_copies(&session.context, &keys).unwrap_or_default())
    }

    /// True if the key in use is in no backup, as far as that can be told, and could be: one on a token never leaves it.
    fn lacks_backup(&self, session: &Session) -> Result<bool> {
        let listed = life::show(&self.key.directory(session)?, self.name);
        Ok(listed.map_or(true, |key| {
            key.backed_up != Some(true) && key.protection != Protection::TOKEN
        }))
    }
}

impl Rotate {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        let dry_run = session.context.dry_run();
        if self.abort {
            let aborted = self.change.carry_out(session, false, rotate::abort)?;
            return Ok(Box::new(AbortReport { aborted, dry_run }));
        }
        self.change.check_menus(session)?;
        let rotated = self.change.carry_out(session, false, rotate::rotate)?;
        let copies = self.change.outdated_copies(session)?;
        let report = RotationReport {
            lacks_backup: self.change.lacks_backup(session)?,
            rotated,
            copies,
            dry_run,
        };
        Ok(with_next_start(
            session,
            self.change.key.keys.as_ref(),
            Box::new(report),
        ))
    }
}

impl Revoke {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        self.change.check_menus(session)?;
        // The node's own directory, where the keys are on a stick.
        let more = [session.keys(None)?];
        let revoke = |request: &Request<'_>| rotate::revoke(request, self.reason.as_deref(), &more);
        let revoked = self.change.carry_out(session, true, revoke)?;
        let dry_run = session.context.dry_run();
        let copies = self.change.outdated_copies(session)?;
        let report = RevocationReport {
            lacks_backup: self.change.lacks_backup(session)?,
            revoked,
            copies,
            dry_run,
        };
        Ok(with_next_start(
            session,
            self.change.key.keys.as_ref(),
            Box::new(report),
        ))
    }
}

/// The options, and where they say nothing the person at the terminal.
struct Asked<'a> {
    unlock: &'a Unlock,
    session: &'a Session,
    yes: bool,
}

impl Attendant for Asked<'_> {
    fn secret(&self, name: &str) -> Result<Passphrase> {
        self.unlock.existing(name)
    }

    fn agree(&self, plan: &Plan) -> Result<()> {
        if self.yes {
            Ok(())
        } else {
            enroll::confirm(self.session, plan)
        }
    }

    fn waiting(&self) {
        enroll::waiting(self.session);
    }
}

/// The stages that a rotation went through.
struct RotationReport {
    rotated: Rotated,
    lacks_backup: bool,
    /// Exported copies of former keys.
    copies: Vec<Copy>,
    dry_run: bool,
}

impl Report for RotationReport {
    fn schema(&self) -> &'static str {
        "bootseal.keys.rotate/1"
    }

    fn json(&self) -> Result<Value> {
        let Rotated {
            rotation,
            retired,
            steps,
            ends,
        } = &self.rotated;
        Ok(json!({
            "key": rotation.key,
            "subject": rotation.subject,
            "old_fingerprint": rotation.old,
            "fingerprint": rotation.new,
            "retired": retired.as_ref().map(|retired| retired.shown()),
            "steps": steps,
            "transcripts": ends,
            "outdated_copies": self.copies,
            "dry_run": self.dry_run,
        }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let Rotated {
            rotation,
            retired,
            steps,
            ends,
        } = &self.rotated;
        if self.dry_run {
            let (key, subject) = (&rotation.key, printable(&rotation.subject));
            return match rotation.old {
                Some(_) => writeln!(out, "{key} would be replaced by \"{subject}\""),
                None => writeln!(out, "there is no {key} key; the first would be \"{subject}\""),
            };
        }
        write_steps(out, style, steps)?;
        let words = fingerprint_words(&hex::decode(&rotation.new).map_err(io::Error::other)?);
        writeln!(out, "{}: \"{}\"", rotation.key, printable(&rotation.subject))?;
        writeln!(out, "    {}\n    {words}", rotation.new)?;
        write_no_backup(out, style, self.lacks_backup)?;
        write_copies(out, style, &self.copies)?;
        for end in ends {
            write_end(out, end)?;
        }
        let Some(retired) = retired else { return Ok(()) };
        writeln!(
            out,
            "When all machines know the new key, the old one can go: {}",
            retired.shown()
        )
    }
}

/// The stages that a revocation went through.
struct RevocationReport {
    revoked: Revoked,
    lacks_backup: bool,
    /// Exported copies of former keys.
    copies: Vec<Copy>,
    dry_run: bool,
}

impl Report for RevocationReport {
    fn schema(&self) -> &'static str {
        "bootseal.keys.revoke/1"
    }

    fn json(&self) -> Result<Value> {
        let Revoked {
            name,
            old,
            rotated,
            steps,
            lists,
        } = &self.revoked;
        let rotation = rotated.as_ref().map(|rotated| &rotated.rotation);
        Ok(json!({
            "key": name.name(),
            "revoked": old,
            "fingerprint": rotation.map(|rotation| &rotation.new),
            "steps": rotated.iter().flat_map(|rotated| &rotated.steps).chain(steps).collect::<Vec<_>>(),
            "transcripts": lists.ends,
            "not_recorded": lists.failures,
            "outdated_copies": self.copies,
            "dry_run": self.dry_run,
        }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let Revoked {
            name,
            old,
            rotated,
            steps,
            lists,
        } = &self.revoked;
        if self.dry_run {
            return writeln!(out, "{name} would be replaced, and {old} revoked");
        }
        write_steps(
            out,
            style,
            rotated.iter().flat_map(|rotated| &rotated.steps).chain(steps),
        )?;
        writeln!(out, "{} {name}: {old} is worth nothing here any more", style.tick())?;
        write_no_backup(out, style, self.lacks_backup)?;
        write_copies(out, style, &self.copies)?;
        let ends = rotated.iter().flat_map(|rotated| &rotated.ends);
        let ends: Vec<_> = if lists.ends.is_empty() {
            ends.collect()
        } else {
            lists.ends.iter().collect()
        };
        for end in ends {
            write_end(out, end)?;
        }
        write_not_recorded(out, style, &lists.failures)
    }
}

/// A rotation that was given up.
struct AbortReport {
    aborted: Aborted,
    dry_run: bool,
}

impl Report for AbortReport {
    fn schema(&self) -> &'static str {
        "bootseal.keys.rotate.abort/1"
    }

    fn json(&self) -> Result<Value> {
        let Aborted { rotation, steps } = &self.aborted;
        Ok(json!({
            "key": rotation.key,
            "fingerprint": rotation.old,
            "given_up": rotation.new,
            "steps": steps,
            "dry_run": self.dry_run,
        }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let Aborted { rotation, steps } = &self.aborted;
        if self.dry_run {
            return writeln!(out, "the rotation of {} would be given up", rotation.key);
        }
        write_steps(out, style, steps)
    }
}

fn write_steps<'s>(out: &mut dyn Write, style: Style, steps: impl IntoIterator<Item = &'s String>) -> io::Result<()> {
    for step in steps {
        writeln!(out, "{} {}", style.tick(), printable(step))?;
    }
    Ok(())
}

fn write_copies(out: &mut dyn Write, style: Style, copies: &[Copy]) -> io::Result<()> {
    for copy in copies {
        let (sign, path, key) = (style.warn("!"), copy.path.shown(), printable(&copy.key));
        writeln!(
            out,
            "{sign} {path} was exported from the former {key} key: {}",
            copy.remedy()
        )?;
    }
    Ok(())
}

fn write_no_backup(out: &mut dyn Write, style: Style, lacks_backup: bool) -> io::Result<()> {
    if !lacks_backup {
        return Ok(());
    }
    writeln!(
        out,
        "{} the new key is in no backup yet; bootseal ceremony backup DIR makes one that has it",
        style.warn("!")
    )
}
