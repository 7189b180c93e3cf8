//! The places at which EDK2 looks for the digest algorithm of a SignedData: it does not parse, it compares bytes at a
//! fixed place (`AuthVariableLib`; for images see [`crate::formats::firmware::authenticode::announced_hash`]).

use crate::formats::crypto::hash::HashAlgorithm;

/// Offset of the first digest algorithm's identifier in a SignedData inside a ContentInfo.
pub(super) const IN_CONTENT_INFO: usize = 32;
/// The same in a bare SignedData.
pub(super) const BARE: usize = 13;
/// The bits of a DER length that EDK2 asks for: one of two octets has them.
const TWO_OCTETS: u8 = 0x82;

/// True if the SignedData announces this algorithm at this offset, inside a structure of 256 bytes to 64 KiB.
pub(super) fn announces(signed_data: &[u8], offset: usize, hash: HashAlgorithm) -> bool {
    signed_data
        .get(1)
        .is_some_and(|length| length & TWO_OCTETS == TWO_OCTETS)
        && signed_data
            .get(offset..)
            .is_some_and(|rest| rest.starts_with(hash.oid().as_bytes()))
}
