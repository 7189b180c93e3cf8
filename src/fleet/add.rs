//! A node that joins the fleet: its ceremony, its backup, which is tried, and its bundle.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::ceremony::backup::drill::{Opener, drill};
use crate::ceremony::life::record_plain;
use crate::ceremony::transcript::{End, Event};
use crate::ceremony::verify::{self, is_drilled};
use crate::ceremony::{self, ARCHIVE, NodeSpec, Observer, Spec, is_held};
use crate::error::{Error, Result, quoted};
use crate::formats::backup::words::fingerprint_words;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::text::Shown;
use crate::keys::directory::Ask;
use crate::keys::{Identity, KeyDirectory, KeyName, Passphrase};
use crate::system::{self, Context, FileKind, NewFile, NodeName, create_dir, operator};

use super::backup::of_node;
use super::bundle::{BUNDLE, Manifest, make, mode};
use super::directory::{FleetDirectory, is_named, not_held};

/// Largest file of a key directory, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// The secrets of a ceremony with nodes.
pub struct Secrets<'a> {
    /// The passphrase of all that is offline.
    pub offline: &'a Passphrase,
    /// The passphrase of the bundle of a node, which is asked for before anything is made.
    pub bundle: &'a mut dyn FnMut(&NodeName) -> Result<Passphrase>,
}

/// A node that joined the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Added {
    /// Its name.
    pub node: String,
    /// The number of its bundle.
    pub number: u64,
    /// The bundle.
    pub bundle: String,
    /// SHA-256 of the bundle, lower-case hex.
    pub sha256: String,
    /// Its key directory among the offline keys.
    pub offline: String,
    /// The directory of its backup.
    pub backup: Option<String>,
    /// SHA-256 of the certificate of its PK, lower-case hex.
    pub pk: String,
    /// The fingerprint of the fleet, lower-case hex.
    pub fleet_fingerprint: String,
    /// The fingerprint of the fleet, as it is typed on the node.
    pub fleet_words: String,
    /// The new end of the fleet's transcript; null in a dry run.
    #[serde(flatten)]
    pub end: Option<End>,
    /// Transcripts of the fleet that it could not be recorded in, each with the reason.
    pub not_recorded: Vec<String>,
    /// True if nothing was made.
    pub dry_run: bool,
}

/// Adds a node to the fleet of a specification, or goes on with one that was cut short.
pub fn add(
    context: &Context,
    spec: &Spec,
    node: &NodeSpec,
    observer: &dyn Observer,
    secrets: &mut Secrets<'_>,
) -> Result<Added> {
    let offline = offline_of(spec)?;
    not_held(offline)?;
    let fleet = FleetDirectory::open(offline)?;
    let bundle = spec.out.join(format!("{}.{BUNDLE}", node.name.as_str()));
    let mut own = spec.of_node(node)?;
    if let Some(known) = fleet.in_use().iter().find(|known| is_named(known, &node.name)) {
        let name = known.name.as_str();
        return Err(
            Error::refused(format!("{name} belongs to the fleet already, since {}", known.added)).hint(format!(
                "if its board or its disk is another now: bootseal ceremony retire-node --keys {} {name}, then this again",
                quoted(offline)
            )),
        );
    }
    let number = u64::try_from(fleet.nodes().len()).unwrap_or(u64::MAX).saturating_add(1);
    let ask: &mut Ask<'_> = &mut |_| Ok(secrets.offline.duplicate());
    let identity = fleet.identity(ask)?;
    if context.dry_run() {
        return Ok(announced(&own, node, number, &bundle, &identity));
    }
    let backup = of_node(&identity, node.name.as_str(), number)?;
    own.passphrase = Some(secrets.offline.duplicate());
    own.node_passphrase = Some((secrets.bundle)(&node.name)?);
    let opener = Opener::Fleet(backup.passphrase.duplicate());
    own.backup_passphrase = Some(backup);
    if !is_held(&own)? {
        for (_, directory) in own.directories() {
            create_dir(context, directory.parent().unwrap_or(&directory))?;
        }
        ceremony::run(context, &own, observer)?;
    }
    let keys = own.offline.clone().unwrap_or_default();
    if let Some(backup) = &own.backup
        && !is_drilled(&verify::read(&keys)?.transcript, KeyName::Pk)
    {
        observer.step(&format!("restore the keys of {} from their backup", node.name.as_str()));
        let archive = backup.directory.join(ARCHIVE);
        drill(context, &keys, std::slice::from_ref(&own.out), &archive, &opener)?;
    }
    observer.step(&format!("make the bundle of {}", node.name.as_str()));
    let mut places = vec![own.out.as_path(), keys.as_path()];
    places.extend(own.backup.as_ref().map(|backup| backup.directory.as_path()));
    let plain: Vec<KeyName> = Spec::plain_on_node(node).collect();
    let ask: &mut Ask<'_> = &mut |_| {
        let known = own.node_passphrase.as_ref().map(Passphrase::duplicate);
        known.ok_or_else(|| Error::bug("a bundle without a passphrase"))
    };
    check_passphrase(&own, ask)?;
    record_plain(context, &places, &plain, ask)?;
    let bytes = pack(context, spec, (&own, node, number), &identity)?;
    write(context, &bundle, &bytes)?;
    let mut added = announced(&own, node, number, &bundle, &identity);
    added.dry_run = false;
    added.sha256 = HashAlgorithm::Sha256.digest(&[&bytes]).to_hex();
    added.pk = KeyDirectory::open(&keys)?
        .certificate(KeyName::Pk)?
        .fingerprint()
        .to_hex();
    let event = Event::NodeAdded {
        node: added.node.clone(),
        number,
        pk: added.pk.clone(),
        transcript: verify::read(&keys)?.transcript.head().to_owned(),
        bundle: added.sha256.clone(),
        by: operator(),
    };
    let (end, not_recorded) = fleet.record(context, &event, identity)?;
    added.end = Some(end);
    added.not_recorded = not_recorded;
    clear_up(context, &own)?;
    Ok(added)
}

