//! bootseal owns the verified boot chain of a Linux node: firmware keys, boot loader, GRUB's files,
//! kernel and modules.
//!
//! The modules stand in layers, and a module imports only from those below it. `tests/layers` reads the imports, and fails
//! on one that goes up, on a circle between files or folders, and on `std::fs` above the doors of layer 1.
//!
//! | layer | modules | work |
//! |---|---|---|
//! | 4 | [`cli`], [`ui`] | arguments in, reports out |
//! | 3 | [`demo`] | operations; each line of this layer uses the lines below it |
//! | 3 | [`audit`] | |
//! | 3 | [`hook`] | |
//! | 3 | [`fleet`], [`rotate`] | |
//! | 3 | [`start`] | |
//! | 3 | [`ceremony`], [`grub`] | |
//! | 3 | [`enroll`], [`kernel_config`], [`sign`] | |
//! | 3 | [`ledger`] | |
//! | 2 | [`keys`], [`trust`] | private operations, and verdicts |
//! | 1 | [`disk`] | the places that this machine boots from, above [`system`] |
//! | 1 | [`system`] | the doors to files, firmware variables, clock and randomness |
//! | 1 | [`error`], [`finding`] | the one error type of layers 1 to 4, and the one shape of what is wrong with a machine |
//! | 0 | [`formats`] | bytes in, values out: on shelves for firmware, kernel, GRUB, backup, text, and the cryptographic ones that they share |

pub mod audit;
pub mod ceremony;
pub mod cli;
pub mod demo;
pub mod disk;
pub mod enroll;
pub mod error;
pub mod finding;
pub mod fleet;
pub mod formats;
pub mod grub;
pub mod hook;
pub mod kernel_config;
pub mod keys;
pub mod ledger;
pub mod rotate;
pub mod sign;
pub mod start;
pub mod system;
pub mod trust;
pub mod ui;
