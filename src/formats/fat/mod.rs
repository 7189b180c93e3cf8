//! FAT12, FAT16 and FAT32 file systems with long names (Microsoft's specification of 2000, and UEFI 2.10, section 13.3), to be read
//! without being mounted. Everything is bounded: entries, depth, and the bytes of all files by the size of the file system. No
//! crate: those that read FAT write it too, and follow chains that lead in circles for ever.

mod directory;
mod error;
mod extents;
mod geometry;
mod names;
mod node;
mod table;

use std::collections::BTreeSet;

use crate::formats::medium::Medium;
use directory::Directory;
pub use directory::Entry;
pub use error::FatError;
use error::read;
pub use extents::Extents;
use geometry::Geometry;
use names::{Names, is_same};
use node::Node;
use table::{Next, Table};

/// Most entries of all directories that are read.
const MAX_ENTRIES: usize = 100_000;
/// Deepest directory that is looked into, the root being at 0.
const MAX_DEPTH: usize = 32;
/// Most bytes of one directory: what the specification allows.
const MAX_DIRECTORY: u64 = 65_536 * directory::ENTRY;

/// Most bytes of all directories.
const MAX_DIRECTORIES: usize = 64 << 20;

/// A FAT file system with the tree of its names.
pub struct Fat<M> {
    medium: M,
    geometry: Geometry,
    nodes: Vec<Node>,
    names: Names,
}

impl<M: Medium> Fat<M> {
    /// Reads the description of the file system and every directory.
    pub fn open(medium: M) -> Result<Self, FatError> {
        Self::open_small(medium, MAX_ENTRIES)
    }

    /// Reads its description and nothing else.
    fn described(medium: M) -> Result<Self, FatError> {
        let geometry = Geometry::parse(&read(&medium, 0, geometry::SECTOR)?)?;
        Ok(Self {
            medium,
            geometry,
            nodes: Vec::new(),
            names: Names::default(),
        })
    }

    /// True if the root directory has one of these names, long or short, in letters of any case; no other directory is read.
    pub fn has_in_root(medium: M, names: &[&str]) -> Result<bool, FatError> {
        let fat = Self::described(medium)?;
        let bytes = fat.directory(None)?;
        let is_meant = |entry: Entry| {
            let is = |name: &&str| is_same(name, &entry.name) || is_same(name, &entry.short_name);
            names.iter().any(is)
        };
        Ok(Directory::new(&bytes, fat.geometry.is_fat32()).any(is_meant))
    }

    /// The same as [`Self::open`], of one with no more than so many files and directories.
    pub fn open_small(medium: M, most: usize) -> Result<Self, FatError> {
        let mut fat = Self::described(medium)?;
        fat.find(most.min(MAX_ENTRIES))?;
        let files = fat.nodes.iter().filter(|node| !node.entry.is_directory);
        let total: u64 = files.map(|node| u64::from(node.entry.size)).sum();
        // Of honest files no two share a cluster, so that all are read in the time of one reading of the medium.
        if total > fat.geometry.bytes() {
            return Err(FatError::Overlap);
        }
        fat.names = Names::sorted(&fat.nodes);
        Ok(fat)
    }

    /// The bytes that it lies on.
    #[must_use]
    pub const fn medium(&self) -> &M {
        &self.medium
    }

