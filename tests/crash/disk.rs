//! A file system that is really full.

use std::path::Path;

use super::node::Template;
use crate::support::{succeed, text, tool};

/// Mounts a tmpfs of $2 bytes at $1 for the commands below alone, copies the tree $3 there, runs the rest of the
/// arguments, and puts what has become of the tree back in its place.
const SCRIPT: &str = "set -e
mount -t tmpfs -o size=$2 tmpfs $1; cp -a $3/. $1; mounted=$1; tree=$3; shift 3
code=0; \"$@\" || code=$?
rm -r $tree/*; cp -a $mounted/. $tree; exit $code";
/// The unit in which a tmpfs gives out memory, in bytes.
const PAGE: u64 = 4096;

#[test]
fn a_run_on_a_full_disk_leaves_every_file_as_it_was() {
    let template = Template::large();
    let (mut failed, mut passed) = (0, 0);
    // From no room at all to plenty.
    for room in (0..48).step_by(4).chain([4096]) {
        let node = template.node();
        let mounted = tempfile::tempdir().unwrap();
        let size = (pages(&node.root) + room) * PAGE;
        let mut run = tool("unshare");
        run.args(["--mount", "--", "sh", "-c", SCRIPT, "sh"]);
        run.arg(mounted.path()).arg(size.to_string()).arg(&node.root);
        let sign_all = node.sign_all();
        let there = |argument| match argument {
            argument if argument == node.root.as_os_str() => mounted.path().as_os_str(),
            argument => argument,
        };
        run.arg(sign_all.get_program()).args(sign_all.get_args().map(there));
        let output = run.output().unwrap();
        let said = text(&output);
        match output.status.code() {
            Some(0) => {
                passed += 1;
                node.check_new();
            }
            Some(3) => {
                failed += 1;
                assert!(said.contains("No space left on device"), "{said}");
                assert!(said.contains(mounted.path().to_str().unwrap()), "{said}");
                assert!(node.staged().is_empty(), "{room}: {:?}", node.staged());
                node.check_whole()
                    .unwrap_or_else(|wrong| panic!("{room}: {wrong}: {said}"));
                node.check_recovery();
            }
            code => panic!("{code:?}: {said}"),
        }
    }
    assert!(failed > 3 && passed > 0, "{failed} runs failed, {passed} did not");
}

/// Pages that a tree takes on a tmpfs: the content of its files, each from a page of its own on.
fn pages(root: &Path) -> u64 {
    let mut list = tool("find");
    let sizes = succeed(list.arg(root).args(["-type", "f", "-printf", "%s\n"]));
    sizes
        .lines()
        .map(|size| size.parse::<u64>().unwrap().div_ceil(PAGE))
        .sum()
}
