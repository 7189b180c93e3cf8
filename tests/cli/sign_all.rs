//! `sign all` on a node's tree: the configuration decides, GRUB's signatures come last, and a second run does nothing.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use bootseal::formats::firmware::authenticode::minimal_image;
use serde_json::Value;

use crate::support::node::Node;
use crate::support::{keys, refuse, sign, sign_file, succeed, text, verify};

#[test]
fn a_whole_node_is_signed_in_the_right_order() {
    let node = Node::new();
    let path = |name: &str| node.path(name);
    node.kernel("boot/vmlinuz-6.12.58");
    node.write("boot/initramfs-6.12.58.img", "initramfs");
    node.write("boot/grub/grub.cfg", "set timeout=5\n");
    node.write("boot/grub/x86_64-efi/normal.mod", "\x7fELF");
    node.link("vmlinuz-6.12.58", "boot/vmlinuz");
    node.module("lib/modules/6.12.58/loop.ko");
    node.config(
        "[sign]\nmodules = [\"/lib/modules\"]\nefi = [\"/boot/vmlinuz*\"]\n\
         grub = [\"/boot/grub\", \"/boot/vmlinuz*\", \"/boot/initramfs-*.img\"]\n",
    );

    let sign_all = || {
        let mut command = node.bootseal(["sign", "all", "--json", "--keys"]);
        command.arg(keys());
        command
    };
    let report: Value = serde_json::from_str(&succeed(&mut sign_all())).unwrap();
    assert_eq!(report["schema"], "bootseal.sign/1");
    // One module, one kernel by two names, and five names that GRUB opens.
    assert_eq!(
        (&report["signed"], &report["failed"]),
        (&7.into(), &0.into()),
        "{report}"
    );
    let names = [
        "boot/vmlinuz-6.12.58",
        "boot/vmlinuz",
        "boot/grub/grub.cfg",
        "lib/modules/6.12.58/loop.ko",
    ];
    let files = names.map(path);
    let said = succeed(&mut verify(&files.each_ref().map(std::path::PathBuf::as_path)));
    assert!(
        said.contains("vmlinuz (GRUB file)") && said.contains("vmlinuz (EFI image)"),
        "{said}"
    );
    assert!(path("boot/vmlinuz.sig").is_file() && fs::symlink_metadata(path("boot/vmlinuz")).unwrap().is_symlink());

    let again: Value = serde_json::from_str(&succeed(&mut sign_all())).unwrap();
    assert_eq!(
        (&again["signed"], &again["unchanged"]),
        (&0.into(), &7.into()),
        "{again}"
    );

    fs::remove_file(path("boot/initramfs-6.12.58.img")).unwrap();
    let output = sign_all().output().unwrap();
    crate::support::remedies::printed(&output);
    assert_eq!(output.status.code(), Some(3));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["error"]["kind"], "could_not_run", "{}", text(&output));
    assert!(report.to_string().contains("initramfs-*.img"), "{report}");
}

/// A node with a kernel, a module and GRUB's configuration, and what `sign all` says of it.
struct Machine(Node);

impl Deref for Machine {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

impl Machine {
    fn new(config: &str) -> Self {
        let node = Node::new();
        node.kernel("boot/vmlinuz");
        node.write("boot/grub/grub.cfg", "set timeout=5\n");
        node.module("lib/modules/6.12.58/loop.ko");
        node.config(config);
        Self(node)
    }

    fn sign(&self, arguments: &[&str]) -> (i32, Value) {
        let mut command = self.bootseal(["sign", "all", "--json", "--keys"]);
        let output = command.arg(keys()).args(arguments).output().unwrap();
        crate::support::remedies::printed(&output);
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
        (output.status.code().unwrap(), report)
    }

