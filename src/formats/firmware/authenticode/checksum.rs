//! The `CheckSum` of PE files (PE Format, "Optional Header Windows-Specific Fields"; `CheckSumMappedFile` of Windows).

/// Size of the `CheckSum` field, in bytes.
pub(super) const SIZE: usize = 4;

/// The checksum of the PE file that these parts make up, whose `CheckSum` field starts at offset `field` of the first:
/// the one's complement sum of its 16-bit words, the field itself counted as zero, plus the file's length in bytes,
/// modulo 2^32.
#[must_use]
pub fn checksum(parts: &[&[u8]], field: usize) -> u32 {
    let mut sum = Sum::default();
    let (first, others) = parts.split_at(parts.len().min(1));
    for part in first {
        sum.add_first(part, field);
    }
    for part in others {
        sum.add(part);
    }
    sum.finish()
}

/// A checksum over pieces of a file that come one after the other.
#[derive(Debug, Default)]
pub(super) struct Sum {
    sum: u64,
    offset: usize,
}

impl Sum {
    /// Adds the first piece, which has the `CheckSum` field at this offset.
    pub fn add_first(&mut self, piece: &[u8], field: usize) {
        let (before, rest) = piece.split_at(field.min(piece.len()));
        let (stated, after) = rest.split_at(rest.len().min(SIZE));
        self.sum += words(before, 0) + words(after, before.len() + stated.len());
        self.offset = piece.len();
    }

    /// Adds the next piece.
    pub fn add(&mut self, piece: &[u8]) {
        self.sum += words(piece, self.offset);
        self.offset += piece.len();
    }

    /// The checksum of all pieces.
    pub fn finish(self) -> u32 {
        let [a, b, c, d, ..] = (self.offset as u64).to_le_bytes();
        u32::from(folded(self.sum)).wrapping_add(u32::from_le_bytes([a, b, c, d]))
    }
}

/// The one's complement sum of the four 16-bit words of a sum: the carry at the top is added at the bottom.
fn folded(sum: u64) -> u16 {
    let bytes = sum.to_le_bytes();
    let (words, _) = bytes.as_chunks::<2>();
    words.iter().fold(0, |sum: u16, word| {
        let word = u16::from_le_bytes(*word);
        let (sum, is_carried) = sum.overflowing_add(word);
        sum + u16::from(is_carried)
    })
}

/// Sum of the little-endian 16-bit words of a part that starts at `offset` of its file. An odd offset happens where
/// `e_lfanew` is odd: then the part begins and ends amid words.
fn words(part: &[u8], offset: usize) -> u64 {
    let (head, rest) = part.split_at(part.len().min(offset % 2));
    let head: u64 = head.iter().map(|byte| u64::from(*byte) << 8).sum();
    let mut pairs = rest.chunks_exact(2);
    let body: u64 = pairs
        .by_ref()
        .map(|pair| pair.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)))
        .sum();
    let tail: u64 = pairs.remainder().iter().map(|byte| u64::from(*byte)).sum();
    head + body + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_are_folded_and_the_length_is_added() {
        assert_eq!(checksum(&[&[0xff, 0xff, 0x02, 0x00, 9, 9, 9, 9]], 4), 2 + 8);
        assert_eq!(checksum(&[&[1, 2, 3]], 100), 0x0201 + 3 + 3);
        assert_eq!(checksum(&[], 0), 0);
    }

    #[test]
    fn an_odd_field_counts_as_zero() {
        let mut file = [7; 13];
        let expected = {
            let mut zeroed = file;
            zeroed[5..9].fill(0);
            checksum(&[&zeroed], 13)
        };
        assert_eq!(checksum(&[&file], 5), expected);
        file[5..9].fill(0xaa);
        assert_eq!(checksum(&[&file], 5), expected);
    }

    #[test]
    fn parts_count_as_one_file() {
        let file: Vec<u8> = (0..40).collect();
        for cut in 9..40 {
            let (one, other) = file.split_at(cut);
            assert_eq!(checksum(&[one, other, &[]], 4), checksum(&[&file], 4), "cut at {cut}");
        }
    }
}
