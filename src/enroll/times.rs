//! The times of bootseal's last writes to the machine's own firmware, which efivarfs does not show. A later write has to
//! bear a later time, whatever the clock says by then.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::{Explain, Result};
use crate::formats::firmware::authenticated_variable::{EfiTime, VariableName};
use crate::formats::text::Shown;
use crate::system::{self, Context, Transaction, create_dir};

/// File in the state directory: name to `EFI_TIME` in hexadecimal.
const FILE: &str = "written.json";
/// Largest such file that is read, in bytes.
const MAX_FILE: u64 = 1 << 16;

/// The time of bootseal's last write; none if there was none.
pub(super) fn last(context: &Context, variable: VariableName) -> Result<Option<EfiTime>> {
    Ok(read(context)?.get(variable.name()).copied())
}

/// Records a write, unless a later one is recorded.
pub(super) fn remember(context: &Context, variable: VariableName, time: EfiTime) -> Result<()> {
    let mut times = read(context)?;
    if times
        .get(variable.name())
        .is_some_and(|known| !time.is_later_than(known))
    {
        return Ok(());
    }
    times.insert(variable.name().to_owned(), time);
    let texts: BTreeMap<&String, String> = times
        .iter()
        .map(|(name, time)| (name, hex::encode(time.to_bytes())))
        .collect();
    let json = serde_json::to_vec_pretty(&texts).or_bug(|| "cannot write times as JSON".to_owned())?;
    create_dir(context, &context.state()?)?;
    let transaction = Transaction::new(context);
    transaction.stage(&path(context)?, &[&json])?;
    transaction.commit_all()
}

fn path(context: &Context) -> Result<PathBuf> {
    Ok(context.state()?.join(FILE))
}

fn read(context: &Context) -> Result<BTreeMap<String, EfiTime>> {
    let path = path(context)?;
    let Some(json) = system::read_ours_if_there(&path, MAX_FILE)? else {
        return Ok(BTreeMap::new());
    };
    parse(&json).or_could_not_run(|| format!("{} is malformed", path.shown()))
}

/// The times in a record, by the name of the variable.
pub(super) fn parse(json: &[u8]) -> std::result::Result<BTreeMap<String, EfiTime>, Malformed> {
    let texts: BTreeMap<String, String> = serde_json::from_slice(json)?;
    let mut times = BTreeMap::new();
    for (name, text) in texts {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes)?;
        times.insert(name, EfiTime::from_bytes(bytes));
    }
    Ok(times)
}

/// The reason why a record of times cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Malformed {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("a time is not 16 bytes in hexadecimal: {0}")]
    Time(#[from] hex::FromHexError),
}
