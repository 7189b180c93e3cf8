//! Frames of Zstandard (RFC 8878, section 3.1.1): a header, blocks, and a check of the content.

use std::borrow::Cow;

use xxhash_rust::xxh64::Xxh64;

use super::format::is_skippable;
use super::kept::Kept;
use super::refusal::{KernelRefusal, Repack};

const MAGIC: usize = 4;
/// `ZSTD_MAXWINDOWSIZE_DEFAULT` of the kernel, in bytes.
const MAX_WINDOW: u64 = (1 << 27) + 1;
/// Most bytes that a block unpacks to, if the window is not smaller.
const MAX_BLOCK: u64 = 128 << 10;
/// In the descriptor: the content is the window.
const SINGLE_SEGMENT: u8 = 0x20;
/// In the descriptor: four bytes of XXH64 follow the blocks.
const CHECKED: u8 = 0x04;
/// In the descriptor, where the size of the content has so many bits to the left.
const SIZE_SHIFT: u8 = 6;

/// A frame's header.
struct Header<'a> {
    descriptor: u8,
    /// Between the descriptor and the content's size: the window, or nothing; the dictionary's number.
    window: Option<u8>,
    dictionary: &'a [u8],
    content: Option<u64>,
    /// Size with the magic number.
    length: usize,
}

impl<'a> Header<'a> {
    /// `None` if it is malformed.
    fn read(packed: &'a [u8]) -> Option<Self> {
        let mut rest = packed.get(MAGIC..)?;
        let descriptor = *rest.split_off_first()?;
        let is_single = descriptor & SINGLE_SEGMENT != 0;
        let window = if is_single {
            None
        } else {
            Some(*rest.split_off_first()?)
        };
        let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied()?;
        let dictionary = rest.split_off(..dictionary)?;
        let width = size_width(descriptor);
        let content = if width == 0 {
            None
        } else {
            let mut content = [0; 8];
            content.get_mut(..width)?.copy_from_slice(rest.split_off(..width)?);
            Some(u64::from_le_bytes(content).checked_add(size_offset(width))?)
        };
        Some(Self {
            descriptor,
            window,
            dictionary,
            content,
            length: packed.len() - rest.len(),
        })
    }

    /// The size of the window, in bytes (section 3.1.1.1.2).
    fn window(&self) -> Option<u64> {
        let Some(window) = self.window else {
            // There is no other window than the content.
            return self.content;
        };
        let base = 1_u64 << (10 + u32::from(window >> 3));
        Some(base + base / 8 * u64::from(window & 7))
    }

    /// The same header for another size of the content, with the magic number.
    fn for_content(&self, magic: &[u8], length: u64) -> Vec<u8> {
        let mut header = magic.to_vec();
        let Some(_) = self.content else {
            header.push(self.descriptor);
            header.extend(self.window);
            header.extend(self.dictionary);
            return header;
        };
        // A wider field where the size does not fit into the one that there is.
        let descriptors = (self.descriptor >> SIZE_SHIFT..4).map(|flag| self.descriptor & 0x3f | flag << SIZE_SHIFT);
        let fitting = descriptors
            .map(|descriptor| (descriptor, size_width(descriptor)))
            .find(|(_, width)| {
                let value = length.checked_sub(size_offset(*width));
                value.is_some_and(|value| *width == 8 || value >> (8 * width) == 0)
            });
        // Eight bytes hold each size.
        let (descriptor, width) = fitting.unwrap_or((self.descriptor | 3 << SIZE_SHIFT, 8));
        header.push(descriptor);
        header.extend(self.window);
        header.extend(self.dictionary);
        let value = length.saturating_sub(size_offset(width)).to_le_bytes();
        header.extend(value.get(..width).unwrap_or(&value));
        header
    }
}

/// Bytes of the content's size in a header.
const fn size_width(descriptor: u8) -> usize {
    match descriptor >> SIZE_SHIFT {
        0 => (descriptor & SINGLE_SEGMENT != 0) as usize,
        1 => 2,
        2 => 4,
        _ => 8,
    }
}

/// The number that is added to a size of so many bytes.
const fn size_offset(width: usize) -> u64 {
    if width == 2 { 256 } else { 0 }
}

/// A block (section 3.1.1.2).
struct Block {
    is_last: bool,
    /// Size in the frame, with its header.
    packed: usize,
    /// Size of what it unpacks to; a compressed one does not say that.
    unpacked: Option<u64>,
}

/// Size of a block's header.
const BLOCK_HEADER: usize = 3;

