//! The choice of Microsoft's certificates to enroll, in words.

use crate::error::{Error, Result};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::text::closest;

use super::certificates::{CERTIFICATES, MicrosoftCertificate};

/// A choice among Microsoft's certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    chosen: [bool; CERTIFICATES.len()],
}

impl Default for Selection {
    /// The choice for most machines: today's updates of dbx, third-party boot loaders, and Option ROMs in the field.
    fn default() -> Self {
        Self {
            chosen: CERTIFICATES.map(|certificate| certificate.by_default),
        }
    }
}

impl Selection {
    /// Own keys only. Boards whose Option ROMs are signed by Microsoft may then show no picture.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            chosen: [false; CERTIFICATES.len()],
        }
    }

    /// Reads words separated by commas, applied from left to right: `default`, `all`, `none`, the name of a
    /// certificate to add it, `-` and the name to leave it out. A text that begins with leaving one out begins with the
    /// default. An unknown word is a usage error that lists the names.
    pub fn parse(text: &str) -> Result<Self> {
        let mut selection = if text.trim_start().starts_with('-') {
            Self::default()
        } else {
            Self::none()
        };
        for word in text.split(',').map(str::trim) {
            match (word, word.strip_prefix('-')) {
                ("default", _) => selection.add(|certificate| certificate.by_default),
                ("all", _) => selection.add(|_| true),
                ("none", _) => selection = Self::none(),
                (_, Some(name)) => selection.set(name, false)?,
                (name, None) => selection.set(name, true)?,
            }
        }
        Ok(selection)
    }

    /// The chosen certificates for this variable, in the table's order.
    pub fn certificates(&self, variable: VariableName) -> impl Iterator<Item = &'static MicrosoftCertificate> {
        self.all().filter(move |certificate| certificate.variable == variable)
    }

    /// The chosen certificates, in the table's order.
    pub fn all(&self) -> impl Iterator<Item = &'static MicrosoftCertificate> {
        let chosen = self.chosen;
        CERTIFICATES
            .iter()
            .zip(chosen)
            .filter_map(|(certificate, chosen)| chosen.then_some(certificate))
    }

    fn add(&mut self, wanted: impl Fn(&MicrosoftCertificate) -> bool) {
        for (certificate, chosen) in CERTIFICATES.iter().zip(&mut self.chosen) {
            *chosen |= wanted(certificate);
        }
    }

    fn set(&mut self, name: &str, value: bool) -> Result<()> {
        let position = CERTIFICATES.iter().position(|certificate| certificate.name == name);
        match position.and_then(|position| self.chosen.get_mut(position)) {
            Some(chosen) => {
                *chosen = value;
                Ok(())
            }
            None => Err(unknown(name)),
        }
    }
}

fn unknown(name: &str) -> Error {
    let names = CERTIFICATES.map(|certificate| certificate.name);
    let failed = Error::usage(format!("\"{name}\" is none of Microsoft's certificates"));
    let words: Vec<&str> = names.into_iter().chain(["default", "all", "none"]).collect();
    let failed = match closest(name, &words) {
        Some(meant) => failed.hint(format!("did you mean \"{meant}\"?")),
        None => failed,
    };
    failed.hint(format!(
        "choose among {}; or say default, all or none; -NAME leaves one out, as default,-{}",
        names.join(", "),
        CERTIFICATES.first().map_or("NAME", |certificate| certificate.name)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&'static str> {
        let selection = Selection::parse(text).unwrap();
        selection.all().map(|certificate| certificate.name).collect()
    }

    #[test]
    fn words_apply_from_left_to_right() {
        let default = ["kek-2023", "uefi-2023", "option-rom-2023", "uefi-2011"];
        assert_eq!(names("default"), default);
        assert_eq!(names("none"), [""; 0]);
        assert_eq!(names("all").len(), CERTIFICATES.len());
        assert_eq!(names("windows-2023, kek-2023"), ["kek-2023", "windows-2023"]);
        assert_eq!(names("-uefi-2011"), default[..3]);
        let changed = ["kek-2023", "uefi-2023", "option-rom-2023", "windows-2023"];
        assert_eq!(names("default,windows-2023,-uefi-2011"), changed);
        assert_eq!(Selection::default(), Selection::parse("default").unwrap());
    }

    #[test]
    fn unknown_words_are_usage_errors_that_list_the_names() {
        for text in ["", "windows", "default,-windows", "uefi-2023 windows-2023"] {
            let error = Selection::parse(text).unwrap_err();
            assert_eq!(error.kind().exit_code(), 2);
            assert!(error.hints().last().unwrap().contains("option-rom-2023"), "{text}");
        }
    }

    #[test]
    fn certificates_go_to_their_variables() {
        let selection = Selection::parse("all").unwrap();
        let count = |variable| selection.certificates(variable).count();
        assert_eq!((count(VariableName::Kek), count(VariableName::Db)), (2, 5));
        assert_eq!((count(VariableName::Pk), count(VariableName::Dbx)), (0, 0));
    }
}
