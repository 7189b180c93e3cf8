//! The `bootseal` program: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(bootseal::cli::main())
}
