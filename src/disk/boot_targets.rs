//! The places that load options of the firmware name: partitions of any type, and files that it looks for on every file system.

use std::collections::{BTreeMap, BTreeSet};

use crate::formats::firmware::device_path::{DevicePath, HardDrive};
use crate::formats::firmware::partition_table::Partition;

use super::partitions::EfiPartition;

/// The places that load options name.
#[derive(Debug, Clone, Default)]
pub struct BootTargets {
    /// The partitions, each with the first option that names it.
    partitions: BTreeMap<HardDrive, String>,
    /// Files of options that name no device, with `/` between directories.
    files: BTreeSet<String>,
}

impl BootTargets {
    /// Adds those of a load option, by its name.
    pub fn add(&mut self, option: &str, path: &DevicePath) {
        if let Some(partition) = path.partition() {
            self.partitions.entry(partition).or_insert_with(|| option.to_owned());
        } else if let Some(file) = path.file().filter(|_| path.is_file_alone()) {
            self.files.insert(file.replace('\\', "/"));
        }
    }

    /// True if an option names this mounted file system, or a file that is on it without saying where.
    #[must_use]
    pub fn lead_to(&self, mounted: &EfiPartition) -> bool {
        let is_named = self.partitions.keys().any(|node| mounted.partition.is(Some(node)));
        is_named || self.files.iter().any(|file| mounted.find(file).is_some())
    }

    /// The option that names this partition.
    pub(super) fn option(&self, partition: &Partition) -> Option<&str> {
        let mut named = self.partitions.iter().filter(|(node, _)| partition.is_named_by(node));
        named.next().map(|(_, option)| option.as_str())
    }

    /// The files that firmware looks for on every file system.
    pub(super) const fn files(&self) -> &BTreeSet<String> {
        &self.files
    }
}
