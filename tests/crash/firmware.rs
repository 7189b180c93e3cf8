//! Firmware that answers with an error, as the kernel hands it on: a directory stands in for efivarfs, strace for the
//! firmware.

use std::fs::{self, Permissions};
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::node::{DATABASE, GLOBAL, Node};
use crate::support::{keys, succeed, text, tool};

use super::tracer::injection;

/// A machine in Setup Mode, and the public files of a ceremony.
struct Board(Node);

impl Deref for Board {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

impl Board {
    fn new() -> Self {
        // Temporary directories may lie on a file system without flags.
        Self::within(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    fn within(directory: tempfile::TempDir) -> Self {
        let node = Node::within(directory);
        node.directory("var/lib/bootseal");
        node.set_variable("SetupMode", GLOBAL, 6, &[1]);
        for name in ["PK.auth", "KEK.auth", "db.auth", "dbx.auth"] {
            node.write(&format!("keys/{name}"), fs::read(keys().join(name)).unwrap());
        }
        Self(node)
    }

    fn apply(&self) -> Command {
        let mut command = self.bootseal(["enroll", "apply", "--yes", "--keys"]);
        command.arg(self.path("keys"));
        command.args([
            "--i-know-option-roms-may-stop-working",
            "--i-know-this-machine-may-not-boot",
        ]);
        command
    }

    /// Applies, while a system call on this path fails.
    fn failing(&self, path: &Path, call: &str, fault: &str) -> Output {
        let apply = self.apply();
        let mut command = tool("strace");
        command.args(["-f", "-o", "/dev/null", "-P"]).arg(path);
        command.args(["-e", &format!("trace={call}"), "-e", &injection(call, fault)]);
        command
            .arg(apply.get_program())
            .args(apply.get_args())
            .output()
            .unwrap()
    }
}

fn expect(output: &Output, code: i32, said: &str) {
    let text = text(output);
    assert_eq!(output.status.code(), Some(code), "{said}: {text}");
    assert!(text.contains(said), "{text}");
    assert!(text.contains("nothing is written"), "{text}");
    assert!(
        text.contains("--store live --i-know-option-roms-may-stop-working"),
        "{text}"
    );
    assert!(text.contains("to go back: bootseal enroll revert"), "{text}");
}

#[test]
fn each_answer_of_the_firmware_has_its_message_and_exit_code() {
    for (fault, code, said) in [
        ("error=EACCES", 1, "the firmware refuses to write dbx"),
        ("error=EINVAL", 1, "the firmware calls the write of dbx invalid"),
        ("error=ENOSPC", 1, "the firmware has no memory left for dbx"),
        ("error=EIO", 3, "cannot write the variable dbx"),
        ("retval=7", 3, "only 7 of"),
    ] {
        let board = Board::new();
        let dbx = board.variable("dbx", DATABASE);
        expect(&board.failing(&dbx, "write", fault), code, said);
        assert!(!board.variable("PK", GLOBAL).exists());
    }
}

#[test]
fn variables_that_cannot_be_opened_say_why() {
    let board = Board::new();
    let dbx = board.variable("dbx", DATABASE);
    let write_protected = board.failing(&dbx, "openat", "error=EROFS:when=7");
    expect(&write_protected, 3, "variables are write-protected");

    // A kernel that does not let even root clear the immutable flag.
    fs::write(&dbx, [0x27, 0, 0, 0]).unwrap();
    succeed(tool("chattr").arg("+i").arg(&dbx));
    let immutable = board.failing(&dbx, "ioctl", "error=EPERM:when=2+");
    succeed(tool("chattr").arg("-i").arg(&dbx));
    expect(&immutable, 3, "the kernel forbids it even to root");
}

#[test]
fn who_is_not_root_is_told_so() {
    // The sources may lie below a home directory into which nobody else may look.
    let board = Board::within(tempfile::tempdir().unwrap());
    for below in ["", "keys"] {
        fs::set_permissions(board.path(below), Permissions::from_mode(0o755)).unwrap();
    }
    // The state is the user's own.
    std::os::unix::fs::chown(board.path("var/lib/bootseal"), Some(65534), Some(65534)).unwrap();
    // The program lies where only root may look.
    let program = board.path("bootseal");
    let apply = board.apply();
    fs::copy(apply.get_program(), &program).unwrap();
    let mut command = tool("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    let output = command.arg(&program).args(apply.get_args()).output().unwrap();
    expect(&output, 3, "run the command as root");
}

#[test]
fn a_firmware_that_stores_something_else_is_found_out() {
    let board = Board::new();
    // The stand-in keeps the signed write as it is, where firmware would keep its content.
    expect(&board.apply().output().unwrap(), 1, "but does not hold the new content");
    assert!(!board.variable("PK", GLOBAL).exists());
}
