//! The audit of a machine that runs: clean, it finds nothing; then one thing at a time is made wrong, and it finds just that.

mod faults;
mod maker;
mod planted;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::bootseal::Bootseal;
use super::disk::{self, DISK_UUID};
use super::grub::image::Version;
use super::guest::{COMMAND_LINE, compiled};
use super::machine::{Machine, Serial};
use super::node::{Root, write};
use super::packages::{self, Kernel};
use crate::support::backup::Whole;
use crate::support::ceremony::private;
use crate::support::succeed;

use faults::{FAULTS, Fault, Found};

/// Executables of this guest alone, by their places in it.
const PROGRAMS: [(&str, &str); 1] = [("init", include_str!("init.sh"))];

/// Steps that nothing undoes: keys that root has, and a measurement that the log lacks.
const SINCE_THE_START: &str = "audit unsigned-card\n\
    must add_key /foreign/module.der\n\
    audit module-key-of-roots --only kernel.module_key --keys /foreign\n\
    extend_pcr_7\naudit measured-beside-the-log\n";

/// The file with a partition that nobody mounts.
const OTHER: &str = "other.img";

/// Keys as for a node: without those of 2011, which have expired, and with a backup.
const CEREMONY: &str = "microsoft = [\"kek-2023\", \"uefi-2023\", \"option-rom-2023\"]\n[keys.PK]\nencrypted = false\n\
    [keys.KEK]\nencrypted = false\n[keys.db]\nencrypted = false\n[keys.module]\nencrypted = false\nbits = 2048\n\
    [keys.grub]\nencrypted = false\nbits = 3072\n[backup]\ndirectory = \"backup\"\nshares = { needed = 2, of = 3 }\n";

