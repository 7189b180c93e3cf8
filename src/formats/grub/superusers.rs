//! Superusers: who may start an entry that is not for everybody (GRUB manual, "Authentication and authorisation").

use super::script::{Command, Script, Word};

/// The variable with their names.
const SUPERUSERS: &str = "superusers";
/// The commands that give somebody a password.
const PASSWORDS: [&str; 2] = ["password", "password_pbkdf2"];

/// Superusers, as scripts name them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Superusers {
    /// True if there is one, so that an entry that is not for everybody wants a password.
    pub are_set: bool,
    /// True if somebody has a password.
    pub have_password: bool,
}

impl Superusers {
    /// Those of scripts of which each may run.
    pub fn from_scripts<'s>(scripts: impl IntoIterator<Item = &'s Script>) -> Self {
        let mut superusers = Self::default();
        for command in scripts.into_iter().flat_map(|script| &script.commands) {
            let name = command.words.first().and_then(Word::literal).unwrap_or_default();
            superusers.have_password |= PASSWORDS.contains(&name.as_str());
            superusers.are_set |= Command::assignment(command)
                .is_some_and(|(name, value)| name == SUPERUSERS && value.literal().as_deref() != Some(""));
        }
        superusers
    }

    /// These and others.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self {
            are_set: self.are_set || others.are_set,
            have_password: self.have_password || others.have_password,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn superusers_are_those_that_a_script_names() {
        let read = |text: &str| {
            let superusers = Superusers::from_scripts([&Script::parse(text)]);
            (superusers.are_set, superusers.have_password)
        };
        assert_eq!(read("set timeout=5\n"), (false, false));
        assert_eq!(read("set superusers=\"\"\n"), (false, false));
        assert_eq!(read("superusers=root\nexport superusers\n"), (true, false));
        assert_eq!(read("set superusers=$who\n"), (true, false));
        assert_eq!(
            read("set superusers=\"root\"\npassword_pbkdf2 root grub.pbkdf2.x\n"),
            (true, true)
        );
        assert_eq!(read("echo password superusers=root\n"), (false, false));
    }
}
