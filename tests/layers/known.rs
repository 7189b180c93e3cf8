//! The violations that are known, each kind by their number, which may only go down. What they are, and how many are in
//! each folder: `cargo test --test layers -- --nocapture --test-threads 1`.

/// Imports from a higher layer, or against the order within layer 3.
pub const UPWARD: usize = 0;
/// Imports that are part of a circle.
pub const CIRCLES: usize = 2;
/// Names that a file takes from the `mod.rs` of its own folder, which only passes them on.
pub const DETOURS: usize = 4;
/// Files that use `std::fs` and are not excused.
pub const FS: usize = 6;
/// Lines of documentation that begin with What or Whether.
pub const DOCS: usize = 58;
/// Functions whose names are riddles.
pub const NAMES: usize = 3;

/// The files outside `system` and `disk` that use `std::fs`, and why each does.
pub const FILES_WITH_FS: &[(&str, &str)] = &[];

/// Each says at its top why it is sound.
pub const FILES_WITH_UNSAFE_CODE: [&str; 3] = [
    "formats/crypto/sha3_lanes/avx2.rs",
    "formats/crypto/sha3_lanes/avx512.rs",
    "keys/aws_lc.rs",
];
