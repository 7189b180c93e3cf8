//! Faults in the middle of a run: every file is whole afterwards, old or new, and the next run puts everything right.
//!
//! `sign all` runs under strace, which lets it die, or one system call fail, at every place where that can matter.

mod ceremony;
mod disk;
mod exchange;
mod faults;
mod firmware;
mod fleet;
mod immutable;
mod interrupted;
mod life;
mod node;
mod revocation;
pub mod rotation;
mod takeover;
mod tracer;
