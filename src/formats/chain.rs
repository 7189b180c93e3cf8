//! A chain of JSON lines, each with the SHA-256 of the one before: the form of the ceremony's transcript and of the ledger.
//!
//! A line is `{"number":N,"previous":HEX,"time":T,"event":{KIND:{…}}}` and a line break, in exactly this form: whatever
//! else is there does not read. `previous` is over the whole line before, its line break included; of line 0 it is 64
//! zeros. Who knows the digest of the last line, the head, knows all lines.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::formats::crypto::hash::HashAlgorithm;

/// The digest that line 0 has in the place of one before.
const NONE_BEFORE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A line of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link<E> {
    /// The number of the line, from 0.
    pub number: u64,
    /// SHA-256 of the line before, lower-case hex.
    pub previous: String,
    /// The time of the event, RFC 3339 UTC.
    pub time: String,
    /// The event.
    pub event: E,
}

/// The reason why a text is no chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No line at all.
    #[error("it has no line")]
    Empty,
    /// Bytes after the last line break.
    #[error("its last line is cut off")]
    CutOff,
    /// A line that is not of the form that bootseal writes.
    #[error("line {0} is not as bootseal writes it")]
    Form(usize),
    /// A line that was changed, or is not in its place.
    #[error("line {0} does not follow the one before: lines were changed, removed or put in another order")]
    Follows(usize),
}

/// The number that the first line of a text must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Number 0: the text has all lines from the beginning.
    Beginning,
    /// Any number: lines before were replaced by the first one, which says where they ended.
    Anywhere,
}

/// The end of a chain: all that is needed to go on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    next: u64,
    head: String,
}

impl End {
    /// The end of a chain without any line.
    #[must_use]
    pub fn new() -> Self {
        Self::after(0, NONE_BEFORE.to_owned())
    }

    /// The end before the line with this number, with the SHA-256 of the line before it, lower-case hex.
    #[must_use]
    pub const fn after(next: u64, head: String) -> Self {
        Self { next, head }
    }

    /// Reads lines one by one, checks that each follows the one before, and gives each to `take` with its place, counted from
    /// 1 as in errors. No line is kept.
    pub fn read<E, R>(
        bytes: &[u8],
        start: Start,
        mut take: impl FnMut(Link<E>, usize) -> Result<(), R>,
    ) -> Result<Self, R>
    where
        E: Serialize + DeserializeOwned,
        R: From<ChainError>,
    {
        if bytes.is_empty() {
            return Err(ChainError::Empty.into());
        }
        if bytes.last() != Some(&b'\n') {
            return Err(ChainError::CutOff.into());
        }
        let mut end = Self::new();
        for (text, place) in bytes.split_inclusive(|byte| *byte == b'\n').zip(1..) {
            let link: Link<E> = serde_json::from_slice(text).map_err(|_| ChainError::Form(place))?;
            if place == 1 && start == Start::Anywhere {
                end = Self::after(link.number, link.previous.clone());
            }
            if link.number != end.next || link.previous != end.head {
                return Err(ChainError::Follows(place).into());
            }
            if !is_text_of(&link, text) {
                return Err(ChainError::Form(place).into());
            }
            end.add(&link, text);
            take(link, place)?;
        }
        Ok(end)
    }

    /// SHA-256 of the last line, lower-case hex.
    #[must_use]
    pub fn head(&self) -> &str {
        &self.head
    }

    /// The number of the next line.
    #[must_use]
    pub const fn next_number(&self) -> u64 {
        self.next
    }

    /// The next line with this event; it is not added yet.
    #[must_use]
    pub fn next<E>(&self, time: String, event: E) -> Link<E> {
        Link {
            number: self.next,
            previous: self.head.clone(),
            time,
            event,
        }
    }

    /// Adds a line, and its text to `text`. An error if the event has no form in JSON.
    pub fn push<E: Serialize>(&mut self, link: &Link<E>, text: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        let start = text.len();
        serde_json::to_writer(&mut *text, link)?;
        text.push(b'\n');
        self.add(link, text.get(start..).unwrap_or_default());
        Ok(())
    }

    fn add<E>(&mut self, link: &Link<E>, text: &[u8]) {
        self.head = HashAlgorithm::Sha256.digest(&[text]).to_hex();
        self.next = link.number.wrapping_add(1);
    }
}

impl Default for End {
    fn default() -> Self {
        Self::new()
    }
}

/// Lines that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain<E> {
    links: Vec<Link<E>>,
    lines: Vec<u8>,
    end: End,
}

impl<E: Serialize + DeserializeOwned> Chain<E> {
    /// A chain without any line.
    #[must_use]
    pub fn new() -> Self {
        Self::after(End::new())
    }

    /// A chain that goes on where another ended, without its lines.
    #[must_use]
    pub const fn after(end: End) -> Self {
        Self {
            links: Vec::new(),
            lines: Vec::new(),
            end,
        }
    }

