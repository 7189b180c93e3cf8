//! A node that leaves the fleet: stolen, sold, or with another board.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::ceremony::transcript::{End, Event};
use crate::ceremony::{NODES, other_copies};
use crate::error::{Error, Result};
use crate::formats::text::Shown;
use crate::keys::directory::{Ask, RETIRED};
use crate::system::{self, Context, NodeName, create_dir, operator};

use super::directory::{FleetDirectory, Node};

/// A node that left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retired {
    /// Its name.
    pub node: String,
    /// The number of its bundle.
    pub number: u64,
    /// Its key directory among the offline keys, which is kept: with it the board is given back its factory keys.
    pub kept: String,
    /// The other nodes, none of which trusts anything of it.
    pub others: Vec<String>,
    /// The new end of the fleet's transcript; null in a dry run.
    #[serde(flatten)]
    pub end: Option<End>,
    /// Transcripts of the fleet that it could not be recorded in, each with the reason.
    pub not_recorded: Vec<String>,
    /// True if nothing was written.
    pub dry_run: bool,
}

/// Retires a node: its directories move away from those in use, and the fleet's transcript says so. Other boards need no update for that:
/// none of them knows a key of it. A run that was cut short is ended by the same call.
pub fn retire(
    context: &Context,
    offline: &Path,
    name: &NodeName,
    reason: Option<&str>,
    ask: &mut Ask<'_>,
) -> Result<Retired> {
    if reason.is_some_and(|reason| reason.trim().is_empty() || reason.contains(char::is_control)) {
        return Err(Error::usage("a reason is one line of text"));
    }
    let fleet = FleetDirectory::open(offline)?;
    let node = fleet.node(name)?;
    let others = fleet.in_use().into_iter().filter(|other| *other != node);
    let kept = kept(fleet.path(), &node);
    let mut retired = Retired {
        node: node.name.clone(),
        number: node.number,
        kept: kept.shown(),
        others: others.map(|other| other.name).collect(),
        end: None,
        not_recorded: Vec::new(),
        dry_run: context.dry_run(),
    };
    if context.dry_run() {
        return Ok(retired);
    }
    let identity = fleet.identity(ask)?;
    let backups = other_copies(fleet.path(), &fleet.signed.transcript, &[])?;
    let places = backups.iter().map(|copy| copy.directory.as_path());
    for place in places.chain([fleet.path()]) {
        move_away(context, place, &node)?;
    }
    let event = Event::NodeRetired {
        node: node.name,
        number: node.number,
        reason: reason.map(str::to_owned),
        by: operator(),
    };
    let (end, not_recorded) = fleet.record(context, &event, identity)?;
    retired.end = Some(end);
    retired.not_recorded = not_recorded;
    Ok(retired)
}

/// The directory of a retired node, in that of the fleet's keys or backups: a node of the same name may come after it.
fn kept(place: &Path, node: &Node) -> PathBuf {
    place.join(RETIRED).join(format!("{}-{}", node.name, node.number))
}

fn move_away(context: &Context, place: &Path, node: &Node) -> Result<()> {
    let directory = place.join(NODES).join(&node.name);
    if !system::is_there(&directory)? {
        return Ok(());
    }
    let kept = kept(place, node);
    create_dir(context, &place.join(RETIRED))?;
    system::rename_over(context, &directory, &kept)
}
