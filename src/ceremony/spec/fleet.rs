//! The specification of a fleet: one ceremony for the key that stands for all of it, and one for each node.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::keys::KeyName;
use crate::system::NodeName;
use crate::trust::microsoft::Selection;

use super::parts::{Backup, FleetSpec, KeySpec, NodeSpec, Place, Revocations};
use super::specification::Spec;

/// Directory of the nodes' key directories in that of the offline keys, and of their backups in that of the backup.
pub(crate) const NODES: &str = "nodes";

impl FleetSpec {
    pub(super) fn new(bundles: PathBuf, key: Option<KeySpec>, mut nodes: Vec<NodeSpec>) -> Self {
        for node in &mut nodes {
            node.keys.remove(&KeyName::Fleet);
        }
        let key = key.unwrap_or_else(|| KeySpec::usual(KeyName::Fleet));
        Self { key, bundles, nodes }
    }

    /// Checks the ceremonies of the fleet, as far as they are named.
    pub(super) fn validate(&self, spec: &Spec) -> Result<()> {
        if spec.offline.is_none() {
            return Err(Error::usage(
                "a fleet has PK and KEK of all nodes offline, but no directory is named for that",
            )
            .hint("name it: offline = \"/mnt/stick/fleet\""));
        }
        if spec.import.is_some() || spec.grub_key.is_some() {
            return Err(
                Error::usage("a fleet imports no keys: those of one machine would be those of all")
                    .hint("hold a ceremony for that machine alone"),
            );
        }
        if self.key.place != Place::Node || !self.key.encrypted {
            return Err(Error::usage(
                "[keys.fleet] says bits and years alone: the key is encrypted, in the offline directory",
            ));
        }
        let own = spec.of_fleet()?;
        own.validate()?;
        for (node, number) in self.nodes.iter().zip(1_usize..) {
            let is_it = |other: &NodeSpec| other.name.is(&node.name);
            if self.nodes.iter().skip(number).any(is_it) {
                let name = node.name.as_str();
                return Err(Error::usage(format!("two nodes have the name \"{name}\"")));
            }
            spec.of_node(node)?;
        }
        Ok(())
    }
}

impl Spec {
    /// The node of this name, as the specification has it, or else with the keys that all have.
    #[must_use]
    pub fn node(&self, name: NodeName) -> NodeSpec {
        let named = self.fleet.iter().flat_map(|fleet| &fleet.nodes);
        match named.into_iter().find(|node| node.name.is(&name)) {
            Some(node) => node.clone(),
            None => NodeSpec {
                name,
                keys: self.keys.clone(),
            },
        }
    }

    /// The ceremony of the fleet's own key.
    pub fn of_fleet(&self) -> Result<Self> {
        let (fleet, offline) = self.fleet_directories()?;
        let key = fleet.key.clone();
        Ok(Self {
            keys: [(KeyName::Fleet, key)].into(),
            work: self.work.clone(),
            backup: self.backup.clone(),
            microsoft: Selection::none(),
            dbx: Revocations::None,
            ..self.part(self.name.clone(), offline.to_owned())
        })
    }

    /// The ceremony of a node. Usage error if it cannot be one.
    pub fn of_node(&self, node: &NodeSpec) -> Result<Self> {
        let (fleet, offline) = self.fleet_directories()?;
        let name = node.name.as_str();
        if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) || name.eq_ignore_ascii_case("all") {
            return Err(Error::usage(format!("a node cannot be called \"{name}\""))
                .hint("its name begins with a letter or a digit, and \"all\" is all of them"));
        }
        let mut spec = Self {
            offline: Some(offline.join(NODES).join(name)),
            work: self.work.as_ref().map(|work| {
                let mut path = OsString::from(work);
                path.push(format!("-{name}"));
                path.into()
            }),
            backup: self.backup.as_ref().map(|backup| Backup {
                directory: backup.directory.join(NODES).join(name),
                shares: None,
            }),
            keys: node.keys.clone(),
            owner: self.owner,
            microsoft: self.microsoft.clone(),
            dbx: self.dbx,
            ..self.part(
                format!("{} {name}", self.name),
                fleet.bundles.join(format!("{name}.keys")),
            )
        };
        for (key, place) in &mut spec.keys {
            let is_offline = [KeyName::Pk, KeyName::Kek].contains(key);
            if is_offline && place.place == Place::Node && self.rehearsal {
                // It would be on a token.
                place.place = Place::Offline;
            } else if is_offline && place.place == Place::Node {
                return Err(Error::usage(format!("no bundle takes the {key} key to a node"))
                    .hint(format!("leave place out of [keys.{key}]: it is offline")));
            }
            // In a bundle no key is in clear; those that are meant to be are that once they are on their node.
            place.encrypted |= !matches!(place.place, Place::Token(_));
        }
        spec.validate().or_usage(|| format!("node \"{name}\""))?;
        Ok(spec)
    }

    /// The keys that are in clear on a node.
    pub fn plain_on_node(node: &NodeSpec) -> impl Iterator<Item = KeyName> {
        let keys = node.keys.iter();
        keys.filter(|(_, key)| key.place == Place::Node && !key.encrypted)
            .map(|(name, _)| *name)
    }

    fn fleet_directories(&self) -> Result<(&FleetSpec, &Path)> {
        let fleet = self.fleet.as_ref();
        fleet.zip(self.offline.as_deref()).ok_or_else(|| {
            Error::usage("the specification is not of a fleet").hint("add [fleet] with bundles = \"DIR\"")
        })
    }

    /// The part that all ceremonies of a fleet have in common.
    fn part(&self, name: String, out: PathBuf) -> Self {
        Self {
            waiver: self.waiver.clone(),
            fatal: self.fatal.clone(),
            program: self.program.clone(),
            rehearsal: self.rehearsal,
            same_disk: true,
            is_part: true,
            ..Self::new(name, out)
        }
    }
}