/// Refuses another passphrase than the one that a run which was cut short put the keys of the bundle under.
fn check_passphrase(own: &Spec, ask: &mut Ask<'_>) -> Result<()> {
    let keys = KeyDirectory::open(&own.out)?;
    for name in own.names() {
        if system::is_there(&keys.private_key_path(name))? {
            let cannot = "the keys were made by a run that was cut short, under another passphrase of the bundle";
            return keys
                .software_key(name, ask)
                .map(|_| ())
                .map_err(|error| error.explained(cannot));
        }
    }
    Ok(())
}

/// The offline directory of a fleet.
pub(super) fn offline_of(spec: &Spec) -> Result<&Path> {
    let offline = spec.offline.as_deref().filter(|_| spec.fleet.is_some());
    offline
        .ok_or_else(|| Error::usage("the specification is not of a fleet").hint("bootseal ceremony template --fleet"))
}

/// Removes the files of a node once its bundle has them.
pub(super) fn clear_up(context: &Context, own: &Spec) -> Result<()> {
    if system::is_there(&own.out)? {
        system::remove_tree(context, &own.out)?;
    }
    Ok(())
}

fn announced(own: &Spec, node: &NodeSpec, number: u64, bundle: &Path, identity: &Identity) -> Added {
    let fingerprint = identity.certificate.fingerprint();
    Added {
        node: node.name.as_str().to_owned(),
        number,
        bundle: bundle.shown(),
        sha256: String::new(),
        offline: own.offline.as_ref().map(|path| path.shown()).unwrap_or_default(),
        backup: own.backup.as_ref().map(|backup| backup.directory.shown()),
        pk: String::new(),
        fleet_fingerprint: fingerprint.to_hex(),
        fleet_words: fingerprint_words(fingerprint.as_bytes()),
        end: None,
        not_recorded: Vec::new(),
        dry_run: true,
    }
}

/// The bundle of a node's key directory.
fn pack(
    context: &Context,
    spec: &Spec,
    (own, node, number): (&Spec, &NodeSpec, u64),
    identity: &Identity,
) -> Result<Vec<u8>> {
    let transcript = verify::read(&own.out)?.transcript;
    let mut files = BTreeMap::new();
    for entry in system::list_directory(&own.out)? {
        let name = entry
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if entry.kind != FileKind::File {
            return Err(Error::refused(format!("{} is no file of a bundle", entry.path.shown())));
        }
        let bytes = if mode(&name) == ceremony::SECRET {
            system::read_secret_file(&entry.path)?.to_vec()
        } else {
            system::read_ours(&entry.path, MAX_FILE)?
        };
        files.insert(name, bytes);
    }
    let made = context.date_time()?.to_string();
    let mut manifest = Manifest::new(&spec.name, node.name.as_str(), number, made, transcript.head());
    manifest.plain = Spec::plain_on_node(node).map(|name| name.name().to_owned()).collect();
    make(manifest, &files, &identity.certificate, identity.signer.as_ref())
}

/// Puts a bundle in its place; that of a run that was cut short gives way.
fn write(context: &Context, bundle: &Path, bytes: &[u8]) -> Result<()> {
    let staged: PathBuf = bundle.with_extension("new");
    system::remove_leftover(context, &staged)?;
    let path = &staged;
    let mode = ceremony::SECRET;
    NewFile { path, bytes, mode }.create(context)?;
    system::rename_over(context, &staged, bundle)
}