#[test]
fn a_clean_chain_has_no_finding_and_each_fault_its_own() {
    packages::require_all();
    let node = Node::begin();
    // What goes into dbx stays there, so that is the last one.
    let (last, others) = FAULTS.split_last().expect("faults");
    let scripts: String = others.iter().map(Fault::script).collect();
    let script = format!("audit clean\n{scripts}audit clean-again\n{}", last.script());
    let audits = node.boot(&node.enrolled(), &script);
    let mut wrong = audits.compare("clean", &[]);
    // Debian's kernel looks at certificates of db for modules; the node's module key is one.
    for said in [
        "it is in .platform",
        "modules may be signed by: ",
        "appraised files (IMA) may be signed by: nobody",
    ] {
        wrong.extend(audits.lacks("clean", "kernel.module_key", said));
    }
    for fault in FAULTS {
        wrong.extend(audits.compare(fault.name, fault.found));
    }
    wrong.extend(audits.compare("clean-again", &[]));

    let audits = node.boot(&node.enrolled().with_card(), SINCE_THE_START);
    wrong.extend(audits.compare("unsigned-card", faults::UNSIGNED_CARD));
    wrong.extend(audits.compare("module-key-of-roots", faults::MODULE_KEY_OF_ROOTS));
    let said = "is only in a keyring that a program of this machine made";
    wrong.extend(audits.lacks("module-key-of-roots", "kernel.module_key", said));
    wrong.extend(audits.compare("measured-beside-the-log", faults::MEASURED_BESIDE_THE_LOG));

    node.starts_with(" lockdown=none");
    let audits = node.boot(&node.enrolled(), "audit lockdown-off\n");
    wrong.extend(audits.compare("lockdown-off", faults::LOCKDOWN_OFF));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A node and its keys, all that the faults need, and the machine's variables.
struct Node {
    bootseal: Bootseal,
    /// Keys that the machine knows nothing of.
    foreign: Bootseal,
    machine: Machine,
    /// Its files.
    root: Root,
    /// The content of its disk.
    tree: PathBuf,
    release: String,
    work: TempDir,
}

impl Node {
    /// The kernel is Debian's, whose modules we sign.
    fn begin() -> Self {
        let [kernel, other] = Kernel::newest_ones();
        let node = Self::with_keys(kernel.release());
        node.root.install(&node.bootseal, &kernel);
        node.put_kernels_loader(&kernel);
        let faults = node.tree.join("faults");
        planted::put(&node.bootseal, &node.foreign, [&kernel, &other], &faults);
        let planted = planted::partition(&node.bootseal, &faults);
        fs::write(node.work.path().join(OTHER), planted).expect("written");
        grub_image(
            &node.bootseal,
            &node.tree,
            &["--module", "ls"],
            &faults.join("other-grub"),
        );
        node
    }

    /// Keys, hooks and what all kernels share.
    fn with_keys(release: &str) -> Self {
        let work = tempfile::tempdir().expect("a temporary folder");
        let whole = Whole::planned(CEREMONY);
        succeed(&mut whole.run());
        let shares = format!("{}\n{}\n", whole.share(1), whole.share(2));
        private(&whole.path("shares.txt"), shares.as_bytes());
        succeed(&mut whole.drill(&whole.path("backup/bootseal-backup.tar")));
        let bootseal = Bootseal {
            program: env!("CARGO_BIN_EXE_bootseal").into(),
            keys: work.path().join("keys"),
        };
        copy_all(&whole.path("node"), &bootseal.keys);
        let root = Root(work.path().join("root"));
        // Somebody comes along with a stick.
        copy_all(&bootseal.keys, &root.0.join("offline"));
        copy_all(&whole.path("offline"), &root.0.join("offline"));
        let foreign = Bootseal::ceremony(&work.path().join("foreign"));
        copy_all(&foreign.keys, &root.0.join("foreign"));
        let add_key = root.0.join("bin/add_key");
        write(&add_key, &compiled(include_str!("add_key.c")));
        fs::set_permissions(add_key, fs::Permissions::from_mode(0o755)).expect("a mode");
        write(&root.0.join("etc/bootseal/baseline.toml"), faults::BASELINE.as_bytes());
        let command_line = format!("{COMMAND_LINE} module.sig_enforce=1");
        root.make(&bootseal, &bootseal.keys, &command_line, &PROGRAMS);
        root.common_initrd(&bootseal);
        let machine = Machine::in_setup_mode();
        bootseal.enroll_image(machine.variables());
        Self {
            bootseal,
            foreign,
            machine,
            tree: root.0.join("boot"),
            root,
            release: release.to_owned(),
            work,
        }
    }

    /// The image of GRUB for the menu that is there, and the configuration of a kernel.
    fn put_kernels_loader(&self, kernel: &Kernel) {
        let configuration = self.tree.join(format!("config-{}", kernel.release()));
        fs::copy(kernel.configuration(), configuration).expect("copied");
        fs::create_dir_all(self.tree.join("EFI/BOOT")).expect("a folder");
        grub_image(&self.bootseal, &self.tree, &[], &self.tree.join("EFI/BOOT/BOOTX64.EFI"));
    }

    /// The machine with the keys, and with a TPM.
    fn enrolled(&self) -> Machine {
        self.machine.with_tpm()
    }

    /// Adds words to the kernel's command line in the menu, which is signed as ever.
    fn starts_with(&self, words: &str) {
        let menu = self.tree.join("grub/grub.cfg");
        let text = fs::read_to_string(&menu).expect("a menu");
        fs::write(&menu, text.replace(COMMAND_LINE, &format!("{COMMAND_LINE}{words}"))).expect("written");
        self.bootseal.sign_for_grub(&[menu]);
    }

    /// Starts a machine from the disk as it was installed, does this, and brings what its audits said.
    fn boot(&self, machine: &Machine, script: &str) -> Audits {
        fs::write(self.tree.join("run.sh"), script).expect("written");
        let disk = self.work.path().join("disk.img");
        let other = self.work.path().join(OTHER);
        disk::make_partitioned_disk(&disk, &self.tree, other.is_file().then_some(&other));
        let log = machine.boot_disk(&disk);
        let directory = tempfile::tempdir().expect("a temporary folder");
        disk::read_from_partition(&disk, "/audits", directory.path());
        fs::remove_file(disk).expect("a disk");
        assert_eq!(log.after("vm: failed: "), [""; 0], "{:#?}", log.after("vm: | "));
        Audits {
            log,
            directory,
            release: self.release.clone(),
        }
    }
}

/// Builds the image of a GRUB that starts kernels as images of the firmware's, which leaves them the event log: of 2.12.
fn grub_image(bootseal: &Bootseal, tree: &Path, more: &[&str], output: &Path) {
    let work = tempfile::tempdir().expect("a temporary folder");
    let mut arguments: Vec<OsString> = ["--fs-uuid", DISK_UUID, "--grub-path", "/grub"].map(Into::into).into();
    for (option, path) in [
        ("--menu", tree.join("grub/grub.cfg")),
        ("--modules-dir", Version::V2_12.modules()),
        ("--mkimage", Version::V2_12.mkimage(work.path())),
        ("--output", output.to_owned()),
    ] {
        arguments.extend([option.into(), path.into()]);
    }
    arguments.extend(more.iter().map(Into::into));
    bootseal.grub_image(&arguments);
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
        }
    }
}

