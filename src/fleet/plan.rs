//! The plan of a fleet's ceremony: those of its parts, under one digest.

use serde::Serialize;

use crate::ceremony::{Plan, Spec, is_digest};
use crate::error::{Error, Explain, Result};
use crate::formats::backup::words::fingerprint_words;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::system::Context;

use super::hold::named;

/// The plan of a fleet's ceremony.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FleetPlan {
    /// SHA-256 over the digests of the parts, lower-case hex: `run --plan` takes it.
    pub digest: String,
    /// The digest for people to compare: eight words.
    pub words: String,
    /// The ceremony of the fleet's own key.
    pub fleet: Plan,
    /// The ceremony of each node that is named.
    pub nodes: Vec<NodePlan>,
}

/// The plan of a node's ceremony.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodePlan {
    /// The name of the node.
    pub node: String,
    /// Names of the keys that are in clear once they are on the node.
    pub plain: Vec<String>,
    /// The plan.
    #[serde(flatten)]
    pub plan: Plan,
}

impl FleetPlan {
    /// The plan of a ceremony that begins now.
    pub fn new(context: &Context, spec: &Spec) -> Result<Self> {
        spec.validate()?;
        let fleet = Plan::new(context, &spec.of_fleet()?)?;
        let mut nodes = Vec::new();
        for node in named(spec) {
            nodes.push(NodePlan {
                node: node.name.as_str().to_owned(),
                plain: Spec::plain_on_node(node).map(|name| name.name().to_owned()).collect(),
                plan: Plan::new(context, &spec.of_node(node)?)?,
            });
        }
        let parts = serde_json::to_vec(&(&fleet.digest, &nodes)).or_bug(|| "cannot encode a plan".to_owned())?;
        let digest = HashAlgorithm::Sha256.digest(&[&parts]);
        Ok(Self {
            digest: digest.to_hex(),
            words: fingerprint_words(digest.as_bytes()),
            fleet,
            nodes,
        })
    }

    /// Refuses a plan that is not the one that was reviewed: its digest in hex, or in words.
    pub fn check_reviewed(&self, digest: &str) -> Result<()> {
        if is_digest(digest, &self.digest, &self.words) {
            return Ok(());
        }
        Err(Error::refused(format!(
            "the plan is another than the one reviewed: it has the digest {}",
            self.digest
        )))
    }
}
