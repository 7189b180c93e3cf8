//! A share of a secret as text: `bs1-` and base 32 of 28 bytes.
//!
//! | bytes | content |
//! |---|---|
//! | 1 | version: 1 |
//! | 4 | identifier of the set |
//! | 1 | number of shares that are needed |
//! | 1 | number of all shares |
//! | 1 | number of this share, from 1 |
//! | 16 | the share ([`super::secret_sharing`]) |
//! | 4 | checksum: the first bytes of SHA-256 over all before |

use std::fmt;

use zeroize::Zeroizing;

use crate::formats::backup::base32::{self, Base32Error};
use crate::formats::backup::secret_sharing::{self, SharingError};
use crate::formats::crypto::hash::sha256;

/// Bytes of a secret that is divided.
pub const SECRET: usize = 16;
const PREFIX: &str = "bs1-";
const VERSION: u8 = 1;
const HEADER: usize = 8;
const CHECKSUM: usize = 4;

/// A share. It shows itself without its content.
#[derive(Clone, PartialEq, Eq)]
pub struct Share {
    /// Identifier of the set.
    pub set: [u8; 4],
    /// Number of shares that are needed.
    pub needed: u8,
    /// Number of all shares.
    pub of: u8,
    /// Number of this one, from 1.
    pub number: u8,
    data: Zeroizing<Vec<u8>>,
}