    /// The number of its files and directories.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.nodes.len()
    }

    fn find(&mut self, most: usize) -> Result<(), FatError> {
        let mut seen = BTreeSet::from([self.geometry.root_cluster().unwrap_or(0)]);
        let mut waiting = vec![(None, 0)];
        let mut looked_into = 0;
        while let Some((parent, depth)) = waiting.pop() {
            let bytes = self.directory(parent)?;
            looked_into += bytes.len();
            if looked_into > MAX_DIRECTORIES {
                return Err(FatError::TooMuch("larger directories"));
            }
            for entry in Directory::new(&bytes, self.geometry.is_fat32()) {
                if self.nodes.len() >= most {
                    return Err(FatError::TooMuch("more files"));
                }
                let (is_directory, cluster) = (entry.is_directory, entry.cluster);
                let number = self.nodes.len();
                self.nodes.push(Node { entry, parent });
                if !is_directory {
                    continue;
                }
                if !seen.insert(cluster) {
                    return Err(FatError::Loop(self.path(number)));
                }
                if depth >= MAX_DEPTH {
                    return Err(FatError::TooMuch("deeper directories"));
                }
                waiting.push((Some(number), depth + 1));
            }
        }
        Ok(())
    }

    /// The bytes of a directory; of the root if there is no number.
    fn directory(&self, number: Option<usize>) -> Result<Vec<u8>, FatError> {
        let node = number.and_then(|number| self.nodes.get(number));
        let Some(first) = node.map_or(self.geometry.root_cluster(), |node| Some(node.entry.cluster)) else {
            let (offset, length) = self.geometry.root_region();
            return read(&self.medium, offset, length);
        };
        let broken = || FatError::BrokenChain(number.map_or_else(|| "/".to_owned(), |number| self.path(number)));
        let mut table = Table::new(&self.medium, &self.geometry);
        let (mut bytes, mut next) = (Vec::new(), Next::Cluster(first));
        while next != Next::End {
            let Next::Cluster(cluster) = next else {
                return Err(broken());
            };
            if bytes.len() as u64 >= MAX_DIRECTORY {
                return Err(FatError::TooMuch("larger directories"));
            }
            bytes.extend(self.cluster(cluster).ok_or_else(broken)??);
            next = table.next(cluster)?;
        }
        Ok(bytes)
    }

    /// The bytes of a cluster; none for a number that no cluster has.
    fn cluster(&self, cluster: u32) -> Option<Result<Vec<u8>, FatError>> {
        let offset = self.geometry.cluster_offset(cluster)?;
        Some(read(&self.medium, offset, self.geometry.cluster_size()))
    }

    /// Every file, by its path from the root with `/` before each name.
    pub fn files(&self) -> impl Iterator<Item = (String, &Entry)> {
        let files = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| !node.entry.is_directory);
        files.map(|(number, node)| (self.path(number), &node.entry))
    }

    fn path(&self, number: usize) -> String {
        let mut names = Vec::new();
        let mut next = Some(number);
        // Each directory was found before what is in it, so this ends.
        while let Some(node) = next.and_then(|number| self.nodes.get(number)) {
            names.push(node.entry.name.as_str());
            next = node.parent;
        }
        names.iter().rev().fold(String::new(), |path, name| path + "/" + name)
    }

    /// The path of the file at a path with `/` between names, in letters of any case, each name the long or the short one.
    #[must_use]
    pub fn find_file(&self, path: &str) -> Option<(String, &Entry)> {
        let mut found: Option<usize> = None;
        for part in parts(path) {
            found = Some(self.names.find(&self.nodes, found, part).next()?);
        }
        let node = self.nodes.get(found?)?;
        (!node.entry.is_directory).then(|| (self.path(found.unwrap_or_default()), &node.entry))
    }

    /// The files in the directories at this path, or those anywhere below them: of all directories that have these names, long or short,
    /// since nobody knows which of them firmware takes.
    pub fn files_in(&self, directory: &str, also_below: bool) -> impl Iterator<Item = (String, &Entry)> {
        let mut directories = BTreeSet::from([None]);
        for part in parts(directory) {
            let found = directories
                .iter()
                .flat_map(|above| self.names.find(&self.nodes, *above, part));
            directories = found.map(Some).collect();
        }
        let is_in = move |node: &Node| {
            let mut above = std::iter::successors(Some(node.parent), |above| Some(self.nodes.get((*above)?)?.parent));
            above
                .by_ref()
                .take(if also_below { MAX_DEPTH + 1 } else { 1 })
                .any(|above| directories.contains(&above))
        };
        let files = self.nodes.iter().enumerate();
        let files = files.filter(move |(_, node)| !node.entry.is_directory && is_in(node));
        files.map(|(number, node)| (self.path(number), &node.entry))
    }

    /// The content of a file, or no more than its first `limit` bytes.
    pub fn read(&self, file: &Entry, limit: u64) -> Result<Vec<u8>, FatError> {
        let length = u64::from(file.size).min(limit);
        let broken = || FatError::BrokenChain(file.name.clone());
        let mut table = Table::new(&self.medium, &self.geometry);
        let (mut bytes, mut next) = (Vec::new(), Next::Cluster(file.cluster));
        while (bytes.len() as u64) < length {
            let Next::Cluster(cluster) = next else {
                return Err(broken());
            };
            bytes.extend(self.cluster(cluster).ok_or_else(broken)??);
            if (bytes.len() as u64) < length {
                next = table.next(cluster)?;
            }
        }
        bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(bytes)
    }
}

/// The names of a path.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A medium that counts how often it is read.
    struct Counted {
        bytes: Vec<u8>,
        reads: Cell<usize>,
    }

    impl Medium for Counted {
        fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, String> {
            self.reads.set(self.reads.get() + 1);
            Medium::read(&self.bytes, offset, length)
        }
    }

    /// A FAT12 file system of so many files in its root directory, each with a cluster of its own.
    pub(super) fn with_files(count: u16) -> Vec<u8> {
        let (root, data) = (2 * 512, (2 + 128) * 512);
        let mut bytes = vec![0; data + 4000 * 512];
        let fields: [(usize, &[u8]); 8] = [
            (11, &512_u16.to_le_bytes()),
            (13, &[1]),
            (14, &1_u16.to_le_bytes()),
            (16, &[1]),
            (17, &2048_u16.to_le_bytes()),
            (19, &4130_u16.to_le_bytes()),
            (22, &1_u16.to_le_bytes()),
            (510, &[0x55, 0xaa]),
        ];
        for (at, field) in fields {
            bytes[at..at + field.len()].copy_from_slice(field);
        }
        for number in 0..count {
            let at = root + usize::from(number) * 32;
            bytes[at..at + 11].copy_from_slice(format!("FILE{number:04}IMG").as_bytes());
            bytes[at + 26..at + 28].copy_from_slice(&(number + 2).to_le_bytes());
            bytes[at + 28] = 200;
        }
        bytes
    }

    /// The cost of a file is the same however many there are.
    #[test]
    fn directories_are_read_once() {
        for count in [3, 1500] {
            let medium = Counted {
                bytes: with_files(count),
                reads: Cell::new(0),
            };
            let fat = Fat::open(medium).unwrap();
            assert_eq!((fat.count(), fat.medium.reads.get()), (usize::from(count), 2));
            for number in 0..count {
                let (path, file) = fat.find_file(&format!("file{number:04}.img")).unwrap();
                assert_eq!(path, format!("/FILE{number:04}.IMG"));
                assert_eq!(fat.read(file, u64::MAX).unwrap().len(), 200);
            }
            assert_eq!(fat.medium.reads.get(), 2 + usize::from(count));
        }
        assert_eq!(
            Fat::open_small(with_files(4), 3).err(),
            Some(FatError::TooMuch("more files"))
        );
    }
}
