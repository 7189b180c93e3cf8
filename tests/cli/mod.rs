//! The command line as people see it: every `--help`, and what a wrong call is answered. `TRYCMD=overwrite cargo test`
//! writes the snapshots anew; read them before you commit.

mod backup;
mod bearer_writes;
mod ceremony;
mod enroll;
mod fleet;
mod grub_places;
mod grub_tree;
mod lists;
mod man;
mod mismatch;
mod no_terminal;
mod nothing;
mod optional_key;
mod others_updates;
mod progress;
mod remedies;
mod restore;
mod sign_all;
mod sync;
mod templates;
mod ten_years;
mod updates;
mod width;

#[test]
fn snapshots() {
    trycmd::TestCases::new().case("tests/cli/*.trycmd");
}
