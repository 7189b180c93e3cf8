//! The ceremony of a fleet, and the nodes that join and leave it.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::ceremony::Spec;
use crate::cli::session::Session;
use crate::cli::transcript_end::{write_end, write_not_recorded};
use crate::cli::unlock::{Pin, Unlock, typed_or_made};
use crate::error::{Error, Result, quoted};
use crate::finding::Level;
use crate::fleet::{self, Added, FleetPlan, Held, NodeState, Nodes, Retired, Secrets};
use crate::formats::text::printable;
use crate::keys::{KeyName, Passphrase};
use crate::system::NodeName;
use crate::ui::{CeremonyProgress, Report, Style, prompt, to_json};

use super::report::Planned;
use super::watch::Watch;

/// The passphrases of bundles.
#[derive(Debug, Args)]
pub(super) struct BundlePassphrases {
    /// Read the passphrase of each bundle from the first line of DIR/NODE, in place of asking for it
    #[arg(long, value_name = "DIR")]
    bundle_passphrases: Option<PathBuf>,
}

impl BundlePassphrases {
    /// Refuses them where there is no bundle.
    pub(super) fn none(&self) -> Result<()> {
        match &self.bundle_passphrases {
            None => Ok(()),
            Some(_) => Err(Error::usage(
                "--bundle-passphrases is for a fleet, and the specification is not of one",
            )),
        }
    }

    /// The passphrase of a node's bundle: from its file, typed twice, or made and shown once.
    fn passphrase(&self, session: &Session, node: &NodeName) -> Result<Passphrase> {
        if let Some(directory) = &self.bundle_passphrases {
            return prompt::long_enough(Passphrase::from_file(&directory.join(node.as_str()))?);
        }
        eprintln!("The bundle of {} gets a passphrase of its own:", node.as_str());
        typed_or_made(
            session,
            "name files with the passphrases of the bundles: --bundle-passphrases DIR",
        )
    }
}

/// Holds the ceremony of a fleet.
pub(super) fn hold(
    session: &Session,
    spec: Spec,
    rehearse: bool,
    (offline, bundles, pin): (&Passphrase, &BundlePassphrases, &Pin),
) -> Result<Box<dyn Report>> {
    let watch = Watch {
        progress: CeremonyProgress::new(session.quiet),
        pin,
    };
    session.context.heed_signals()?;
    let mut secrets = Secrets {
        offline,
        bundle: &mut |node| {
            if rehearse {
                Passphrase::generate(&session.context)
            } else {
                bundles.passphrase(session, node)
            }
        },
    };
    let held = if rehearse {
        fleet::rehearse(&session.context, spec, &watch, &mut secrets)?
    } else {
        fleet::hold(&session.context, &spec, &watch, &mut secrets)?
    };
    Ok(Box::new(held))
}

/// True if the fleet's key is there already, so that its passphrase is asked for and not made.
pub(super) fn has_key(spec: &Spec) -> bool {
    let key = format!("{}.key", KeyName::Fleet);
    spec.offline.iter().any(|offline| offline.join(&key).exists())
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AddNode {
    /// Specification of the fleet
    #[arg(value_name = "SPEC")]
    specification: PathBuf,
    /// Host name or machine-id of the node; with the keys of its [[node]] table, or else those of [keys]
    #[arg(value_name = "NODE")]
    node: NodeName,
    /// Let offline keys and backup lie on the disk of the system, or where nothing is mounted
    #[arg(long)]
    same_disk: bool,
    #[command(flatten)]
    bundles: BundlePassphrases,
    #[command(flatten)]
    unlock: Unlock,
    #[command(flatten)]
    pin: Pin,
}

impl AddNode {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        self.unlock.only_for(&[KeyName::Fleet])?;
        self.pin.only_for(&[])?;
        let mut spec = Spec::load(&self.specification)?;
        spec.same_disk = self.same_disk;
        spec.validate()?;
        crate::ceremony::check_places(&session.context, &spec)?;
        let node = spec.node(self.node.clone());
        let offline = self.unlock.existing(&KeyName::Fleet.secret())?;
        session.context.heed_signals()?;
        let watch = Watch {
            progress: CeremonyProgress::new(session.quiet),
            pin: &self.pin,
        };
        let mut secrets = Secrets {
            offline: &offline,
            bundle: &mut |node| self.bundles.passphrase(session, node),
        };
        let added = fleet::add(&session.context, &spec, &node, &watch, &mut secrets)?;
        Ok(Box::new(added))
    }
}

/// The offline directory of a fleet.
#[derive(Debug, Args)]
pub(in crate::cli) struct Offline {
    /// Offline directory of the fleet
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RetireNode {
    /// The node
    #[arg(value_name = "NODE")]
    node: NodeName,
    #[command(flatten)]
    offline: Offline,
    /// Why, for the transcript of the fleet
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    unlock: Unlock,
}

impl RetireNode {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        self.unlock.only_for(&[KeyName::Fleet])?;
        let ask = &mut |what: &str| self.unlock.existing(what);
        let (keys, reason) = (&self.offline.keys, self.reason.as_deref());
        Ok(Box::new(fleet::retire(
            &session.context,
            keys,
            &self.node,
            reason,
            ask,
        )?))
    }
}

