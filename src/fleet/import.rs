//! A bundle that comes to its node.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::ceremony::transcript::{End, Transcript};
use crate::ceremony::{self, is_digest, verify};
use crate::error::{Error, Explain, Result, quoted};
use crate::formats::backup::words::fingerprint_words;
use crate::formats::crypto::certificate::Certificate;
use crate::formats::text::Shown;
use crate::keys::directory::{Ask, REMOVE_PK, TRANSCRIPT};
use crate::keys::{KeyDirectory, KeyName};
use crate::system::{self, Context, NewDirectory, NewFile, NodeName};

use super::bundle::{Bundle, FLEET, MANIFEST, Manifest, mode};

/// Largest bundle, in bytes.
const MAX_BUNDLE: u64 = 16 << 20;
/// Largest file of the proof in a key directory, in bytes.
const MAX_PROOF: u64 = 1 << 20;
/// Ending of the name that a key directory is moved away to.
const FORMER: &str = "former";

/// A bundle that came to its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// The node.
    pub node: String,
    /// The fleet.
    pub fleet: String,
    /// The number of the bundle.
    pub number: u64,
    /// Names of the files that were put there; none if they were there already.
    pub files: Vec<String>,
    /// Names of the private keys that are in clear now.
    pub plain: Vec<String>,
    /// The end of the node's transcript.
    #[serde(flatten)]
    pub end: End,
    /// True if anything was put there, or would be in a dry run.
    pub changed: bool,
    /// True if nothing was written.
    pub dry_run: bool,
}

