//! The terminal that controls the process, whatever its standard input and output are.

use std::fs::{File, OpenOptions};
use std::io;

/// The device that leads a process to its terminal (tty(4)).
const TERMINAL: &str = "/dev/tty";

/// Opens the controlling terminal for reading and writing; fails where there is none.
pub fn open_terminal() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(TERMINAL)
}
