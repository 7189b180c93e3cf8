//! Texts that are to be one of some known names.

/// A text that is none of the known names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is none of {known}")]
pub struct UnknownName {
    text: String,
    known: String,
}

/// The value whose name this text is, among `all` values that there are.
pub fn find_by_name<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, text: &str) -> Result<T, UnknownName> {
    let found = all.iter().copied().find(|value| name(*value) == text);
    found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|value| name(*value)).collect();
        let known = match names.as_slice() {
            [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
            others => others.join(", "),
        };
        UnknownName {
            text: text.to_owned(),
            known,
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
    fn a_text_is_a_name_or_an_error_that_lists_the_names() {
        assert_eq!(find_by_name(&[0, 1, 2], spelled, "one"), Ok(1));
        for (all, message) in [
            (&[0, 1, 2][..], "\"One\" is none of zero, one and two"),
            (&[1, 2], "\"One\" is none of one and two"),
            (&[0], "\"One\" is none of zero"),
        ] {
            assert_eq!(find_by_name(all, spelled, "One").unwrap_err().to_string(), message);
        }
    }
}
