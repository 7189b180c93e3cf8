//! Files of settings in TOML, and what is wrong with them in one line.

use std::fmt;

use serde::de::DeserializeOwned;

use super::likeness::closest;

/// The reason why a file of settings is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    /// The line, from 1.
    pub line: usize,
    /// The reason, in one line.
    pub reason: String,
    /// The name that is meant, for one that is unknown.
    pub hint: Option<String>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for SettingsError {}

/// Reads settings. The error names the line, and the name that is meant where one is misspelt.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, SettingsError> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        let reason = error.message().replace('\n', " ");
        SettingsError {
            line: line(text, start),
            hint: meant(&reason, before),
            reason: match field(before).filter(|_| reason.starts_with("invalid ")) {
                Some(field) => format!("{field}: {reason}"),
                None => reason,
            },
        }
    })
}

/// The line of an offset in bytes, both from their beginning: lines count from 1.
#[must_use]
pub fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The field whose value begins behind this text, on the same line.
fn field(before: &str) -> Option<&str> {
    let line = before.lines().last().filter(|_| !before.ends_with('\n'))?;
    let (name, _) = line.split_once('=')?;
    Some(name.trim())
}

/// A suggestion for a name that serde does not know: it lists, in grave accents, that name and then the known ones.
fn meant(reason: &str, before: &str) -> Option<String> {
    let mut quoted = reason.split('`').skip(1).step_by(2);
    let unknown = quoted.next().filter(|_| reason.starts_with("unknown "))?;
    let known: Vec<&str> = quoted.collect();
    let name = closest(unknown, &known)?;
    let lines = before.rsplit_once('\n').map_or("", |(lines, _)| lines);
    let table = lines.lines().rev().find(|line| line.starts_with('['));
    let place = table.map_or_else(String::new, |table| format!(" in {}", table.trim_end()));
    Some(format!("did you mean \"{name}\" for \"{unknown}\"{place}?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(rename = "modules")]
        _modules: Vec<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(rename = "sign")]
        _sign: Option<Inner>,
    }

    #[test]
    fn an_error_is_one_line_with_the_name_that_is_meant() {
        for (text, line, hint) in [
            (
                "\n[sgin]\nmodules = []\n",
                2,
                Some("did you mean \"sign\" for \"sgin\"?"),
            ),
            (
                "[sign]\nmodulse = []\n",
                2,
                Some("did you mean \"modules\" for \"modulse\" in [sign]?"),
            ),
            ("[sign]\nwhatever = []\n", 2, None),
            ("[sign]\nmodules = 1\n", 2, None),
            ("sign = [\n\n", 1, None),
            ("\u{20ac} = 1", 1, None),
        ] {
            let error = parse::<Outer>(text).unwrap_err();
            assert_eq!((error.line, error.hint.as_deref()), (line, hint), "{error}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
        let error = parse::<Outer>("[sign]\nmodules = 1\n").unwrap_err();
        assert!(error.reason.starts_with("modules: invalid type: "), "{error}");
    }
}
