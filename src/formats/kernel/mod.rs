//! Formats of Linux: module signatures, configuration, initramfs images, what a running kernel shows.

pub mod compression;
pub mod initramfs;
pub mod kernel_config;
pub mod luks2;
pub mod module_info;
pub mod module_signature;
pub mod running_kernel;
