//! The place of the kernel in an image.
//!
//! | image | kernel |
//! |---|---|
//! | x86 (`Documentation/arch/x86/boot.rst`) | compressed, at `payload_offset` behind the setup code |
//! | arm64, RISC-V (`booting.rst`, `boot-image-header.rst`) | the image itself, not compressed |
//! | EFI zboot (`drivers/firmware/efi/libstub/zboot-header.S`) | compressed, at the offset in the header |
//! | any of them compressed as a whole, as `Image.gz` | as in what it unpacks to |

use std::io::Read;

use crate::formats::bytes::{Reader, index};
use crate::formats::kernel::compression::{Compression, Unpacker};

use super::KernelImageError;

/// Largest kernel that is unpacked, in bytes. Real ones have up to 100 MB.
pub(super) const MAX_KERNEL: u64 = 256 << 20;
/// The mark of an x86 kernel, and its offset.
const X86: (usize, &[u8]) = (0x202, b"HdrS");
/// The marks of images that are not compressed, at the same offset.
const PLAIN: (usize, [&[u8]; 2]) = (0x38, [b"ARM\x64", b"RSC\x05"]);
/// The mark of an EFI zboot image, and its offset.
const ZBOOT: (usize, &[u8]) = (4, b"zimg");
/// The boot protocol that brought `payload_offset`: 2.08.
const PAYLOAD_PROTOCOL: u16 = 0x0208;
/// Sectors of setup code if the field is 0.
const DEFAULT_SETUP: usize = 4;
/// Size of a sector, in bytes.
const SECTOR: usize = 512;
/// Size of the number that the build appends to all but gzip: that of the content, in bytes.
const CONTENT_SIZE: usize = 4;

fn has(image: &[u8], offset: usize, mark: &[u8]) -> bool {
    image.get(offset..).is_some_and(|rest| rest.starts_with(mark))
}

/// The kernel in an image, as a stream.
pub(super) fn open<'a>(image: &'a [u8]) -> Result<Box<dyn Read + 'a>, KernelImageError> {
    let unpack = |offset: usize, packed: &'a [u8]| {
        let unpacker =
            Unpacker::open(packed, packed).map_err(|error| KernelImageError::Compression { offset, error })?;
        Ok(Box::new(unpacker) as Box<dyn Read>)
    };
    if has(image, X86.0, X86.1) {
        let (offset, packed) = x86(image)?;
        return unpack(offset, packed);
    }
    if has(image, ZBOOT.0, ZBOOT.1) {
        let mut header = Reader::within(image, 8..16)?;
        let offset = index(header.u32("payload offset")?);
        let size = index(header.u32("payload size")?);
        let packed = Reader::within(image, offset..image.len())?.take("payload", size)?;
        return unpack(offset, packed);
    }
    if PLAIN.1.iter().any(|mark| has(image, PLAIN.0, mark)) {
        return Ok(Box::new(image));
    }
    if Compression::from_magic(image) != Compression::None {
        return unpack(0, image);
    }
    Err(KernelImageError::Unknown)
}

/// The compressed kernel in an image for x86, and its offset.
fn x86(image: &[u8]) -> Result<(usize, &[u8]), KernelImageError> {
    let setup = Reader::within(image, 0x1f1..0x1f2)?.array::<1>("setup_sects")?;
    let protocol = Reader::within(image, 0x206..0x208)?.array("version")?;
    if u16::from_le_bytes(protocol) < PAYLOAD_PROTOCOL {
        return Err(KernelImageError::Unknown);
    }
    let mut fields = Reader::within(image, 0x248..0x250)?;
    let (payload, length) = (fields.u32("payload_offset")?, fields.u32("payload_length")?);
    let sectors = match setup {
        [0] => DEFAULT_SETUP,
        [sectors] => usize::from(sectors),
    };
    let offset = (sectors + 1) * SECTOR + index(payload);
    let packed = Reader::within(image, offset..image.len())?.take("payload", index(length))?;
    if Compression::from_magic(packed) == Compression::Gzip {
        return Ok((offset, packed));
    }
    let end = packed.len().saturating_sub(CONTENT_SIZE);
    Ok((offset, packed.get(..end).unwrap_or_default()))
}
