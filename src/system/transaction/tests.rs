//! Transactions on a real file system.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

#[test]
fn targets_change_only_at_commit_and_keep_mode_and_links() {
    let directory = tempfile::tempdir().unwrap();
    let (file, link) = (directory.path().join("vmlinuz"), directory.path().join("link"));
    fs::write(&file, b"old").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("vmlinuz", &link).unwrap();
    let context = Context::host();
    let transaction = Transaction::new(&context);
    transaction.stage_file(&link, &[b"new"]).unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"old");
    assert!(transaction.commit().unwrap().is_empty());
    assert_eq!(fs::read(&file).unwrap(), b"new");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn a_file_that_cannot_be_replaced_is_named_and_the_others_are() {
    let directory = tempfile::tempdir().unwrap();
    let paths = ["a", "b", "c"].map(|name| directory.path().join(name));
    let context = Context::host();
    let transaction = Transaction::new(&context);
    for path in &paths {
        transaction.stage(path, &[b"new"]).unwrap();
    }
    fs::create_dir(&paths[1]).unwrap();
    let failed = transaction.commit().unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].path, paths[1]);
    assert_eq!(fs::read(&paths[0]).unwrap(), b"new");
    assert_eq!(fs::read(&paths[2]).unwrap(), b"new");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3);
}

#[test]
fn many_files_are_put_in_place_by_several_threads_and_what_fails_is_named_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let context = Context::host();
    let transaction = Transaction::new(&context);
    let mut paths = Vec::new();
    for name in ["a", "b"] {
        let below = directory.path().join(name);
        fs::create_dir(&below).unwrap();
        for number in 0..300 {
            let path = below.join(format!("{number:03}"));
            fs::write(&path, b"old").unwrap();
            transaction.stage(&path, &[b"new"]).unwrap();
            transaction
                .stage_after(&path, &path.with_extension("sig"), &[b"new"])
                .unwrap();
            paths.push(path);
        }
    }
    let blocked: Vec<_> = paths.iter().step_by(97).cloned().collect();
    for path in &blocked {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }
    let failed: Vec<_> = transaction
        .commit()
        .unwrap()
        .into_iter()
        .map(|failed| failed.path)
        .collect();
    let with_followers = blocked
        .iter()
        .flat_map(|path| [path.with_extension("sig"), path.clone()]);
    assert!(failed.iter().eq(&with_followers.collect::<Vec<_>>()), "{failed:?}");
    for path in &paths {
        let is_new = !blocked.contains(path);
        assert_eq!(path.with_extension("sig").exists(), is_new, "{}", path.display());
        assert!(!is_new || fs::read(path).unwrap() == b"new", "{}", path.display());
    }
    let left = fs::read_dir(directory.path().join("a")).unwrap();
    assert!(left.map(|entry| entry.unwrap().path()).all(|path| !is_staged(&path)));
}

#[test]
fn an_opened_file_hands_down_what_it_is_and_a_link_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let (file, other) = (directory.path().join("a.ko"), directory.path().join("b.ko"));
    fs::write(&file, b"old").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    fs::write(&other, b"other").unwrap();
    let context = Context::host();
    let transaction = Transaction::new(&context);
    let opened = transaction.open_to_replace(&file).unwrap();
    assert_eq!((opened.size(), opened.read().unwrap()), (3, b"old".to_vec()));
    transaction.stage_opened(&file, &opened, &[b"ne", b"w"]).unwrap();
    // As it will be.
    assert_eq!(transaction.open_to_replace(&file).unwrap().read().unwrap(), b"new");
    assert_eq!(fs::read(&file).unwrap(), b"old");
    fs::remove_file(&other).unwrap();
    std::os::unix::fs::symlink("a.ko", &other).unwrap();
    assert!(transaction.open_to_replace(&other).is_err());
    assert!(transaction.commit().unwrap().is_empty());
    assert_eq!(fs::read(&file).unwrap(), b"new");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
}

#[test]
fn a_dropped_transaction_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("vmlinuz");
    fs::write(&file, b"old").unwrap();
    let context = Context::host();
    let transaction = Transaction::new(&context);
    transaction.stage(&file, &[b"new"]).unwrap();
    drop(transaction);
    assert_eq!(fs::read(&file).unwrap(), b"old");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_dry_run_stages_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let context = Context::host().with_dry_run(true);
    let transaction = Transaction::new(&context);
    transaction.stage(&directory.path().join("new"), &[b"new"]).unwrap();
    assert!(transaction.commit().unwrap().is_empty());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn what_belongs_to_a_file_that_cannot_be_replaced_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let [kernel, signature] = ["vmlinuz", "vmlinuz.sig"].map(|name| directory.path().join(name));
    let link = directory.path().join("link");
    std::os::unix::fs::symlink("vmlinuz", &link).unwrap();
    fs::write(&kernel, b"old").unwrap();
    fs::write(&signature, b"of old").unwrap();
    let context = Context::host();
    let transaction = Transaction::new(&context);
    transaction.stage(&kernel, &[b"n", b"ew"]).unwrap();
    assert!(transaction.changes(&link).unwrap() && !transaction.changes(&signature).unwrap());
    assert_eq!(transaction.read(&link).unwrap(), b"new");
    transaction.stage_after(&link, &signature, &[b"of new"]).unwrap();
    fs::remove_file(&kernel).unwrap();
    fs::create_dir(&kernel).unwrap();
    let failed = transaction.commit().unwrap();
    assert_eq!(failed.len(), 2);
    assert_eq!(fs::read(&signature).unwrap(), b"of old");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3);
}

/// Another owner is kept too, but only root can give a file one: `tests/crash` does.
#[test]
fn attributes_and_times_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("module.ko");
    fs::write(&path, b"old").unwrap();
    rustix::fs::setxattr(&path, "user.origin", b"build", rustix::fs::XattrFlags::empty()).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o4751)).unwrap();
    let before = fs::metadata(&path).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::new(951_827_696, 123_456_789);
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(time)
        .unwrap();
    let context = Context::host();
    let transaction = Transaction::new(&context);
    transaction.stage(&path, &[b"new"]).unwrap();
    assert!(transaction.commit().unwrap().is_empty());
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(
        (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777),
        (before.uid(), before.gid(), 0o4751)
    );
    assert_eq!(metadata.modified().unwrap(), time);
    let mut value = [0; 16];
    let length = rustix::fs::getxattr(&path, "user.origin", &mut value).unwrap();
    assert_eq!(&value[..length], b"build");
}

#[test]
fn names_of_staged_files_are_known() {
    let directory = tempfile::tempdir().unwrap();
    let context = Context::host();
    let transaction = Transaction::new(&context);
    transaction.stage(&directory.path().join("new"), &[b"new"]).unwrap();
    let staged = fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
    assert!(is_staged(&staged), "{}", staged.display());
    for other in [
        "/boot/.bootseal-",
        "/boot/.bootseal-abcdefg",
        "/boot/.bootseal-abcdefg.",
        "/boot/new",
    ] {
        assert!(!is_staged(Path::new(other)), "{other}");
    }
}
