//! Tokens to commands, with a stack of its own, so that no depth of nesting can exhaust that of the program.

use super::command::Command;
use super::error::{SyntaxError, SyntaxReason};
use super::lexer::{Lexer, Located, Token};
use super::step::{Kind, Step, Steps};
use super::word::{KEYWORDS, Word};

/// Most blocks within each other. The stack of GRUB's own parser, 10,000 symbols (`YYMAXDEPTH`), is full after 1,000 to 3,330 of
/// them, by their kinds: "memory exhausted".
const MAX_NESTING: usize = 1000;

/// Most words and ends of commands of a script. Real ones have some thousands; each is held with its parts, fifty times what it takes in the file.
pub(super) const MAX_WORDS: usize = 1 << 19;

/// The block to which the commands belong that are being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Top,
    /// In the braces of a command.
    Braces,
    Function,
    /// The condition after `if` or `elif`.
    If,
    Then,
    Else,
    /// The condition after `while` or `until`.
    While,
    /// Between the words of a `for` and its `do`.
    For,
    Do,
}

impl Block {
    const fn name(self) -> &'static str {
        match self {
            Self::Top => "",
            Self::Braces => "{",
            Self::Function => "function",
            Self::If => "if",
            Self::Then => "then",
            Self::Else => "else",
            Self::While => "while",
            Self::For => "for",
            Self::Do => "do",
        }
    }
}

/// The kind of token before the next one of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing: a command has to come.
    Nothing,
    /// A command: an end of line or `;` has to come.
    Command,
    /// The end of a command: another may come, or the end of the block.
    End,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    block: Block,
    before: Before,
    /// The innermost command in whose braces it is.
    parent: Option<usize>,
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    ahead: Option<Located>,
    /// The innermost block is the last; those outside of it are below.
    current: Frame,
    outer: Vec<Frame>,
    function: Option<String>,
    commands: Vec<Command>,
    steps: Steps,
    words: usize,
    /// Words that this script and those after it may have together.
    room: &'a mut usize,
}

