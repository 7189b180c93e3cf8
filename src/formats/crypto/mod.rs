//! Cryptographic formats that firmware, kernel and GRUB share: digests, keys, certificates, CMS.

pub mod asn1;
pub mod certificate;
pub mod cms;
pub mod ecdsa;
pub mod hash;
mod hash_many;
pub mod ml_dsa;
pub mod pem;
pub mod rsa_public_key;
pub mod sha3_lanes;
pub mod signed_hash;
pub mod x509;
