//! Layer 3: the one-time key ceremony.
