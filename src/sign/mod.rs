//! Layer 3: discover, plan, stage, commit.
