//! Other people's tools as judges of what we make, and their products as input.

mod authenticode;
mod efi;
mod grub;
mod keys;
mod modules;
mod trust;
mod variable_images;
mod variables;
