//! Digests of many messages, several at once where the algorithm and the processor allow it.

use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::crypto::sha3_lanes::{Source, sha3_512_from, sha3_512_many};

impl HashAlgorithm {
    /// Hashes each message by itself, in their order; SHA3-512 several at once where the processor can.
    #[must_use]
    pub fn digest_each(self, messages: &[&[u8]]) -> Vec<Digest> {
        if self == Self::Sha3_512 {
            return sha3_512_many(messages);
        }
        messages.iter().map(|message| self.digest(&[message])).collect()
    }

    /// Hashes each message of `source` by itself; SHA3-512 several at once where the processor can.
    pub fn digest_from(self, source: &mut impl Source) {
        if self == Self::Sha3_512 {
            return sha3_512_from(source);
        }
        while let Some(message) = source.next(0) {
            let digest = self.digest(&[message.as_ref()]);
            source.digested(message, digest);
        }
    }
}
