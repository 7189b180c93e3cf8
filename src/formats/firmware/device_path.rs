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
/// `SignatureType` of a hard drive node: the signature is a GPT partition's GUID.
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

    /// GUID of the GPT partition that it leads through.
    #[must_use]
    pub fn partition(&self) -> Option<Guid> {
        self.nodes.iter().find_map(Node::partition)
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

impl Node {
    fn file(&self) -> Option<String> {
        ((self.kind, self.sub_kind) == (MEDIA, 4)).then(|| file_name(&self.data))
    }

    fn partition(&self) -> Option<Guid> {
        let (MEDIA, 1, [fields @ .., _format, GPT]) = (self.kind, self.sub_kind, self.data.as_slice()) else {
            return None;
        };
        Some(Guid::from_bytes(*fields.last_chunk()?))
    }

    fn text(&self) -> String {
        let data = self.data.as_slice();
        if let (Some(partition), [number, ..]) = (self.partition(), data) {
            return format!("HD({number},GPT,{partition})");
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
