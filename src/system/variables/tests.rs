//! A plain directory stands in for efivarfs. The immutable flag, which only root may set, is tested in `tests/crash`.

use std::fs;

use super::*;

fn store() -> (tempfile::TempDir, Efivarfs) {
    let directory = tempfile::tempdir().unwrap();
    let store = Efivarfs::at(&Context::host(), directory.path());
    (directory, store)
}

#[test]
fn every_attribute_bit_survives() {
    let (_directory, mut store) = store();
    store.write_raw("odd", &Guid::GLOBAL, 0x8000_0127, b"data").unwrap();
    let raw = store.read_raw("odd", &Guid::GLOBAL).unwrap().unwrap();
    assert_eq!((raw.attributes, raw.data.as_slice()), (0x8000_0127, b"data".as_slice()));
}

#[test]
fn a_shorter_value_leaves_nothing_of_the_longer_one() {
    let (directory, mut store) = store();
    store.write_raw("x", &Guid::GLOBAL, 7, b"long value").unwrap();
    store.write_raw("x", &Guid::GLOBAL, 7, b"short").unwrap();
    let file = directory.path().join(format!("x-{}", Guid::GLOBAL));
    assert_eq!(fs::read(file).unwrap(), b"\x07\0\0\0short");
}

#[test]
fn files_that_hold_no_variable() {
    let (directory, store) = store();
    let file = directory.path().join(format!("x-{}", Guid::GLOBAL));
    assert_eq!(store.read_raw("x", &Guid::GLOBAL).unwrap(), None);
    fs::write(&file, b"").unwrap();
    assert_eq!(store.read_raw("x", &Guid::GLOBAL).unwrap(), None);
    fs::write(&file, b"\x07\0\0").unwrap();
    let error = store.read_raw("x", &Guid::GLOBAL).unwrap_err();
    assert_eq!(error.causes(), ["3 bytes do not hold the 4 of the attributes"]);
}

#[test]
fn setup_mode_is_one_byte() {
    let (_directory, mut store) = store();
    assert_eq!(store.flag("SetupMode").unwrap(), None);
    store.write_raw("SetupMode", &Guid::GLOBAL, 6, &[1]).unwrap();
    assert_eq!(store.flag("SetupMode").unwrap(), Some(true));
    store.write_raw("SetupMode", &Guid::GLOBAL, 6, &[2]).unwrap();
    assert!(store.flag("SetupMode").is_err());
}

#[test]
fn a_dry_run_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Efivarfs::at(&Context::host().with_dry_run(true), directory.path());
    store.write_raw("PK", &Guid::GLOBAL, 7, b"new").unwrap();
    store.remove_raw("PK", &Guid::GLOBAL).unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn names_do_not_lead_out_of_the_directory() {
    let (_directory, mut store) = store();
    assert!(store.write_raw("../PK", &Guid::GLOBAL, 7, b"").is_err());
    assert!(store.remove_raw("a/../../b", &Guid::GLOBAL).is_err());
}

#[test]
fn variables_are_listed_and_other_files_are_not() {
    let (directory, mut store) = store();
    store.write_raw("Boot-Order", &Guid::GLOBAL, 7, &[1, 0, 0, 0]).unwrap();
    fs::write(directory.path().join(".firmware.json"), b"{}").unwrap();
    assert_eq!(store.names().unwrap(), [("Boot-Order".to_owned(), Guid::GLOBAL)]);
}

#[test]
fn the_kernels_answer_is_explained() {
    let failure = |step, errno: Errno| WriteFailure {
        step,
        source: errno.into(),
    };
    let refused = explain("db", failure(Step::Write, Errno::ACCESS));
    assert_eq!(refused.kind().exit_code(), 1);
    assert!(refused.to_string().contains("not in Setup Mode"));
    let full = explain("db", failure(Step::Write, Errno::NOSPC));
    assert!(full.to_string().contains("no memory left"));
    let read_only = explain("db", failure(Step::Open, Errno::ROFS));
    assert_eq!(read_only.hints(), ["mount -o remount,rw /sys/firmware/efi/efivars"]);
    assert_eq!(explain("db", failure(Step::Write, Errno::IO)).kind().exit_code(), 3);
}

#[test]
fn a_machine_without_uefi_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let context = Context::host().with_root(directory.path());
    let error = Efivarfs::live(&context).unwrap_err();
    assert!(error.to_string().contains("not booted through UEFI"));
    fs::create_dir_all(directory.path().join("sys/firmware/efi")).unwrap();
    let error = Efivarfs::live(&context).unwrap_err();
    assert!(error.to_string().contains("not mounted"));
}
