//! Device paths (UEFI 2.10, section 10), as far as they tell files, partitions, and an Option ROM from the firmware's own
//! drivers. The efivar crate reads them too, but panics on a node that is shorter than its header.

use std::fmt;

use crate::formats::bytes::Reader;
use crate::formats::firmware::guid::Guid;

/// Types of nodes.
const HARDWARE: u8 = 1;
const ACPI: u8 = 2;
const MEDIA: u8 = 4;
const END: u8 = 0x7f;
/// `SignatureType` of a hard drive node: the signature is that of a master boot record, or a GPT partition's GUID.
const MBR: u8 = 1;
const GPT: u8 = 2;
/// Size of a node's header, in bytes.
const HEADER: u16 = 4;

/// A partition of a GPT disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GptPartition {
    /// Its number in the table, from 1.
    pub number: u32,
    /// Its first logical block.
    pub start: u64,
    /// Its size in logical blocks.
    pub size: u64,
    /// Its own GUID.
    pub guid: Guid,
}

/// A partition as a hard drive node names it (UEFI 2.10, section 10.3.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HardDrive {
    /// Its number in the table, from 1, as firmware counts.
    pub number: u32,
    /// Its first logical block.
    pub start: u64,
    /// Its size in logical blocks.
    pub size: u64,
    /// The signature by which it is found.
    pub signature: Signature,
}

/// The signature of a hard drive node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signature {
    /// That of the disk, in its master boot record.
    Mbr(u32),
    /// The GUID of a GPT partition.
    Gpt(Guid),
    /// A node without one, by which firmware finds nothing.
    Unknown,
}

/// A device path; unreadable ones have no nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicePath {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    kind: u8,
    sub_kind: u8,
    data: Vec<u8>,
}

impl DevicePath {
    /// Reads nodes until the end node, or until a malformed one.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut reader = Reader::new(bytes);
        let mut nodes = Vec::new();
        while let Some(node) = node(&mut reader) {
            nodes.push(node);
        }
        Self { nodes }
    }

    /// True if it leads into a volume of the firmware itself, or to a range of memory that the firmware has filled.
    #[must_use]
    pub fn is_of_firmware(&self) -> bool {
        self.nodes
            .iter()
            .any(|node| matches!((node.kind, node.sub_kind), (HARDWARE, 3) | (MEDIA, 6 | 7)))
    }

    /// True if it names a file of a volume of the firmware. A range of memory alone may as well hold
    /// an image that a boot loader starts: GRUB does that.
    #[must_use]
    pub fn is_firmware_file(&self) -> bool {
        self.nodes.iter().any(|node| (node.kind, node.sub_kind) == (MEDIA, 6))
    }

    /// The file that it leads to, with `\` between directories; none if it leads elsewhere.
    #[must_use]
    pub fn file(&self) -> Option<String> {
        let parts: Vec<String> = self.nodes.iter().filter_map(Node::file).collect();
        (!parts.is_empty()).then(|| parts.join("\\"))
    }

    /// The partition that it leads to, or to a file of: the innermost.
    #[must_use]
    pub fn partition(&self) -> Option<HardDrive> {
        self.nodes.iter().rev().find_map(Node::partition)
    }

    /// True if it ends with a partition, from which firmware falls back to the loader of removable media.
    #[must_use]
    pub fn is_partition_alone(&self) -> bool {
        self.nodes.last().is_some_and(|node| node.partition().is_some())
    }

    /// True if it is the path of a file alone, which firmware looks for on every file system (UEFI 2.10, section 3.1.2).
    #[must_use]
    pub fn is_file_alone(&self) -> bool {
        !self.nodes.is_empty() && self.nodes.iter().all(|node| node.file().is_some())
    }
}

/// The next node; none at the end.
fn node(reader: &mut Reader<'_>) -> Option<Node> {
    let kind = reader.u8("Type").ok()?;
    let sub_kind = reader.u8("SubType").ok()?;
    let size = reader.u16("Length").ok()?.checked_sub(HEADER)?;
    let data = reader.take("data", usize::from(size)).ok()?.to_vec();
    (kind != END).then_some(Node { kind, sub_kind, data })
}

impl fmt::Display for DevicePath {
    /// The nodes as UEFI writes them; unknown ones as type and bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.nodes.iter().map(Node::text).collect();
        if texts.is_empty() {
            return f.write_str("an unreadable device path");
        }
        f.write_str(&texts.join("/"))
    }
}

impl fmt::Display for Signature {
    /// As UEFI writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mbr(signature) => write!(f, "MBR,{signature:#010x}"),
            Self::Gpt(guid) => write!(f, "GPT,{guid}"),
            Self::Unknown => f.write_str("0"),
        }
    }
}

impl fmt::Display for HardDrive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.signature {
            Signature::Gpt(guid) => guid.fmt(f),
            signature => write!(f, "HD({},{signature})", self.number),
        }
    }
}

impl Node {
    fn file(&self) -> Option<String> {
        ((self.kind, self.sub_kind) == (MEDIA, 4)).then(|| file_name(&self.data))
    }

    fn partition(&self) -> Option<HardDrive> {
        if (self.kind, self.sub_kind) != (MEDIA, 1) {
            return None;
        }
        let mut reader = Reader::new(&self.data);
        let number = reader.u32("PartitionNumber").ok()?;
        let start = u64::from_le_bytes(reader.array("PartitionStart").ok()?);
        let size = u64::from_le_bytes(reader.array("PartitionSize").ok()?);
        let signature: [u8; 16] = reader.array("PartitionSignature").ok()?;
        reader.u8("PartitionFormat").ok()?;
        let signature = match reader.u8("SignatureType").ok()? {
            MBR => Signature::Mbr(u32::from_le_bytes(*signature.first_chunk()?)),
            GPT => Signature::Gpt(Guid::from_bytes(signature)),
            _ => Signature::Unknown,
        };
        Some(HardDrive {
            number,
            start,
            size,
            signature,
        })
    }

    fn text(&self) -> String {
        let data = self.data.as_slice();
        if let Some(HardDrive { number, signature, .. }) = self.partition() {
            return format!("HD({number},{signature})");
        }
        match (self.kind, self.sub_kind, data) {
            (HARDWARE, 1, [function, device]) => format!("Pci({device:#x},{function:#x})"),
            (ACPI, 1, [0xd0, 0x41, 0x03 | 0x08, 0x0a, uid, ..]) => format!("PciRoot({uid:#x})"),
            (MEDIA, 4, name) => file_name(name),
            (MEDIA, 6, guid) => named("FvFile", guid),
            (MEDIA, 7, guid) => named("Fv", guid),
            (MEDIA, 8, [_, _, _, _, range @ ..]) => format!("Offset({})", hex::encode(range)),
            (kind, sub_kind, data) => format!("Path({kind},{sub_kind},{})", hex::encode(data)),
        }
    }
}

/// The UTF-16 name of a file node, up to its zero.
fn file_name(data: &[u8]) -> String {
    let units = data.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    String::from_utf16_lossy(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>())
}

fn named(node: &str, guid: &[u8]) -> String {
    match <[u8; 16]>::try_from(guid) {
        Ok(bytes) => format!("{node}({})", Guid::from_bytes(bytes)),
        Err(_) => format!("{node}({})", hex::encode(guid)),
    }
}
