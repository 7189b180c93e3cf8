//! Findings in lines of configurations.

use crate::finding::Finding;

/// A finding in a file, with the place as its subject: a baseline accepts one line.
pub(super) fn with_place(found: &Finding) -> Finding {
    Finding::new(found.kind, found.place(), found.describe())
        .at(found.level)
        .remedies(&found.remedies)
}
