//! bootseal owns the verified boot chain of a Linux node: firmware keys, boot loader, GRUB's files,
//! kernel and modules.
//!
//! The modules stand in layers, and a module uses only those below it (`tests/layers` checks):
//!
//! | layer | modules | may touch |
//! |---|---|---|
//! | 4 | [`cli`], [`ui`] | arguments in, reports out |
//! | 3 | [`audit`], [`ceremony`], [`enroll`], [`grub`], [`hook`], [`kernel_config`], [`rotate`], [`sign`] | operations, through layer 1 |
//! | 2 | [`trust`], [`keys`] | decisions and keys |
//! | 1 | [`system`] | files, firmware variables, clock, randomness |
//! | 0 | [`formats`] | nothing: bytes in, values out; on shelves for firmware, kernel, GRUB, backup, text and what they share |
//!
//! [`error`] is the one error type of layers 1 to 4.

pub mod audit;
pub mod ceremony;
pub mod cli;
pub mod demo;
pub mod enroll;
pub mod error;
pub mod finding;
pub mod formats;
pub mod grub;
pub mod hook;
pub mod kernel_config;
pub mod keys;
pub mod rotate;
pub mod sign;
pub mod system;
pub mod trust;
pub mod ui;
