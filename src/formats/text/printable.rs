//! Text from outside as it may be shown: names of files, certificates, variables, devices and modules are data, and none
//! of their characters may act on a terminal, hide, or end a line.
//!
//! Escapes are those of Rust: `\n`, `\r`, `\t`, `\x1b` for a control character or a byte that is no UTF-8, `\u{202e}` for
//! any other. There are two functions, as a name is data and a sentence with names in it is not:
//! - [`escaped`] takes a name, and also escapes the backslash: two names are never shown alike, and the name can be had
//!   back.
//! - [`printable`] takes a whole sentence or command, whose names may be escaped already: backslashes stay, so it can be
//!   applied twice, and a command can still be pasted into a shell.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Characters that no reader sees, sees as a plain space, or that change how others are shown: Unicode's general
/// categories Cf, Zl, Zp and Zs (but for the space), `Default_Ignorable_Code_Point`, and noncharacters, as of Unicode
/// 16; each range with both ends.
const HIDDEN: &[(char, char)] = &[
    ('\u{a0}', '\u{a0}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{1680}', '\u{1680}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{2000}', '\u{200f}'),
    ('\u{2028}', '\u{202f}'),
    ('\u{205f}', '\u{206f}'),
    // The braille pattern without dots.
    ('\u{2800}', '\u{2800}'),
    ('\u{3000}', '\u{3000}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fdd0}', '\u{fdef}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{fffe}', '\u{ffff}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    // Tags, selectors of variants, and what is reserved for their kind.
    ('\u{e0000}', '\u{e0fff}'),
];

/// True for a character that must not reach a reader as it is: a control character, or one that is invisible or changes
/// how others are shown.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || HIDDEN.iter().any(|(first, last)| (*first..=*last).contains(&c))
        // The last two of each plane are noncharacters.
        || u32::from(c) & 0xfffe == 0xfffe
}

/// A sentence or command as it may be shown: hidden characters are escaped, line breaks too. Backslashes stay.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        push(&mut shown, c);
    }
    shown
}

/// A name as it may be shown: hidden characters, backslashes and bytes that are no UTF-8 are escaped, so that no two names
/// look alike.
#[must_use]
pub fn escaped(name: impl AsRef<[u8]>) -> String {
    let name = name.as_ref();
    let mut shown = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => shown.push_str("\\\\"),
                c => push(&mut shown, c),
            }
        }
        for byte in chunk.invalid() {
            push_byte(&mut shown, *byte);
        }
    }
    shown
}

fn push(shown: &mut String, c: char) {
    match c {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        c if !is_hidden(c) => shown.push(c),
        // One byte in UTF-8; the others of this range would look like bytes that are none.
        c if c.is_ascii() => push_byte(shown, u8::try_from(c).unwrap_or_default()),
        c => {
            // Writing to a string does not fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        }
    }
}

fn push_byte(shown: &mut String, byte: u8) {
    let _ = write!(shown, "\\x{byte:02x}");
}

/// Names that are shown by [`escaped`]: in place of `Path::display`, which lets every character through, and shows two
/// names that are no UTF-8 alike.
pub trait Shown {
    /// The name as it may be shown.
    fn shown(&self) -> String;
}

impl Shown for Path {
    fn shown(&self) -> String {
        escaped(self.as_os_str().as_bytes())
    }
}

impl Shown for OsStr {
    fn shown(&self) -> String {
        escaped(self.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bytes of a name by what [`escaped`] made of it.
    fn unescaped(shown: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = shown;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            if c != '\\' {
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            let kind = rest.chars().next().unwrap();
            rest = &rest[1..];
            match kind {
                'n' => bytes.push(b'\n'),
                'r' => bytes.push(b'\r'),
                't' => bytes.push(b'\t'),
                '\\' => bytes.push(b'\\'),
                'x' => {
                    bytes.push(u8::from_str_radix(&rest[..2], 16).unwrap());
                    rest = &rest[2..];
                }
                'u' => {
                    let (number, after) = rest.strip_prefix('{').unwrap().split_once('}').unwrap();
                    let c = char::from_u32(u32::from_str_radix(number, 16).unwrap()).unwrap();
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = after;
                }
                other => panic!("\\{other}"),
            }
        }
        bytes
    }

    #[test]
    fn what_nobody_sees_is_escaped() {
        for (name, expected) in [
            ("db-ä-日本.efi", "db-ä-日本.efi"),
            ("a b", "a b"),
            ("a\nb\r\t", "a\\nb\\r\\t"),
            ("\x1b[2K\x07\x7f", "\\x1b[2K\\x07\\x7f"),
            ("\u{9b}31m\u{85}", "\\u{9b}31m\\u{85}"),
            ("\u{202e}gfc", "\\u{202e}gfc"),
            ("\u{200b}\u{feff}\u{2028}\u{ad}", "\\u{200b}\\u{feff}\\u{2028}\\u{ad}"),
            ("\u{e0041}\u{61c}\u{fe0f}", "\\u{e0041}\\u{61c}\\u{fe0f}"),
            ("\u{a0}\u{3164}\u{1fffe}", "\\u{a0}\\u{3164}\\u{1fffe}"),
        ] {
            assert_eq!(printable(name), expected);
            assert_eq!(escaped(name), expected);
            assert_eq!(printable(&escaped(name)), expected);
        }
        assert_eq!(escaped(b"m\xff\xfe\xe2\x80"), "m\\xff\\xfe\\xe2\\x80");
        assert_eq!(
            (escaped("a\\n"), printable("a\\n")),
            ("a\\\\n".to_owned(), "a\\n".to_owned())
        );
        assert_eq!(Path::new("/a\n").shown(), "/a\\n");
        assert_eq!(OsStr::from_bytes(b"\xff").shown(), "\\xff");
    }

    proptest! {
        #[test]
        fn a_name_can_be_had_back_and_has_nothing_hidden(
            parts in proptest::collection::vec(prop_oneof![
                any::<String>().prop_map(String::into_bytes),
                any::<Vec<u8>>(),
                proptest::collection::vec(proptest::sample::select(b"\\nxu{}0a\n\xff".to_vec()), 0..8),
            ], 0..4),
        ) {
            let name = parts.concat();
            let shown = escaped(&name);
            prop_assert!(!shown.contains(is_hidden), "{shown:?}");
            prop_assert_eq!(printable(&shown), shown.clone());
            prop_assert_eq!(unescaped(&shown), name);
        }
    }
}
