//! Which message has which lane.

use std::array;

use super::source::Source;
use super::sponge::{Alone, Message, Permutation, State};
use crate::formats::crypto::hash::Digest;

/// Hashes all messages of `source`. When one ends, the next takes its lane.
pub(super) fn digest<const LANES: usize, S: Source>(permutation: impl Permutation<LANES>, source: &mut S) {
    let mut lanes: [Option<Message<S::Message>>; LANES] = array::from_fn(|lane| source.next(lane).map(Message::new));
    let mut state = State::new();
    // One message in a vector takes longer than by itself; two do not.
    while lanes.iter().flatten().count() > 1 {
        absorb(&mut state, &mut lanes);
        permutation.permute(&mut state);
        for (number, lane) in lanes.iter_mut().enumerate() {
            if let Some(message) = lane.take_if(|message| message.is_absorbed()) {
                source.digested(message.into_inner(), Digest::sha3_512(state.squeeze(number)));
                *lane = source.next(number).map(Message::new);
            }
        }
    }
    for (number, lane) in lanes.into_iter().enumerate() {
        if let Some(message) = lane {
            let (message, digest) = finish(state.take_lane(number), message);
            source.digested(message, Digest::sha3_512(digest));
        }
    }
}

fn absorb<const LANES: usize, M: AsRef<[u8]>>(state: &mut State<LANES>, lanes: &mut [Option<Message<M>>; LANES]) {
    for (number, lane) in lanes.iter_mut().enumerate() {
        if let Some(message) = lane {
            message.absorb_block(state, number);
        }
    }
}

/// Hashes the rest of a message whose state was taken from its lane.
fn finish<M: AsRef<[u8]>>(mut state: State<1>, mut message: Message<M>) -> (M, [u8; 64]) {
    while !message.is_absorbed() {
        message.absorb_block(&mut state, 0);
        Alone.permute(&mut state);
    }
    (message.into_inner(), state.squeeze(0))
}
