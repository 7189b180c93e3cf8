//! The plan of a ceremony, as its transcript has it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Explain, Result};

use super::Transcript;
use super::event::Event;

impl Transcript {
    /// The directories that the files of a place were planned for; of all places if none is named.
    pub(in crate::ceremony) fn planned_directories(&self, place: Option<&str>) -> Result<Vec<PathBuf>> {
        let Some(Event::Began { specification, .. }) = self.events().next() else {
            return Ok(Vec::new());
        };
        let plan: Value =
            serde_json::from_str(specification).or_refuse(|| "the transcript holds no plan".to_owned())?;
        let files = plan.get("files").and_then(Value::as_array).into_iter().flatten();
        let text = |file: &'_ Value, field: &str| file.get(field).and_then(Value::as_str).map(str::to_owned);
        let mut directories: Vec<PathBuf> = files
            .filter(|file| place.is_none_or(|place| text(file, "place").as_deref() == Some(place)))
            .filter_map(|file| Some(Path::new(&text(file, "path")?).parent()?.to_owned()))
            .collect();
        directories.sort();
        directories.dedup();
        Ok(directories)
    }
}
