//! The padding of the hashed part, of the certificate table and of its entries: zeros up to a multiple of 8 bytes.

/// Alignment of the hashed part, of the certificate table and of its entries, in bytes.
pub(super) const ALIGNMENT: usize = 8;

/// Number of bytes that are missing from `length` to the next multiple of 8.
pub(super) const fn padding(length: usize) -> usize {
    zeros(length).len()
}

/// The zeros that are missing from `length` bytes to the next multiple of 8.
pub(super) const fn zeros(length: usize) -> &'static [u8] {
    match length % ALIGNMENT {
        0 => &[],
        1 => &[0; 7],
        2 => &[0; 6],
        3 => &[0; 5],
        4 => &[0; 4],
        5 => &[0; 3],
        6 => &[0; 2],
        _ => &[0],
    }
}
