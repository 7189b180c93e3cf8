//! Kernels that are installed with our hooks in place: by Debian's kernel-install, by a driver that follows Gentoo's
//! installkernel, and by Debian's run-parts. The results are judged by other people's tools.

mod by_hand;
mod completions;
mod configured;
mod debian;
mod faults;
mod first_machine;
mod former_menu;
mod hidden;
mod initramfs;
mod ledger;
mod machine;
mod next_start;
mod node;
mod others_kernels;
mod packages;
mod passphrase;
mod places;
mod shells;
mod slots;
mod status;
mod systemd;
mod tokens;
mod traditional;
mod unfit_keys;
mod vouching;