/// Puts the files of a bundle into the key directory of its node, all or none. `fingerprint` is that of the fleet, in hex or words; it is
/// asked for by `typed` where neither it is given nor the key directory knows the fleet. `ask` is for the passphrase of the bundle.
pub fn import(
    context: &Context,
    path: &Path,
    keys: &Path,
    fingerprint: Option<&str>,
    (typed, ask): (&mut dyn FnMut() -> Result<String>, &mut Ask<'_>),
) -> Result<Imported> {
    let refused = || format!("{} was not imported", path.shown());
    let bundle = Bundle::parse(&read_bundle(context, path)?).or_refuse(refused)?;
    let known = known_fleet(keys)?;
    check_fleet(&bundle, known.as_ref(), fingerprint, typed).map_err(|error| error.explained(refused()))?;
    bundle.check_signature().or_refuse(refused)?;
    check_node(context, &bundle.manifest).map_err(|error| error.explained(refused()))?;
    check_content(&bundle).map_err(|error| error.explained(refused()))?;
    let manifest = &bundle.manifest;
    let mut imported = Imported {
        node: manifest.node.clone(),
        fleet: manifest.fleet.clone(),
        number: manifest.number,
        files: Vec::new(),
        plain: manifest.plain.iter().cloned().collect(),
        end: End::new(keys, &transcript_of(&bundle)?)?,
        changed: false,
        dry_run: context.dry_run(),
    };
    if let Some(end) = present(keys, &bundle).map_err(|error| error.explained(refused()))? {
        imported.end = end;
        return Ok(imported);
    }
    NewDirectory::check(keys)?;
    imported.files = bundle.files.keys().cloned().collect();
    imported.changed = true;
    if context.dry_run() {
        return Ok(imported);
    }
    imported.end = put(context, keys, &bundle, ask)?;
    Ok(imported)
}

fn read_bundle(context: &Context, path: &Path) -> Result<Vec<u8>> {
    let bytes = system::read_at_if_there(context, path, MAX_BUNDLE)?;
    bytes.ok_or_else(|| Error::could_not_run(format!("there is no bundle at {}", path.shown())))
}

/// The fleet that a key directory belongs to.
fn known_fleet(keys: &Path) -> Result<Option<Certificate>> {
    let path = keys.join(FLEET);
    let Some(pem) = system::read_ours_if_there(&path, MAX_PROOF)? else {
        return Ok(None);
    };
    Certificate::from_pem(&pem)
        .or_refuse(|| format!("cannot use {}", path.shown()))
        .map(Some)
}

fn check_fleet(
    bundle: &Bundle,
    known: Option<&Certificate>,
    fingerprint: Option<&str>,
    typed: &mut dyn FnMut() -> Result<String>,
) -> Result<()> {
    let own = bundle.certificate.fingerprint();
    let (hex, words) = (own.to_hex(), fingerprint_words(own.as_bytes()));
    let foreign = |of: &str| {
        Error::refused(format!(
            "it is of a foreign fleet, with the fingerprint {words}, and {of}"
        ))
        .hint("compare the words with those of the fleet, where its offline directory is: bootseal ceremony nodes --keys DIR")
    };
    if let Some(known) = known
        && *known != bundle.certificate
    {
        let words = fingerprint_words(known.fingerprint().as_bytes());
        return Err(foreign(&format!("this machine belongs to {words}")));
    }
    let named = match (fingerprint, known) {
        (Some(named), _) => named.to_owned(),
        (None, Some(_)) => return Ok(()),
        (None, None) => typed()?,
    };
    if is_digest(&named, &hex, &words) {
        return Ok(());
    }
    Err(foreign("another was named"))
}

fn check_node(context: &Context, manifest: &Manifest) -> Result<()> {
    let node: NodeName = manifest.node.parse().or_refuse(|| "it names no node".to_owned())?;
    let names = NodeName::of_machine(context)?;
    if names.iter().any(|name| name.is(&node)) {
        return Ok(());
    }
    let node = node.as_str();
    let hint =
        format!("import it on {node}; or, if this machine is meant, call it so first: hostnamectl set-hostname {node}");
    Err(match names.first() {
        Some(own) => Error::refused(format!("it is for {node}, and this is {}", own.as_str())).hint(hint),
        None => Error::could_not_run(format!("it is for {node}, and this machine has no name")).hint(hint),
    })
}

/// Refuses a bundle with what no node is to have, or with names that leave the directory.
fn check_content(bundle: &Bundle) -> Result<()> {
    let offline = [KeyName::Pk, KeyName::Kek, KeyName::Fleet].map(|name| format!("{name}.key"));
    for name in bundle.files.keys() {
        let is_plain = !name.starts_with('.') && !name.contains('/');
        if !is_plain || offline.contains(name) || name == REMOVE_PK {
            return Err(Error::refused(format!("it holds \"{name}\", which no node is to have")));
        }
    }
    let transcript = transcript_of(bundle)?;
    if transcript.head() != bundle.manifest.transcript {
        return Err(Error::refused("its transcript does not end where the manifest says"));
    }
    Ok(())
}

fn transcript_of(bundle: &Bundle) -> Result<Transcript> {
    let cannot = || format!("{TRANSCRIPT} of the bundle does not hold");
    let bytes = bundle.files.get(TRANSCRIPT).map(Vec::as_slice).unwrap_or_default();
    let transcript = Transcript::parse(bytes).or_refuse(cannot)?;
    verify::check_seals(&transcript).or_refuse(cannot)?;
    Ok(transcript)
}

/// The end of the transcript that the key directory has, if it has all of the bundle; `None` if there is no key directory. Refuses a
/// bundle that is older than what is there, and one of other keys.
fn present(keys: &Path, bundle: &Bundle) -> Result<Option<End>> {
    if KeyDirectory::find(keys)?.is_none() {
        return Ok(None);
    }
    let path = keys.join(MANIFEST);
    let away = PathBuf::from(format!("{}.{FORMER}", keys.display()));
    let away = format!("mv {} {}", quoted(keys), quoted(&away));
    let Some(text) = system::read_ours_if_there(&path, MAX_PROOF)? else {
        return Err(Error::refused(format!(
            "{} holds the keys of a ceremony that no fleet has held",
            keys.shown()
        ))
        .hint(format!("if this machine is to join the fleet: {away}, and this again")));
    };
    let known: Manifest = serde_json::from_slice(&text).or_refuse(|| format!("cannot use {}", path.shown()))?;
    let (own, given) = (known.number, bundle.manifest.number);
    if given < own {
        return Err(Error::refused(format!(
            "it is an older one: it has the number {given}, and this machine came by number {own}"
        ))
        .hint("have the newest bundle brought here"));
    }
    if given > own {
        return Err(Error::refused(format!(
            "it has other keys than this machine: it has the number {given}, and this machine came by number {own}"
        ))
        .hint(format!(
            "if the firmware is in Setup Mode again, so that it takes them: {away}, and this again"
        )));
    }
    let present = verify::read(keys)?.transcript;
    if !present.as_bytes().starts_with(transcript_of(bundle)?.as_bytes()) {
        return Err(
            Error::refused(format!("{} knows less than it, or another history", keys.shown()))
                .hint(format!("{away}, and this again")),
        );
    }
    Ok(Some(End::new(keys, &present)?))
}

/// Makes the key directory beside its place, looks it through as any other, and has it appear at once.
fn put(context: &Context, keys: &Path, bundle: &Bundle, ask: &mut Ask<'_>) -> Result<End> {
    let new = NewDirectory::stage(context, keys)?;
    let files = bundle.files.iter();
    let files = files.map(|(name, bytes)| (name.as_str(), bytes.clone()));
    for (name, bytes) in files.chain(bundle.proof()?) {
        let path = &new.path().join(name);
        let (bytes, mode) = (&bytes, mode(name));
        NewFile { path, bytes, mode }.create(context)?;
    }
    let staged = KeyDirectory::unjudged(new.path());
    for name in &bundle.manifest.plain {
        let name: KeyName = name
            .parse()
            .or_refuse(|| "the bundle names a key that is none".to_owned())?;
        let pem = staged.software_key(name, ask)?.to_pem(context, None)?;
        let path = &staged.private_key_path(name);
        system::replace_durably(context, path, pem.as_bytes(), ceremony::SECRET)?;
    }
    let verified = verify::verify(new.path(), None)?;
    if let Some(finding) = verified.findings.first() {
        return Err(Error::refused(format!(
            "the files of the bundle do not fit each other: {finding}"
        )));
    }
    for name in KeyName::ALL {
        if system::is_there(&staged.private_key_path(name))? {
            staged.check_halves(name)?;
        }
    }
    let end = End::new(keys, &verify::read(new.path())?.transcript)?;
    new.publish()?;
    Ok(end)
}
