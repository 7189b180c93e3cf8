//! Characters to tokens.

use super::error::{SyntaxError, SyntaxReason};
use super::word::{Part, Word};

/// The characters that end a word that is not quoted; so does the end of the text.
const ENDS: &str = "{}|&;<> \t\n";
/// Variables that GRUB sets itself, each with one special character as its name.
const SPECIAL: &str = "?#*@";

/// The elements of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Newline,
    Semicolon,
    Open,
    Close,
    Word(Word),
}

/// A token and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located {
    pub token: Token,
    pub line: usize,
    pub offset: usize,
}

/// Reads tokens one after another.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            text,
            offset: 0,
            line: 1,
        }
    }

    /// The next token; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Located>, SyntaxError> {
        while let Some(' ' | '\t') = self.peek() {
            self.take();
        }
        if self.peek() == Some('#') {
            while self.peek().is_some_and(|c| c != '\n') {
                self.take();
            }
        }
        let (line, offset) = (self.line, self.offset);
        let Some(first) = self.peek() else { return Ok(None) };
        let simple = match first {
            '\n' => Some(Token::Newline),
            ';' => Some(Token::Semicolon),
            '{' => Some(Token::Open),
            '}' => Some(Token::Close),
            '|' | '&' | '<' | '>' => return Err(self.error(SyntaxReason::Reserved(first.to_string()))),
            _ => None,
        };
        let token = match simple {
            Some(token) => {
                self.take();
                token
            }
            None => Token::Word(self.word()?),
        };
        Ok(Some(Located { token, line, offset }))
    }

    pub(super) const fn error(&self, reason: SyntaxReason) -> SyntaxError {
        SyntaxError {
            line: self.line,
            offset: self.offset,
            reason,
        }
    }

    /// The next character. GRUB skips every carriage return.
    fn peek(&mut self) -> Option<char> {
        loop {
            let next = self.text.get(self.offset..)?.chars().next()?;
            if next != '\r' {
                return Some(next);
            }
            self.offset += 1;
        }
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.offset += next.len_utf8();
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    fn word(&mut self) -> Result<Word, SyntaxError> {
        let mut word = Word {
            is_bare: true,
            ..Word::default()
        };
        while let Some(next) = self.peek().filter(|next| !ENDS.contains(*next)) {
            if next == '\0' {
                return Err(self.error(SyntaxReason::Zero));
            }
            if "\\'\"$".contains(next) {
                word.is_bare = false;
            } else {
                word.is_pattern |= "*?".contains(next);
                word.push(next.encode_utf8(&mut [0; 4]));
                self.take();
                continue;
            }
            self.take();
            match next {
                '\\' => match self.take() {
                    None => return Err(self.error(SyntaxReason::OpenEscape)),
                    // GRUB asks for the next line, and has to get one.
                    Some('\n') if self.peek().is_none() => return Err(self.error(SyntaxReason::OpenEscape)),
                    Some('\n') => {}
                    Some(escaped) => word.push(escaped.encode_utf8(&mut [0; 4])),
                },
                '\'' => self.single(&mut word)?,
                '"' => self.double(&mut word, true)?,
                // A text that is to be translated.
                _ if self.peek() == Some('"') => {
                    self.take();
                    let mut text = Word::default();
                    self.double(&mut text, false)?;
                    word.parts.push(Part::Translated(text.literal().unwrap_or_default()));
                }
                _ => {
                    let name = self.variable()?;
                    word.parts.push(Part::Variable(name));
                }
            }
        }
        word.shrink();
        Ok(word)
    }

    fn single(&mut self, word: &mut Word) -> Result<(), SyntaxError> {
        word.push("");
        loop {
            match self.take() {
                None => return Err(self.error(SyntaxReason::OpenQuote)),
                Some('\0') => return Err(self.error(SyntaxReason::Zero)),
                Some('\'') => return Ok(()),
                Some(other) => word.push(other.encode_utf8(&mut [0; 4])),
            }
        }
    }

    /// A backslash keeps its meaning before `$`, `"`, itself and the end of a line.
    fn double(&mut self, word: &mut Word, has_variables: bool) -> Result<(), SyntaxError> {
        word.push("");
        loop {
            match self.take() {
                None => return Err(self.error(SyntaxReason::OpenQuote)),
                Some('\0') => return Err(self.error(SyntaxReason::Zero)),
                Some('"') => return Ok(()),
                Some('\\') => match self.take() {
                    None => return Err(self.error(SyntaxReason::OpenQuote)),
                    Some('\n') => {}
                    Some(escaped @ ('$' | '"' | '\\')) => word.push(escaped.encode_utf8(&mut [0; 4])),
                    Some(other) => {
                        word.push("\\");
                        word.push(other.encode_utf8(&mut [0; 4]));
                    }
                },
                Some('$') if has_variables => {
                    let name = self.variable()?;
                    word.parts.push(Part::Quoted(name));
                }
                Some(other) => word.push(other.encode_utf8(&mut [0; 4])),
            }
        }
    }

    /// The variable's name after a dollar sign.
    fn variable(&mut self) -> Result<String, SyntaxError> {
        let is_braced = self.peek() == Some('{');
        if is_braced {
            self.take();
        }
        let mut name = String::new();
        match self.peek() {
            Some(first) if first.is_ascii_alphabetic() || first == '_' => {
                while let Some(next) = self.peek().filter(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    name.push(next);
                    self.take();
                }
            }
            Some(first) if first.is_ascii_digit() => {
                while let Some(next) = self.peek().filter(char::is_ascii_digit) {
                    name.push(next);
                    self.take();
                }
            }
            Some(first) if SPECIAL.contains(first) => {
                name.push(first);
                self.take();
            }
            _ => return Err(self.error(SyntaxReason::Variable)),
        }
        if is_braced && self.take() != Some('}') {
            return Err(self.error(SyntaxReason::Variable));
        }
        Ok(name)
    }
}
