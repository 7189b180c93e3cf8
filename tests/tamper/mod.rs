//! What is broken, truncated or forged.

mod authenticode;
mod hostile;
mod keys;
