//! Words of commands.

/// Words that begin or divide a compound where a command could stand. `case`, `esac` and `select` are reserved only.
pub(super) const KEYWORDS: [&str; 15] = [
    "if", "then", "elif", "else", "fi", "for", "in", "do", "done", "while", "until", "function", "case", "esac",
    "select",
];

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text, quotes and backslashes taken off.
    Text(String),
    /// The value of a variable; blanks in it divide words.
    Variable(String),
    /// The value of a variable between quotes, which stays one word.
    Quoted(String),
    /// Text that GRUB translates, `$"…"`; which variables it puts in, the translation says.
    Translated(String),
}

impl Part {
    /// The name of the variable whose value this is.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Variable(name) | Self::Quoted(name) => Some(name),
            Self::Text(_) | Self::Translated(_) => None,
        }
    }
}

/// A word of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// Its parts; none where only an escaped end of line stands, which GRUB passes to no command.
    pub parts: Vec<Part>,
    /// True if `*` or `?` stands in it without quotes: GRUB may put names of files in its place.
    pub is_pattern: bool,
    /// True if nothing in it is quoted, escaped or a variable: only such a word can be a keyword.
    pub(super) is_bare: bool,
}

impl Word {
    /// A word that means just this text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let mut word = Self::default();
        word.push(text);
        word
    }

    /// The text, if no variable is in it.
    #[must_use]
    pub fn literal(&self) -> Option<String> {
        let texts = self.parts.iter().map(|part| match part {
            Part::Text(text) | Part::Translated(text) => Some(text.as_str()),
            Part::Variable(_) | Part::Quoted(_) => None,
        });
        texts.collect()
    }

    /// The keyword that this may be.
    pub(super) fn bare(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(text)] if self.is_bare => Some(text),
            _ => None,
        }
    }

    /// Gives back what it took to grow: many words are held together.
    pub(super) fn shrink(&mut self) {
        for part in &mut self.parts {
            let (Part::Text(text) | Part::Variable(text) | Part::Quoted(text) | Part::Translated(text)) = part;
            text.shrink_to_fit();
        }
        self.parts.shrink_to_fit();
    }

    pub(super) fn push(&mut self, text: &str) {
        if let Some(Part::Text(last)) = self.parts.last_mut() {
            last.push_str(text);
        } else {
            self.parts.push(Part::Text(text.to_owned()));
        }
    }
}

/// The word as a script may have it.
impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut is_quoted = false;
        for part in &self.parts {
            if is_quoted != matches!(part, Part::Quoted(_)) {
                is_quoted = !is_quoted;
                f.write_str("\"")?;
            }
            match part {
                Part::Text(text) => f.write_str(&quote(text))?,
                Part::Variable(name) | Part::Quoted(name) => write!(f, "${{{name}}}")?,
                Part::Translated(text) => {
                    let text = text.replace('\\', r"\\").replace('"', "\\\"");
                    write!(f, "$\"{text}\"")?;
                }
            }
        }
        if is_quoted {
            f.write_str("\"")?;
        }
        Ok(())
    }
}

/// A text as one word of a script that means just this text. GRUB knows no escape for a zero, a carriage return or the
/// end of a line inside a word other than quotes, which take all but the first two.
#[must_use]
pub fn quote(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=()[]!?*~^".contains(c);
    let is_keyword = KEYWORDS.contains(&text) || ["[[", "]]"].contains(&text);
    if !text.is_empty() && text.chars().all(is_plain) && !is_keyword {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
