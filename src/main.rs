//! The `bootseal` program: parse, run, exit code.

use std::process::ExitCode;

use bootseal::system::{Wiping, wipe_stack};

/// No secret stays in memory that was freed.
#[global_allocator]
static ALLOCATOR: Wiping = Wiping;

fn main() -> ExitCode {
    let code = bootseal::cli::main();
    wipe_stack();
    ExitCode::from(code)
}
