//! Layer 1, above `system`: where this machine boots from, in one place for all who ask: names of kernels, boot directories, GRUB's
//! directories, EFI system partitions, processors as EFI names them, the firmware's boot order, and walking a tree.
//!
//! Hooks sign the files that [`BootTree`] finds, and the audit judges the same, so that neither sees a kernel that the
//! other does not (docs/adr/0017).

mod architecture;
mod boot_directories;
mod boot_media;
mod boot_name;
mod boot_options;
mod boot_targets;
mod boot_tree;
mod efi_devices;
mod extended_boot;
mod grub_path;
mod packages;
mod partitions;
mod shell_file;
mod unmounted;
mod walk;

pub use architecture::Architecture;
pub use boot_directories::{
    BOOT, BOOT_DIRECTORIES, GRUB_CONFIGURATION, GRUB_DIRECTORIES, LOADER_ADDONS, LOADER_ENTRIES, UNIFIED_IMAGES,
    WINDOWS, boot_directories, distinct, grub_configurations, named_menu,
};
pub use boot_media::BootMedia;
pub use boot_name::{BootName, Kind, Naming};
pub use boot_options::{BOOT_NEXT, BOOT_ORDER, BootOption, BootOptions, option_number};
pub use boot_targets::BootTargets;
pub use boot_tree::{BootFile, BootTree, Place};
pub use extended_boot::ExtendedBoot;
pub use grub_path::{GrubPaths, path_below};
pub use packages::{
    LOADERS_WITH_COPIES, Owner, Packages, make_menu, merged_files, reinstall_image, reinstall_kernel, reinstall_loader,
    reinstall_newest,
};
pub use partitions::{EfiPartition, efi_partitions, fat_partitions, no_efi_partition, only_efi_partition};
pub use unmounted::{Blocks, UnmountedFile, UnmountedPartition, unmounted_efi_partitions};
pub use walk::{Tree, check_readable, entries, files_below};
