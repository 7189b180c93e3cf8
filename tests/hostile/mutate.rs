//! Changes to a file: each has a number, so that a failure can be made again.

/// Masks by which each byte is flipped: one bit at either end, and all.
const MASKS: [u8; 3] = [0x01, 0x80, 0xff];
/// Bytes of a block that changes places with another.
const BLOCK: usize = 32;
/// Most changes at once, of those that are drawn.
const MAX_AT_ONCE: u64 = 4;

/// The changes of one file by themselves: flips, truncations, and swaps of blocks, in this order.
pub const fn count(length: usize) -> usize {
    let blocks = length.div_ceil(BLOCK);
    MASKS.len() * length + length + blocks * blocks.saturating_sub(1) / 2
}

/// Makes the change with this number.
pub fn change(bytes: &mut Vec<u8>, number: usize) {
    let length = bytes.len();
    let flips = MASKS.len() * length;
    if number < flips {
        bytes[number / MASKS.len()] ^= MASKS[number % MASKS.len()];
    } else if number < flips + length {
        bytes.truncate(number - flips);
    } else {
        let (first, second) = pair(number - flips - length);
        for (left, right) in (first * BLOCK..(first + 1) * BLOCK).zip(second * BLOCK..) {
            if right < length {
                bytes.swap(left, right);
            }
        }
    }
}

/// The pair with this number: (0, 1), (0, 2), (1, 2), (0, 3), …
fn pair(number: usize) -> (usize, usize) {
    let mut second = 1;
    let mut rest = number;
    while rest >= second {
        rest -= second;
        second += 1;
    }
    (rest, second)
}

/// Makes a few changes that are drawn by this number; returns how many.
pub fn drawn(bytes: &mut Vec<u8>, seed: u64) -> u64 {
    let mut state = seed;
    // SplitMix64: every number leads to another.
    let mut next = |below: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % below as u64).unwrap()
    };
    let changes = seed % MAX_AT_ONCE + 1;
    for made in 0..changes {
        if bytes.is_empty() {
            return made;
        }
        match next(8) {
            // Lengths and counts are what parsers follow.
            0 => {
                let place = next(bytes.len());
                bytes[place] = [0, 1, 0x7f, 0x80, 0xff][next(5)];
            }
            1 => {
                let (place, value) = (next(bytes.len()), u8::try_from(next(256)).unwrap());
                bytes.insert(place, value);
            }
            2 => {
                let place = next(bytes.len());
                bytes.remove(place);
            }
            _ => {
                let number = next(count(bytes.len()));
                change(bytes, number);
            }
        }
    }
    changes
}

#[test]
fn every_change_is_another_and_none_leaves_the_file_as_it_was() {
    let original: Vec<u8> = (0..100).collect();
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..count(original.len()) {
        let mut bytes = original.clone();
        change(&mut bytes, number);
        assert_ne!(bytes, original, "{number}");
        assert!(seen.insert(bytes), "{number}");
    }
    assert_eq!(seen.len(), 3 * 100 + 100 + 6);
}
