//! Layer 3: firmware variables, planned and applied.
