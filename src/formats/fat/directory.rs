//! The entries of a directory, with their long names.

/// Size of an entry, in bytes.
pub(super) const ENTRY: u64 = 32;
const SIZE: usize = 32;
/// The first byte after the last entry, and of one that was removed.
const END: u8 = 0;
const REMOVED: u8 = 0xe5;
/// The short names of the directory itself and of the one above.
const LINKS: [&[u8; 11]; 2] = [b".          ", b"..         "];
/// Attribute bits.
const DIRECTORY: u8 = 0x10;
const LABEL: u8 = 0x08;
const LONG_NAME: u8 = 0x0f;
/// The bit of the part of a long name that comes first, and ends the name.
const LAST_PART: u8 = 0x40;
/// Characters of a part, and most parts.
const PART: usize = 13;
const MAX_PARTS: u8 = 20;
/// Bits of the byte that has the letters of a short name and its ending in lower case.
const LOWER_NAME: u8 = 0x08;
const LOWER_ENDING: u8 = 0x10;

/// A file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name; a character that no name can have is replaced.
    pub name: String,
    /// The short name, which every file has.
    pub short_name: String,
    /// True for a directory.
    pub is_directory: bool,
    /// Size of a file, in bytes.
    pub size: u32,
    pub(super) cluster: u32,
}

/// The entries of a directory's bytes, without the directory itself, the one above and labels.
pub(super) struct Directory<'d> {
    entries: std::slice::Chunks<'d, u8>,
    is_fat32: bool,
    long: LongName,
}

impl<'d> Directory<'d> {
    pub(super) fn new(bytes: &'d [u8], is_fat32: bool) -> Self {
        Self {
            entries: bytes.chunks(SIZE),
            is_fat32,
            long: LongName::default(),
        }
    }
}

impl Iterator for Directory<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            let raw: &[u8; SIZE] = self.entries.next()?.try_into().ok()?;
            let [first, ..] = *raw;
            let attributes = raw[11];
            if first == END {
                return None;
            }
            if first == REMOVED {
                self.long = LongName::default();
            } else if attributes & 0x3f == LONG_NAME {
                self.long.add(raw);
            } else {
                let long = std::mem::take(&mut self.long);
                let is_label = attributes & LABEL != 0;
                let is_link = attributes & DIRECTORY != 0 && LINKS.iter().any(|name| raw.starts_with(*name));
                // Firmware takes the long name, whatever the short one.
                let is_link = is_link && long.text(checksum(raw)).is_none();
                if !is_label && !is_link {
                    return Some(entry(raw, &long, self.is_fat32));
                }
            }
        }
    }
}

fn entry(raw: &[u8; SIZE], long: &LongName, is_fat32: bool) -> Entry {
    let low = u32::from(u16::from_le_bytes([raw[26], raw[27]]));
    let high = u32::from(u16::from_le_bytes([raw[20], raw[21]]));
    let short_name = short_name(raw);
    Entry {
        name: long.text(checksum(raw)).unwrap_or_else(|| short_name.clone()),
        short_name,
        is_directory: raw[11] & DIRECTORY != 0,
        size: u32::from_le_bytes([raw[28], raw[29], raw[30], raw[31]]),
        cluster: if is_fat32 { high << 16 | low } else { low },
    }
}

fn short_name(raw: &[u8; SIZE]) -> String {
    let part = |octets: &[u8], is_lower: bool| -> String {
        let text: String = octets.iter().map(|octet| character(u32::from(*octet))).collect();
        let text = text.trim_end_matches(' ');
        if is_lower {
            text.to_ascii_lowercase()
        } else {
            text.to_owned()
        }
    };
    let mut octets = [0; 8];
    octets.copy_from_slice(&raw[..8]);
    // A name that begins with the mark of removed ones.
    if octets[0] == 0x05 {
        octets[0] = REMOVED;
    }
    let name = part(&octets, raw[12] & LOWER_NAME != 0);
    let ending = part(&raw[8..11], raw[12] & LOWER_ENDING != 0);
    if ending.is_empty() {
        name
    } else {
        format!("{name}.{ending}")
    }
}

