//! The places at which EDK2 looks for the digest algorithm of a SignedData: it does not parse, it compares bytes at a
//! fixed place (`DxeImageVerificationLib`, `AuthVariableLib`).

use crate::formats::crypto::cms::{SignedData, SignerId, SignerInfo};
use crate::formats::crypto::hash::HashAlgorithm;

/// Offset of the first digest algorithm's identifier in a SignedData inside a ContentInfo.
pub(super) const IN_CONTENT_INFO: usize = 32;
/// The same in a bare SignedData.
pub(super) const BARE: usize = 13;
/// First byte of a DER length of two octets; EDK2 takes no other for the whole.
const TWO_OCTETS: u8 = 0x82;

/// True if the SignedData announces this algorithm at this offset, inside a structure of 256 bytes to 64 KiB.
pub(super) fn announces(signed_data: &[u8], offset: usize, hash: HashAlgorithm) -> bool {
    signed_data.get(1) == Some(&TWO_OCTETS)
        && signed_data
            .get(offset..)
            .is_some_and(|rest| rest.starts_with(hash.oid().as_bytes()))
}

/// True if a SignedData and each SignerInfo have the version and the way of naming their signer that PKCS#7 knows.
pub(super) fn is_pkcs7(cms: &SignedData<'_>) -> bool {
    let plain = |info: &SignerInfo<'_>| info.version == 1 && matches!(info.id, SignerId::IssuerAndSerial { .. });
    cms.version == 1 && cms.signers.iter().all(plain)
}
