//! The record of exported copies, `exported.json` in the state directory: they stay what they are when the key is changed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Explain, Result, quoted};
use crate::formats::text::Shown;
use crate::system::{self, Context, Lock};

use super::format::Format;

/// The record, below the state directory.
const FILE: &str = "exported.json";
/// Longest record that is read, in bytes.
const MAX_RECORD: u64 = 1 << 20;
const SECRET: u32 = 0o600;

/// A copy of a key that was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// Name of the key.
    pub key: String,
    /// The owner GUID of the ceremony that it is of: one machine may export from several.
    pub owner: String,
    /// The form.
    pub format: Format,
    /// The file.
    pub path: PathBuf,
}

impl Copy {
    /// The command that makes the copy anew.
    #[must_use]
    pub fn remedy(&self) -> String {
        let Self { key, format, path, .. } = self;
        let path = quoted(path);
        format!(
            "rm {path} && bootseal keys export {key} --format {} --output {path}",
            format.name()
        )
    }
}

/// Records a copy. Another one of the same name is forgotten.
pub(super) fn remember(context: &Context, copy: Copy) -> Result<()> {
    let Some(_lock) = Lock::take(context, || {})? else {
        return Ok(());
    };
    let state = context.state()?;
    let mut copies = read(context)?;
    copies.retain(|known| known.path != copy.path);
    copies.push(copy);
    let text = serde_json::to_string(&copies).or_bug(|| "cannot write the copy down".to_owned())?;
    system::replace_durably(context, &state.join(FILE), text.as_bytes(), SECRET)
}

/// The recorded copies.
pub(super) fn read(context: &Context) -> Result<Vec<Copy>> {
    let path = context.state()?.join(FILE);
    let Some(bytes) = system::read_ours_if_there(&path, MAX_RECORD)? else {
        return Ok(Vec::new());
    };
    let cannot = || {
        format!(
            "{} is no record of exported copies; if it is not needed: rm {}",
            path.shown(),
            quoted(&path)
        )
    };
    serde_json::from_slice(&bytes).or_could_not_run(cannot)
}