/// A character of a name. The code pages of short names are not known here.
fn character(code: u32) -> char {
    match char::from_u32(code) {
        Some(c) if c != '/' && c != '\\' && !c.is_control() && (c.is_ascii() || code > 0xff) => c,
        _ => char::REPLACEMENT_CHARACTER,
    }
}

/// The sum of a short name that each part of its long name repeats.
fn checksum(raw: &[u8; SIZE]) -> u8 {
    raw[..11]
        .iter()
        .fold(0_u8, |sum, octet| sum.rotate_right(1).wrapping_add(*octet))
}

/// The parts of a long name, the last one of which stands first.
#[derive(Default)]
struct LongName {
    /// UTF-16, the parts in the order of the name.
    units: Vec<u16>,
    sum: u8,
    /// The number of the part that has to follow; 0 once all are there.
    expected: u8,
}

impl LongName {
    fn add(&mut self, raw: &[u8; SIZE]) {
        let number = raw[0] & 0x3f;
        if raw[0] & LAST_PART != 0 {
            *self = Self {
                units: Vec::new(),
                sum: raw[13],
                expected: number,
            };
        }
        if number == 0 || number > MAX_PARTS || number != self.expected || raw[13] != self.sum {
            *self = Self::default();
            return;
        }
        self.expected -= 1;
        let octets: Vec<u8> = [&raw[1..11], &raw[14..26], &raw[28..]].concat();
        let (part, _) = octets.as_chunks();
        let part = part.iter().map(|pair| u16::from_le_bytes(*pair));
        self.units.splice(0..0, part.take(PART));
    }

    /// The name, if it is whole and belongs to the short name of this sum.
    fn text(&self, sum: u8) -> Option<String> {
        if self.units.is_empty() || self.expected != 0 || self.sum != sum {
            return None;
        }
        let units = self.units.iter().copied().take_while(|unit| *unit != 0);
        let text: String = char::decode_utf16(units)
            .map(|c| match c {
                Ok(c) if c != '/' && c != '\\' && !c.is_control() => c,
                _ => char::REPLACEMENT_CHARACTER,
            })
            .collect();
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry with this short name.
    fn raw(name: &[u8; 11], attributes: u8) -> [u8; SIZE] {
        let mut raw = [0; SIZE];
        raw[..11].copy_from_slice(name);
        raw[11] = attributes;
        raw
    }

    /// The part of a long name of up to five characters, before this entry.
    fn long(name: &str, of: &[u8; SIZE]) -> [u8; SIZE] {
        let mut raw = [0; SIZE];
        raw[0] = LAST_PART | 1;
        raw[11] = LONG_NAME;
        raw[13] = checksum(of);
        for (unit, at) in name.encode_utf16().zip((1..11).step_by(2)) {
            raw[at..at + 2].copy_from_slice(&unit.to_le_bytes());
        }
        raw
    }

    #[test]
    fn names_that_begin_with_a_dot_are_found_and_only_the_directories_of_that_name_are_not() {
        let efi = raw(b".FI        ", DIRECTORY);
        let own = raw(b".          ", DIRECTORY);
        let above = raw(b"..         ", DIRECTORY);
        let file = raw(b".          ", 0);
        // Firmware takes the long name, whatever the short one.
        let boot = raw(b"..         ", DIRECTORY);
        let bytes = [own, above, long("EFI", &efi), efi, file, long("BOOT", &boot), boot].concat();
        let found: Vec<_> = Directory::new(&bytes, true)
            .map(|entry| (entry.name, entry.short_name))
            .collect();
        let names = [("EFI", ".FI"), (".", "."), ("BOOT", "..")];
        assert_eq!(found, names.map(|(name, short)| (name.to_owned(), short.to_owned())));
    }
}
