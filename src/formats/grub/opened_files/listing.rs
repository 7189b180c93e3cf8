//! The options of `blscfg` and `uki`, which make entries of the files of a directory (GRUB 2.14, `grub-core/commands/blsuki.c`), with
//! the arguments that Fedora's `blscfg` took before it.

use crate::formats::grub::script::{Variables, Word};

/// The entries of a directory that come into the menu.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Choice {
    /// The one that starts by itself.
    default: bool,
    /// All others.
    others: bool,
    /// The one of this name.
    named: Option<String>,
}

impl Choice {
    /// All of them.
    pub const ALL: Self = Self {
        default: true,
        others: true,
        named: None,
    };

    /// True if the file of this name, which is or is not the default, comes into the menu.
    #[must_use]
    pub fn shows(&self, name: &str, is_default: bool) -> bool {
        let is_named = |wanted: &String| wanted == name || name.strip_suffix(".conf") == Some(wanted);
        (if is_default { self.default } else { self.others }) || self.named.as_ref().is_some_and(is_named)
    }
}

/// A command's directories, or files, and its choice.
pub(super) struct Listing {
    pub places: Vec<Word>,
    pub choice: Choice,
}

impl Listing {
    /// Reads the arguments. `usual` is the directory where none is named, unless `variable` has another.
    pub(super) fn read(
        arguments: &[Word],
        usual: &'static str,
        variable: Option<&'static str>,
        variables: &Variables,
    ) -> Self {
        let (mut path, mut falls_back) = (None, false);
        let (mut default, mut others, mut named) = (false, false, None);
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let text = word.literal().unwrap_or_default();
            if let Some(long) = text.strip_prefix("--") {
                let (name, attached) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(Word::text(value))),
                    None => (long, None),
                };
                match name {
                    "path" => path = attached.or_else(|| words.next().cloned()),
                    "entry" => named = attached.or_else(|| words.next().cloned()),
                    "enable-fallback" => falls_back = true,
                    "show-default" => default = true,
                    "show-non-default" => others = true,
                    _ => {}
                }
            } else if let Some(letters) = text.strip_prefix('-').filter(|letters| !letters.is_empty()) {
                for letter in letters.chars() {
                    match letter {
                        'p' => path = words.next().cloned(),
                        'e' => named = words.next().cloned(),
                        'f' => falls_back = true,
                        'd' => default = true,
                        'n' => others = true,
                        _ => {}
                    }
                }
            } else {
                // Fedora's; others pass over it.
                match text.as_str() {
                    "default" => default = true,
                    "non-default" => others = true,
                    _ if text.starts_with('(') => path = Some(word.clone()),
                    _ => named = Some(word.clone()),
                }
            }
        }
        // Of what is no path, GRUB takes the usual directory.
        let may_be_none = |word: &Word| variables.expand(word).iter().any(|text| !text.starts_with(['(', '/']));
        let mut places = Vec::new();
        if falls_back || path.as_ref().is_none_or(may_be_none) {
            places.extend(
                variable
                    .into_iter()
                    .flat_map(|name| variables.known(name))
                    .map(|text| Word::text(&text)),
            );
            places.push(Word::text(usual));
        }
        let is_all = !default && !others && named.is_none();
        Self {
            places: path.into_iter().chain(places).collect(),
            choice: Choice {
                default: default || is_all,
                others: others || is_all,
                named: named.and_then(|word| word.literal()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::grub::script::Script;

    fn listing(text: &str) -> (Vec<String>, Choice) {
        let script = Script::parse(text);
        let mut variables = Variables::default();
        variables.gather(&script.commands.iter());
        let command = script.commands.last().unwrap();
        let listing = Listing::read(&command.words[1..], "/usual", Some("blsdir"), &variables);
        let places = listing.places.iter().flat_map(|word| variables.expand(word));
        (places.collect(), listing.choice)
    }

    #[test]
    fn directories_are_found_behind_every_spelling_of_the_options() {
        for (text, places) in [
            ("uki", &["/usual"][..]),
            ("uki -p /a", &["/a"]),
            ("uki --path=/a", &["/a"]),
            ("uki --path /a -f", &["/a", "/usual"]),
            ("uki -dfp /a", &["/a", "/usual"]),
            ("uki -fp /a", &["/a", "/usual"]),
            ("uki -p a", &["a", "/usual"]),
            ("uki -p (hd0)", &["(hd0)"]),
            ("blscfg (hd0)/a", &["(hd0)/a"]),
            ("blscfg non-default", &["/usual"]),
            ("set blsdir=/b\nblscfg", &["/b", "/usual"]),
            ("set x=/c\nblscfg -p $x/d", &["/c/d"]),
        ] {
            assert_eq!(listing(text).0, places, "{text}");
        }
    }

    #[test]
    fn the_choice_is_that_of_the_options() {
        let shown = |text: &str| {
            let choice = listing(text).1;
            [("a.conf", true), ("b.conf", false), ("c.conf", false)].map(|(name, own)| choice.shows(name, own))
        };
        for (text, expected) in [
            ("blscfg", [true; 3]),
            ("blscfg -d", [true, false, false]),
            ("blscfg --show-non-default", [false, true, true]),
            ("blscfg -dn", [true; 3]),
            ("blscfg -e b.conf", [false, true, false]),
            ("blscfg --entry=b.conf -d", [true, true, false]),
            ("blscfg b", [false, true, false]),
            ("blscfg default", [true, false, false]),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
