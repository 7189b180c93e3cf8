//! Layer 2: keys, the files and tokens that hold them, and the one door to private operations.

#[cfg(feature = "aws-lc")]
mod aws_lc;
pub mod certificate;
pub mod directory;
mod generate;
pub mod grub_keys;
mod name;
mod openpgp;
mod passphrase;
mod pem_blocks;
pub mod pkcs11;
mod pkcs8;
mod portable;
mod signer;
mod software;

pub use directory::KeyDirectory;
pub use name::KeyName;
pub use openpgp::OpenPgpKey;
pub use passphrase::Passphrase;
pub use pkcs8::{KeyFileError, Protection};
pub use signer::{Identity, Signer};
pub use software::SoftwareKey;
