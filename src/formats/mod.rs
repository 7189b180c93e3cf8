//! Layer 0: the formats of the chain. Bytes in, values or a typed error out; no I/O, no clock, no panic.
//!
//! Every parser is total: whatever the bytes, it returns a value or an error that names the field and its offset.

pub mod authenticated_variable;
pub mod authenticode;
pub mod base32;
pub mod boot_configuration;
pub mod bytes;
pub mod certificate;
pub mod cms;
pub mod compression;
pub mod device_path;
pub mod ecdsa;
pub mod event_log;
pub mod gpt;
pub mod grub_core_image;
pub mod grub_script;
pub mod grub_theme;
pub mod guid;
pub mod hash;
pub mod initramfs;
pub mod kernel_config;
pub mod load_option;
pub mod luks2;
pub mod module_info;
pub mod module_signature;
pub mod openpgp;
pub mod paper;
pub mod pem;
pub mod portage;
pub mod public_key;
pub mod running_kernel;
pub mod sbat;
pub mod secret_sharing;
pub mod sha3_lanes;
pub mod share;
pub mod signature_list;
pub mod variable_image;
pub mod words;
