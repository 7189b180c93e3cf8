//! Ending a ceremony that is under way, with nothing left behind.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Explain, Result};
use crate::formats::text::Shown;
use crate::keys::Passphrase;
use crate::keys::directory::TRANSCRIPT;
use crate::keys::pkcs11::{TokenKey, TokenUri};
use crate::system::{self, Context, Journal};

use super::placed::{are_all_in_place, is_in_place};
use super::transcript::{Event, Transcript};
use super::work;

/// The parts of a ceremony that an abort removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Aborted {
    /// The work directory.
    pub work: String,
    /// Directories that were in their places already.
    pub directories: Vec<String>,
    /// Keys on tokens.
    pub token_keys: Vec<String>,
    /// True if nothing was removed.
    pub dry_run: bool,
}

/// Removes the work directory of a ceremony, the keys that it put on tokens, and directories that it put in their places.
pub fn abort(context: &Context, path: &Path, ask: &mut dyn FnMut(&str) -> Result<Passphrase>) -> Result<Aborted> {
    let file = path.join(TRANSCRIPT);
    if !file.is_file() {
        return Err(
            Error::could_not_run(format!("no ceremony is under way in {}", path.shown()))
                .hint("name the work directory, as the stopped ceremony printed it"),
        );
    }
    let (_lock, lines) = Journal::open(context, &file)?;
    let transcript = if lines.is_empty() {
        Transcript::new()
    } else {
        Transcript::parse(&lines).or_refuse(|| format!("{} was altered", file.shown()))?
    };
    if !path.join("keys").is_dir() && transcript.is_sealed() {
        return Err(Error::refused(format!(
            "{} is a key directory, not a ceremony under way",
            path.shown()
        )));
    }
    let plan = match transcript.events().next() {
        Some(Event::Began { specification, .. }) => {
            serde_json::from_str(specification).or_refuse(|| format!("{} holds no plan", file.shown()))?
        }
        // Nothing was made before the first line.
        _ => Value::Null,
    };
    let mut aborted = Aborted {
        work: path.shown(),
        directories: Vec::new(),
        token_keys: Vec::new(),
        dry_run: context.dry_run(),
    };
    let directories = directories(&plan);
    // With every directory in its place the ceremony is over: then only its work directory is in the way.
    let is_over = !directories.is_empty() && are_all_in_place(&transcript, &directories)?;
    for event in transcript.events().filter(|_| !is_over) {
        if let Event::KeyIntended { key, id } = event {
            let uri = token_key(&plan, key, id)?;
            if !context.dry_run() {
                TokenKey::remove(&uri, ask)?;
            }
            aborted.token_keys.push(format!("{key}: {uri}"));
        }
    }
    for (_, directory) in directories.iter().filter(|_| !is_over) {
        if is_in_place(&transcript, directory)? {
            system::remove_tree(context, directory)?;
            aborted.directories.push(directory.shown());
        }
    }
    if !context.dry_run() {
        work::remove(context, path)?;
    }
    Ok(aborted)
}

/// The key that this ceremony made on a token, and no other.
fn token_key(plan: &Value, key: &str, id: &str) -> Result<TokenUri> {
    let cannot = || format!("the transcript does not say on which token the {key} key is");
    let keys = plan.get("keys").and_then(Value::as_array).into_iter().flatten();
    let mut own = keys.filter(|planned| planned.get("name").and_then(Value::as_str) == Some(key));
    let place = own.find_map(|planned| planned.get("place").and_then(Value::as_str));
    let place = place.ok_or_else(|| Error::refused(cannot()))?;
    let uri: TokenUri = place.parse().or_refuse(cannot)?;
    let id = hex::decode(id).or_refuse(cannot)?;
    Ok(TokenUri { id: Some(id), ..uri })
}

/// The directories of a plan.
fn directories(plan: &Value) -> Vec<(&str, PathBuf)> {
    let files = plan.get("files").and_then(Value::as_array).into_iter().flatten();
    let place = |file: &'_ Value| -> Option<PathBuf> {
        let path = Path::new(file.get("path").and_then(Value::as_str)?);
        path.ends_with(TRANSCRIPT)
            .then(|| path.parent().map(Path::to_path_buf))?
    };
    files
        .filter_map(|file| Some((file.get("place").and_then(Value::as_str)?, place(file)?)))
        .collect()
}
