//! Files as lines that can be printed, scanned or typed: `NAME PART/PARTS BASE64 CHECKSUM`.
//!
//! The checksum is the first three bytes of SHA-256 over the line before it, in hex, so each line is checked where it is
//! typed. Lines may come in any order, and more than once.

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding};

use crate::formats::crypto::hash::HashAlgorithm;

/// Bytes of a line: 60 characters of base64.
const LINE: usize = 45;

/// Why lines are no files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaperError {
    /// A line of another form.
    #[error("line {0} is not of the form NAME PART/PARTS BASE64 CHECKSUM")]
    Form(usize),
    /// A checksum that does not fit.
    #[error("line {0} is mistyped: its checksum does not fit")]
    Checksum(usize),
    /// Two lines for one part, or different numbers of parts.
    #[error("line {0} contradicts an earlier one of the same name")]
    Contradiction(usize),
    /// Lines that are missing.
    #[error("of {name} the parts {parts} are missing")]
    Missing {
        /// The file.
        name: String,
        /// Their numbers.
        parts: String,
    },
    /// No line at all.
    #[error("the text has no line of a file")]
    Empty,
}

/// The lines of a file; its name has no white space.
#[must_use]
pub fn lines(name: &str, bytes: &[u8]) -> Vec<String> {
    let parts = bytes.len().div_ceil(LINE);
    let chunks = (1..).zip(bytes.chunks(LINE));
    chunks
        .map(|(part, chunk): (usize, &[u8])| {
            let data = Base64::encode_string(chunk);
            let text = format!("{name} {part:02}/{parts:02} {data}");
            let checksum = checksum(&text);
            format!("{text} {checksum}")
        })
        .collect()
}

/// The files of a text.
pub fn files(text: &str) -> Result<BTreeMap<String, Vec<u8>>, PaperError> {
    let mut found: BTreeMap<String, Parts> = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, part, data, check) = match words.as_slice() {
            [] => continue,
            [name, part, data, check] => (*name, *part, *data, *check),
            _ => return Err(PaperError::Form(number)),
        };
        if checksum(&format!("{name} {part} {data}")) != check.to_ascii_lowercase() {
            return Err(PaperError::Checksum(number));
        }
        let form = || PaperError::Form(number);
        let (part, count) = part.split_once('/').ok_or_else(form)?;
        let (part, count): (usize, usize) = (part.parse().map_err(|_| form())?, count.parse().map_err(|_| form())?);
        if part == 0 || part > count {
            return Err(form());
        }
        let data = Base64::decode_vec(data).map_err(|_| form())?;
        let file = found.entry(name.to_owned()).or_insert_with(|| Parts {
            count,
            known: BTreeMap::new(),
        });
        if file.count != count || *file.known.entry(part).or_insert_with(|| data.clone()) != data {
            return Err(PaperError::Contradiction(number));
        }
    }
    if found.is_empty() {
        return Err(PaperError::Empty);
    }
    let files = found.into_iter().map(|(name, file)| match file.join() {
        Ok(bytes) => Ok((name, bytes)),
        Err(parts) => Err(PaperError::Missing { name, parts }),
    });
    files.collect()
}

/// The parts of a file that were read so far.
struct Parts {
    /// Number of all parts.
    count: usize,
    /// The parts by their numbers, from 1.
    known: BTreeMap<usize, Vec<u8>>,
}

impl Parts {
    /// The file, or the numbers of the first parts that are missing.
    fn join(self) -> Result<Vec<u8>, String> {
        // A file that says it has a million parts would print as many numbers.
        let missing: Vec<String> = (1..=self.count)
            .filter(|part| !self.known.contains_key(part))
            .take(20)
            .map(|part| part.to_string())
            .collect();
        if missing.is_empty() {
            Ok(self.known.into_values().flatten().collect())
        } else {
            Err(missing.join(", "))
        }
    }
}

fn checksum(text: &str) -> String {
    let digest = HashAlgorithm::Sha256.digest(&[text.as_bytes()]);
    digest.to_hex().chars().take(6).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_missing_or_mistyped_is_named() {
        let lines = lines("PK.key", &[9; 100]);
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("PK.key 01/03 CQkJ"));
        let without = [lines[2].as_str(), "", &lines[0]].join("\n");
        let parts = "2".to_owned();
        let name = "PK.key".to_owned();
        assert_eq!(files(&without), Err(PaperError::Missing { name, parts }));
        let mistyped = lines.join("\n").replacen("CQkJ", "CQkj", 1);
        assert_eq!(files(&mistyped), Err(PaperError::Checksum(1)));
        assert_eq!(files("PK.key 01/03"), Err(PaperError::Form(1)));
        let other = self::lines("PK.key", &[8; 100]);
        assert_eq!(
            files(&[&lines[0], &other[0]].map(String::as_str).join("\n")),
            Err(PaperError::Contradiction(2))
        );
        assert_eq!(files(" \n"), Err(PaperError::Empty));
    }

    proptest! {
        #[test]
        fn lines_come_back_in_any_order(
            one in prop::collection::vec(any::<u8>(), 1..600),
            two in prop::collection::vec(any::<u8>(), 1..600),
            seed: prop::sample::Index,
        ) {
            let mut all = [lines("PK.key", &one), lines("db.key", &two)].concat();
            let cut = seed.index(all.len());
            all.rotate_left(cut);
            all.push(all[0].clone());
            let files = files(&all.join("\r\n")).unwrap();
            prop_assert_eq!((&files["PK.key"], &files["db.key"]), (&one, &two));
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = files(&text);
        }
    }
}
