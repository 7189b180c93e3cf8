//! Layer 3: every kernel that is installed comes out signed, with nobody watching. Small scripts in the slots of
//! kernel-install, installkernel and Portage hand everything to [`run`]; [`install`], [`remove`] and [`status`] see to
//! the scripts.

mod done;
mod entries;
mod files;
mod findings;
mod former_menu;
mod install;
mod kernels;
mod key;
mod key_findings;
mod last_run;
mod loaders;
mod log;
mod maker;
mod menu;
mod merged;
mod mode;
mod modules;
mod named_files;
mod next_start;
mod packages;
mod phase;
mod plugins;
mod portage;
mod preflight;
mod recovery;
mod request;
mod rotation;
mod run;
mod sbctl;
mod secret;
mod settings;
mod status;
mod stock;
mod under_way;

pub use done::Done;
pub use entries::{BOOT_CHECKS, Entry, TREES, audits, entries};
pub use files::places;
pub use findings::{NO_KEPT_MENU, NOT_INSTALLED, old_images, without_kept_menu};
pub use former_menu::{conclude, put_back_idle, refuse_idle_menus};
pub use install::{Change, Changed, Wanted, install, remembered_modes, remove};
pub use kernels::Installed;
pub use key_findings::KEY_MISMATCH;
pub use last_run::{LastRun, last_runs};
pub use mode::{Detected, Mode, detect};
pub use packages::{GRUB_PACKAGE, Modules, Packages, packages};
pub use phase::Phase;
pub use plugins::{Plugin, State, plugins};
pub use preflight::check_firmware;
pub use request::{Environment, Request, Slot};
pub use run::Hook;
pub use secret::unattended_passphrase;
pub use settings::Settings;
pub use status::{Status, status};
pub use stock::Stock;
