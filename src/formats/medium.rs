//! Bytes that can be read anywhere: a partition, a disk, or a file that stands for one.

/// A place of bytes that can be read anywhere.
pub trait Medium {
    /// Reads so many bytes from this offset, all or none; an error says why, for a person.
    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, String>;
}

impl Medium for Vec<u8> {
    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, String> {
        let start = usize::try_from(offset).ok();
        let range = start.and_then(|start| self.get(start..start.checked_add(length)?));
        range.map(<[u8]>::to_vec).ok_or_else(|| "it ends".to_owned())
    }
}
