//! The sponges of SHA3-512 (FIPS 202, sections 4 and 6.1), side by side: they share nothing but the permutation.

use std::mem;

/// Bytes of a block: 200 less twice the digest's 64 (FIPS 202, section 6.1).
pub(super) const RATE: usize = 72;

/// The states of `LANES` sponges: for each of the 25 words of 8 bytes (FIPS 202, section 3.1.2), that of every lane.
/// Aligned to a cache line of 64 bytes, so that no vector lies across two.
#[repr(align(64))]
pub(super) struct State<const LANES: usize>(pub(super) [[u64; LANES]; 25]);

/// Keccak-f[1600] over several states at once.
pub(super) trait Permutation<const LANES: usize>: Copy {
    /// Permutes every lane.
    fn permute(self, state: &mut State<LANES>);
}

/// The permutation of the `keccak` crate, which is that of `sha3`.
#[derive(Clone, Copy)]
pub(super) struct Alone;

impl Permutation<1> for Alone {
    fn permute(self, state: &mut State<1>) {
        let mut words = state.0.map(|[word]| word);
        keccak::Keccak::new().with_f1600(|permute| permute(&mut words));
        state.0 = words.map(|word| [word]);
    }
}

impl<const LANES: usize> State<LANES> {
    /// All zeros, as every sponge starts.
    pub(super) const fn new() -> Self {
        Self([[0; LANES]; 25])
    }

    /// The digest in a lane (64 bytes). The lane is left ready for the next message.
    pub(super) fn squeeze(&mut self, lane: usize) -> [u8; 64] {
        let mut digest = [0; 64];
        for (bytes, [word]) in digest.as_chunks_mut().0.iter_mut().zip(self.take_lane(lane).0) {
            *bytes = word.to_le_bytes();
        }
        digest
    }

    /// The state in a lane, by itself. The lane is left ready for the next message.
    pub(super) fn take_lane(&mut self, lane: usize) -> State<1> {
        State(
            self.0
                .each_mut()
                .map(|words| [words.get_mut(lane).map(mem::take).unwrap_or_default()]),
        )
    }

    fn absorb(&mut self, lane: usize, block: &[u8; RATE]) {
        for (words, bytes) in self.0.iter_mut().zip(block.as_chunks().0) {
            if let Some(word) = words.get_mut(lane) {
                *word ^= u64::from_le_bytes(*bytes);
            }
        }
    }
}

/// A message, and how far it is absorbed.
pub(super) struct Message<M> {
    bytes: M,
    /// Offset of the next block; `None` once the last block, the padded one, is in the state.
    next: Option<usize>,
}

impl<M: AsRef<[u8]>> Message<M> {
    /// A message of which nothing is absorbed.
    pub(super) const fn new(bytes: M) -> Self {
        Self { bytes, next: Some(0) }
    }

    /// True if the state, once permuted, holds the digest.
    pub(super) const fn is_absorbed(&self) -> bool {
        self.next.is_none()
    }

    /// The bytes that were absorbed.
    pub(super) fn into_inner(self) -> M {
        self.bytes
    }

    /// Adds the next block to a lane; the permutation has to follow.
    pub(super) fn absorb_block<const LANES: usize>(&mut self, state: &mut State<LANES>, lane: usize) {
        let Some(offset) = self.next else { return };
        let rest = self.bytes.as_ref().get(offset..).unwrap_or_default();
        if let Some(block) = rest.first_chunk() {
            state.absorb(lane, block);
            self.next = Some(offset + RATE);
        } else {
            state.absorb(lane, &padded(rest));
            self.next = None;
        }
    }
}

/// The last block: fewer than 72 bytes of message, the suffix 01 of SHA-3 and the padding 10*1, the lowest bit of a
/// byte first (FIPS 202, section 6.1 and appendix B.2).
fn padded(rest: &[u8]) -> [u8; RATE] {
    let mut block = [0; RATE];
    let suffix = [0x06];
    for (to, from) in block.iter_mut().zip(rest.iter().chain(&suffix)) {
        *to = *from;
    }
    let [.., last] = &mut block;
    *last |= 0x80;
    block
}
