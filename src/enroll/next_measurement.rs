//! A measurement of the next start.

use crate::formats::firmware::event_log::EventType;

/// A measurement of the next start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NextMeasurement {
    /// The kind of the event.
    pub(super) kind: EventType,
    /// The name of the bank, and the digest.
    pub(super) digests: Vec<(&'static str, Vec<u8>)>,
}
