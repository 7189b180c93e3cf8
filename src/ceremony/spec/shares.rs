//! The numbers of shares of a secret.

use std::str::FromStr;

use crate::error::{Error, Result};
use crate::formats::text::printable;

/// Largest number of shares.
const MOST: u8 = 16;

/// The numbers of shares of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Number of shares that give the secret back, 2 to `of`.
    pub needed: u8,
    /// Number of all shares, up to 16.
    pub of: u8,
}

impl Shares {
    /// Refuses numbers of shares that cannot be.
    pub(crate) fn validate(self) -> Result<()> {
        let Self { needed, of } = self;
        if (2..=of).contains(&needed) && of <= MOST {
            return Ok(());
        }
        Err(Error::usage(format!(
            "{needed} of {of} shares cannot be: at least 2 are needed, of at most {MOST}"
        )))
    }
}

/// Reads `2/3`: any two of three.
impl FromStr for Shares {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let odd = || Error::usage(format!("\"{}\" does not say shares as 2/3", printable(text)));
        let (needed, of) = text.split_once('/').ok_or_else(odd)?;
        let number = |text: &str| text.trim().parse::<u8>().map_err(|_| odd());
        Ok(Self {
            needed: number(needed)?,
            of: number(of)?,
        })
    }
}
