//! FAT12, FAT16 and FAT32 file systems with long names (Microsoft's specification of 2000, and UEFI 2.10, section 13.3), to be read
//! without being mounted. Everything is bounded: entries, depth, and the bytes of all files by the size of the file system. No
//! crate: those that read FAT write it too, and follow chains that lead in circles for ever.

mod directory;
mod error;
mod geometry;
mod table;

use std::collections::BTreeSet;

use crate::formats::medium::Medium;
use directory::Directory;
pub use directory::Entry;
pub use error::FatError;
use error::read;
use geometry::Geometry;
use table::{Next, Table};

/// Most entries of all directories that are read.
const MAX_ENTRIES: usize = 100_000;
/// Deepest directory that is looked into, the root being at 0.
const MAX_DEPTH: usize = 32;
/// Most bytes of one directory: what the specification allows.
const MAX_DIRECTORY: u64 = 65_536 * directory::ENTRY;

/// Most bytes of all directories.
const MAX_DIRECTORIES: usize = 64 << 20;

/// A file or directory of a [`Fat`], found once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The name and place.
    pub entry: Entry,
    /// The directory that it is in, by its number; none in the root.
    parent: Option<usize>,
}

/// A FAT file system with the tree of its names.
pub struct Fat<M> {
    medium: M,
    geometry: Geometry,
    nodes: Vec<Node>,
}

impl<M: Medium> Fat<M> {
    /// Reads the description of the file system and every directory.
    pub fn open(medium: M) -> Result<Self, FatError> {
        let geometry = Geometry::parse(&read(&medium, 0, geometry::SECTOR)?)?;
        let mut fat = Self {
            medium,
            geometry,
            nodes: Vec::new(),
        };
        fat.find()?;
        let files = fat.nodes.iter().filter(|node| !node.entry.is_directory);
        let total: u64 = files.map(|node| u64::from(node.entry.size)).sum();
        // Of honest files no two share a cluster, so that all are read in the time of one reading of the medium.
        if total > fat.geometry.bytes() {
            return Err(FatError::Overlap);
        }
        Ok(fat)
    }

    fn find(&mut self) -> Result<(), FatError> {
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
                if self.nodes.len() >= MAX_ENTRIES {
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
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            if found.is_some_and(|number| !self.nodes.get(number).is_some_and(|node| node.entry.is_directory)) {
                return None;
            }
            let mut same = self.nodes.iter().enumerate();
            let (number, _) = same.find(|(_, node)| node.parent == found && node.entry.has_name(part))?;
            found = Some(number);
        }
        let node = self.nodes.get(found?)?;
        (!node.entry.is_directory).then(|| (self.path(found.unwrap_or_default()), &node.entry))
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
