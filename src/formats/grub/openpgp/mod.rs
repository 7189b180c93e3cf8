//! OpenPGP keys and detached signatures (RFC 4880) in the form that GRUB takes.
//!
//! GRUB's reader (`grub-core/commands/pgp.c`) knows a part of OpenPGP: version 4 packets, RSA and DSA, the issuer's key
//! ID in the unhashed area, and packet lengths that are old-format or five octets. What it does not know it refuses,
//! mostly with a message that names something else, so everything here is written, and judged, by GRUB's rules.

mod key;
mod key_file;
mod packet;
mod signature;
mod unsigned;

pub use key::{GrubKey, KeyError};
pub use key_file::GrubKeyFile;
pub use packet::PacketError;
pub use signature::{DetachedSignature, SignatureError};
pub use unsigned::UnsignedSignature;
