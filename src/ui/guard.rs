//! The last door to the terminal: of what a report writes, only line breaks and our own colors go through as they are.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::formats::text::{escaped, is_hidden, printable};

use super::same_place::SamePlace;

/// The colors that [`super::Style`] writes (ECMA-48, SGR).
pub(super) const COLORS: [&str; 5] = ["\u{1b}[32m", "\u{1b}[1;31m", "\u{1b}[33m", "\u{1b}[36m", "\u{1b}[0m"];

/// A writer that escapes every hidden character but line breaks and, where there are colors, those. It keeps the last
/// line until that is whole, or until it is flushed.
pub(super) struct Guard<'p, W: Write> {
    inner: W,
    with_color: bool,
    place: Option<&'p SamePlace>,
    line: Vec<u8>,
}

impl<'p, W: Write> Guard<'p, W> {
    pub(super) const fn new(inner: W, with_color: bool, place: Option<&'p SamePlace>) -> Self {
        Self {
            inner,
            with_color,
            place,
            line: Vec::new(),
        }
    }

    /// Writes the lines that are whole.
    fn pass_on(&mut self) -> io::Result<()> {
        let whole = self
            .line
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| last.saturating_add(1));
        let rest = self.line.split_off(whole);
        let lines = std::mem::replace(&mut self.line, rest);
        self.write_guarded(&lines)
    }

    fn write_guarded(&mut self, bytes: &[u8]) -> io::Result<()> {
        let colors: &[&str] = if self.with_color { &COLORS } else { &[] };
        let text = guarded(bytes, colors);
        let Some(place) = self.place else {
            return self.inner.write_all(text.as_bytes());
        };
        for line in text.split_inclusive('\n') {
            self.inner.write_all(place.complete(line).as_bytes())?;
        }
        Ok(())
    }
}

impl<W: Write> Write for Guard<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        self.pass_on()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.line);
        self.write_guarded(&rest)?;
        self.inner.flush()
    }
}

/// Text with everything hidden in it escaped, but for line breaks and these colors.
fn guarded(bytes: &[u8], colors: &[&str]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find(is_hidden) {
            let (plain, hidden) = rest.split_at(at);
            shown.push_str(plain);
            let kept = std::iter::once(&"\n")
                .chain(colors)
                .find(|kept| hidden.starts_with(**kept));
            let length = kept.map_or_else(|| hidden.chars().next().map_or(0, char::len_utf8), |kept| kept.len());
            let (hidden, after) = hidden.split_at(length);
            match kept {
                Some(kept) => shown.push_str(kept),
                None => shown.push_str(&printable(hidden)),
            }
            rest = after;
        }
        shown.push_str(rest);
        for byte in chunk.invalid() {
            shown.push_str(&escaped([*byte]));
        }
    }
    shown
}

/// A JSON text in which every hidden character is escaped as JSON has it (RFC 8259, 7): the values stay what they are.
/// JSON escapes only those below U+0020 by itself.
pub(super) fn guarded_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            // Hidden characters stand only within strings: there is no white space but the space in our JSON.
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn through(text: &[u8], with_color: bool, part: usize) -> String {
        let mut out = Vec::new();
        let mut guard = Guard::new(&mut out, with_color, None);
        for part in text.chunks(part) {
            guard.write_all(part).unwrap();
        }
        guard.flush().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn line_breaks_and_our_colors_go_through() {
        let text = "\u{1b}[32m✓\u{1b}[0m a\u{1b}[2K\u{202e}b\n\tc\u{9b}31m\n";
        let colored = "\u{1b}[32m✓\u{1b}[0m a\\x1b[2K\\u{202e}b\n\\tc\\u{9b}31m\n";
        for part in 1..9 {
            assert_eq!(through(text.as_bytes(), true, part), colored);
        }
        assert_eq!(
            through(text.as_bytes(), false, 3),
            "\\x1b[32m✓\\x1b[0m a\\x1b[2K\\u{202e}b\n\\tc\\u{9b}31m\n"
        );
        assert_eq!(through(b"a\xff\xe2\x80", true, 1), "a\\xff\\xe2\\x80");
    }

    #[test]
    fn json_keeps_its_values() {
        let value = serde_json::json!({ "a\u{202e}": "b\u{e0041}\n\u{7f}\u{9b}\\u" });
        let text = guarded_json(&value.to_string());
        assert!(!text.contains(is_hidden), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    proptest! {
        #[test]
        fn nothing_hidden_goes_through(bytes: Vec<u8>, text: String, part in 1_usize..16) {
            let hostile = [text.as_bytes(), &bytes].concat();
            for with_color in [false, true] {
                let mut shown = through(&hostile, with_color, part);
                for color in COLORS.iter().filter(|_| with_color) {
                    shown = shown.replace(color, "");
                }
                prop_assert!(!shown.replace('\n', "").contains(is_hidden), "{shown:?}");
            }
        }
    }
}
