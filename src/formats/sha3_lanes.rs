//! SHA3-512 (FIPS 202, section 6.1) of many independent messages, several side by side.
//!
//! One message cannot be hashed faster, since every block waits for the one before it; but a vector register holds the
//! same word of 4 (AVX2) or 8 (AVX-512) states, and one permutation then serves as many messages.
//!
//! The files: `schedule` gives messages to lanes, `sponge` absorbs and squeezes, `rounds` is a round of the
//! permutation, `avx2` and `avx512` say what a vector is. Only the last two have unsafe code, one call each.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod rounds;
#[cfg(target_arch = "x86_64")]
mod schedule;
#[cfg(target_arch = "x86_64")]
mod sponge;
#[cfg(test)]
mod tests;

use super::hash::{Digest, HashAlgorithm};

/// SHA3-512 of each message, in their order, by the fastest implementation that the processor has.
#[must_use]
pub fn sha3_512_many(messages: &[&[u8]]) -> Vec<Digest> {
    Engine::Avx512
        .digests(messages)
        .or_else(|| Engine::Avx2.digests(messages))
        .unwrap_or_else(|| one_by_one(messages))
}

/// An implementation. All give the same digests, so only tests and benchmarks need to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The `sha3` crate, one message after the other, on any processor.
    Scalar,
    /// Four messages at once.
    Avx2,
    /// Eight messages at once.
    Avx512,
}

impl Engine {
    /// All of them, the slowest first.
    pub const ALL: [Self; 3] = [Self::Scalar, Self::Avx2, Self::Avx512];

    /// SHA3-512 of each message, in their order; `None` if the processor does not have what this implementation needs.
    #[must_use]
    pub fn digests(self, messages: &[&[u8]]) -> Option<Vec<Digest>> {
        match self {
            Self::Scalar => Some(one_by_one(messages)),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::Avx2::detect().map(|avx2| schedule::digests(avx2, messages)),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::Avx512::detect().map(|avx512| schedule::digests(avx512, messages)),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => None,
        }
    }
}

fn one_by_one(messages: &[&[u8]]) -> Vec<Digest> {
    let digest = |message: &&[u8]| HashAlgorithm::Sha3_512.digest(&[message]);
    messages.iter().map(digest).collect()
}