    /// The outcome for a file, by its path or pattern.
    fn outcome(&self, report: &Value, name: &str) -> String {
        let files = report["files"].as_array().unwrap();
        let is_it = |file: &&Value| {
            let path = Path::new(file["path"].as_str().unwrap());
            path == self.path(name) || path == Path::new("/").join(name)
        };
        files
            .iter()
            .filter(is_it)
            .map(|file| file["outcome"].as_str().unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn manifests(&self) -> Vec<PathBuf> {
        let directory = fs::read_dir(self.path("var/lib/bootseal/manifests")).unwrap();
        directory.map(|entry| entry.unwrap().path()).collect()
    }
}

const CONFIG: &str = "[sign]\nmodules = [\"/lib/modules\"]\nefi = [\"/boot/vmlinuz\"]\n\
    grub = [\"/boot/grub\", \"/boot/vmlinuz*\"]\n";

#[test]
fn what_is_optional_may_be_missing_and_what_is_excluded_is_left_alone() {
    let node = Machine::new(
        "[sign]\nefi = [\"/boot/vmlinuz\", \"/boot/gone.efi\", { path = \"/boot/efi/*.efi\", optional = true }]\n\
         grub = [\"/boot/grub\"]\nexclude = [\"/boot/grub/grubenv\", \"/boot/grub/old\"]\n",
    );
    fs::create_dir(node.path("boot/grub/old")).unwrap();
    for name in ["boot/grub/grubenv", "boot/grub/old/grub.cfg"] {
        fs::write(node.path(name), b"").unwrap();
    }
    let (code, report) = node.sign(&[]);
    assert_eq!((code, &report["failed"]), (3, &1.into()), "{report}");
    assert_eq!(node.outcome(&report, "boot/efi/*.efi"), "absent");
    assert_eq!(node.outcome(&report, "boot/gone.efi"), "failed");
    assert_eq!(node.outcome(&report, "boot/vmlinuz"), "signed");
    assert_eq!(node.outcome(&report, "boot/grub/grub.cfg"), "signed");
    assert!(!node.path("boot/grub/grubenv.sig").exists() && !node.path("boot/grub/old/grub.cfg.sig").exists());
}

#[test]
fn a_kernel_that_is_signed_and_its_signature_for_grub_change_together_or_not_at_all() {
    let node = Machine::new(CONFIG);
    let (code, report) = node.sign(&["--dry-run"]);
    assert_eq!((code, &report["signed"]), (0, &4.into()), "{report}");
    assert!(!node.path("boot/vmlinuz.sig").exists() && !node.path("var").exists());
    node.sign(&[]);
    succeed(&mut verify(&[&node.path("boot/vmlinuz")]));
    // A new kernel under the old name: the dry run knows that the signature for GRUB has to follow.
    let mut kernel = minimal_image();
    *kernel.last_mut().unwrap() ^= 1;
    fs::write(node.path("boot/vmlinuz"), &kernel).unwrap();
    let (code, report) = node.sign(&[]);
    assert_eq!((code, &report["unvouched"]), (1, &2.into()), "{report}");
    let accepted = node.path("boot/vmlinuz");
    let accepted = ["--accept-changed", accepted.to_str().unwrap()];
    let (_, report) = node.sign(&[&["--dry-run"], &accepted[..]].concat());
    assert_eq!(node.outcome(&report, "boot/vmlinuz"), "signed signed", "{report}");
    assert_eq!(fs::read(node.path("boot/vmlinuz")).unwrap(), kernel);
    let (code, report) = node.sign(&accepted);
    assert_eq!((code, &report["signed"]), (0, &2.into()), "{report}");
    succeed(&mut verify(&[&node.path("boot/vmlinuz")]));
}

#[test]
fn signatures_of_files_that_are_gone_are_removed_if_they_are_ours() {
    let node = Machine::new(&CONFIG.replace("efi = [\"/boot/vmlinuz\"]", "efi = [\"/boot/vmlinuz*\"]"));
    fs::copy(node.path("boot/vmlinuz"), node.path("boot/vmlinuz.old")).unwrap();
    fs::write(node.path("boot/grub/theme.txt"), b"").unwrap();
    node.sign(&[]);
    let foreign = node.path("boot/grub/release.sig");
    fs::write(&foreign, b"not ours").unwrap();
    for name in ["boot/vmlinuz.old", "boot/grub/theme.txt"] {
        fs::remove_file(node.path(name)).unwrap();
    }
    let (code, report) = node.sign(&[]);
    assert_eq!((code, &report["removed"]), (0, &2.into()), "{report}");
    assert!(foreign.exists());
    assert!(!node.path("boot/vmlinuz.old.sig").exists() && !node.path("boot/grub/theme.txt.sig").exists());
    assert_eq!(node.sign(&[]).1["removed"], 0);
}

#[test]
fn the_manifest_saves_work_and_is_never_believed_against_the_file() {
    let node = Machine::new(CONFIG);
    node.sign(&[]);
    let module = node.path("lib/modules/6.12.58/loop.ko");
    assert_eq!(node.manifests().len(), 3);
    let signed = fs::read(&module).unwrap();
    assert_eq!(node.sign(&[]).1["unchanged"], 4);

    // The same size, and the time of modification put back: the time of the change gives it away.
    let modified = fs::metadata(&module).unwrap().modified().unwrap();
    let mut flipped = signed.clone();
    flipped[100] ^= 1;
    fs::write(&module, &flipped).unwrap();
    fs::File::options()
        .write(true)
        .open(&module)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    let (_, report) = node.sign(&[]);
    assert_eq!(
        node.outcome(&report, "lib/modules/6.12.58/loop.ko"),
        "signed",
        "{report}"
    );

    // A manifest that was written by hand, for a file that is not signed.
    let manifest = node
        .manifests()
        .into_iter()
        .find(|path| path.to_string_lossy().contains("modules-"))
        .unwrap();
    let genuine = fs::read_to_string(&manifest).unwrap();
    fs::write(&module, b"\x7fELF").unwrap();
    let forged = genuine.replace("sha3-512", "sha3-384");
    fs::write(&manifest, &forged).unwrap();
    let (code, report) = node.sign(&[]);
    assert_eq!(
        (code, node.outcome(&report, "lib/modules/6.12.58/loop.ko").as_str()),
        (1, "failed"),
        "{report}"
    );
    assert!(report["warnings"][0].as_str().unwrap().contains("ignored"), "{report}");

    // Whatever the manifest says, every file is read when asked to.
    fs::write(&module, &signed).unwrap();
    node.sign(&[]);
    assert_eq!(node.sign(&["--recheck"]).1["unchanged"], 4);
}

#[test]
fn no_absolute_link_leads_out_of_the_root() {
    let node = Machine::new("[sign]\nefi = [\"/boot/kernel\"]\n");
    std::os::unix::fs::symlink("/boot/vmlinuz", node.path("boot/kernel")).unwrap();
    let (code, report) = node.sign(&[]);
    assert_eq!((code, &report["signed"]), (0, &1.into()), "{report}");
    succeed(&mut verify(&[&node.path("boot/vmlinuz")]));
    assert!(fs::symlink_metadata(node.path("boot/kernel")).unwrap().is_symlink());
}

/// As on a root of NFS: configuration, keys, state and modules of the machine, and not of the host, wherever links lead.
#[test]
fn configuration_keys_and_state_are_those_of_the_root() {
    let node = Machine::new("[sign]\nefi = [\"/boot/vmlinuz\"]\nmodules = [\"/lib/modules\"]\n");
    node.keys(crate::support::keys(), |_| true);
    node.module("lib/modules/6.12.1/x.ko");
    for (from, to) in [
        ("etc/bootseal", "srv/config"),
        ("var/lib", "srv/state"),
        ("srv/config/keys", "srv/keys"),
        ("lib", "usr/lib"),
    ] {
        let _ = fs::create_dir_all(node.path(from));
        fs::create_dir_all(node.path(to).parent().unwrap()).unwrap();
        fs::rename(node.path(from), node.path(to)).unwrap();
        node.link(&format!("/{to}"), from);
    }
    succeed(&mut node.bootseal(["sign", "all"]));
    let module = node.path("usr/lib/modules/6.12.1/x.ko");
    succeed(&mut verify(&[&node.path("boot/vmlinuz"), &module]));
    assert!(node.path("srv/state/bootseal/ledger.jsonl").is_file());
    succeed(&mut node.bootseal(["ledger", "verify"]));
}

#[test]
fn other_names_of_a_file_are_told_of() {
    let node = Machine::new("[sign]\nefi = [\"/boot/vmlinuz\"]\n");
    fs::hard_link(node.path("boot/vmlinuz"), node.path("boot/vmlinuz.old")).unwrap();
    let (code, report) = node.sign(&[]);
    assert_eq!(code, 0);
    assert!(
        report["files"][0]["warnings"][0].as_str().unwrap().contains("2 names"),
        "{report}"
    );
    assert_eq!(fs::read(node.path("boot/vmlinuz.old")).unwrap(), minimal_image());
}

#[test]
fn a_signature_is_not_signed_but_may_be_named_beside_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let [file, signature] = ["grub.cfg", "grub.cfg.sig"].map(|name| directory.path().join(name));
    fs::write(&file, b"set timeout=5\n").unwrap();
    succeed(&mut sign("grub", &[&file]));
    succeed(&mut sign("grub", &[&file, &signature]));
    let said = refuse(&mut sign("grub", &[&signature]));
    assert!(said.contains("grub.cfg.sig is a signature itself"), "{said}");
}

#[test]
fn modules_of_others_are_treated_as_the_configuration_says() {
    for (foreign, code, outcome) in [("replace", 0, "signed"), ("keep", 0, "kept"), ("refuse", 1, "failed")] {
        let node = Machine::new(&format!(
            "[sign]\nmodules = [\"/lib/modules\"]\nforeign_modules = \"{foreign}\"\n"
        ));
        let path = node.path("lib/modules/6.12.58/loop.ko");
        let mut signed = sign_file();
        signed
            .arg("sha512")
            .arg(keys().join("db.key"))
            .arg(keys().join("db.pem"));
        succeed(signed.arg(&path));
        let (actual, report) = node.sign(&[]);
        assert_eq!(
            (actual, node.outcome(&report, "lib/modules/6.12.58/loop.ko").as_str()),
            (code, outcome),
            "{report}"
        );
    }
}

#[test]
fn a_configured_directory_without_modules_is_an_error_unless_it_may_be() {
    for (entry, code) in [
        ("\"/lib/modules/6.1\"", 3),
        ("{ path = \"/lib/modules/6.1\", optional = true }", 0),
        // What a removed kernel left.
        ("\"/lib/modules/*\"", 0),
    ] {
        let node = Machine::new(&format!("[sign]\nmodules = [{entry}, \"/lib/modules/6.12.58\"]\n"));
        fs::create_dir(node.path("lib/modules/6.1")).unwrap();
        fs::write(node.path("lib/modules/6.1/modules.dep"), "").unwrap();
        let (actual, report) = node.sign(&[]);
        assert_eq!((actual, &report["signed"]), (code, &1.into()), "{entry}: {report}");
        let failed = if code == 0 { "absent from the report" } else { "failed" };
        let outcome = report["files"].as_array().unwrap().iter().find_map(|file| {
            let is_it = Path::new(file["path"].as_str().unwrap()) == node.path("lib/modules/6.1");
            is_it.then(|| file["outcome"].as_str().unwrap().to_owned())
        });
        assert_eq!(
            outcome.as_deref().unwrap_or("absent from the report"),
            failed,
            "{entry}: {report}"
        );
    }
}

#[test]
fn many_files_of_a_kind_are_a_line_and_with_v_a_line_each() {
    let node = Node::new();
    let grub = node.path("boot/grub");
    let files: Vec<String> = (0..21)
        .map(|number| format!("part{}/{number}.mod", number % 2))
        .collect();
    for file in &files {
        node.write(&format!("boot/grub/{file}"), "\x7fELF");
    }
    let sign = |option: &[&str]| {
        let mut command = node.bootseal(["sign", "grub", "--keys"]);
        succeed(command.arg(keys()).args(option).arg(&grub))
    };
    let line = format!("✓ 21 files (grub) below {} (-v names each)", grub.display());
    let said = sign(&[]);
    assert!(said.lines().any(|own| own == line) && !said.contains(".mod"), "{said}");
    // Few are named in any case.
    fs::remove_file(grub.join("part0/0.mod.sig")).unwrap();
    let said = sign(&[]);
    assert!(said.contains("part0/0.mod (for GRUB)\n"), "{said}");
    for file in &files {
        fs::remove_file(grub.join(format!("{file}.sig"))).unwrap();
    }
    let said = sign(&["-v"]);
    assert_eq!(said.matches(".mod (for GRUB)\n").count(), 21, "{said}");
}
