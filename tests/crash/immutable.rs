//! Variables that the kernel keeps immutable, as root writes them: a plain directory stands in for efivarfs, the flag is
//! the real one.

use std::fs::{self, File};

use bootseal::formats::firmware::guid::Guid;
use bootseal::system::Context;
use bootseal::system::variables::{Efivarfs, Variables};
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
use tempfile::TempDir;

/// A store on the disk that the build is on: temporary directories may lie on a file system without flags.
fn store() -> (TempDir, Efivarfs) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = Efivarfs::at(&Context::host(), directory.path());
    (directory, store)
}

/// Sets the flag; returns those from before. Only root may, and where root may not, the test must not pass.
fn make_immutable(file: &File) -> IFlags {
    let flags = ioctl_getflags(file).expect("target/ lies on a file system with flags, like ext4, btrfs or xfs");
    ioctl_setflags(file, flags | IFlags::IMMUTABLE).expect("run the tests as root: they set the immutable flag");
    flags
}

#[test]
fn an_immutable_variable_is_written_and_is_immutable_again() {
    let (directory, mut store) = store();
    store.write_raw("PK", &Guid::GLOBAL, 7, b"old").unwrap();
    let path = directory.path().join(format!("PK-{}", Guid::GLOBAL));
    let file = File::open(&path).unwrap();
    make_immutable(&file);
    store.write_raw("PK", &Guid::GLOBAL, 7, b"new").unwrap();
    assert!(ioctl_getflags(&file).unwrap().contains(IFlags::IMMUTABLE));
    assert!(fs::write(&path, b"x").is_err());
    assert_eq!(store.read_raw("PK", &Guid::GLOBAL).unwrap().unwrap().data, b"new");
    store.remove_raw("PK", &Guid::GLOBAL).unwrap();
    assert!(!path.exists());
}

#[test]
fn a_failed_write_leaves_the_file_immutable() {
    let (directory, mut store) = store();
    // A directory opens for reading, takes the flag, and refuses to be opened for writing.
    let path = directory.path().join(format!("PK-{}", Guid::GLOBAL));
    fs::create_dir(&path).unwrap();
    let file = File::open(&path).unwrap();
    let flags = make_immutable(&file);
    let written = store.write_raw("PK", &Guid::GLOBAL, 7, b"new");
    let still = ioctl_getflags(&file).unwrap().contains(IFlags::IMMUTABLE);
    let _ = ioctl_setflags(&file, flags);
    assert!(written.is_err());
    assert!(still);
}
