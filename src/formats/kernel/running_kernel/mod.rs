//! What a running kernel says of itself in `/proc` and `/sys`: its keys, command line, lockdown, taint and modules.

mod command_line;
mod keys;
mod lines;
mod lockdown;
mod modules;
mod taint;

pub use command_line::{CommandLine, Parameter};
pub use keys::{AsymmetricKey, KernelKey, key_list, key_of};
pub use lines::LineError;
pub use lockdown::{Lockdown, LockdownError};
pub use modules::{LoadedModule, ModuleState, loaded_modules};
pub use taint::{FLAGS, Taint, TaintFlag};