/// Lists the nodes of a fleet.
pub(super) fn nodes(offline: &Offline) -> Result<Box<dyn Report>> {
    Ok(Box::new(fleet::nodes(&offline.keys)?))
}

/// The plan of a fleet's ceremony, and the state of the machine now.
pub(super) struct FleetPlanned {
    pub plan: FleetPlan,
    pub first: Planned,
}

impl Report for FleetPlanned {
    fn schema(&self) -> &'static str {
        "bootseal.ceremony.plan/1"
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({ "plan": self.plan, "checks": self.first.checks }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        writeln!(out, "The fleet's own key\n")?;
        self.first.human(out, style)?;
        for node in &self.plan.nodes {
            writeln!(out, "\n\nThe node {}\n", printable(&node.node))?;
            let plan = Planned {
                plan: node.plan.clone(),
                checks: Vec::new(),
            };
            plan.human(out, style)?;
            if !node.plain.is_empty() {
                writeln!(out, "In clear once they are on the node: {}", node.plain.join(", "))?;
            }
        }
        writeln!(out, "\n\nAll of it: {}\n     {}", self.plan.digest, self.plan.words)
    }
}

impl Report for Held {
    fn schema(&self) -> &'static str {
        "bootseal.ceremony.fleet/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if let Some(fleet) = &self.fleet {
            fleet.human(out, style)?;
        }
        for name in &self.known {
            writeln!(
                out,
                "{} {} is known to the fleet already",
                style.tick(),
                printable(name)
            )?;
        }
        for node in &self.nodes {
            if self.rehearsal {
                writeln!(out, "{} {} would join the fleet", style.tick(), printable(&node.node))?;
            } else {
                node.human(out, style)?;
            }
        }
        Ok(())
    }
}

impl Report for Added {
    fn schema(&self) -> &'static str {
        "bootseal.ceremony.add-node/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let would = if self.dry_run { "would join" } else { "joined" };
        let (node, bundle) = (printable(&self.node), printable(&self.bundle));
        writeln!(
            out,
            "{} {node} {would} the fleet as number {}",
            style.tick(),
            self.number
        )?;
        writeln!(out, "    bundle:       {bundle}")?;
        writeln!(out, "    offline keys: {}", printable(&self.offline))?;
        if let Some(backup) = &self.backup {
            writeln!(out, "    backup:       {}", printable(backup))?;
        }
        if let Some(end) = &self.end {
            write_end(out, end)?;
        }
        write_not_recorded(out, style, &self.not_recorded)?;
        if self.dry_run {
            return Ok(());
        }
        writeln!(
            out,
            "Next, on {node}: bootseal keys import {} --fleet {}",
            quoted(self.bundle.as_ref()),
            self.fleet_words
        )
    }
}

impl Report for Retired {
    fn schema(&self) -> &'static str {
        "bootseal.ceremony.retire-node/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let would = if self.dry_run { "would leave" } else { "left" };
        writeln!(out, "{} {} {would} the fleet", style.tick(), printable(&self.node))?;
        let others = if self.others.is_empty() {
            "there is no other node".to_owned()
        } else {
            format!(
                "nothing has to change on {}: none of them knows a key of it",
                self.others.join(", ")
            )
        };
        writeln!(out, "    {}", printable(&others))?;
        writeln!(
            out,
            "    its own board goes on taking what its keys sign; they are kept in {}",
            printable(&self.kept)
        )?;
        if let Some(end) = &self.end {
            write_end(out, end)?;
        }
        write_not_recorded(out, style, &self.not_recorded)
    }
}

impl Report for Nodes {
    fn schema(&self) -> &'static str {
        "bootseal.ceremony.nodes/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        writeln!(out, "Fleet: {}\n       {}", self.fingerprint, self.words)?;
        for listed in &self.nodes {
            let node = &listed.node;
            let state = match &node.retired {
                Some(time) => format!("left the fleet at {time}"),
                None => format!("joined at {}, with the keys {}", node.added, listed.keys.join(", ")),
            };
            let sign = if node.state == NodeState::InUse {
                style.tick()
            } else {
                style.warn("-")
            };
            writeln!(
                out,
                "{sign} {} (number {}): {}",
                printable(&node.name),
                node.number,
                printable(&state)
            )?;
            for rotation in &listed.rotations {
                writeln!(
                    out,
                    "    {} gave way to another at {}",
                    printable(&rotation.key),
                    printable(&rotation.time)
                )?;
            }
            if let Some(until) = &listed.known_until {
                writeln!(out, "    known here until {}", printable(until))?;
            }
            if let Some(reason) = &listed.unreadable {
                writeln!(out, "    {} {}", style.level(Level::Warning), printable(reason))?;
            }
        }
        Ok(())
    }
}
