//! GRUB itself: an image that enforces signatures, built by the distribution's `grub-mkimage`, judged, signed and put on the
//! EFI system partition so that the image of before can be started until the new one has been.

mod boot_entry;
mod build;
mod configuration;
mod file_system;
mod installed;
mod menu;
mod place;
mod sbat;
mod step;
mod toolchain;
mod warnings;

pub use build::{Built, Recipe, build};
pub use configuration::{KEPT_MENU, Superuser, hash_password};
pub use file_system::FileSystem;
pub use installed::{check_embeds, embedded, installed_image, is_installed, own_partition};
pub use menu::Menu;
pub use place::{Confirmed, Installed, Place, confirm, confirm_by_word, falls_back, install, is_unproven, write_image};
pub use step::Step;
pub use toolchain::Toolchain;
pub use warnings::{UNRESTRICT, missing_shim, warnings};
