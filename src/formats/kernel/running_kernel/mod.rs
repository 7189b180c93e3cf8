//! What a running kernel says of itself in `/proc` and `/sys`: its keys, command line, lockdown, taint and modules.

mod command_line;
mod keys;
mod lockdown;
mod modules;
mod taint;

pub use command_line::{CommandLine, Parameter};
pub use keys::{AsymmetricKey, KernelKey, key_list, key_of};
pub use lockdown::{Lockdown, LockdownError};
pub use modules::{LoadedModule, ModuleState, loaded_modules};
pub use taint::{FLAGS, Taint, TaintFlag};

/// A line that is not as the kernel writes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct LineError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

/// Reads each line of a list.
fn each_line<T>(text: &str, what: &'static str, read: fn(&str) -> Option<T>) -> Result<Vec<T>, LineError> {
    let lines = text.lines().zip(1..);
    lines
        .map(|(line, number)| read(line).ok_or(LineError { line: number, what }))
        .collect()
}
