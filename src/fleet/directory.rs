//! The offline directory of a fleet, and the nodes that its transcript names.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;

use crate::ceremony::transcript::{End, Event, Transcript};
use crate::ceremony::verify::{self, Signed};
use crate::ceremony::{Copy, NODES, append_to_all, other_copies};
use crate::error::{Error, Result};
use crate::formats::backup::words::fingerprint_words;
use crate::formats::crypto::certificate::Certificate;
use crate::formats::text::Shown;
use crate::keys::directory::{Ask, TRANSCRIPT};
use crate::keys::{Identity, KeyDirectory, KeyName};
use crate::system::{self, Context, NodeName};

/// The state of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It belongs to the fleet.
    InUse,
    /// It belongs to it no longer.
    Retired,
}

/// A node, as the fleet's transcript has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: NodeState,
    /// The number of its bundle.
    pub number: u64,
    /// The time at which it joined, RFC 3339 UTC.
    pub added: String,
    /// The time at which it left, RFC 3339 UTC.
    pub retired: Option<String>,
    /// SHA-256 of the certificate of its first PK, lower-case hex.
    pub pk: String,
}

/// Nodes, as a person names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeChoice {
    /// All that are in use: `all`.
    All,
    /// One of them.
    Named(NodeName),
}

impl FromStr for NodeChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "all" => Ok(Self::All),
            name => name.parse().map(Self::Named),
        }
    }
}

/// The offline directory of a fleet.
pub struct FleetDirectory {
    path: PathBuf,
    /// The transcript.
    pub signed: Signed,
}

impl FleetDirectory {
    /// Opens the offline directory of a fleet: its transcript holds, and its key is here.
    pub fn open(path: &Path) -> Result<Self> {
        let signed = verify::read(path)?;
        if !signed.keys.contains_key(KeyName::Fleet.name()) {
            return Err(Error::usage(format!(
                "{} is the directory of a single ceremony, not of a fleet",
                path.shown()
            ))
            .hint("name the offline directory of the fleet's specification"));
        }
        let path = path.to_owned();
        Ok(Self { path, signed })
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The certificate of the fleet's key. Refused if it is not that of the transcript.
    pub fn certificate(&self) -> Result<Certificate> {
        let certificate = KeyDirectory::open(&self.path)?.certificate(KeyName::Fleet)?;
        let known = self.signed.keys.get(KeyName::Fleet.name());
        if certificate.public_key().ok().as_ref() != known {
            return Err(Error::refused(format!(
                "the certificate of the fleet in {} is not that of its transcript",
                self.path.shown()
            )));
        }
        Ok(certificate)
    }

    /// The fleet's key with its certificate.
    pub fn identity(&self, ask: &mut Ask<'_>) -> Result<Identity> {
        self.certificate()?;
        KeyDirectory::open(&self.path)?.identity(KeyName::Fleet, ask)
    }

    /// The nodes that ever were, in the order in which they joined.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        nodes_of(&self.signed.transcript)
    }

    /// The node of this name that is in use. Usage error if there is none.
    pub fn node(&self, name: &NodeName) -> Result<Node> {
        let nodes = self.in_use();
        let found = nodes.iter().find(|node| is_named(node, name)).cloned();
        found.ok_or_else(|| {
            let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
            let unknown = Error::usage(format!("the fleet has no node \"{}\" in use", name.as_str()));
            unknown.hint(format!("its nodes: {}", names.join(", ")))
        })
    }

    /// The nodes of a choice, each once, in the order in which they joined. Usage error for a name that no node in use has, or for none.
    pub fn chosen(&self, choice: &[NodeChoice]) -> Result<Vec<Node>> {
        let mut chosen: Vec<Node> = Vec::new();
        for one in choice {
            match one {
                NodeChoice::All => chosen.extend(self.in_use()),
                NodeChoice::Named(name) => chosen.push(self.node(name)?),
            }
        }
        chosen.sort_by_key(|node| node.number);
        chosen.dedup();
        if chosen.is_empty() {
            return Err(Error::usage(format!(
                "the fleet of {} has no node in use",
                self.path.shown()
            )));
        }
        Ok(chosen)
    }

    /// The nodes that are in use.
    #[must_use]
    pub fn in_use(&self) -> Vec<Node> {
        let mut nodes = self.nodes();
        nodes.retain(|node| node.state == NodeState::InUse);
        nodes
    }

