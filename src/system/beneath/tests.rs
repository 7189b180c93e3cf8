//! Places in directories with links, pipes and exchanged directories.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use rustix::fs::{CWD, FileType, RenameFlags, mknodat, renameat_with};

use super::*;

/// A root directory with `/boot` and `/etc` in it.
struct Machine {
    context: Context,
    root: PathBuf,
    _directory: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        for name in ["boot/grub", "etc/grub", "srv/keys"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        for name in ["boot/kernel", "etc/shadow", "etc/grub/kernel"] {
            fs::write(root.join(name), name).unwrap();
        }
        Self {
            context: Context::host().with_root(&root),
            root,
            _directory: directory,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn link(&self, target: &str, name: &str) -> PathBuf {
        symlink(target, self.path(name)).unwrap();
        self.path(name)
    }
}

fn leads_out<T>(place: &Result<T, NoPlace>) -> bool {
    matches!(place, Err(NoPlace::LeadsOut { .. }))
}

#[test]
fn links_inside_are_followed_and_those_that_lead_out_are_refused() {
    let machine = Machine::new();
    let context = &machine.context;
    for (target, name) in [
        ("kernel", "boot/inside"),
        ("/boot/kernel", "boot/absolute"),
        ("boot/kernel", "vmlinuz"),
        ("../boot/grub/../kernel", "boot/winding"),
    ] {
        let link = machine.link(target, name);
        assert_eq!(follow(context, &link).unwrap(), machine.path("boot/kernel"), "{name}");
        let place = Place::of_file(context, &link).unwrap();
        assert_eq!(
            (place.base, place.path),
            (machine.path("boot").into(), machine.path("boot/kernel").into())
        );
    }
    for (target, name) in [
        ("/etc/shadow", "boot/out"),
        ("../etc/shadow", "boot/up"),
        ("out", "boot/chain"),
        ("boot/out", "through"),
    ] {
        let link = machine.link(target, name);
        assert!(leads_out(&Place::of_file(context, &link)), "{name}");
        // The name itself can be replaced and removed.
        assert_eq!(Place::of_name(context, &link).unwrap().path(), link, "{name}");
    }
    let linked = machine.link("/etc/grub", "boot/grub2").join("kernel");
    assert!(leads_out(&Place::of_name(context, &linked)) && leads_out(&follow(context, &linked)));
    // Nobody but the owner of the machine makes links elsewhere.
    let own = machine.link("etc/shadow", "own");
    assert_eq!(follow(context, &own).unwrap(), machine.path("etc/shadow"));
    let dangling = machine.link("nowhere", "boot/dangling");
    assert!(Place::of_file(context, &dangling).unwrap_err().is_missing());
}

#[test]
fn a_directory_that_is_guarded_later_counts_in_every_copy_of_the_context() {
    let machine = Machine::new();
    let link = machine.link("/etc/shadow", "srv/keys/db.key");
    assert!(!leads_out(&follow(&machine.context, &link)));
    machine.context.clone().guard(&machine.path("srv/keys"));
    assert!(leads_out(&follow(&machine.context, &link)));
}

#[test]
fn only_regular_files_are_opened_and_none_through_a_link() {
    let machine = Machine::new();
    let pipe = machine.path("boot/pipe");
    let mode = Mode::RUSR | Mode::WUSR;
    mknodat(CWD, &pipe, FileType::Fifo, mode, 0).unwrap();
    mknodat(CWD, machine.path("boot/socket"), FileType::Socket, mode, 0).unwrap();
    machine.link("kernel", "boot/link");
    for name in ["pipe", "socket", "link", "grub"] {
        let place = Place::of_name(&machine.context, &machine.path("boot").join(name)).unwrap();
        assert!(place.open().is_err() && place.create(0o600).is_err(), "{name}");
        assert!(place.look().unwrap().is_some());
    }
    let place = Place::of_name(&machine.context, &machine.path("boot/none")).unwrap();
    assert!(place.look().unwrap().is_none());
}

#[test]
fn a_directory_that_is_exchanged_for_a_link_leads_nowhere() {
    let machine = Machine::new();
    let file = machine.path("boot/grub/kernel");
    fs::write(&file, b"ours").unwrap();
    let place = Place::of_name(&machine.context, &file).unwrap();
    let (temporary, ..) = Temporary::beside(&place).unwrap();
    let trap = machine.link("/etc/grub", "boot/trap");
    renameat_with(CWD, machine.path("boot/grub"), CWD, &trap, RenameFlags::EXCHANGE).unwrap();
    assert!(place.open().is_err() && place.create(0o600).is_err() && place.remove().is_err());
    assert!(place.beside("new").make_directory(0o700).is_err() && place.remove_tree().is_err());
    assert!(place.rename(&place.beside("other")).is_err() && place.flush_directory().is_err());
    temporary.persist(&place, &mut Directory::default()).unwrap_err();
    assert_eq!(fs::read(machine.path("etc/grub/kernel")).unwrap(), b"etc/grub/kernel");
    assert_eq!(fs::read_dir(machine.path("etc/grub")).unwrap().count(), 1);
}

#[test]
fn a_file_that_takes_the_temporary_name_does_not_take_the_place() {
    let machine = Machine::new();
    let place = Place::of_name(&machine.context, &machine.path("boot/kernel")).unwrap();
    let (temporary, ..) = Temporary::beside(&place).unwrap();
    let name = temporary.place().path().to_path_buf();
    fs::rename(&name, machine.path("boot/kept")).unwrap();
    fs::write(&name, b"theirs").unwrap();
    assert!(temporary.persist(&place, &mut Directory::default()).is_err());
    assert_eq!(fs::read(machine.path("boot/kernel")).unwrap(), b"boot/kernel");
}

#[test]
fn a_tree_is_removed_without_following_its_links() {
    let machine = Machine::new();
    machine.link("/etc", "boot/grub/etc");
    fs::create_dir_all(machine.path("boot/grub/a/b")).unwrap();
    fs::write(machine.path("boot/grub/a/b/c"), b"").unwrap();
    Place::of_name(&machine.context, &machine.path("boot/grub"))
        .unwrap()
        .remove_tree()
        .unwrap();
    assert!(!machine.path("boot/grub").exists() && machine.path("etc/shadow").exists());
    let link = machine.link("/etc/grub", "boot/grub");
    Place::of_name(&machine.context, &link).unwrap().remove_tree().unwrap();
    assert!(fs::symlink_metadata(&link).is_err() && machine.path("etc/grub/kernel").exists());
}
