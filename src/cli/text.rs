//! Names and errors as they may reach a terminal.

use std::path::Path;

use crate::error::Error;
use crate::formats::text::{Shown, printable};

/// A path as it may reach a terminal.
pub(super) fn name(path: &Path) -> String {
    path.shown()
}

/// An error and its causes on one line.
pub(super) fn with_causes(error: &Error) -> String {
    printable(&error.in_one_line())
}

/// The version of this program, and what it was built of: commit (where `BOOTSEAL_COMMIT` was set when it was built), target and features.
pub(super) fn version() -> String {
    let commit = option_env!("BOOTSEAL_COMMIT").unwrap_or("unknown");
    let libc = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
    let (architecture, system) = (std::env::consts::ARCH, std::env::consts::OS);
    let signer = if cfg!(feature = "aws-lc") { "aws-lc" } else { "rsa" };
    // Libraries of tokens are loaded as they are named, which no static program can.
    let tokens = if cfg!(all(feature = "pkcs11", not(target_feature = "crt-static"))) {
        "pkcs11"
    } else {
        "no PKCS#11"
    };
    format!(
        "{}\ncommit:   {commit}\ntarget:   {architecture}-{system}-{libc}\nfeatures: {signer}, {tokens}",
        env!("CARGO_PKG_VERSION")
    )
}
