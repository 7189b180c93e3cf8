//! Bytes as words that people can read to each other: the 2048 English words of BIP 39, 11 bits each.

use bip39::Language;

use crate::formats::bytes::index;

/// Bits of a word.
const BITS: u32 = 11;

/// The first `count` words over these bytes, most significant bit first; the bits past their end are zero.
///
/// Eight words hold 88 bits: as many as two people can compare, and more than anybody can forge.
#[must_use]
pub fn words(bytes: &[u8], count: usize) -> Vec<&'static str> {
    let list = Language::English.word_list();
    let mut words = Vec::with_capacity(count);
    let mut rest = bytes.iter();
    let (mut held, mut bits) = (0_u32, 0);
    while words.len() < count {
        while bits < BITS {
            held = (held << 8) | rest.next().copied().map_or(0, u32::from);
            bits += 8;
        }
        bits -= BITS;
        words.extend(list.get(index(held >> bits)));
        held &= (1 << bits) - 1;
    }
    words
}

/// Words of a fingerprint, for people to compare: eight, with hyphens between.
#[must_use]
pub fn fingerprint_words(digest: &[u8]) -> String {
    words(digest, 8).join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_words_are_those_of_bip_39() {
        assert_eq!(words(&[0; 11], 8), ["abandon"; 8]);
        assert_eq!(words(&[0xff; 11], 8), ["zoo"; 8]);
        // BIP 39's test vector for 0x7f…7f: "legal winner thank year wave sausage worth useful legal winner thank …".
        assert_eq!(
            fingerprint_words(&[0x7f; 16]),
            "legal-winner-thank-year-wave-sausage-worth-useful"
        );
        assert_eq!(words(&[], 2), ["abandon"; 2]);
    }

    proptest! {
        #[test]
        fn other_bits_are_other_words(bytes: [u8; 11], bit in 0_usize..88) {
            let mut other = bytes;
            other[bit / 8] ^= 0x80 >> (bit % 8);
            prop_assert_ne!(fingerprint_words(&bytes), fingerprint_words(&other));
        }
    }
}
