//! Signs and colors, and the cases in which colors are left out.

use std::io::IsTerminal;

/// The choice of colors.
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
    /// True if signs are written in ASCII.
    ascii: bool,
}

impl Style {
    /// The style for a stream, by choice, `NO_COLOR` (<https://no-color.org>), whether it is a terminal, and the
    /// locale.
    #[must_use]
    pub fn choose(choice: ColorChoice, stream: &impl IsTerminal) -> Self {
        let color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(std::env::var_os);
        let ascii = locale.iter().flatten().find(|value| !value.is_empty());
        let ascii = ascii.is_some_and(|value| !is_utf8(&value.to_string_lossy()));
        Self { color, ascii }
    }

    /// No colors.
    #[must_use]
    pub const fn plain() -> Self {
        Self {
            color: false,
            ascii: false,
        }
    }

    /// True if colors are written.
    pub(super) const fn has_color(self) -> bool {
        self.color
    }

    /// The sign of success.
    #[must_use]
    pub fn tick(self) -> String {
        self.good(if self.ascii { "+" } else { "✓" })
    }

    /// The sign of failure.
    #[must_use]
    pub fn cross(self) -> String {
        self.bad(if self.ascii { "x" } else { "✗" })
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

/// True if a locale's text is UTF-8 (locale(7)): its codeset is named after a dot.
fn is_utf8(locale: &str) -> bool {
    let codeset = locale.split_once('.').map_or("", |(_, codeset)| codeset);
    let codeset = codeset.split_once('@').map_or(codeset, |(codeset, _)| codeset);
    let codeset = codeset.replace('-', "");
    codeset.eq_ignore_ascii_case("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codeset_of_a_locale_tells() {
        for locale in ["C.UTF-8", "de_DE.utf8", "ca_ES.UTF-8@valencia"] {
            assert!(is_utf8(locale), "{locale}");
        }
        for locale in ["C", "POSIX", "de_DE", "de_DE@euro", "de_DE.ISO-8859-1"] {
            assert!(!is_utf8(locale), "{locale}");
        }
    }
}
