//! Layer 1: the doors to the outside: files, firmware variables, clock and randomness, all below one root.

mod beneath;
mod block_devices;
pub mod config;
mod confinement;
mod content;
mod context;
mod disks;
mod entries;
mod files;
mod guards;
mod journal;
mod kernel;
mod keyrings;
mod lock;
mod measurements;
mod mounts;
mod node;
mod operator;
mod ownership;
mod partition_tables;
mod passes;
mod portage;
pub mod process;
mod program;
mod resolve;
mod secret_program;
mod secrets;
mod space;
mod staging;
mod state;
mod syslog;
mod terminal;
mod transaction;
pub mod variables;
mod wipe;
mod workspace;

pub use beneath::{NoPlace, follow, follow_if_there};
pub use block_devices::{BlockDevice, Sealed, sealed_to};
pub use confinement::{Confinement, Powers, Writes, confine};
pub use content::{Content, ContentReader, OpenedFile, UnmountedContent, digest};
pub use context::{Clock, Context, moment};
pub use disks::{Home, home, nearest_directory};
pub use entries::{
    Entry, FileInfo, FileKind, canonical, directory_below, each_entry, file_below, info, info_of_name, is_there,
    link_target, list_directory, list_directory_if_there,
};
pub use files::{
    NewFile, create_dir, create_public_dir, open, read, read_at, read_at_if_there, read_if_there, read_named,
    read_prefix, remove_empty_dir, remove_file, remove_leftover, remove_tree, rename_over, replace_cache,
    replace_durably,
};
pub use journal::{Journal, sync_directory};
pub use kernel::{ConfigFile, boot_id, configured_release, release_in_path, running_release, source_trees};
pub use keyrings::keyring_links;
pub use lock::Lock;
pub use measurements::event_log;
pub use mounts::{FatMount, Mount, automounts, esp_partition, fat_mounts, is_shared, mounts, not_mounted};
pub use node::{MACHINE_ID, NodeName};
pub use operator::operator;
pub use ownership::{check_directory_is_ours, check_ours, keep_others_from_writing, read_ours, read_ours_if_there};
pub use partition_tables::{Disk, PartitionNode, disks};
pub use passes::{MAX_PACKED, Passes};
pub use portage::PortageSettings;
pub use program::program_date;
pub use resolve::resolve;
pub use secret_program::secret_of;
pub use secrets::{check_private, is_private, is_public, read_secret, read_secret_file};
pub use space::Space;
pub use staging::NewDirectory;
pub use state::FileState;
pub use syslog::Syslog;
pub use terminal::open_terminal;
pub use transaction::{NotReplaced, Opened, Transaction, is_directory_on_fat, is_staged};
pub use wipe::{Wiping, give_memory_back, wipe_stack, wiping_stack};
pub use workspace::Workspace;
