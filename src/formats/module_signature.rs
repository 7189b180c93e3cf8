//! Signatures appended to Linux kernel modules.
