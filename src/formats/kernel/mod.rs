//! Formats of Linux: module signatures, configuration, initramfs images, the state of a running kernel.

pub mod compression;
pub mod initramfs;
pub mod kernel_config;
pub mod kernel_image;
pub mod luks2;
pub mod module_info;
pub mod module_outline;
pub mod module_signature;
pub mod running_kernel;
