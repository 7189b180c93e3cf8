//! The supply of messages, one lane at a time.

use crate::formats::crypto::hash::Digest;

/// Where messages come from and digests go. What is in work at a time is one message for each lane, up to 8.
pub trait Source {
    /// A message.
    type Message: AsRef<[u8]>;

    /// The next message, for this lane (0 to 7; always 0 where they are hashed one by one). `None` if there is none any
    /// more, for whatever lane.
    fn next(&mut self, lane: usize) -> Option<Self::Message>;

    /// Takes a message back, with its digest.
    fn digested(&mut self, message: Self::Message, digest: Digest);
}
