//! The container of xz: a header, blocks, an index that says how large each of them is, and a footer ("The .xz File Format", version
//! 1.2.1).

use std::borrow::Cow;
use std::iter;

use flate2::Crc;

use super::kept::Kept;
use super::refusal::{KernelRefusal, Repack};

/// Size of a stream's header, and of its footer.
const ENDS: usize = 12;
/// The check CRC32; 0 is none.
const CRC32: u8 = 1;
/// The only filter that every kernel with xz has.
const LZMA2: u64 = 0x21;
/// Last bytes of a footer.
const MAGIC: [u8; 2] = *b"YZ";
/// A stored block's header without its CRC32: 12 bytes in all, one filter, no sizes; LZMA2 with one byte of properties, the smallest
/// dictionary (4 KiB); padding.
const STORED: [u8; 8] = [2, 0, 0x21, 1, 0, 0, 0, 0];
/// Most bytes of a stored chunk of LZMA2.
const CHUNK: usize = 1 << 16;

/// The last stream of a file.
struct Stream<'a> {
    /// Bytes before its blocks, which end in its header.
    before: usize,
    /// The type of the blocks' checks.
    check: u8,
    blocks: &'a [u8],
    /// Records of the index, as they are written.
    records: &'a [u8],
    count: u64,
}

/// A block, as the index has it.
struct Record {
    /// Size in the file, with padding.
    packed: usize,
    unpacked: u64,
    /// Records behind it, as they are written.
    rest_length: usize,
}

impl<'a> Stream<'a> {
    /// `None` if it is malformed.
    fn last_of(packed: &'a [u8]) -> Option<Self> {
        // Padding is not looked at.
        let padding = packed.iter().rev().take_while(|byte| **byte == 0).count();
        let stream = packed.get(..packed.len().checked_sub(padding)?)?;
        let (before, footer) = stream.split_last_chunk::<ENDS>()?;
        let [_, _, _, _, backward @ .., _, check, b'Y', b'Z'] = footer else {
            return None;
        };
        let index_size = usize::try_from(u32::from_le_bytes(*backward))
            .ok()?
            .checked_add(1)?
            .checked_mul(4)?;
        let (before, mut index) = before.split_at_checked(before.len().checked_sub(index_size)?)?;
        if *index.split_off_first()? != 0 {
            return None;
        }
        let count = variable_length(&mut index)?;
        let mut stream = Self {
            before: 0,
            check: *check,
            blocks: &[],
            records: index,
            count,
        };
        let mut blocks = 0_usize;
        for record in stream.blocks() {
            blocks = blocks.checked_add(record?.packed)?;
        }
        stream.before = before.len().checked_sub(blocks).filter(|before| *before >= ENDS)?;
        stream.blocks = before.get(stream.before..)?;
        Some(stream)
    }

    /// Its blocks; `None` where the index is malformed.
    fn blocks(&self) -> impl Iterator<Item = Option<Record>> {
        let mut rest = self.records;
        let mut left = self.count;
        iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let record = Record::read(&mut rest);
            if record.is_none() {
                left = 0;
            }
            Some(record)
        })
    }
}

impl Record {
    fn read(rest: &mut &[u8]) -> Option<Self> {
        let unpadded = usize::try_from(variable_length(rest)?).ok()?;
        let packed = unpadded.checked_next_multiple_of(4)?;
        let unpacked = variable_length(rest)?;
        Some(Self {
            packed,
            unpacked,
            rest_length: rest.len(),
        })
    }
}

/// Checks that a kernel unpacks all of it. `None` if it is malformed.
pub(super) fn kernel_unpacks(packed: &[u8]) -> Option<Result<(), KernelRefusal>> {
    let check = *packed.get(7)?;
    if check > CRC32 {
        return Some(Err(KernelRefusal::XzCheck(check)));
    }
    let stream = Stream::last_of(packed)?;
    // The footer is that of the last stream: what its blocks do not account for are streams before it.
    if stream.before > ENDS {
        return Some(Err(KernelRefusal::Several("xz stream")));
    }
    let mut blocks = stream.blocks;
    for record in stream.blocks() {
        if !is_lzma2_alone(blocks.split_off(..record?.packed)?)? {
            return Some(Err(KernelRefusal::XzFilters));
        }
    }
    Some(Ok(()))
}

/// True if a block's header names one filter, LZMA2.
fn is_lzma2_alone(mut block: &[u8]) -> Option<bool> {
    let [_, flags] = *block.split_off(..2)? else {
        return None;
    };
    if flags & 0x03 != 0 {
        return Some(false);
    }
    for size_is_given in [flags & 0x40 != 0, flags & 0x80 != 0] {
        if size_is_given {
            variable_length(&mut block)?;
        }
    }
    Some(variable_length(&mut block)? == LZMA2)
}

/// The file with another end, which a kernel unpacks.
pub(super) fn append<'a>(packed: &'a [u8], kept: &Kept<'_>, end: &[u8]) -> Result<Vec<Cow<'a, [u8]>>, Repack> {
    let malformed = || Repack::Kernel(KernelRefusal::Malformed("xz"));
    kernel_unpacks(packed).ok_or_else(malformed)??;
    let stream = Stream::last_of(packed).ok_or_else(malformed)?;
    let (mut packed_length, mut unpacked, mut count, mut records) = (stream.before, 0_u64, 0_u64, 0);
    for record in stream.blocks() {
        let record = record.ok_or_else(malformed)?;
        if unpacked == kept.keep {
            break;
        }
        packed_length += record.packed;
        unpacked = unpacked.saturating_add(record.unpacked);
        count += 1;
        records = stream.records.len() - record.rest_length;
    }
    if unpacked != kept.keep {
        return Err(Repack::OneBlock);
    }

    let block = stored_block(end, stream.check);
    let mut index = vec![0];
    push_variable_length(&mut index, count + 1);
    index.extend_from_slice(stream.records.get(..records).ok_or_else(malformed)?);
    push_variable_length(&mut index, block.unpadded as u64);
    push_variable_length(&mut index, end.len() as u64);
    pad(&mut index);
    let crc = crc32(&index);
    index.extend(crc);

    let backward = u32::try_from(index.len() / 4 - 1).map_err(|_| malformed())?;
    let mut footer = backward.to_le_bytes().to_vec();
    footer.extend([0, stream.check]);
    let crc = crc32(&footer);
    let written = [block.bytes, index, crc.to_vec(), footer, MAGIC.to_vec()].concat();
    Ok(vec![
        packed.get(..packed_length).ok_or_else(malformed)?.into(),
        written.into(),
    ])
}

struct Block {
    bytes: Vec<u8>,
    /// Size without padding.
    unpadded: usize,
}

/// A block that holds bytes as they are.
fn stored_block(content: &[u8], check: u8) -> Block {
    let mut bytes = STORED.to_vec();
    bytes.extend(crc32(&STORED));
    // 1 stores, and begins with an empty dictionary; 2 stores; 0 ends.
    let mut control = 1;
    for chunk in content.chunks(CHUNK) {
        bytes.push(control);
        // A chunk has 1 to 2^16 bytes.
        bytes.extend(u16::try_from(chunk.len() - 1).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend_from_slice(chunk);
        control = 2;
    }
    bytes.push(0);
    let data = bytes.len();
    pad(&mut bytes);
    let check = if check == CRC32 {
        crc32(content).to_vec()
    } else {
        Vec::new()
    };
    bytes.extend_from_slice(&check);
    Block {
        bytes,
        unpadded: data + check.len(),
    }
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn crc32(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

/// A number in xz's encoding: seven bits a byte, the lowest first.
fn variable_length(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn push_variable_length(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}
