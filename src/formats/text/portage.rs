//! Portage's settings, as far as they decide how kernels and modules are built: assignments in `make.conf` and
//! `env/*`, which are shell, and the lines of `package.env` (`make.conf(5)`, `portage(5)`).

/// One assignment `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub name: String,
    /// Its value without quotation marks. What the shell would put in for `$NAME` is left as it stands.
    pub value: String,
}

/// The assignments of a settings file, in their order; anything else in it is passed over.
#[must_use]
pub fn assignments(text: &str) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = next_word(rest);
        rest = after;
        if let Some((name, value)) = word.split_once('=')
            && is_name(name)
        {
            found.push(Assignment {
                name: name.to_owned(),
                value: value.to_owned(),
            });
        }
    }
    found
}

/// The value that counts, that of the last assignment.
#[must_use]
pub fn last_value<'a>(assignments: &'a [Assignment], name: &str) -> Option<&'a str> {
    let last = assignments.iter().rev().find(|assignment| assignment.name == name)?;
    Some(&last.value)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A word of the shell, without quotation marks, and the text after it. Comments are skipped.
fn next_word(text: &str) -> (String, &str) {
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', None | Some('"')) => match characters.next() {
                Some('\n') | None => {}
                Some(escaped) => word.push(escaped),
            },
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(mark)) if character == mark => quote = None,
            ('#', None) if word.is_empty() => {
                let rest = characters.as_str();
                return (word, rest.find('\n').map_or("", |end| rest.split_at(end).1));
            }
            (_, None) if character.is_whitespace() || character == ';' => {
                return (word, characters.as_str());
            }
            _ => word.push(character),
        }
    }
    (word, "")
}

/// The lines of `package.env`, `package.use` and the like: a package, and the words that it is given.
#[must_use]
pub fn package_lines(text: &str) -> Vec<(&str, Vec<&str>)> {
    text.lines()
        .filter_map(|line| {
            let line = line.split_once('#').map_or(line, |(before, _)| before);
            let mut words = line.split_whitespace();
            Some((words.next()?, words.collect()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn assignments_are_read_as_the_shell_does() {
        let text = "# MODULES_SIGN_HASH=sha1\nUSE=\"secureboot \\\n  modules-sign\" # a comment\n\
                    export MODULES_SIGN_HASH='sha3-512'\nMODULES_SIGN_KEY=/a\\ b\"c d\"; X=1\nsource other\n1X=2\n\
                    CFLAGS=\"${COMMON}\"\nX=\n";
        let found = assignments(text);
        let value = |name| last_value(&found, name);
        assert_eq!(value("USE"), Some("secureboot   modules-sign"));
        assert_eq!(value("MODULES_SIGN_HASH"), Some("sha3-512"));
        assert_eq!(value("MODULES_SIGN_KEY"), Some("/a bc d"));
        assert_eq!(value("CFLAGS"), Some("${COMMON}"));
        assert_eq!(value("X"), Some(""), "the last one counts");
        assert_eq!(value("1X"), None);
    }

    #[test]
    fn packages_are_told_from_what_they_are_given() {
        let lines = package_lines("# none\nsys-kernel/gentoo-kernel sha3.conf other # why\n\n*/* -foo\n");
        assert_eq!(
            lines,
            [
                ("sys-kernel/gentoo-kernel", vec!["sha3.conf", "other"]),
                ("*/*", vec!["-foo"])
            ]
        );
    }

    proptest! {
        #[test]
        fn every_text_comes_to_an_end(text: String) {
            let _ = (assignments(&text), package_lines(&text));
        }
    }
}
