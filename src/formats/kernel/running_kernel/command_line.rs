//! `/proc/cmdline`, split as the kernel does (`lib/cmdline.c`, `kernel/params.c`).

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name as it stands there.
    pub name: String,
    /// Its value, if there is an equals sign.
    pub value: Option<String>,
}

impl Parameter {
    /// True if it has this name; for the kernel `-` and `_` are the same in names.
    #[must_use]
    pub fn has_name(&self, name: &str) -> bool {
        let same = |character: char| if character == '-' { '_' } else { character };
        self.name.chars().map(same).eq(name.chars().map(same))
    }
}

impl std::fmt::Display for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.value {
            None => f.write_str(&self.name),
            Some(value) => write!(f, "{}={value}", self.name),
        }
    }
}

/// A kernel's command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The parameters before `--`: for the kernel, and those that it does not know for init.
    pub parameters: Vec<Parameter>,
    /// The parameters after it, for init alone.
    pub for_init: Vec<Parameter>,
}

impl CommandLine {
    /// Splits a command line. Every text is one.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut line = Self::default();
        let mut is_for_init = false;
        let mut rest = text.trim_start_matches(is_space);
        while !rest.is_empty() {
            let (parameter, after) = next(rest);
            rest = after.trim_start_matches(is_space);
            if is_for_init {
                line.for_init.push(parameter);
            } else if parameter.name == "--" && parameter.value.is_none() {
                is_for_init = true;
            } else {
                line.parameters.push(parameter);
            }
        }
        line
    }

    /// The parameters of this name, in their order; of most the last one counts.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(move |parameter| parameter.has_name(name))
    }
}

const fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | '\u{a0}')
}

/// `next_arg`: quotation marks keep spaces together, and are dropped around the whole or around the value.
fn next(text: &str) -> (Parameter, &str) {
    let (text, is_quoted) = match text.strip_prefix('"') {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    let mut in_quote = is_quoted;
    let mut equals = None;
    let mut end = text.len();
    for (at, character) in text.char_indices() {
        if is_space(character) && !in_quote {
            end = at;
            break;
        }
        if character == '=' && equals.is_none() && at > 0 {
            equals = Some(at);
        }
        in_quote ^= character == '"';
    }
    let (word, rest) = text.split_at(end);
    let close = |word| -> &str { str::strip_suffix(word, '"').unwrap_or(word) };
    let word = if is_quoted { close(word) } else { word };
    let parameter = match equals.and_then(|at| Some((word.get(..at)?, word.get(at + 1..)?))) {
        None => Parameter {
            name: word.to_owned(),
            value: None,
        },
        Some((name, value)) => Parameter {
            name: name.to_owned(),
            value: Some(value.strip_prefix('"').map_or(value, close).to_owned()),
        },
    };
    (parameter, rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotation_marks_keep_words_together() {
        let line = CommandLine::parse(
            "BOOT_IMAGE=(hd0,gpt2)/vmlinuz root=UUID=1-2 quiet dyndbg=\"file a.c +p; b\" \"init=/bin/sh -c\" =x --  -s \"a b\"\n",
        );
        let words: Vec<_> = line.parameters.iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            [
                "BOOT_IMAGE=(hd0,gpt2)/vmlinuz",
                "root=UUID=1-2",
                "quiet",
                "dyndbg=file a.c +p; b",
                "init=/bin/sh -c",
                "=x",
            ]
        );
        assert_eq!(line.named("init").next().unwrap().value.as_deref(), Some("/bin/sh -c"));
        let for_init: Vec<_> = line.for_init.iter().map(|parameter| &*parameter.name).collect();
        assert_eq!(for_init, ["-s", "a b"]);
    }

    #[test]
    fn hyphens_and_underscores_are_the_same_in_names() {
        let line = CommandLine::parse("module.sig-enforce=0 ima-appraise");
        assert!(line.named("module.sig_enforce").next().is_some());
        assert!(line.named("ima_appraise").all(|parameter| parameter.value.is_none()));
        assert!(line.named("module").next().is_none());
    }

    proptest! {
        #[test]
        fn every_text_is_a_command_line(text: String) {
            let _ = CommandLine::parse(&text);
        }

        #[test]
        fn words_without_quotation_marks_are_kept(words in prop::collection::vec("[a-z.]{1,8}(=[a-z/ ]{0,9})?", 0..9)) {
            let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            let line = CommandLine::parse(&quoted.join("  "));
            let read: Vec<String> = line.parameters.iter().map(ToString::to_string).collect();
            prop_assert_eq!(read, words);
        }
    }
}
