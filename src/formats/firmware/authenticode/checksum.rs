//! The `CheckSum` of PE files (PE Format, "Optional Header Windows-Specific Fields"; `CheckSumMappedFile` of Windows).

/// Size of the `CheckSum` field, in bytes.
pub(super) const SIZE: usize = 4;

/// The checksum of the PE file that these parts make up, whose `CheckSum` field starts at offset `field` of the first:
/// the one's complement sum of its 16-bit words, the field itself counted as zero, plus the file's length in bytes.
#[must_use]
pub fn checksum(parts: &[&[u8]], field: usize) -> u32 {
    let (mut sum, mut offset) = (0_u64, 0_usize);
    let mut add = |part: &[u8]| {
        sum = sum.saturating_add(words(part, offset));
        offset = offset.saturating_add(part.len());
    };
    let mut parts = parts.iter();
    if let Some(first) = parts.next() {
        let (before, rest) = first.split_at_checked(field).unwrap_or((first, &[]));
        let (stated, after) = rest.split_at(rest.len().min(SIZE));
        add(before);
        add([0; SIZE].get(..stated.len()).unwrap_or_default());
        add(after);
    }
    parts.for_each(|part| add(part));
    while let Some(carry) = sum.checked_shr(16).filter(|carry| *carry != 0) {
        sum = (sum & 0xffff).saturating_add(carry);
    }
    let length = u32::try_from(offset).unwrap_or(u32::MAX);
    u32::try_from(sum).unwrap_or(u32::MAX).wrapping_add(length)
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
    head.saturating_add(body).saturating_add(tail)
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
