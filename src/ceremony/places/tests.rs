use super::*;
use crate::ceremony::spec::Backup;
use std::fs;

/// A machine below the crate's build directory, which is no place for passing files: its disk is 8:1, a stick is 8:17, and
/// fstab names another.
struct Machine {
    _directory: tempfile::TempDir,
    context: Context,
}

impl Machine {
    fn new() -> Self {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
        let directory = tempfile::tempdir_in(target).unwrap();
        let context = Context::host().with_root(fs::canonicalize(directory.path()).unwrap());
        let machine = Self {
            _directory: directory,
            context,
        };
        for folder in ["home", "root", "mnt/stick", "mnt/other", "mnt/memory"] {
            fs::create_dir_all(machine.context.path("/").join(folder)).unwrap();
        }
        machine.write("/etc/fstab", "LABEL=o /mnt/other vfat noauto 0 0\n");
        machine.mount("");
        machine
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.context.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn mount(&self, more: &str) {
        let system = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n";
        self.write("/proc/self/mountinfo", &format!("{system}{more}"));
    }

    fn spec(&self, offline: &str, backup: &str) -> Spec {
        let mut spec = Spec::new("x", self.context.path("/root/keys"));
        spec.offline = Some(self.context.path(offline));
        spec.backup = Some(Backup {
            directory: self.context.path(backup),
            shares: None,
        });
        spec
    }

    fn refusal(&self, spec: &Spec) -> String {
        let error = check_places(&self.context, spec).unwrap_err();
        assert_eq!(error.kind().exit_code(), 1);
        assert!(
            error.hints().iter().any(|hint| hint.contains("--same-disk")),
            "{error:?}"
        );
        error.to_string()
    }
}

const STICK: &str = "23 22 8:17 / /mnt/stick rw - vfat /dev/sdb1 rw\n";

#[test]
fn offline_keys_and_backup_on_the_disk_of_the_system_stop_the_ceremony() {
    let machine = Machine::new();
    let mut spec = machine.spec("/mnt/stick/keys", "/mnt/stick/backup");
    let said = machine.refusal(&spec);
    assert!(
        said.contains("/mnt/stick/keys lies on the disk of this system"),
        "{said}"
    );
    spec.same_disk = true;
    check_places(&machine.context, &spec).unwrap();
    spec.same_disk = false;
    machine.mount(STICK);
    check_places(&machine.context, &spec).unwrap();
    // The stick is pulled out, and its mount point stays.
    machine.mount("");
    machine.refusal(&spec);
    machine.mount(STICK);
    let said = machine.refusal(&machine.spec("/mnt/stick/keys", "/root/backup"));
    assert!(said.contains("the backup would be taken with it"), "{said}");
    // The node's keys are made on the stick as well.
    spec.out = machine.context.path("/mnt/stick/node");
    let said = machine.refusal(&spec);
    assert!(said.contains("lies on the disk of the node's keys"), "{said}");
}

#[test]
fn a_mount_point_that_nothing_is_mounted_on_stops_the_ceremony() {
    let machine = Machine::new();
    machine.mount(STICK);
    let spec = machine.spec("/mnt/stick/keys", "/mnt/other/new/backup");
    let said = machine.refusal(&spec);
    assert!(
        said.starts_with("nothing is mounted on /mnt/other, which /etc/fstab names"),
        "{said}"
    );
    let error = check_places(&machine.context, &spec).unwrap_err();
    assert_eq!(error.hints().first().copied(), Some("mount /mnt/other"));
    // Node keys in such a place are a slip, too.
    let mut spec = Spec::new("x", machine.context.path("/mnt/other/keys"));
    machine.refusal(&spec);
    spec.out = machine.context.path("/root/keys");
    check_places(&machine.context, &spec).unwrap();
}

#[test]
fn what_is_in_memory_is_no_place_for_keys_that_are_kept() {
    let machine = Machine::new();
    machine.mount("23 22 0:40 / /mnt/memory rw - tmpfs tmpfs rw\n");
    let said = machine.refusal(&machine.spec("/mnt/memory/keys", "/mnt/memory/backup"));
    assert!(said.contains("is in memory: the offline keys would be gone"), "{said}");
}

#[test]
fn a_trial_among_passing_files_is_left_alone_only_if_all_of_it_is_there() {
    let machine = Machine::new();
    let passing = std::env::temp_dir();
    let mut spec = machine.spec("/root/offline", "/root/backup");
    assert!(!is_trial(&spec));
    spec.out = passing.join("bootseal/node");
    spec.offline = Some(passing.join("bootseal/offline"));
    assert!(!is_trial(&spec));
    machine.refusal(&spec);
    spec.backup = None;
    assert!(is_trial(&spec));
    check_places(&machine.context, &spec).unwrap();
}

#[test]
fn a_rehearsal_touches_the_places_and_leaves_them_as_they_were() {
    let machine = Machine::new();
    let spec = machine.spec("/mnt/stick/keys", "/mnt/stick/backup");
    touch(&machine.context, &spec).unwrap();
    assert_eq!(fs::read_dir(machine.context.path("/mnt/stick")).unwrap().count(), 0);
    machine.write("/mnt/stick/keys/PK.key", "precious");
    let error = touch(&machine.context, &spec).unwrap_err();
    assert!(error.to_string().ends_with("is not empty"), "{error}");
    // Nobody writes in /proc, not even root.
    let mut spec = machine.spec("/mnt/stick/new", "/mnt/stick/backup");
    spec.offline = Some(PathBuf::from("/proc/bootseal"));
    touch(&machine.context, &spec).unwrap_err();
}
