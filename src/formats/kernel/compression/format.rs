//! The formats, told by the first bytes of a file.

/// Largest module that is unpacked, in bytes. Real ones have up to 20 MB, and hundreds with debugging information.
pub const MAX_MODULE: u64 = 1 << 30;
/// Largest module that is held in memory, unpacked, in bytes: one at a time in all of the process. A larger one is read through.
pub const MAX_HELD: u64 = 96 << 20;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not compressed.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// xz.
    Xz,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Compression {
    /// Recognises a file by its first bytes.
    #[must_use]
    pub fn from_magic(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ if is_skippable(bytes) => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// True if this begins with a skippable frame (RFC 8878, section 3.1.2).
pub(super) const fn is_skippable(packed: &[u8]) -> bool {
    matches!(packed, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}
