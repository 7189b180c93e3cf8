use std::fs::{self, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::faults::{is_alone_in, is_own_group};
use super::*;

/// A directory of the user's, with `way/keys/db.esl` in it, none of which others can write to.
fn bench() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(directory.path()).unwrap();
    fs::create_dir_all(root.join("way/keys")).unwrap();
    let file = root.join("way/keys/db.esl");
    fs::write(&file, b"lists").unwrap();
    for (path, mode) in [("way", 0o755), ("way/keys", 0o755), ("way/keys/db.esl", 0o644)] {
        chmod(&root.join(path), mode);
    }
    (directory, file)
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Runs the commands of the hints, as a shell takes them.
fn obey(error: &Error) {
    assert!(!error.hints().is_empty(), "{error:?}");
    for hint in error.hints() {
        assert!(
            Command::new("sh").args(["-ec", hint]).status().unwrap().success(),
            "{hint}"
        );
    }
}

/// The bits that let others write, as seen by this user: root has no group of its own.
fn loose() -> Vec<u32> {
    let group_counts = !is_own_group(rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    [0o002, 0o022, 0o020]
        .into_iter()
        .filter(|bits| *bits != 0o020 || group_counts)
        .collect()
}

#[test]
fn what_others_can_change_is_refused_and_the_remedy_mends_it() {
    let (_directory, file) = bench();
    assert_eq!(read_ours(&file, 5).unwrap(), b"lists");
    let keys = file.parent().unwrap();
    for path in [&file, keys, keys.parent().unwrap()] {
        let former = fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        for bits in loose() {
            chmod(path, former | bits);
            let error = read_ours(&file, 5).unwrap_err();
            assert_eq!(error.kind().exit_code(), 3);
            let told = error.in_one_line();
            let expected = format!("the mode {:04o} of {} lets others", former | bits, path.display());
            assert!(told.contains(&expected), "{told}");
            assert_eq!(error.hints(), [format!("chmod go-w {}", path.display())]);
            assert!(check_ours(&file).is_err() && check_directory_is_ours(keys).is_err());
            // A file that is missing may have been taken away.
            if *path != file {
                assert!(read_ours_if_there(&keys.join("dbx.auth"), 5).is_err());
            }
            obey(&error);
            assert_eq!(read_ours(&file, 5).unwrap(), b"lists");
            assert_eq!(read_ours_if_there(&keys.join("dbx.auth"), 5).unwrap(), None);
            check_directory_is_ours(keys).unwrap();
        }
    }
}

#[test]
fn odd_names_in_a_remedy_are_words_of_a_shell() {
    let (_directory, file) = bench();
    let odd = file.with_file_name("it's $(touch here) \u{202e}a\nb.esl");
    fs::rename(&file, &odd).unwrap();
    chmod(&odd, 0o666);
    let error = check_directory_is_ours(odd.parent().unwrap()).unwrap_err();
    for hint in error.hints() {
        let done = Command::new("bash").args(["-ec", hint]).status().unwrap();
        assert!(done.success(), "{hint}");
    }
    check_directory_is_ours(odd.parent().unwrap()).unwrap();
}

#[test]
fn a_sticky_directory_is_fine_above_and_not_as_what_decides() {
    let (_directory, file) = bench();
    let keys = file.parent().unwrap();
    chmod(keys.parent().unwrap(), 0o1777);
    read_ours(&file, 5).unwrap();
    check_directory_is_ours(keys).unwrap();
    chmod(keys, 0o1777);
    assert!(check_directory_is_ours(keys).is_err());
    // `..` leads to a directory that decides itself.
    chmod(keys, 0o755);
    let error = check_ours(&keys.join("..")).unwrap_err();
    obey(&error);
    check_ours(&keys.join("..")).unwrap();
}

#[test]
fn the_owner_is_root_or_the_user_and_nobody_else() {
    let (_directory, file) = bench();
    let mut stat = rustix::fs::stat(&file).unwrap();
    let mut faults = Faults::new();
    faults.user = 1000;
    for (owner, is_ours) in [(0, true), (1000, true), (1001, false)] {
        stat.st_uid = owner;
        faults.judge(&file, &stat, Place::Decides);
        assert_eq!(faults.none_of(&file).is_ok(), is_ours, "{owner}");
    }
    let error = faults.none_of(&file).unwrap_err();
    assert!(error.in_one_line().ends_with("belongs to user 1001"), "{error:?}");
    assert_eq!(error.hints(), [format!("chown root: {}", file.display())]);
    stat.st_mode = FileType::Symlink.as_raw_mode() | 0o777;
    faults.judge(&file.with_file_name("link"), &stat, Place::Decides);
    let error = faults.none_of(&file).unwrap_err();
    assert!(error.hints()[1].starts_with("chown -h root: "), "{error:?}");
}

#[test]
fn both_ways_of_a_link_are_judged() {
    let (directory, file) = bench();
    let root = fs::canonicalize(directory.path()).unwrap();
    let links = root.join("links");
    fs::create_dir(&links).unwrap();
    chmod(&links, 0o755);
    let keys = file.parent().unwrap();
    symlink("../way/keys", links.join("relative")).unwrap();
    symlink(keys, links.join("absolute")).unwrap();
    symlink("absolute/db.esl", links.join("file")).unwrap();
    symlink("file", links.join("again")).unwrap();
    for name in ["relative/db.esl", "absolute/db.esl", "file", "again"] {
        let path = links.join(name);
        assert_eq!(read_ours(&path, 5).unwrap(), b"lists", "{name}");
        for loose in [&links, keys, keys.parent().unwrap(), &file] {
            let former = fs::metadata(loose).unwrap().permissions().mode() & 0o7777;
            chmod(loose, former | 0o002);
            let error = read_ours(&path, 5).unwrap_err();
            assert_eq!(error.hints(), [format!("chmod go-w {}", loose.display())], "{name}");
            obey(&error);
        }
        read_ours(&path, 5).unwrap();
    }
    symlink("nowhere", links.join("dangling")).unwrap();
    symlink("loop", links.join("loop")).unwrap();
    for name in ["dangling", "loop"] {
        assert!(read_ours_if_there(&links.join(name), 5).is_err(), "{name}");
    }
    let missing = links.join("relative/dbx.auth");
    assert_eq!(read_ours_if_there(&missing, 5).unwrap(), None);
    assert_eq!(
        read_ours(&missing, 5).unwrap_err().io_kind(),
        Some(std::io::ErrorKind::NotFound)
    );
}

#[test]
fn only_regular_files_of_the_size_are_read() {
    let (_directory, file) = bench();
    assert!(
        read_ours(&file, 4)
            .unwrap_err()
            .to_string()
            .ends_with("has more than 4 bytes")
    );
    for path in [file.parent().unwrap(), Path::new("/dev/null")] {
        let error = read_ours(path, 5).unwrap_err();
        assert!(error.to_string().ends_with("is not a regular file"), "{error}");
    }
    // A pipe that nobody writes to must not block.
    let pipe = file.with_file_name("pipe");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
    assert!(
        read_ours(&pipe, 5)
            .unwrap_err()
            .to_string()
            .ends_with("is not a regular file")
    );
    assert!(read_ours(&file.join("below"), 5).is_err());
}

#[test]
fn a_descriptor_that_was_handed_over_is_taken_as_it_is() {
    let (_directory, file) = bench();
    chmod(file.parent().unwrap(), 0o777);
    let opened = fs::File::open(&file).unwrap();
    for place in ["/proc/self/fd", "/dev/fd"] {
        let path = PathBuf::from(format!("{place}/{}", opened.as_raw_fd()));
        assert_eq!(read_ours(&path, 5).unwrap(), b"lists");
    }
}

#[test]
fn a_group_is_the_users_own_if_nobody_else_is_in_it() {
    let users = "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\nbob:x:1001:100::/:/bin/sh\n";
    let alone = |users: &str, groups: &str| is_alone_in(1000, 1000, users, groups);
    assert!(alone(users, "root:x:0:\nada:x:1000:\n"));
    assert!(alone(users, "ada:x:1000:ada\n"));
    assert!(!alone(users, "ada:x:1000:ada,bob\n"));
    assert!(!alone(users, "root:x:0:\n"), "the group is in no list");
    assert!(!alone(&format!("{users}eve:x:1002:1000::/:/bin/sh\n"), "ada:x:1000:\n"));
    assert!(!alone(users, "ada:x:1000:\nalso:x:1000:bob\n"));
    assert!(!is_own_group(0, 0) && !is_own_group(1000, 100));
}