/// Why a text is no share, or shares give no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// The text does not begin with `bs1-`.
    #[error("a share begins with bs1-")]
    Prefix,
    /// Text that is not base 32.
    #[error("it is mistyped: {0}")]
    Text(#[from] Base32Error),
    /// A checksum that does not fit.
    #[error("it is mistyped: its checksum does not fit")]
    Checksum,
    /// Malformed content, or another version.
    #[error("its version or form is unknown to this program")]
    Form,
    /// Shares of different sets.
    #[error("the shares {first} and {second} belong to different sets")]
    Sets {
        /// Number of a share.
        first: u8,
        /// Number of a share of another set.
        second: u8,
    },
    /// Too few.
    #[error("{needed} different shares are needed, not {given}")]
    TooFew {
        /// Number of different shares.
        given: usize,
        /// Number of shares that are needed.
        needed: u8,
    },
    /// Contradictory numbers.
    #[error(transparent)]
    Numbers(#[from] SharingError),
}

impl Share {
    /// Divides a secret. `random` holds as many bytes as [`secret_sharing::coefficients`] says.
    pub fn split(
        secret: &[u8; SECRET],
        set: [u8; 4],
        needed: u8,
        of: u8,
        random: &[u8],
    ) -> Result<Vec<Self>, SharingError> {
        let shares = secret_sharing::split(secret, needed, of, random)?;
        let numbered = (1..=of).zip(shares);
        Ok(numbered
            .map(|(number, data)| Self {
                set,
                needed,
                of,
                number,
                data,
            })
            .collect())
    }

    /// The secret; the same share twice counts once.
    pub fn combine(shares: &[Self]) -> Result<Zeroizing<[u8; SECRET]>, ShareError> {
        let Some(first) = shares.first() else {
            return Err(ShareError::TooFew { given: 0, needed: 2 });
        };
        let mut different: Vec<&Self> = Vec::new();
        for share in shares {
            if (share.set, share.needed, share.of) != (first.set, first.needed, first.of) {
                return Err(ShareError::Sets {
                    first: first.number,
                    second: share.number,
                });
            }
            if !different.contains(&share) {
                different.push(share);
            }
        }
        if different.len() < usize::from(first.needed) {
            return Err(ShareError::TooFew {
                given: different.len(),
                needed: first.needed,
            });
        }
        let points: Vec<(u8, &[u8])> = different
            .iter()
            .map(|share| (share.number, share.data.as_slice()))
            .collect();
        let secret = secret_sharing::combine(&points)?;
        let mut array = Zeroizing::new([0; SECRET]);
        array.copy_from_slice(secret.get(..SECRET).ok_or(ShareError::Form)?);
        Ok(array)
    }

    /// Reads a share; case, spaces and hyphens do not count.
    pub fn parse(text: &str) -> Result<Self, ShareError> {
        let text = text.trim();
        let begins = text
            .get(..PREFIX.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(PREFIX));
        let rest = text.get(PREFIX.len()..).filter(|_| begins).ok_or(ShareError::Prefix)?;
        let bytes = base32::decode(rest)?;
        let (content, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(ShareError::Checksum)?;
        if *checksum != self::checksum(content) {
            return Err(ShareError::Checksum);
        }
        let (header, data) = content.split_first_chunk::<HEADER>().ok_or(ShareError::Form)?;
        let [version, a, b, c, d, needed, of, number] = *header;
        if version != VERSION || data.len() != SECRET || !(2..=of).contains(&needed) || !(1..=of).contains(&number) {
            return Err(ShareError::Form);
        }
        Ok(Self {
            set: [a, b, c, d],
            needed,
            of,
            number,
            data: Zeroizing::new(data.to_vec()),
        })
    }

    /// The text, which is a secret.
    #[must_use]
    pub fn danger_reveal(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(HEADER + SECRET + CHECKSUM));
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.set);
        bytes.extend_from_slice(&[self.needed, self.of, self.number]);
        bytes.extend_from_slice(&self.data);
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        let text = base32::encode(&bytes);
        Zeroizing::new([PREFIX, text.as_str()].concat())
    }

    /// Identifier of the set, lower-case hex.
    #[must_use]
    pub fn set_name(&self) -> String {
        hex::encode(self.set)
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share")
            .field("set", &self.set_name())
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

fn checksum(content: &[u8]) -> [u8; CHECKSUM] {
    let [a, b, c, d, ..] = sha256(&[content]);
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shares(set: u8) -> Vec<Share> {
        Share::split(&[7; SECRET], [set; 4], 2, 3, &[0x5a; SECRET]).unwrap()
    }

    #[test]
    fn each_says_what_it_is_and_shows_nothing() {
        let shares = shares(1);
        for (number, share) in (1..).zip(&shares) {
            let text = share.danger_reveal();
            assert_eq!(Share::parse(&text).unwrap(), *share);
            assert_eq!((share.needed, share.of, share.number), (2, 3, number));
            assert_eq!(
                format!("{share:?}"),
                format!("Share {{ set: \"01010101\", number: {number}, .. }}")
            );
        }
        assert_eq!(*Share::combine(&shares[1..]).unwrap(), [7; SECRET]);
        let twice = [shares[0].clone(), shares[0].clone()];
        assert_eq!(Share::combine(&twice), Err(ShareError::TooFew { given: 1, needed: 2 }));
        let mixed = [shares[0].clone(), self::shares(2)[1].clone()];
        assert_eq!(Share::combine(&mixed), Err(ShareError::Sets { first: 1, second: 2 }));
        assert_eq!(Share::parse("correct horse"), Err(ShareError::Prefix));
    }

    proptest! {
        #[test]
        fn a_mistyped_character_is_seen(place in 4_usize..60, other in "[0-9a-z]") {
            let text = shares(3)[0].danger_reveal().to_string();
            let place = place.min(text.len() - 1);
            let mut mistyped = text.clone();
            mistyped.replace_range(place..=place, &other);
            let same = mistyped == text || text.as_bytes()[place] == b'-';
            prop_assume!(!same);
            // A digit and the letter that looks like it are one.
            match Share::parse(&mistyped) {
                Ok(read) => prop_assert_eq!(&read, &shares(3)[0]),
                Err(error) => prop_assert!(matches!(error, ShareError::Checksum | ShareError::Text(_))),
            }
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = Share::parse(&text);
            let _ = Share::parse(&format!("bs1-{text}"));
        }
    }
}
