//! Other people's tools as judges of what we make, and their products as input.

mod authenticode;
mod ceremony;
mod efi;
mod event_logs;
mod exports;
pub mod fat;
mod grub;
mod grub_image;
mod grub_menus;
mod grub_script;
mod grub_tree;
mod imported_grub_key;
mod imported_keys;
mod kernel_config;
mod kernel_image;
mod keys;
mod luks2;
mod microsoft_signed;
mod modules;
pub mod partition_table;
mod rsa;
mod systemd_boot;
pub mod token_ceremony;
mod tokens;
mod trust;
mod variable_images;
mod variables;
