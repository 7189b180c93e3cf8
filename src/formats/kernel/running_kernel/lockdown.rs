//! `/sys/kernel/security/lockdown` (`security/lockdown/lockdown.c`): all states, the one in force in brackets.

use std::str::FromStr;

/// How far the running kernel is locked down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lockdown {
    /// Not locked down.
    None,
    /// Root cannot change it.
    Integrity,
    /// Root can neither change it nor read its secrets.
    Confidentiality,
}

impl Lockdown {
    /// The name in the kernel's file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Integrity => "integrity",
            Self::Confidentiality => "confidentiality",
        }
    }
}

/// A text without one known state in brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text has no known lockdown state in brackets")]
pub struct LockdownError;

impl FromStr for Lockdown {
    type Err = LockdownError;

    fn from_str(text: &str) -> Result<Self, LockdownError> {
        let mut marked = text
            .split_whitespace()
            .filter_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
        let (Some(name), None) = (marked.next(), marked.next()) else {
            return Err(LockdownError);
        };
        [Self::None, Self::Integrity, Self::Confidentiality]
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or(LockdownError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_state_in_brackets_counts() {
        for (text, state) in [
            ("[none] integrity confidentiality\n", Ok(Lockdown::None)),
            ("none [integrity] confidentiality", Ok(Lockdown::Integrity)),
            ("none integrity [confidentiality]", Ok(Lockdown::Confidentiality)),
            ("none integrity", Err(LockdownError)),
            ("[none] [integrity]", Err(LockdownError)),
            ("[more]", Err(LockdownError)),
            ("", Err(LockdownError)),
        ] {
            assert_eq!(text.parse(), state, "{text}");
        }
        assert!(Lockdown::Confidentiality > Lockdown::Integrity);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            let _ = text.parse::<Lockdown>();
        }
    }
}
