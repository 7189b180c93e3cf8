//! Which message has which lane.

use std::array;
use std::cmp::Reverse;

use super::sponge::{Alone, Message, Permutation, State};
use crate::formats::hash::Digest;

/// Digests of all `messages`, in their order. When a message ends, the next takes its lane; the longest come first, so
/// that the lanes run empty at about the same time.
pub(super) fn digests<const LANES: usize>(permutation: impl Permutation<LANES>, messages: &[&[u8]]) -> Vec<Digest> {
    let mut waiting = longest_first(messages).into_iter();
    let mut lanes: [Option<Job<'_>>; LANES] = array::from_fn(|_| waiting.next());
    let mut state = State::new();
    let mut done = Vec::with_capacity(messages.len());
    // One message in a vector takes longer than by itself; two do not.
    while lanes.iter().flatten().count() > 1 {
        absorb(&mut state, &mut lanes);
        permutation.permute(&mut state);
        for (number, lane) in lanes.iter_mut().enumerate() {
            if let Some(job) = lane.take_if(|job| job.message.is_absorbed()) {
                done.push((job.place, state.squeeze(number)));
                *lane = waiting.next();
            }
        }
    }
    for (number, lane) in lanes.into_iter().enumerate() {
        if let Some(job) = lane {
            done.push((job.place, finish(state.leave(number), job.message)));
        }
    }
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, digest)| Digest::sha3_512(digest)).collect()
}

/// A message and the place of its digest among the results.
struct Job<'m> {
    place: usize,
    message: Message<'m>,
}

fn longest_first<'m>(messages: &[&'m [u8]]) -> Vec<Job<'m>> {
    let mut order: Vec<_> = messages.iter().copied().enumerate().collect();
    order.sort_by_key(|(_, message)| Reverse(message.len()));
    let job = |(place, message)| Job {
        place,
        message: Message::new(message),
    };
    order.into_iter().map(job).collect()
}

fn absorb<const LANES: usize>(state: &mut State<LANES>, lanes: &mut [Option<Job<'_>>; LANES]) {
    for (number, lane) in lanes.iter_mut().enumerate() {
        if let Some(job) = lane {
            job.message.absorb_block(state, number);
        }
    }
}

/// Hashes what is left of a message whose state has left its lane.
fn finish(mut state: State<1>, mut message: Message<'_>) -> [u8; 64] {
    while !message.is_absorbed() {
        message.absorb_block(&mut state, 0);
        Alone.permute(&mut state);
    }
    state.squeeze(0)
}
