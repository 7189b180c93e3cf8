//! Layer 0: the formats of the chain. Bytes in, values or a typed error out; no I/O, no clock, no panic.
//!
//! Every parser is total: whatever the bytes, it returns a value or an error that names the field and its offset.

pub mod backup;
pub mod bytes;
pub mod chain;
pub mod crypto;
pub mod fat;
pub mod firmware;
pub mod grub;
pub mod kernel;
pub mod medium;
pub mod text;