    /// Reads lines, and checks that each follows the one before. Lines are counted from 1 in errors.
    pub fn parse(bytes: &[u8], start: Start) -> Result<Self, ChainError> {
        let mut links = Vec::new();
        let end = End::read(bytes, start, |link, _| {
            links.push(link);
            Ok::<(), ChainError>(())
        })?;
        Ok(Self {
            links,
            lines: bytes.to_vec(),
            end,
        })
    }

    /// The lines.
    #[must_use]
    pub fn links(&self) -> &[Link<E>] {
        &self.links
    }

    /// The text of all lines.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.lines
    }

    /// The end, after which the next line comes.
    #[must_use]
    pub const fn end(&self) -> &End {
        &self.end
    }

    /// Adds a line; returns its text. An error if the event has no form in JSON.
    pub fn push(&mut self, link: Link<E>) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = Vec::new();
        self.end.push(&link, &mut text)?;
        self.lines.extend_from_slice(&text);
        self.links.push(link);
        Ok(text)
    }
}

impl<E: Serialize + DeserializeOwned> Default for Chain<E> {
    fn default() -> Self {
        Self::new()
    }
}

/// True if a text, with its line break, is the one that a line is written as. Nothing is written beside it: a line may be the text
/// of a whole ledger.
fn is_text_of<E: Serialize>(link: &Link<E>, text: &[u8]) -> bool {
    struct Rest<'a>(&'a [u8]);
    impl std::io::Write for Rest<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let rest = self.0.strip_prefix(bytes);
            self.0 = rest.ok_or_else(|| std::io::Error::other("another text"))?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut rest = Rest(text);
    serde_json::to_writer(&mut rest, link).is_ok() && rest.0 == b"\n"
}

/// The text of a line, with its line break.
pub fn encode<E: Serialize>(link: &Link<E>) -> Result<Vec<u8>, serde_json::Error> {
    let mut text = serde_json::to_vec(link)?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(texts: &[String]) -> Chain<String> {
        let mut chain = Chain::new();
        for text in texts {
            chain
                .push(chain.end().next("2026-01-01T00:00:00Z".to_owned(), text.clone()))
                .unwrap();
        }
        chain
    }

    fn parse(bytes: &[u8]) -> Result<Chain<String>, ChainError> {
        Chain::parse(bytes, Start::Beginning)
    }

    #[test]
    fn a_chain_goes_on_after_lines_that_are_gone() {
        let whole = sample(&["one".to_owned(), "two".to_owned()]);
        let mut rest = Chain::after(whole.end().clone());
        rest.push(rest.end().next("2026-01-01T00:00:00Z".to_owned(), "three".to_owned()))
            .unwrap();
        assert_eq!(rest.links()[0].number, 2);
        assert_eq!(Chain::parse(rest.as_bytes(), Start::Anywhere), Ok(rest.clone()));
        assert_eq!(parse(rest.as_bytes()), Err(ChainError::Follows(1)));
        let joined = [whole.as_bytes(), rest.as_bytes()].concat();
        assert_eq!(parse(&joined).unwrap().end(), rest.end());
    }

    proptest! {
        #[test]
        fn lines_are_read_as_they_were_written(texts: Vec<String>) {
            prop_assume!(!texts.is_empty());
            let chain = sample(&texts);
            prop_assert_eq!(parse(chain.as_bytes()), Ok(chain));
        }

        #[test]
        fn every_changed_byte_but_the_last_lines_is_seen(
            texts in prop::collection::vec(".*", 2..5), place: prop::sample::Index, bit in 0_u8..8,
        ) {
            let mut bytes = sample(&texts).as_bytes().to_vec();
            let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
            bytes[place.index(last)] ^= 1 << bit;
            prop_assert!(parse(&bytes).is_err());
        }

        #[test]
        fn a_changed_byte_changes_the_head(texts in prop::collection::vec(".*", 1..4), place: prop::sample::Index, bit in 0_u8..8) {
            let chain = sample(&texts);
            let mut bytes = chain.as_bytes().to_vec();
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            prop_assert!(parse(&bytes).map_or(true, |other| other.end().head() != chain.end().head()));
        }

        #[test]
        fn a_line_that_is_removed_or_doubled_is_seen(texts in prop::collection::vec(".*", 2..5), place: prop::sample::Index) {
            let whole = sample(&texts);
            let lines: Vec<&[u8]> = whole.as_bytes().split_inclusive(|byte| *byte == b'\n').collect();
            let place = place.index(lines.len() - 1);
            let mut without = lines.clone();
            without.remove(place);
            prop_assert!(parse(&without.concat()).is_err());
            let mut doubled = lines.clone();
            doubled.insert(place, lines[place]);
            prop_assert!(parse(&doubled.concat()).is_err());
            let mut swapped = lines;
            swapped.swap(place, place + 1);
            prop_assert!(parse(&swapped.concat()).is_err());
        }
    }
}
