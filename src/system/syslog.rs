//! Lines for the system's log, by the datagram socket that every syslog daemon and the journal listen on.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::finding::Level;
use crate::formats::text::printable;

use super::context::Context;

/// The socket on which the daemon listens.
const SOCKET: &str = "/dev/log";
/// The facility "daemon" (RFC 3164, 4.1.1), in its place in the priority.
const DAEMON: u8 = 3 << 3;
/// Longest message, in bytes (RFC 3164, 4.1).
const LONGEST: usize = 1024;
/// Longest wait for a daemon that does not read.
const PATIENCE: Duration = Duration::from_millis(500);

/// The severity of a line (RFC 3164, 4.1.1): of an error, of a warning, or, for a note, "informational".
const fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warning => 4,
        Level::Note => 6,
    }
}

/// The system's log, as far as there is one: no socket, or a daemon that does not read, is no error.
#[derive(Debug)]
pub struct Syslog {
    socket: Option<UnixDatagram>,
}

impl Syslog {
    /// The log of the machine below the context's root. A dry run has none.
    #[must_use]
    pub fn open(context: &Context) -> Self {
        let socket = (!context.dry_run()).then(UnixDatagram::unbound).and_then(Result::ok);
        let socket = socket.filter(|socket| {
            socket.connect(context.path(SOCKET)).is_ok() && socket.set_write_timeout(Some(PATIENCE)).is_ok()
        });
        Self { socket }
    }

    /// Adds a line. It carries no time: the daemon knows it better (RFC 3164, 4.3.2).
    pub fn say(&mut self, level: Level, message: &str) {
        let Some(socket) = &self.socket else { return };
        let priority = DAEMON | severity(level);
        let mut line = format!("<{priority}>bootseal[{}]: {}", std::process::id(), printable(message));
        let end = (0..=LONGEST.min(line.len()))
            .rev()
            .find(|end| line.is_char_boundary(*end));
        line.truncate(end.unwrap_or(0));
        if socket.send(line.as_bytes()).is_err() {
            self.socket = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn lines_reach_the_socket_and_its_absence_is_no_error() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        Syslog::open(&context).say(Level::Error, "to nobody");
        fs::create_dir(root.path().join("dev")).unwrap();
        let daemon = UnixDatagram::bind(root.path().join("dev/log")).unwrap();
        let mut log = Syslog::open(&context);
        log.say(Level::Note, "signed a\nb");
        log.say(Level::Error, &"ä".repeat(LONGEST));
        let mut buffer = [0; 2 * LONGEST];
        let length = daemon.recv(&mut buffer).unwrap();
        let expected = format!("<30>bootseal[{}]: signed a\\nb", std::process::id());
        assert_eq!(std::str::from_utf8(&buffer[..length]).unwrap(), expected);
        let length = daemon.recv(&mut buffer).unwrap();
        assert!(length <= LONGEST && std::str::from_utf8(&buffer[..length]).unwrap().starts_with("<27>"));
        drop(daemon);
        log.say(Level::Error, "to nobody any more");
        assert!(log.socket.is_none());
    }
}