    /// The key directory of a node in use, with the private keys that are offline.
    #[must_use]
    pub fn keys_of(&self, node: &Node) -> PathBuf {
        self.path.join(NODES).join(&node.name)
    }

    /// Adds a line to the transcript of the fleet, wherever it is, signed by its key. Returns the end, and the places that could not be
    /// written, each with the reason.
    pub(super) fn record(self, context: &Context, event: &Event, identity: Identity) -> Result<(End, Vec<String>)> {
        let others = other_copies(&self.path, &self.signed.transcript, &[])?;
        let Self { path, signed } = self;
        let directory = path.clone();
        let own = Copy { directory, signed };
        let signers = [(KeyName::Fleet, identity.signer)].into();
        let (transcript, others) = append_to_all(context, own, others, |_| vec![event.clone()], &signers)?;
        Ok((End::new(&path, &transcript)?, others.failures))
    }
}

/// True if a node has this name.
pub(super) fn is_named(node: &Node, name: &NodeName) -> bool {
    node.name.eq_ignore_ascii_case(name.as_str())
}

fn nodes_of(transcript: &Transcript) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for entry in transcript.entries() {
        let time = || entry.time.clone();
        match &entry.event {
            Event::NodeAdded { node, number, pk, .. } => nodes.push(Node {
                name: node.clone(),
                state: NodeState::InUse,
                number: *number,
                added: time(),
                retired: None,
                pk: pk.clone(),
            }),
            Event::NodeRetired { number, .. } => {
                for node in nodes.iter_mut().filter(|node| node.number == *number) {
                    node.state = NodeState::Retired;
                    node.retired = Some(time());
                }
            }
            _ => {}
        }
    }
    nodes
}

/// The nodes of a fleet, and what the offline directory knows of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Nodes {
    /// SHA-256 of the certificate of the fleet's key, lower-case hex: its fingerprint.
    pub fingerprint: String,
    /// The fingerprint in words, as it is typed on a node.
    pub words: String,
    /// The nodes that ever were.
    pub nodes: Vec<Listed>,
}

/// A node, and what the offline directory knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The node.
    #[serde(flatten)]
    pub node: Node,
    /// The keys that its transcript knows.
    pub keys: Vec<String>,
    /// The keys that gave way to others, each with the time, as far as the offline directory knows.
    pub rotations: Vec<Rotation>,
    /// The last line of its transcript that the offline directory knows, RFC 3339 UTC.
    pub known_until: Option<String>,
    /// The reason why its key directory cannot be read; null if it can, or if the node is retired.
    pub unreadable: Option<String>,
}

/// A key that gave way to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rotation {
    /// The key.
    pub key: String,
    /// The time, RFC 3339 UTC.
    pub time: String,
}

/// The nodes of the fleet with this offline directory. No private key is opened for that.
pub fn nodes(offline: &Path) -> Result<Nodes> {
    let fleet = FleetDirectory::open(offline)?;
    let fingerprint = fleet.certificate()?.fingerprint();
    let listed = fleet.nodes().into_iter().map(|node| listed(&fleet, node));
    Ok(Nodes {
        words: fingerprint_words(fingerprint.as_bytes()),
        fingerprint: fingerprint.to_hex(),
        nodes: listed.collect(),
    })
}

fn listed(fleet: &FleetDirectory, node: Node) -> Listed {
    let keys = fleet.keys_of(&node);
    let mut listed = Listed {
        keys: Vec::new(),
        rotations: Vec::new(),
        known_until: None,
        unreadable: None,
        node,
    };
    if listed.node.state == NodeState::Retired {
        return listed;
    }
    match verify::read(&keys) {
        Ok(signed) => {
            listed.keys = signed.keys.keys().cloned().collect();
            for entry in signed.transcript.entries() {
                if let Event::Retired { key, .. } = &entry.event {
                    let (key, time) = (key.clone(), entry.time.clone());
                    listed.rotations.push(Rotation { key, time });
                }
                listed.known_until = Some(entry.time.clone());
            }
        }
        Err(error) => listed.unreadable = Some(error.in_one_line()),
    }
    listed
}

/// Could not run if the ceremony of the fleet was not held yet.
pub(super) fn not_held(offline: &Path) -> Result<()> {
    if system::is_there(&offline.join(TRANSCRIPT))? {
        return Ok(());
    }
    Err(
        Error::could_not_run(format!("there is no fleet in {} yet", offline.shown()))
            .hint("first hold its ceremony: bootseal ceremony run SPEC"),
    )
}
