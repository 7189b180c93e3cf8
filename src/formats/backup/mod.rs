//! Formats of the backup: shares of a secret, words, and lines for paper.

pub mod base32;
pub mod paper;
pub mod secret_sharing;
pub mod share;
pub mod words;