impl Block {
    fn read(rest: &[u8]) -> Option<Self> {
        let [low, middle, high, ..] = *rest else {
            return None;
        };
        let header = u32::from_le_bytes([low, middle, high, 0]);
        let size = usize::try_from(header >> 3).ok()?;
        let (content, unpacked) = match header >> 1 & 3 {
            0 => (size, Some(size as u64)),
            1 => (1, Some(size as u64)),
            2 => (size, None),
            _ => return None,
        };
        Some(Self {
            is_last: header & 1 != 0,
            packed: BLOCK_HEADER + content,
            unpacked,
        })
    }
}

/// Checks that a kernel unpacks all of it. `None` if it is malformed.
pub(super) fn kernel_unpacks(packed: &[u8]) -> Option<Result<(), KernelRefusal>> {
    if is_skippable(packed) {
        return Some(Err(KernelRefusal::ZstdSkippable));
    }
    let window = Header::read(packed)?.window()?;
    if window > MAX_WINDOW {
        return Some(Err(KernelRefusal::ZstdWindow(window)));
    }
    let frame = zstd::zstd_safe::find_frame_compressed_size(packed).ok()?;
    Some(if frame == packed.len() {
        Ok(())
    } else {
        Err(KernelRefusal::Several("zstd frame"))
    })
}

/// The file with another end, which a kernel unpacks.
pub(super) fn append<'a>(packed: &'a [u8], kept: &mut Kept<'_>, end: &[u8]) -> Result<Vec<Cow<'a, [u8]>>, Repack> {
    kernel_unpacks(packed).ok_or_else(malformed)??;
    let header = Header::read(packed).ok_or_else(malformed)?;
    let blocks = packed.get(header.length..).ok_or_else(malformed)?;
    let place = Place::find(blocks, kept.length, kept.keep)?;

    let length = kept.keep.saturating_add(end.len() as u64);
    let window = if header.window.is_some() {
        header.window()
    } else {
        Some(length)
    };
    let window = window.ok_or_else(malformed)?;
    if window > MAX_WINDOW {
        return Err(Repack::Window);
    }
    let magic = packed.get(..MAGIC).ok_or_else(malformed)?;
    let mut pieces: Vec<Cow<'a, [u8]>> = vec![header.for_content(magic, length).into()];
    let (before, rest) = blocks.split_at_checked(place.last).ok_or_else(malformed)?;
    let (last, _) = rest.split_at_checked(place.end - place.last).ok_or_else(malformed)?;
    pieces.push(before.into());
    if let [low, rest @ ..] = last {
        pieces.push(vec![low & !1].into());
        pieces.push(rest.into());
    }

    let mut written = Vec::new();
    let most = usize::try_from(window.min(MAX_BLOCK)).unwrap_or(usize::MAX).max(1);
    let mut chunks = end.chunks(most).peekable();
    while let Some(chunk) = chunks.next() {
        let is_last = u32::from(chunks.peek().is_none());
        let size = u32::try_from(chunk.len()).map_err(|_| malformed())?;
        written.extend(&(size << 3 | is_last).to_le_bytes()[..BLOCK_HEADER]);
        written.extend_from_slice(chunk);
    }
    if header.descriptor & CHECKED != 0 {
        let mut hash = Xxh64::new(0);
        kept.pass_over(end, |bytes| hash.update(bytes))?;
        written.extend(&hash.digest().to_le_bytes()[..4]);
    }
    pieces.push(written.into());
    Ok(pieces)
}

const fn malformed() -> Repack {
    Repack::Kernel(KernelRefusal::Malformed("zstd"))
}

/// Where another end goes.
struct Place {
    /// Start of the last block that stays.
    last: usize,
    /// Its end.
    end: usize,
}

impl Place {
    /// Compressed blocks do not say what they unpack to, so it is counted from the end, as far as those go that do.
    fn find(blocks: &[u8], length: u64, keep: u64) -> Result<Self, Repack> {
        let read = |start: usize| blocks.get(start..).and_then(Block::read).ok_or_else(malformed);
        let mut place = Self { last: 0, end: 0 };
        let mut after_compressed = Self { last: 0, end: 0 };
        let mut told = 0_u64;
        loop {
            let block = read(place.end)?;
            place = place.behind(&block);
            if let Some(unpacked) = block.unpacked {
                told = told.saturating_add(unpacked);
            } else {
                told = 0;
                after_compressed = Self { ..place };
            }
            if block.is_last {
                break;
            }
        }
        let mut unpacked = length.checked_sub(told).ok_or_else(malformed)?;
        let mut place = after_compressed;
        while unpacked < keep {
            let block = read(place.end)?;
            unpacked = unpacked.saturating_add(block.unpacked.ok_or_else(malformed)?);
            place = place.behind(&block);
        }
        if unpacked == keep && place.end > 0 {
            Ok(place)
        } else {
            Err(Repack::OneBlock)
        }
    }

    const fn behind(self, block: &Block) -> Self {
        Self {
            last: self.end,
            end: self.end.saturating_add(block.packed),
        }
    }
}
