//! Members of gzip (RFC 1952): a header, blocks of DEFLATE (RFC 1951), which begin and end within bytes, and a check of the content.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::Crc;
use flate2::bufread::GzDecoder;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY};
use miniz_oxide::inflate::core::{BlockBoundaryState, DecompressorOxide, decompress};

use super::format::MAX_MODULE;
use super::kept::Kept;
use super::refusal::{KernelRefusal, Repack};

/// Size of a header without fields.
const HEADER: usize = 10;
/// The flag of a file name, which ends in 0.
const NAME: u8 = 0x08;
/// The flags of a header (RFC 1952, section 2.3.1) that put a field where the kernel expects the data: it only skips a file
/// name.
const FIELDS: u8 = 0x02 | 0x04 | 0x10;
/// CRC32 and size of the content.
const TRAILER: usize = 8;
/// How far back DEFLATE copies from.
const WINDOW: usize = 1 << 15;
/// Most bytes of a stored block.
const STORED: usize = u16::MAX as usize;

/// Checks that a kernel unpacks all of it.
pub(super) fn kernel_unpacks(packed: &[u8]) -> Result<(), KernelRefusal> {
    let malformed = KernelRefusal::Malformed("gzip");
    check_header(packed)?;
    // Where the first member ends is not said anywhere.
    let mut decoder = GzDecoder::new(packed);
    if io::copy(&mut decoder.by_ref().take(MAX_MODULE), &mut io::sink()).is_err() {
        return Err(malformed);
    }
    if decoder.into_inner().is_empty() {
        Ok(())
    } else {
        Err(KernelRefusal::Several("gzip member"))
    }
}

fn check_header(packed: &[u8]) -> Result<(), KernelRefusal> {
    match *packed {
        [_, _, 8, flags, ..] if flags & FIELDS == 0 => Ok(()),
        [_, _, 8, flags, ..] => Err(KernelRefusal::GzipHeader(flags)),
        _ => Err(KernelRefusal::Malformed("gzip")),
    }
}

/// The file with another end, which a kernel unpacks.
pub(super) fn append<'a>(packed: &'a [u8], kept: &mut Kept<'_>, end: &[u8]) -> Result<Vec<Cow<'a, [u8]>>, Repack> {
    let malformed = || Repack::Kernel(KernelRefusal::Malformed("gzip"));
    check_header(packed)?;
    let header = header_length(packed).ok_or_else(malformed)?;
    let blocks = packed.get(header..).ok_or_else(malformed)?;
    let place = match Place::find(blocks, kept.keep).ok_or_else(malformed)? {
        Ok(place) => place,
        Err(left) if left == TRAILER => return Err(Repack::OneBlock),
        Err(_) => return Err(KernelRefusal::Several("gzip member").into()),
    };

    // The bit of the last block that stays, and the byte in which that ends.
    let mut kept_blocks = blocks.get(..place.end).ok_or_else(malformed)?;
    let mut open = Vec::new();
    let patched = place.last.map_or(place.end - 1, |(byte, _)| byte);
    open.extend_from_slice(kept_blocks.split_off(patched..).ok_or_else(malformed)?);
    if let (Some((_, mask)), Some(first)) = (place.last, open.first_mut()) {
        *first &= !mask;
    }
    push_stored(&mut open, place.unused, end).ok_or_else(malformed)?;

    let mut crc = Crc::new();
    kept.pass_over(end, |bytes| crc.update(bytes))?;
    open.extend(crc.sum().to_le_bytes());
    open.extend(crc.amount().to_le_bytes());
    let (header, _) = packed.split_at(header);
    Ok(vec![header.into(), kept_blocks.into(), open.into()])
}

fn header_length(packed: &[u8]) -> Option<usize> {
    let flags = *packed.get(3)?;
    if flags & NAME == 0 {
        return Some(HEADER);
    }
    let name = packed.get(HEADER..)?;
    Some(HEADER + memchr::memchr(0, name)? + 1)
}

/// Appends stored blocks (section 3.2.4), the last of which is the last of all, where the last byte has so many unused bits.
fn push_stored(blocks: &mut Vec<u8>, unused: u8, content: &[u8]) -> Option<()> {
    let mut unused = u32::from(unused);
    let mut chunks = content.chunks(STORED).peekable();
    while let Some(chunk) = chunks.next() {
        let is_last = u8::from(chunks.peek().is_none());
        // One bit, and two that say that it is stored, which are 0.
        if unused == 0 {
            blocks.push(is_last);
        } else {
            let last = blocks.last_mut()?;
            let used = 8 - unused;
            *last = *last & (0xff >> unused) | is_last << used;
            if unused < 3 {
                blocks.push(0);
            }
        }
        let length = u16::try_from(chunk.len()).ok()?;
        blocks.extend(length.to_le_bytes());
        blocks.extend((!length).to_le_bytes());
        blocks.extend_from_slice(chunk);
        unused = 0;
    }
    Some(())
}

/// Where another end goes.
struct Place {
    /// The bit that makes the last of the blocks that stay the last of all, by its byte and mask, if it is set.
    last: Option<(usize, u8)>,
    /// Bytes of the blocks that stay.
    end: usize,
    /// Bits of the last of these bytes that are not theirs.
    unused: u8,
}

impl Place {
    /// `None` if it is malformed; the number of bytes behind the last block if none ends there.
    fn find(blocks: &[u8], keep: u64) -> Option<Result<Self, usize>> {
        let mut window = vec![0; WINDOW];
        let (mut filled, mut unpacked, mut end) = (0, 0_u64, 0);
        let mut last = None;
        let mut boundary = BlockBoundaryState::default();
        let mut decoder = DecompressorOxide::from_block_boundary_state(&boundary);
        while last.is_none() {
            let mut opened = None;
            let mut next = *blocks.get(end)?;
            if boundary.num_bits > 0 && boundary.bit_buf & 1 != 0 {
                last = Some((end.checked_sub(1)?, 1 << (8 - boundary.num_bits)));
                boundary.bit_buf &= !1;
                decoder = DecompressorOxide::from_block_boundary_state(&boundary);
            } else if boundary.num_bits == 0 && next & 1 != 0 {
                last = Some((end, 1));
                next &= !1;
                opened = Some(next);
            }
            boundary = loop {
                let one = [next];
                let input = if opened.take().is_some() {
                    one.as_slice()
                } else {
                    blocks.get(end..)?
                };
                let flags = TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY | TINFL_FLAG_HAS_MORE_INPUT;
                let (status, read, written) = decompress(&mut decoder, input, &mut window, filled, flags);
                end += read;
                unpacked += written as u64;
                filled = (filled + written) % WINDOW;
                match status {
                    TINFLStatus::BlockBoundary => break decoder.block_boundary_state()?,
                    TINFLStatus::HasMoreOutput => {}
                    TINFLStatus::NeedsMoreInput if end < blocks.len() => {}
                    _ => return None,
                }
            };
            if unpacked == keep {
                return Some(Ok(Self {
                    last,
                    end,
                    unused: boundary.num_bits,
                }));
            }
        }
        Some(Err(blocks.len().checked_sub(end)?))
    }
}
