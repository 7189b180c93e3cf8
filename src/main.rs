//! The `bootseal` program: parse, run, exit code.

use std::process::ExitCode;

use bootseal::system::Wiping;

/// No secret stays in memory that was freed.
#[global_allocator]
static ALLOCATOR: Wiping = Wiping;

fn main() -> ExitCode {
    ExitCode::from(bootseal::cli::main())
}
