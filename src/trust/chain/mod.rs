//! The chain from a signer's certificate to another one: whether firmware takes it to trust a signer, whether any firmware
//! could take it to refuse one, and the kernel's. Validity periods are never compared with the clock.

mod effort;
mod forbidden;
mod kernel;
mod name_constraints;
mod openssl;
mod refusal;
mod traits;

pub use effort::Effort;
pub use forbidden::forbidden_issuer;
pub use kernel::anchor;
pub use openssl::verify;
pub use refusal::PathRefusal;
