//! Lines on a terminal, broken at its width between words.

use crate::support::{text, tool};

/// Columns of the terminal.
const WIDTH: usize = 60;

#[test]
fn lines_are_broken_at_the_width_of_the_terminal_and_commands_are_not() {
    let program = env!("CARGO_BIN_EXE_bootseal");
    let script = format!(
        "set timeout 120; spawn sh -c \"stty columns {WIDTH}; {program} demo; {program} --root /sys/kernel/mm verify x\"; expect eof"
    );
    let output = tool("expect").args(["-c", &script]).output().unwrap();
    let said = text(&output);
    let (mut broken, mut commands) = (0, 0);
    // The first line is expect's.
    for line in said.lines().skip(1).map(str::trim_end) {
        let plain: String = line
            .split('\u{1b}')
            .map(|part| part.split_once('m').map_or(part, |(_, text)| text))
            .collect();
        broken += usize::from(plain.starts_with("    ") || plain.ends_with(','));
        commands += usize::from(plain.starts_with("hint: bootseal") && plain.chars().count() > WIDTH);
        let is_whole = plain.starts_with("hint: ") || !plain.trim().contains(' ');
        assert!(is_whole || plain.chars().count() <= WIDTH, "{plain:?} in\n{said}");
    }
    assert!(broken > 5 && commands == 1, "{said}");
}
