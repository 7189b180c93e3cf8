//! The integration tests: one binary, a folder for each kind of judge.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used
)]

mod audit;
mod cli;
mod crash;
mod differential;
mod fresh;
mod golden;
mod hook;
mod hostile;
mod manual;
mod packaging;
mod properties;
mod support;
mod tamper;
mod vm;
