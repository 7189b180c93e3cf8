//! The `bootseal` program.

fn main() {}
