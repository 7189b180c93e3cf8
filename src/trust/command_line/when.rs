//! The values with which a parameter is dangerous.

/// The words that the kernel and systemd take for "no" (`kstrtobool`, `parse_boolean`), in lower case.
const NO: [&str; 6] = ["0", "n", "no", "f", "false", "off"];

/// The values with which a parameter is dangerous.
pub(super) enum When {
    /// Whatever its value.
    Always,
    /// If one of the words of its value, which commas part, is one of these.
    Is(&'static [&'static str]),
    /// If its value is none of these; without a value too.
    IsNot(&'static [&'static str]),
    /// If its value means "no".
    IsNo,
    /// If its value does not mean "no"; without a value too.
    IsNotNo,
    /// If its value begins with one of these.
    StartsWith(&'static [&'static str]),
    /// If one of these is a part of its value.
    Contains(&'static [&'static str]),
    /// If none of the words of its value, which commas part, is this.
    Lacks(&'static str),
}

impl When {
    /// True if a parameter with this value is dangerous.
    pub(super) fn applies(&self, value: Option<&str>) -> bool {
        let is_no = |value: &str| NO.contains(&value.to_ascii_lowercase().as_str());
        match self {
            Self::Always => true,
            Self::Is(values) => value.is_some_and(|value| value.split(',').any(|part| values.contains(&part))),
            Self::IsNot(values) => value.is_none_or(|value| !values.contains(&value)),
            Self::IsNo => value.is_some_and(is_no),
            Self::IsNotNo => !value.is_some_and(is_no),
            Self::StartsWith(starts) => value.is_some_and(|value| starts.iter().any(|start| value.starts_with(start))),
            Self::Contains(parts) => value.is_some_and(|value| parts.iter().any(|part| value.contains(part))),
            Self::Lacks(word) => value.is_none_or(|value| !value.split(',').any(|part| part == *word)),
        }
    }
}
