//! Texts that are to be one of some known names.

use std::fmt;

use super::likeness::closest;

/// A text that is none of the known names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    text: String,
    known: String,
    /// The name that is meant, if one is like the text.
    meant: Option<&'static str>,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is none of {}", self.text, self.known)?;
        match self.meant {
            Some(meant) => write!(f, "; did you mean \"{meant}\"?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnknownName {}

/// The value whose name this text is, among `all` values that there are.
pub fn find_by_name<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, text: &str) -> Result<T, UnknownName> {
    let found = all.iter().copied().find(|value| name(*value) == text);
    found.ok_or_else(|| {
        let names: Vec<&'static str> = all.iter().map(|value| name(*value)).collect();
        let known = match names.as_slice() {
            [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
            others => others.join(", "),
        };
        UnknownName {
            text: text.to_owned(),
            known,
            meant: closest(text, &names),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(number: u8) -> &'static str {
        ["zero", "one", "two"][usize::from(number)]
    }

    #[test]
    fn a_text_is_a_name_or_an_error_that_lists_the_names_and_the_one_that_is_meant() {
        assert_eq!(find_by_name(&[0, 1, 2], spelled, "one"), Ok(1));
        for (all, text, message) in [
            (&[0, 1, 2][..], "ten", "\"ten\" is none of zero, one and two"),
            (&[1, 2], "ten", "\"ten\" is none of one and two"),
            (&[0], "ten", "\"ten\" is none of zero"),
            (&[1, 2], "One", "\"One\" is none of one and two; did you mean \"one\"?"),
            (
                &[0, 1],
                "zeor",
                "\"zeor\" is none of zero and one; did you mean \"zero\"?",
            ),
        ] {
            assert_eq!(find_by_name(all, spelled, text).unwrap_err().to_string(), message);
        }
    }
}
