//! Crockford's base 32, for texts that people copy by hand: no letter is taken for a digit or another letter. In groups of
//! four; in reading, case, spaces and hyphens do not count, and the letters that look like digits are those digits.

use zeroize::Zeroizing;

use crate::formats::bytes::index;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters between two hyphens.
const GROUP: usize = 4;
/// Bits of a character.
const BITS: u32 = 5;

/// Why a text is not base 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Base32Error {
    /// A character that is none of the alphabet; it is not quoted, since it may be part of a secret.
    #[error("character {0} is neither a letter nor a digit that base 32 has")]
    Character(usize),
    /// Bits after the last byte that are not zero, or a character too many.
    #[error("it is too long or too short, or its last character is wrong")]
    End,
}

/// The text of some bytes, wiped when it is dropped.
#[must_use]
pub fn encode(bytes: &[u8]) -> Zeroizing<String> {
    let characters = (bytes.len() * 8).div_ceil(BITS as usize);
    let mut text = Zeroizing::new(String::with_capacity(characters * 2));
    let mut rest = bytes.iter();
    let (mut held, mut bits) = (0_u32, 0_u32);
    for place in 0..characters {
        if bits < BITS {
            held = (held << 8) | rest.next().copied().map_or(0, u32::from);
            bits += 8;
        }
        bits -= BITS;
        if place > 0 && place.is_multiple_of(GROUP) {
            text.push('-');
        }
        text.push(symbol(held >> bits));
        held &= (1 << bits) - 1;
    }
    text
}

/// The bytes of a text.
pub fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, Base32Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let (mut held, mut bits) = (0_u32, 0_u32);
    for (place, character) in (1..).zip(text.chars()) {
        let value = match character.to_ascii_lowercase() {
            '-' | ' ' | '\t' | '\r' | '\n' => continue,
            'o' => 0,
            'i' | 'l' => 1,
            other => (0..)
                .zip(ALPHABET)
                .find_map(|(value, symbol)| (char::from(*symbol) == other).then_some(value))
                .ok_or(Base32Error::Character(place))?,
        };
        held = (held << BITS) | value;
        bits += BITS;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
            held &= (1 << bits) - 1;
        }
    }
    if held == 0 && bits < BITS {
        Ok(bytes)
    } else {
        Err(Base32Error::End)
    }
}

/// The character for the lowest five bits.
#[expect(clippy::indexing_slicing, reason = "five bits are below 32")]
fn symbol(bits: u32) -> char {
    char::from(ALPHABET[index(bits & 31)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_looks_alike_is_alike() {
        assert_eq!(*encode(&[0, 0x44, 0x32]), "0123-4");
        for text in ["0123-4", "oi23 4", "0l2 3-4\n", "O12-34"] {
            assert_eq!(*decode(text).unwrap(), [0, 0x44, 0x32], "{text}");
        }
        assert_eq!(decode("01u3"), Err(Base32Error::Character(3)));
        assert_eq!(decode("01235"), Err(Base32Error::End));
        assert_eq!(decode("0123-40"), Err(Base32Error::End));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes: Vec<u8>) {
            prop_assert_eq!(&*decode(&encode(&bytes)).unwrap(), &bytes);
            prop_assert_eq!(&*decode(&encode(&bytes).to_uppercase().replace('-', " ")).unwrap(), &bytes);
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = decode(&text);
        }
    }
}
