//! GRUB's environment block (`grubenv`; GRUB manual, "The GRUB environment block"): 1024 bytes, a line of heading, lines
//! `NAME=VALUE`, and `#` to the end.

/// The first line.
const HEADING: &str = "# GRUB Environment Block";

/// The variables in an environment block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvironmentBlock {
    variables: Vec<(String, String)>,
}

impl EnvironmentBlock {
    /// Reads a block; one without the heading, which GRUB does not take, has no variables.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let Some(lines) = text.strip_prefix(HEADING) else {
            return Self::default();
        };
        // A backslash keeps the character behind it, the end of a line among them.
        let (mut variables, mut line, mut is_escaped) = (Vec::new(), String::new(), false);
        for character in lines.chars().chain(['\n']) {
            match character {
                '\\' if !is_escaped => is_escaped = true,
                '\n' if !is_escaped => {
                    let pair = std::mem::take(&mut line);
                    let pair = pair.split_once('=').filter(|_| !pair.starts_with('#'));
                    variables.extend(pair.map(|(name, value)| (name.to_owned(), value.to_owned())));
                }
                other => {
                    line.push(other);
                    is_escaped = false;
                }
            }
        }
        Self { variables }
    }

    /// The names of the variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(name, _)| name.as_str())
    }

    /// The value of a variable; none if it is not there, or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.variables.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_as_grub_reads_them() {
        let block = EnvironmentBlock::parse(
            b"# GRUB Environment Block\n# a note\nsaved_entry=Gentoo\\\\Linux>6.12\nnext_entry=\nboot=a=b\n####",
        );
        assert_eq!(block.get("saved_entry"), Some("Gentoo\\Linux>6.12"));
        assert_eq!(block.get("boot"), Some("a=b"));
        assert_eq!((block.get("next_entry"), block.get("none")), (None, None));
        assert_eq!(EnvironmentBlock::parse(b"saved_entry=1\n"), EnvironmentBlock::default());
    }
}
