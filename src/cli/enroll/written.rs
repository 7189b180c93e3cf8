//! Signed writes, and the reports of those in files, as `--output` makes them.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::enroll::{Plan, Update};
use crate::error::{Result, quoted};
use crate::finding::Finding;
use crate::formats::text::Shown;
use crate::rotate::{ListChange, ListsChanged, NewLists};
use crate::system::NodeName;
use crate::ui::{Report, Style};

use super::changed::write_lists;

/// Signed writes, and the changes of variables that they are, as far as other boards are to have them.
pub(super) struct Made {
    pub writes: Vec<Update>,
    pub changes: Vec<ListChange>,
    /// The lists of the directories of a ceremony that takes over.
    pub successor: Option<NewLists>,
    pub warnings: Vec<Finding>,
}

impl Made {
    /// Writes that are for this board alone.
    pub fn writes(writes: Vec<Update>) -> Self {
        Self::changing(writes, Vec::new())
    }

    /// Writes whose changes other boards are to have.
    pub fn changing(writes: Vec<Update>, changes: Vec<ListChange>) -> Self {
        Self {
            writes,
            changes,
            successor: None,
            warnings: Vec::new(),
        }
    }
}

/// Signed writes in files.
pub(super) struct Written {
    pub directory: PathBuf,
    pub node: Option<NodeName>,
    pub files: Vec<PathBuf>,
    pub plan: Plan,
    pub lists: Option<ListsChanged>,
}

impl Report for Written {
    fn schema(&self) -> &'static str {
        "bootseal.enroll.update/1"
    }

    fn json(&self) -> Result<Value> {
        let files: Vec<String> = self.files.iter().map(|file| file.shown()).collect();
        Ok(json!({ "files": files, "node": self.node.as_ref().map(NodeName::as_str), "plan": self.plan.json()? }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        self.plan.human(out, style)?;
        for file in &self.files {
            writeln!(out, "{} written: {}", style.tick(), file.shown())?;
        }
        if self.plan.writes.iter().any(|write| write.append) {
            let warning = "a write that appends bears no time that a firmware asks for: each board with this KEK takes it, also after its \
                           entries were removed; keep it as you keep keys, or delete it once it is applied";
            writeln!(out, "{} {warning}", style.warn("!"))?;
        }
        self.lists.iter().try_for_each(|lists| write_lists(out, style, lists))?;
        let machine = self.node.as_ref().map_or("the machine", NodeName::as_str);
        let update = quoted(&self.directory);
        writeln!(
            out,
            "Next, on {machine}, where it is written: bootseal enroll apply {update}"
        )
    }
}

/// Updates of several nodes.
pub(super) struct WrittenAll(pub Vec<Written>);

impl Report for WrittenAll {
    fn schema(&self) -> &'static str {
        "bootseal.enroll.updates/1"
    }

    fn json(&self) -> Result<Value> {
        let updates = self.0.iter().map(Written::json).collect::<Result<Vec<_>>>()?;
        Ok(json!({ "updates": updates }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        self.0.iter().try_for_each(|update| {
            writeln!(out, "{}:", update.node.as_ref().map_or("", NodeName::as_str))?;
            update.human(out, style)
        })
    }
}
