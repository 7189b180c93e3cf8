//! The supply of messages, one lane at a time.

use crate::formats::crypto::hash::Digest;

/// A supply of messages that takes their digests. At most one message for each of 8 lanes is held at a time.
pub trait Source {
    /// A message.
    type Message: AsRef<[u8]>;

    /// The next message, for this lane (0 to 7; always 0 where they are hashed one by one). `None` if there are no more
    /// messages for any lane.
    fn next(&mut self, lane: usize) -> Option<Self::Message>;

    /// Takes a message back, with its digest.
    fn digested(&mut self, message: Self::Message, digest: Digest);
}
