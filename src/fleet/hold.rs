//! The ceremony of a fleet: that of its own key, then that of each node which the specification names.

use serde::Serialize;

use crate::ceremony::{self, NodeSpec, Observer, Spec, check_places, is_held};
use crate::error::{Explain, Result};
use crate::system::Context;

use super::add::{Added, Secrets, add, clear_up, offline_of};
use super::directory::{FleetDirectory, is_named};

/// The result of a fleet's ceremony.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The ceremony of the fleet's key; null if it was held before.
    pub fleet: Option<ceremony::Report>,
    /// The nodes that joined now.
    pub nodes: Vec<Added>,
    /// Names of the nodes that had joined before, or left since.
    pub known: Vec<String>,
    /// True for a rehearsal.
    pub rehearsal: bool,
}

/// Holds the ceremony of a fleet, or goes on with it: nodes that were named since then join.
pub fn hold(context: &Context, spec: &Spec, observer: &dyn Observer, secrets: &mut Secrets<'_>) -> Result<Held> {
    spec.validate()?;
    check_places(context, spec)?;
    let mut own = spec.of_fleet()?;
    own.passphrase = Some(secrets.offline.duplicate());
    let is_new = !is_held(&own)?;
    let fleet = if is_new {
        Some(ceremony::run(context, &own, observer)?)
    } else {
        None
    };
    let mut held = Held {
        fleet,
        nodes: Vec::new(),
        known: Vec::new(),
        rehearsal: spec.rehearsal,
    };
    if context.dry_run() && is_new {
        // Nothing signs yet for what the nodes would be; their plan is the same.
        return Ok(held);
    }
    for node in named(spec) {
        let fleet = FleetDirectory::open(offline_of(spec)?)?;
        if fleet.nodes().iter().any(|known| is_named(known, &node.name)) {
            held.known.push(node.name.as_str().to_owned());
            if !context.dry_run() {
                clear_up(context, &spec.of_node(node)?)?;
            }
            continue;
        }
        let cannot = || format!("the ceremony of {} did not come to its end", node.name.as_str());
        let added = add(context, spec, node, observer, secrets);
        held.nodes.push(added.map_err(|error| error.explained(cannot()))?);
    }
    Ok(held)
}

/// The nodes that the specification names.
pub(super) fn named(spec: &Spec) -> impl Iterator<Item = &NodeSpec> {
    spec.fleet.iter().flat_map(|fleet| &fleet.nodes)
}

/// Holds all of it with keys that say TEST, in a directory that is thrown away.
pub fn rehearse(context: &Context, spec: Spec, observer: &dyn Observer, secrets: &mut Secrets<'_>) -> Result<Held> {
    spec.validate()?;
    check_places(context, &spec)?;
    let directory = tempfile::Builder::new()
        .prefix("bootseal-rehearsal-")
        .tempdir()
        .or_could_not_run(|| "cannot make a temporary directory".to_owned())?;
    hold(context, &spec.rehearse(directory.path()), observer, secrets)
}
