//! The verdict of an audit.

use crate::audit::Audit;
use crate::finding::Status;

/// All answers in one. A part that was not looked at weighs more than a warning: nobody knows its state.
pub(super) fn verdict(audit: &Audit) -> &'static str {
    if audit.count(Status::Fail) > 0 {
        "The chain does not hold"
    } else if audit.count(Status::CouldNotRun) > 0 {
        "The chain is not proven"
    } else if audit.count(Status::Warn) > 0 {
        "The chain holds; something is to be looked after"
    } else {
        "The chain holds"
    }
}
