//! Authenticode signatures in PE files.
