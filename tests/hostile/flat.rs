//! The image hash by another implementation than the program's.

use bootseal::formats::crypto::hash::{Digest, HashAlgorithm};

/// Offset of `CheckSum` from the PE signature.
const CHECKSUM: usize = 24 + 64;

/// The image hash as tools compute it that take the file as flat: all of it but `CheckSum`, the certificate table's
/// directory entry and the table itself, padded with zeros to a multiple of 8 bytes. The file has to be an image.
pub fn flat_digest(file: &[u8], hash: HashAlgorithm) -> Digest {
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let pe = number(60);
    let is_64_bit = file[pe + 24..pe + 26] == [0x0b, 0x02];
    let directory = pe + 24 + if is_64_bit { 112 } else { 96 } + 4 * 8;
    let end = match number(directory) {
        0 => file.len(),
        table => table,
    };
    let padding = vec![0; end.next_multiple_of(8) - end];
    hash.digest(&[
        &file[..pe + CHECKSUM],
        &file[pe + CHECKSUM + 4..directory],
        &file[directory + 8..end],
        &padding,
    ])
}