/// The commands of a script, their order and conditions, and where GRUB stops reading it. Its words are taken from `room`.
pub(super) fn parse(text: &str, room: &mut usize) -> (Vec<Command>, Vec<Step>, Option<SyntaxError>) {
    let mut parser = Parser {
        lexer: Lexer::new(text),
        ahead: None,
        current: Frame {
            block: Block::Top,
            before: Before::Nothing,
            parent: None,
        },
        outer: Vec::new(),
        function: None,
        commands: Vec::new(),
        steps: Steps::default(),
        words: 0,
        room,
    };
    let error = parser.run().err();
    // Many scripts are held together.
    parser.commands.shrink_to_fit();
    (parser.commands, parser.steps.finish(), error)
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), SyntaxError> {
        while let Some(Located { token, line, offset }) = self.next()? {
            let unexpected = |text: &str| SyntaxError {
                line,
                offset,
                reason: SyntaxReason::Unexpected(text.to_owned()),
            };
            match (token, self.current.before) {
                (Token::Newline | Token::Semicolon, Before::Command) => {
                    self.current.before = Before::End;
                }
                (Token::Newline, _) => {}
                (Token::Semicolon, _) => return Err(unexpected(";")),
                (Token::Open, _) => return Err(unexpected("{")),
                (Token::Close, before) => match (self.current.block, before) {
                    (Block::Braces, Before::Command | Before::End) => self.close(),
                    (Block::Function, Before::End) => {
                        self.function = None;
                        self.close();
                    }
                    _ => return Err(unexpected("}")),
                },
                (Token::Word(word), Before::Command) => return Err(unexpected(&word.to_string())),
                (Token::Word(word), _) => {
                    let keyword = word.bare().filter(|text| KEYWORDS.contains(text)).map(str::to_owned);
                    match keyword {
                        Some(keyword) => self.keyword(&keyword, line, &unexpected)?,
                        None if self.current.block == Block::For => return Err(unexpected(&word.to_string())),
                        None => self.command(word, line)?,
                    }
                }
            }
        }
        match self.current.block {
            Block::Top => Ok(()),
            block => Err(self.lexer.error(SyntaxReason::End(block.name()))),
        }
    }

    /// The next token; `[[` and `]]` are reserved wherever they stand.
    fn next(&mut self) -> Result<Option<Located>, SyntaxError> {
        if let Some(ahead) = self.ahead.take() {
            return Ok(Some(ahead));
        }
        let next = self.lexer.next()?;
        self.words = self.words.saturating_add(usize::from(next.is_some()));
        if self.words > MAX_WORDS {
            return Err(self.lexer.error(SyntaxReason::Length(MAX_WORDS)));
        }
        if next.is_some() {
            let left = self.room.checked_sub(1);
            *self.room = left.ok_or_else(|| self.lexer.error(SyntaxReason::Together(MAX_WORDS)))?;
        }
        if let Some(Located {
            token: Token::Word(word),
            line,
            offset,
        }) = &next
            && let Some(reserved @ ("[[" | "]]")) = word.bare()
        {
            return Err(SyntaxError {
                line: *line,
                offset: *offset,
                reason: SyntaxReason::Reserved(reserved.to_owned()),
            });
        }
        Ok(next)
    }

    fn open(&mut self, kind: Kind, block: Block, before: Before) -> Result<(), SyntaxError> {
        if self.outer.len() >= MAX_NESTING {
            return Err(self.lexer.error(SyntaxReason::Nesting(MAX_NESTING)));
        }
        let parent = match kind {
            Kind::Braces(index) => Some(index),
            _ => self.current.parent,
        };
        self.steps.open(kind);
        self.outer.push(self.current);
        self.current = Frame { block, before, parent };
        Ok(())
    }

    /// Begins another part of the same block.
    const fn part(&mut self, block: Block) {
        self.current.block = block;
        self.current.before = Before::Nothing;
    }

    /// Ends the innermost block, whose compound has become a command.
    fn close(&mut self) {
        self.steps.close();
        if let Some(outer) = self.outer.pop() {
            self.current = outer;
        }
        self.current.before = Before::Command;
    }

    fn keyword(
        &mut self,
        keyword: &str,
        line: usize,
        unexpected: &dyn Fn(&str) -> SyntaxError,
    ) -> Result<(), SyntaxError> {
        match (keyword, self.current.block, self.current.before) {
            ("do", block @ (Block::While | Block::For), Before::End) => {
                if block == Block::While {
                    self.steps.divide(Kind::Do);
                }
                self.part(Block::Do);
            }
            (_, Block::For, _) => return Err(unexpected(keyword)),
            ("if", ..) => {
                self.open(Kind::If, Block::If, Before::Nothing)?;
            }
            ("while" | "until", ..) => {
                self.open(Kind::While, Block::While, Before::Nothing)?;
            }
            ("for", ..) => self.for_loop(line, unexpected)?,
            ("function", Block::Top, _) => self.function(unexpected)?,
            ("then", Block::If, Before::End) => self.divide(Kind::Then, Block::Then),
            ("elif", Block::Then, Before::End) => self.divide(Kind::Elif, Block::If),
            ("else", Block::Then, Before::End) => self.divide(Kind::Else, Block::Else),
            ("fi", Block::Then | Block::Else, Before::End) | ("done", Block::Do, Before::End) => self.close(),
            _ => return Err(unexpected(keyword)),
        }
        Ok(())
    }

    fn divide(&mut self, kind: Kind, block: Block) {
        self.steps.divide(kind);
        self.part(block);
    }

    /// `for NAME in WORD…`, up to the end of the words.
    fn for_loop(&mut self, line: usize, unexpected: &dyn Fn(&str) -> SyntaxError) -> Result<(), SyntaxError> {
        let name = self.name(unexpected)?;
        match self.next()?.map(|located| located.token) {
            Some(Token::Word(word)) if word.bare() == Some("in") => {}
            _ => return Err(unexpected("for")),
        }
        let words = self.words()?;
        let index = self.push(line, words, Some(name));
        self.open(Kind::For(index), Block::For, Before::Command)
    }

    /// `function NAME {`, with ends of lines before the brace.
    fn function(&mut self, unexpected: &dyn Fn(&str) -> SyntaxError) -> Result<(), SyntaxError> {
        let name = self.name(unexpected)?;
        loop {
            match self.next()?.map(|located| located.token) {
                Some(Token::Newline) => {}
                Some(Token::Open) => break,
                _ => return Err(unexpected("function")),
            }
        }
        self.function = Some(name.clone());
        self.open(Kind::Function(name), Block::Function, Before::Nothing)
    }

    /// The name of a function or of the variable of a loop.
    fn name(&mut self, unexpected: &dyn Fn(&str) -> SyntaxError) -> Result<String, SyntaxError> {
        let Some(Token::Word(word)) = self.next()?.map(|located| located.token) else {
            return Err(unexpected("for or function without a name"));
        };
        let is_name = |text: &&str| {
            let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
            text.starts_with(is_letter)
                && text.chars().all(|c| is_letter(c) || c.is_ascii_digit())
                && !KEYWORDS.contains(text)
        };
        match word.bare().filter(is_name) {
            Some(name) => Ok(name.to_owned()),
            None => Err(unexpected(&word.to_string())),
        }
    }

    /// A command that begins with `first`, up to its end or its brace.
    fn command(&mut self, first: Word, line: usize) -> Result<(), SyntaxError> {
        let mut words = vec![first];
        words.extend(self.words()?);
        let index = self.push(line, words, None);
        self.current.before = Before::Command;
        match self.next()? {
            Some(Located { token: Token::Open, .. }) => {
                self.open(Kind::Braces(index), Block::Braces, Before::Nothing)?;
            }
            other => {
                self.steps.command(index);
                self.ahead = other;
            }
        }
        Ok(())
    }

    fn words(&mut self) -> Result<Vec<Word>, SyntaxError> {
        let mut words = Vec::new();
        loop {
            match self.next()? {
                Some(Located {
                    token: Token::Word(word),
                    ..
                }) => words.push(word),
                other => {
                    self.ahead = other;
                    return Ok(words);
                }
            }
        }
    }

    fn push(&mut self, line: usize, mut words: Vec<Word>, loop_variable: Option<String>) -> usize {
        words.retain(|word| !word.parts.is_empty());
        words.shrink_to_fit();
        let index = self.commands.len();
        self.commands.push(Command {
            line,
            words,
            loop_variable,
            parent: self.current.parent,
            function: self.function.clone(),
        });
        index
    }
}
