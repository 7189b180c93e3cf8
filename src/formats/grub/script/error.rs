//! The reasons for which GRUB stops reading a script.

/// Why GRUB would stop reading a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, byte {offset}: {reason}")]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: usize,
    /// Where it is in the file, in bytes.
    pub offset: usize,
    /// The reason.
    pub reason: SyntaxReason,
}

/// The kinds of errors in a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxReason {
    /// A quotation that does not end.
    #[error("a quotation has no end")]
    OpenQuote,
    /// Nothing follows a backslash.
    #[error("nothing follows the backslash")]
    OpenEscape,
    /// A dollar sign that names no variable.
    #[error("\"$\" is not followed by the name of a variable")]
    Variable,
    /// A byte of zero, at which GRUB stops reading the line.
    #[error("a byte of zero")]
    Zero,
    /// A character or word that GRUB reserves and does not use.
    #[error("\"{0}\" is reserved")]
    Reserved(String),
    /// Something that cannot stand here.
    #[error("\"{0}\" cannot stand here")]
    Unexpected(String),
    /// More blocks within each other than GRUB's own parser has room for.
    #[error("more than {0} blocks are nested here")]
    Nesting(usize),
    /// More words and ends of commands than are read here, though GRUB reads on.
    #[error("it has more than {0} words, and what follows is not looked at")]
    Length(usize),
    /// More words in scripts that belong together than are read here, though GRUB reads on.
    #[error("it and the scripts before it have more than {0} words, and what follows is not looked at")]
    Together(usize),
    /// More bytes than are read here, though GRUB reads on.
    #[error("it has more than {0} bytes, and what follows is not looked at")]
    Size(usize),
    /// A body, condition or loop that does not end.
    #[error("the file ends within \"{0}\"")]
    End(&'static str),
}
