//! The order of versions of the UAPI Group's specification 10, by which systemd-boot sorts its entries.

use std::cmp::Ordering;

/// Separators, from the one that weighs least. A text that ends weighs more than one that goes on with the first of them, and less
/// than one that goes on with another.
const BEFORE_THE_END: u8 = b'~';
const SEPARATORS: [u8; 3] = [b'-', b'^', b'.'];

/// The order of two versions (UAPI.10, "Algorithm").
#[must_use]
pub fn by_uapi_version(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    loop {
        (one, other) = (skip(one, |byte| !is_valid(*byte)), skip(other, |byte| !is_valid(*byte)));
        if let Some(order) = separator(&mut one, &mut other, BEFORE_THE_END) {
            return order;
        }
        if one.is_empty() || other.is_empty() {
            return other.is_empty().cmp(&one.is_empty());
        }
        for mark in SEPARATORS {
            if let Some(order) = separator(&mut one, &mut other, mark) {
                return order;
            }
        }
        let has_number = [one, other]
            .iter()
            .any(|text| text.first().is_some_and(u8::is_ascii_digit));
        let belongs = if has_number {
            u8::is_ascii_digit
        } else {
            u8::is_ascii_alphabetic
        };
        let ((segment, rest), (other_segment, other_rest)) = (split(one, belongs), split(other, belongs));
        let order = if has_number {
            // A number is newer than a word.
            let is_word = |text: &[u8]| text.is_empty();
            is_word(other_segment)
                .cmp(&is_word(segment))
                .then_with(|| by_number(segment, other_segment))
        } else {
            segment.cmp(other_segment)
        };
        if order != Ordering::Equal {
            return order;
        }
        (one, other) = (rest, other_rest);
    }
}

/// The order if only one of the two goes on with this mark; else both are past it.
fn separator(one: &mut &[u8], other: &mut &[u8], mark: u8) -> Option<Ordering> {
    match (one.strip_prefix(&[mark]), other.strip_prefix(&[mark])) {
        (None, None) => None,
        (Some(_), None) => Some(Ordering::Less),
        (None, Some(_)) => Some(Ordering::Greater),
        (Some(rest), Some(other_rest)) => {
            (*one, *other) = (rest, other_rest);
            None
        }
    }
}

fn by_number(one: &[u8], other: &[u8]) -> Ordering {
    let (one, other) = (skip(one, |byte| *byte == b'0'), skip(other, |byte| *byte == b'0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

const fn is_valid(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'-' | b'^' | b'.')
}

fn skip(text: &[u8], belongs: impl Fn(&u8) -> bool) -> &[u8] {
    split(text, belongs).1
}

fn split(text: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !belongs(byte)).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The examples of the specification, each newer than the one before.
    #[test]
    fn the_specifications_examples_are_in_its_order() {
        for versions in [
            &[
                "122.1",
                "123~rc1-1",
                "123",
                "123-a",
                "123-a.1",
                "123-1",
                "123-1.1",
                "123^post1",
                "123.a-1",
                "123.1-1",
                "123a-1",
                "124-1",
            ][..],
            &["6.9.1", "6.12.2", "6.12.10"],
            &["~", "", "a", "1"],
        ] {
            for (older, newer) in versions.iter().zip(&versions[1..]) {
                assert_eq!(by_uapi_version(older, newer), Ordering::Less, "{older} {newer}");
                assert_eq!(by_uapi_version(newer, older), Ordering::Greater, "{older} {newer}");
            }
        }
        assert_eq!(by_uapi_version("00123", "123"), Ordering::Equal);
        assert_eq!(by_uapi_version("a_1", "a1"), Ordering::Equal);
    }

    proptest! {
        #[test]
        fn it_is_an_order(texts in proptest::collection::vec("[a-b0-1~^._-]{0,6}", 3)) {
            let [one, other, third] = [&texts[0], &texts[1], &texts[2]];
            prop_assert_eq!(by_uapi_version(one, one), Ordering::Equal);
            prop_assert_eq!(by_uapi_version(one, other), by_uapi_version(other, one).reverse());
            let (first, second) = (by_uapi_version(one, other), by_uapi_version(other, third));
            if first == second {
                prop_assert_eq!(by_uapi_version(one, third), first);
            }
        }
    }
}
