//! The line that tells how long work gets on: on a terminal, once it takes over a second.

use std::path::Path;
use std::process::Command;

use crate::support::node::Node;
use crate::support::programs::STRACE;
use crate::support::{keys, text, tool};

/// The delay of one system call, in microseconds.
const DELAY: u32 = 2_500_000;

/// A command on a machine on which opening `slow` takes its time, on a terminal or not; what it says.
fn said(node: &Node, command: &[&str], slow: &Path, on_terminal: bool) -> String {
    let command = node.bootseal(command);
    let words = command.get_args().map(|word| format!("'{}'", word.to_str().unwrap()));
    let program = command.get_program().to_str().unwrap();
    let script = format!(
        "{STRACE} -f -o /dev/null -P '{}' -e trace=openat -e inject=openat:delay_enter={DELAY}:when=1 {program} {}",
        slow.display(),
        words.collect::<Vec<_>>().join(" ")
    );
    let mut run: Command;
    if on_terminal {
        let script = format!("set timeout 120; spawn sh -c {{stty columns 200; {script}}}; expect eof");
        run = tool("expect");
        run.args(["-c", &script]);
    } else {
        run = tool("sh");
        run.args(["-c", &script]);
    }
    text(&run.output().unwrap())
}

#[test]
fn work_that_takes_over_a_second_is_named_on_a_terminal() {
    let node = Node::new();
    node.keys(keys(), |_| true);
    node.write("boot/grub/grub.cfg", "menuentry x { linux /vmlinuz }\n");
    let slow = node.path("boot/grub/grub.cfg");
    for (command, line) in [
        (&["audit", "--only", "ledger,grub"][..], " of "),
        (&["status"], " of "),
        (&["verify", slow.to_str().unwrap()], "judging files "),
    ] {
        let text = said(&node, command, &slow, true);
        assert!(text.contains("judging ") && text.contains(line), "{command:?}: {text}");
        let text = said(&node, command, &slow, false);
        assert!(!text.contains("judging "), "{command:?}: {text}");
    }
}
