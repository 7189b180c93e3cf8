use super::*;
use std::os::unix::fs::PermissionsExt;

#[test]
fn nothing_is_ever_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    let file = NewFile {
        path: &path,
        bytes: b"first",
        mode: 0o400,
    };
    file.create(&Context::host()).unwrap();
    let error = NewFile {
        bytes: b"second",
        ..file
    }
    .create(&Context::host())
    .unwrap_err();
    assert_eq!(error.kind().exit_code(), 3);
    assert_eq!(read(&path).unwrap(), b"first");
}

#[test]
fn a_dry_run_makes_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    let context = Context::host().with_dry_run(true);
    NewFile {
        path: &path,
        bytes: b"first",
        mode: 0o400,
    }
    .create(&context)
    .unwrap();
    assert!(!path.exists());
}

#[test]
fn a_pipe_that_nobody_writes_to_does_not_block() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert!(read(&path).unwrap_err().to_string().ends_with("is not a regular file"));
}

#[test]
fn a_new_directory_is_the_owners_and_its_parents_are_not() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("var/lib/bootseal");
    for _ in 0..2 {
        create_dir(&Context::host(), &path).unwrap();
    }
    let others = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(others(&path), 0);
    assert_ne!(others(&root.path().join("var")), 0);
    fs::write(root.path().join("file"), b"").unwrap();
    assert!(create_dir(&Context::host(), &root.path().join("file")).is_err());
}

#[test]
fn several_replace_one_file_and_each_leaves_it_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = &directory.path().join("new/state/record");
    let context = &Context::host();
    std::thread::scope(|scope| {
        for byte in b'a'..b'e' {
            scope.spawn(move || {
                create_public_dir(context, path.parent().unwrap()).unwrap();
                for _ in 0..25 {
                    replace_durably(context, path, &[byte; 10_000], 0o600).unwrap();
                    let there = read(path).unwrap();
                    assert_eq!(there.len(), 10_000);
                    assert!(there.iter().all(|byte| *byte == there[0]), "parts of two");
                }
            });
        }
    });
    let left = fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(left, 1, "no temporary file is left");
}

#[test]
fn a_tree_is_removed_with_all_in_it_and_not_in_a_dry_run() {
    let directory = tempfile::tempdir().unwrap();
    let tree = directory.path().join("tree");
    let host = Context::host();
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), b"").unwrap();
    std::os::unix::fs::symlink("/nowhere", tree.join("link")).unwrap();
    remove_file(&host, &tree.join("link")).unwrap();
    assert!(remove_file(&host, &tree.join("link")).is_err());
    remove_tree(&host.clone().with_dry_run(true), &tree).unwrap();
    assert!(tree.is_dir());
    for _ in 0..2 {
        remove_tree(&host, &tree).unwrap();
        assert!(!tree.exists());
    }
}

#[test]
fn directories_are_no_files() {
    let error = read(Path::new("/")).unwrap_err();
    assert_eq!(error.to_string(), "/ is not a regular file");
}