/// The answers of the audits of a boot.
struct Audits {
    log: Serial,
    /// Holds them.
    directory: TempDir,
    release: String,
}

impl Audits {
    fn read(&self, name: &str) -> Value {
        let path = self.directory.path().join("audits").join(name).with_extension("json");
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        crate::support::remedies::written(&bytes);
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            let said = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
            panic!("{name}: {error}\n{said}")
        })
    }

    /// A difference, if neither evidence nor a finding of this check says so.
    fn lacks(&self, name: &str, id: &str, words: &str) -> Option<String> {
        let said = self.read(name);
        let mut checks = said["checks"].as_array().expect("checks").iter();
        let check = checks.find(|check| check["id"] == id).expect("the check");
        let evidence = check["evidence"].as_array().expect("evidence").iter();
        let findings = check["findings"].as_array().expect("findings").iter();
        let texts: Vec<&Value> = evidence.chain(findings.map(|finding| &finding["text"])).collect();
        let is_said = texts
            .iter()
            .filter_map(|text| text.as_str())
            .any(|text| text.contains(words));
        (!is_said).then(|| format!("{name}: {id} lacks \"{words}\": {texts:?}"))
    }

    /// The differences from the expected answer: each finding, and the exit code of the audit.
    fn compare(&self, name: &str, expected: &[Found]) -> Vec<String> {
        let said = self.read(name);
        let expected: Vec<(&str, String)> = expected
            .iter()
            .map(|(id, subject)| (*id, subject.replace("VERSION", &self.release)))
            .collect();
        let mut found = vec![false; expected.len()];
        let mut wrong = Vec::new();
        for check in said["checks"].as_array().expect("checks") {
            let id = check["id"].as_str().expect("an ID");
            for finding in check["findings"].as_array().expect("findings") {
                let subject = finding["subject"].as_str().expect("a subject");
                let mut is_expected = false;
                for (found, (own, begins)) in found.iter_mut().zip(&expected) {
                    if *own == id && subject.starts_with(begins) {
                        (*found, is_expected) = (true, true);
                    }
                }
                if !is_expected {
                    wrong.push(format!("{name}: not expected: {id}: {subject}: {}", finding["text"]));
                }
            }
            for reason in check["not_run"].as_array().expect("reasons") {
                wrong.push(format!("{name}: {id} could not run: {reason}"));
            }
        }
        for ((id, subject), found) in expected.iter().zip(found) {
            if !found {
                wrong.push(format!("{name}: missing: {id}: {subject}"));
            }
        }
        let code = u8::from(!expected.is_empty());
        if self.log.after(&format!("vm: audit {name} ended with ")) != [code.to_string()] {
            wrong.push(format!("{name}: did not end with {code}"));
        }
        wrong
    }
}
