use super::*;
use std::fs;
use std::io::ErrorKind;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::Command;

/// Does something in a thread of its own with these powers: Landlock and seccomp hold a thread and those that it starts.
fn with<T: Send + 'static>(context: Context, powers: Powers, task: impl FnOnce() -> T + Send + 'static) -> T {
    let confined = std::thread::spawn(move || {
        let confinement = confine(&context, &powers).unwrap();
        assert!(confinement.is_whole(), "{confinement}");
        task()
    });
    confined.join().unwrap()
}

fn is_refused<T>(done: std::io::Result<T>) -> bool {
    done.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

#[test]
fn a_kernel_that_confines_less_is_told_of() {
    let whole = Confinement {
        landlock: Some(NEWEST as i32),
        no_network: true,
    };
    assert!(whole.is_whole());
    for (landlock, no_network, told) in [
        (None, true, "not confined: this kernel has no Landlock"),
        (Some(1), true, "confined by Landlock 1, which lacks parts of 6"),
        (whole.landlock, false, "the network is not closed"),
    ] {
        let less = Confinement { landlock, no_network };
        assert!(!less.is_whole() && less.to_string().contains(told), "{less}");
    }
}

#[test]
fn files_are_written_below_their_directories_only() {
    let work = tempfile::tempdir().unwrap();
    let (own, other) = (work.path().join("own"), work.path().join("other"));
    for directory in [&own, &other] {
        fs::create_dir(directory).unwrap();
        fs::write(directory.join("old"), "old").unwrap();
    }
    std::os::unix::fs::symlink(&other, own.join("out")).unwrap();
    // One that is missing is made in the directory above.
    let places = vec![own.join("made/later"), own.clone()];
    with(Context::host(), Powers::writing(Writes::Below(places)), move || {
        fs::create_dir_all(own.join("made/later")).unwrap();
        fs::write(own.join("new"), "new").unwrap();
        fs::rename(own.join("new"), own.join("old")).unwrap();
        fs::remove_file(own.join("old")).unwrap();
        assert_eq!(fs::read_to_string(other.join("old")).unwrap(), "old");
        assert!(is_refused(fs::write(other.join("old"), "new")));
        assert!(is_refused(fs::write(other.join("new"), "new")));
        assert!(is_refused(fs::write(own.join("out/new"), "new")));
        assert!(is_refused(fs::remove_file(other.join("old"))));
        assert!(is_refused(fs::rename(other.join("old"), other.join("older"))));
        assert!(is_refused(fs::create_dir(other.join("directory"))));
        fs::write("/dev/null", "nothing").unwrap();
    });
}

#[test]
fn a_dry_run_and_a_command_that_looks_write_nothing_at_all() {
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("file");
    let dry = Context::host().with_dry_run(true);
    for (context, writes) in [
        (Context::host(), Writes::Nothing),
        (dry.clone(), Writes::Below(vec![work.path().to_path_buf()])),
        (dry, Writes::Files),
    ] {
        let file = file.clone();
        let powers = Powers::writing(writes).and_variables();
        assert!(with(context, powers, move || is_refused(fs::write(file, "text"))));
    }
}

#[test]
fn variables_are_written_by_those_alone_that_may() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join(EFIVARFS.trim_start_matches('/'));
    fs::create_dir_all(&directory).unwrap();
    let powers = Powers::writing(Writes::Nothing);
    for (powers, may) in [(powers.clone(), false), (powers.and_variables(), true)] {
        let variable = directory.join("db-d719b2cb-3d3a-4596-a3bc-dad00e67656f");
        let context = Context::host().with_root(root.path());
        let written = with(context, powers, move || !is_refused(fs::write(variable, "db")));
        assert_eq!(written, may);
    }
    let files = Powers::writing(Writes::Files);
    let paths = written(&Context::host(), &files);
    let holds = |path: &str| paths.iter().any(|own| Path::new(path).starts_with(own));
    assert!(holds("/etc/bootseal") && holds("/var/lib") && holds("/dev/shm/bootseal-ceremony"));
    for path in [EFIVARFS, "/proc/sys", "/dev/sda", "/dev/mem", "/sys/power"] {
        assert!(!holds(path), "{path}");
    }
}

#[test]
fn programs_are_started_only_where_they_are_named() {
    let work = tempfile::tempdir().unwrap();
    let shell = work.path().join("shell");
    fs::copy("/bin/sh", &shell).unwrap();
    let powers = Powers::writing(Writes::Nothing);
    let start = |powers: Powers| {
        let shell = shell.clone();
        with(Context::host(), powers, move || {
            Command::new(shell).args(["-c", "exit 0"]).status()
        })
    };
    assert!(is_refused(start(powers.clone())));
    assert!(is_refused(start(powers.clone().starting([]))));
    assert!(start(powers.starting([shell.clone()])).unwrap().success());
}

#[test]
fn there_is_no_network_and_the_log_is_reached() {
    let powers = Powers::writing(Writes::Files).and_variables().starting([]);
    with(Context::host(), powers, || {
        assert!(is_refused(UdpSocket::bind("127.0.0.1:0")));
        assert!(is_refused(TcpStream::connect("127.0.0.1:9")));
        assert!(UnixDatagram::unbound().is_ok());
        // What a program that it starts inherits.
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        assert!(
            status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"),
            "{status}"
        );
    });
}
