//! Signs and colors, and when to leave the colors out.

use std::io::IsTerminal;

/// When to use colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Signs and colors for one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    color: bool,
}

impl Style {
    /// The style for a stream, by choice, `NO_COLOR` (<https://no-color.org>) and whether it is a terminal.
    #[must_use]
    pub fn choose(choice: ColorChoice, stream: &impl IsTerminal) -> Self {
        let color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        };
        Self { color }
    }

    /// No colors.
    #[must_use]
    pub const fn plain() -> Self {
        Self { color: false }
    }

    /// The sign of success.
    #[must_use]
    pub fn tick(self) -> String {
        self.good("✓")
    }

    /// The sign of failure.
    #[must_use]
    pub fn cross(self) -> String {
        self.bad("✗")
    }

    /// Good news: green.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Bad news: bold red.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// A warning: yellow.
    #[must_use]
    pub fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// Advice: cyan.
    #[must_use]
    pub fn note(self, text: &str) -> String {
        self.paint("36", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
