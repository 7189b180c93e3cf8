//! Lines broken between words at the width of the terminal, so that it breaks none within one.

use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::termios::{isatty, tcgetwinsize};

/// Narrowest terminal whose lines are broken, in columns: below, nearly every word has a line of its own.
const NARROWEST: usize = 40;
/// The space before the rest of a line, beside that before its beginning.
const HANGING: usize = 2;

/// The width of a terminal, in columns; none for anything else, and for one that does not tell.
pub(super) fn width(stream: &impl AsFd) -> Option<usize> {
    if !isatty(stream) {
        return None;
    }
    let columns = usize::from(tcgetwinsize(stream).ok()?.ws_col);
    (columns >= NARROWEST).then_some(columns)
}

/// A writer that breaks lines; without a width it passes on all as it is. It keeps the last line until that is whole, or until it is
/// flushed.
pub(super) struct Wrapped<W: Write> {
    inner: W,
    width: Option<usize>,
    line: Vec<u8>,
}

impl<W: Write> Wrapped<W> {
    pub(super) const fn new(inner: W, width: Option<usize>) -> Self {
        Self {
            inner,
            width,
            line: Vec::new(),
        }
    }
}

impl<W: Write> Write for Wrapped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(width) = self.width else {
            return self.inner.write(bytes);
        };
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.inner
                    .write_all(wrapped(&String::from_utf8_lossy(&line), width).as_bytes())?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.line);
        self.inner.write_all(&rest)?;
        self.inner.flush()
    }
}

/// A line broken between words. A command stays whole, since it is copied; so does a word that is wider than the terminal.
pub(super) fn wrapped(line: &str, width: usize) -> String {
    if columns(line.trim_end()) <= width || is_command(line) {
        return line.to_owned();
    }
    let indent = " ".repeat(hanging(line, width));
    let mut text = String::with_capacity(line.len());
    // White space is kept where it does not stand at a break.
    let (mut column, mut space) = (0_usize, String::new());
    for part in line.split_inclusive(' ') {
        let word = part.trim_end_matches(' ');
        if word.is_empty() {
            space.push_str(part);
            continue;
        }
        let wide = columns(word.trim_end());
        let is_first = text.trim_start().is_empty();
        if !is_first && wide > 0 && column.saturating_add(columns(&space)).saturating_add(wide) > width {
            text.push('\n');
            text.push_str(&indent);
            column = indent.len();
        } else {
            text.push_str(&space);
            column = column.saturating_add(columns(&space));
        }
        space.clear();
        text.push_str(word);
        column = column.saturating_add(wide);
        space.push_str(part.strip_prefix(word).unwrap_or_default());
    }
    text
}

/// The column at which the rest of a line stands: below the second column of a table, or a little more to the right than the line.
fn hanging(line: &str, width: usize) -> usize {
    let plain = without_colors(line);
    let leading = plain.chars().take_while(|letter| *letter == ' ').count();
    let (before, after) = plain.split_at(leading);
    let second = after.find("  ").map(|gap| {
        let (first, rest) = after.split_at(gap);
        let gap = rest.chars().take_while(|letter| *letter == ' ').count();
        before.len().saturating_add(first.chars().count()).saturating_add(gap)
    });
    let usual = leading.saturating_add(HANGING).min(width / 2);
    // Further to the right there is no room for it.
    second.filter(|column| *column <= width / 2).unwrap_or(usual)
}

/// True if a person copies the line, or what follows its first word.
fn is_command(line: &str) -> bool {
    let plain = without_colors(line);
    let plain = plain.trim_start();
    ["# ", "$ ", "bootseal ", "hint: "]
        .iter()
        .any(|beginning| plain.starts_with(beginning))
}

/// The number of columns that a text takes: one for each character, as in nearly all that is printed.
fn columns(text: &str) -> usize {
    without_colors(text).chars().count()
}

/// A text without the colors of [`super::Style`].
fn without_colors(text: &str) -> String {
    super::guard::COLORS
        .iter()
        .fold(text.to_owned(), |text, color| text.replace(color, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_break_between_words_and_hang() {
        assert_eq!(wrapped("a short line\n", 40), "a short line\n");
        assert_eq!(
            wrapped(
                "  \u{1b}[33mwarning:\u{1b}[0m the image is not signed, and db does not list it\n",
                40
            ),
            "  \u{1b}[33mwarning:\u{1b}[0m the image is not signed, and\n    db does not list it\n"
        );
        // What stands apart at the end is no column, and no space is left at a break.
        assert_eq!(
            wrapped("  ✓ Signatures of the modules of each kernel  [modules.files]\n", 46),
            "  ✓ Signatures of the modules of each kernel\n    [modules.files]\n"
        );
        // Below the second column of a table.
        assert_eq!(
            wrapped("✓ Next boot  Boot0001 \"gentoo\": accepted, signed by a key\n", 40),
            "✓ Next boot  Boot0001 \"gentoo\":\n             accepted, signed by a key\n"
        );
    }

    #[test]
    fn commands_and_long_words_stay_whole() {
        for whole in [
            "hint: bootseal sign efi --output /boot/vmlinuz-6.12.58-gentoo /boot/vmlinuz\n",
            "    # bootseal enroll apply --plan 25e7f1808e013593155c63dd797b7ae91de2c744\n",
            "25e7f1808e013593155c63dd797b7ae91de2c7443f2528c951374dbb7298f09b\n",
        ] {
            assert_eq!(wrapped(whole, 40), whole);
        }
    }

    proptest! {
        #[test]
        fn nothing_but_breaks_is_added(line in "[ -~]{0,200}", width in NARROWEST..120) {
            let broken = wrapped(&format!("{line}\n"), width);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&broken), words(&line));
            if !is_command(&line) {
                for part in broken.lines() {
                    prop_assert!(columns(part.trim_end()) <= width || words(part).len() == 1, "{broken:?}");
                }
            }
        }

        #[test]
        fn a_stream_is_the_same_however_it_is_parted(text in "[ a-z\n]{0,200}", part in 1_usize..20) {
            let through = |part: usize| {
                let mut out = Vec::new();
                let mut wrapped = Wrapped::new(&mut out, Some(NARROWEST));
                for bytes in text.as_bytes().chunks(part) {
                    wrapped.write_all(bytes).unwrap();
                }
                wrapped.flush().unwrap();
                drop(wrapped);
                out
            };
            prop_assert_eq!(through(part), through(1000));
        }
    }
}
