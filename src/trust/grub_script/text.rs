//! Texts that are known in parts: what a word may become when GRUB runs.

use std::collections::BTreeSet;

use crate::formats::grub::script::Variables;

/// Stands for an unknown text without an end of a word in it.
pub(super) const UNKNOWN: char = Variables::UNKNOWN;
/// Stands for an unknown text that may hold several words.
pub(super) const WORDS: char = '\u{1}';
/// Stands for an unknown name, such as that of a device: never blank.
const BLANKLESS: char = '\u{2}';
/// All of them.
const OPEN: [char; 3] = [UNKNOWN, WORDS, BLANKLESS];
/// Most values of a variable that are followed; beyond these it can be anything.
const MAX_VALUES: usize = 16;
/// Longest text that is followed, in bytes.
const MAX_LENGTH: usize = 4096;

/// The values that a variable may have.
pub(super) type Values = BTreeSet<String>;

/// True if a part of a text is not known.
pub(super) fn is_open(text: &str) -> bool {
    text.contains(OPEN)
}

/// The text before the first unknown part.
pub(super) fn known_beginning(text: &str) -> &str {
    text.split(OPEN).next().unwrap_or_default()
}

/// True if a text may become `wanted`.
pub(super) fn may_be(text: &str, wanted: &str) -> bool {
    let mut parts = text.split(OPEN);
    let Some(mut rest) = parts.next().and_then(|first| wanted.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// True if a text may become one that has this part in it.
pub(super) fn may_begin_with(text: &str, wanted: &str) -> bool {
    let known = known_beginning(text);
    known.starts_with(wanted) || (is_open(text) && wanted.starts_with(known))
}

/// Adds a value; too long ones, and too many, become an unknown one.
pub(super) fn add(values: &mut Values, value: &str) {
    if values.len() >= MAX_VALUES || value.len() > MAX_LENGTH {
        values.clear();
        values.insert(UNKNOWN.to_string());
    } else if !values.contains(&UNKNOWN.to_string()) {
        // Within a variable, an unknown part is one, however it came there.
        values.insert(value.replace(WORDS, &UNKNOWN.to_string()));
    }
}

/// The only value.
pub(super) fn only(value: &str) -> Values {
    let mut values = Values::new();
    add(&mut values, value);
    values
}

/// A value of which nothing is known.
pub(super) fn anything() -> Values {
    only(&UNKNOWN.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_unknown_parts_may_be_what_fits_them() {
        for (text, wanted, may) in [
            ("check_signatures", "check_signatures", true),
            ("check", "check_signatures", false),
            ("\0", "check_signatures", true),
            ("check\0", "check_signatures", true),
            ("\u{1}_signatures", "check_signatures", true),
            ("c\0_sig\0s", "check_signatures", true),
            ("x\0", "check_signatures", false),
            ("c\0x\0", "check_signatures", false),
            ("check_signatures\0s", "check_signatures", false),
        ] {
            assert_eq!(may_be(text, wanted), may, "{text:?}");
        }
        assert!(may_begin_with("-\0", "--set") && may_begin_with("--set=x", "--set"));
        assert!(!may_begin_with("root\0", "--set") && !may_begin_with("-", "--set"));
    }

    #[test]
    fn too_many_values_are_anything() {
        let mut values = Values::new();
        for number in 0..40 {
            add(&mut values, &number.to_string());
        }
        assert_eq!(values, anything());
        assert_eq!(only(&"x".repeat(5000)), anything());
    }
}
