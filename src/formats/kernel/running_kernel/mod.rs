//! The state of a running kernel as `/proc` and `/sys` show it: its keys, command line, lockdown, taint and modules.

mod command_line;
mod keyrings;
mod keys;
mod lines;
mod lockdown;
mod modules;
mod taint;

pub use command_line::{CommandLine, Parameter};
pub use keyrings::{BUILT_IN, IMA, Keyrings, PLATFORM, SECONDARY};
pub use keys::{AsymmetricKey, KernelKey, find_keys, key_list};
pub use lines::LineError;
pub use lockdown::{Lockdown, LockdownError};
pub use modules::{LoadedModule, ModuleState, loaded_modules};
pub use taint::{Taint, TaintFlag};
