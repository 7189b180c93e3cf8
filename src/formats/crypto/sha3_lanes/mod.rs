//! SHA3-512 (FIPS 202, section 6.1) of many independent messages, several side by side.
//!
//! One message cannot be hashed faster, since every block waits for the one before it; but a vector register holds the
//! same word of 4 (AVX2) or 8 (AVX-512) states, and one permutation then serves as many messages.
//!
//! Messages may all be there ([`sha3_512_many`]) or be fetched when a lane is free ([`sha3_512_from`]).
//!
//! The files: `schedule` gives messages to lanes, `sponge` absorbs and squeezes, `rounds` is a round of the
//! permutation, `avx2` and `avx512` define the vectors. Only the last two have unsafe code, one call each.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod rounds;
#[cfg(target_arch = "x86_64")]
mod schedule;
mod source;
#[cfg(target_arch = "x86_64")]
mod sponge;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::vec;

use crate::formats::crypto::hash::{Digest, HashAlgorithm};

pub use source::Source;

/// SHA3-512 of each message of `source`, by the fastest implementation that the processor has.
pub fn sha3_512_from(source: &mut impl Source) {
    for engine in [Engine::Avx512, Engine::Avx2, Engine::Scalar] {
        if engine.digest_from(source).is_some() {
            return;
        }
    }
}

/// SHA3-512 of each message, in their order, by the fastest implementation that the processor has.
#[must_use]
pub fn sha3_512_many(messages: &[&[u8]]) -> Vec<Digest> {
    let mut list = List::new(messages);
    sha3_512_from(&mut list);
    list.in_order()
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

    /// SHA3-512 of each message, in their order; `None` if the processor lacks the instructions for it.
    #[must_use]
    pub fn digests(self, messages: &[&[u8]]) -> Option<Vec<Digest>> {
        let mut list = List::new(messages);
        self.digest_from(&mut list)?;
        Some(list.in_order())
    }

    fn digest_from(self, source: &mut impl Source) -> Option<()> {
        match self {
            Self::Scalar => one_by_one(source),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => schedule::digest(avx2::Avx2::detect()?, source),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => schedule::digest(avx512::Avx512::detect()?, source),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => return None,
        }
        Some(())
    }
}

fn one_by_one(source: &mut impl Source) {
    while let Some(message) = source.next(0) {
        let digest = HashAlgorithm::Sha3_512.digest(&[message.as_ref()]);
        source.digested(message, digest);
    }
}

/// Messages that are all there. The longest come first, so that the lanes run empty at about the same time.
struct List<'m> {
    waiting: vec::IntoIter<Placed<'m>>,
    done: Vec<(usize, Digest)>,
}

/// A message and the place of its digest among the results.
struct Placed<'m> {
    place: usize,
    bytes: &'m [u8],
}

impl AsRef<[u8]> for Placed<'_> {
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}

impl<'m> List<'m> {
    fn new(messages: &[&'m [u8]]) -> Self {
        let placed = |(place, bytes): (usize, &&'m [u8])| Placed { place, bytes };
        let mut order: Vec<_> = messages.iter().enumerate().map(placed).collect();
        order.sort_by_key(|message| Reverse(message.bytes.len()));
        Self {
            done: Vec::with_capacity(order.len()),
            waiting: order.into_iter(),
        }
    }

    fn in_order(mut self) -> Vec<Digest> {
        self.done.sort_unstable_by_key(|(place, _)| *place);
        self.done.into_iter().map(|(_, digest)| digest).collect()
    }
}

impl<'m> Source for List<'m> {
    type Message = Placed<'m>;

    fn next(&mut self, _lane: usize) -> Option<Placed<'m>> {
        self.waiting.next()
    }

    fn digested(&mut self, message: Placed<'m>, digest: Digest) {
        self.done.push((message.place, digest));
    }
}
