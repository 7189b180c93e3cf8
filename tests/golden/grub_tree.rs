//! A directory of GRUB as a distribution makes it: modules, translations, fonts, a theme, and a configuration that
//! Debian's own scripts wrote. `gpgv` judges every signature; then each thing that can go wrong does.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::judges::gpgv;
use crate::support::node::Node;
use crate::support::{keys, succeed, text, tool};

const KERNEL: &str = "boot/vmlinuz-6.12.58-gentoo";
const INITRD: &str = "boot/initrd.img-6.12.58-gentoo";

struct Machine(Node);

impl Deref for Machine {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

impl Machine {
    fn new() -> Self {
        let machine = Self(Node::new());
        let copy = |from: &str, to: &str| {
            let to = machine.path(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            succeed(tool("cp").arg("-r").arg(from).arg(to));
        };
        copy("/usr/lib/grub/x86_64-efi", "boot/grub/x86_64-efi");
        copy("/usr/share/grub/unicode.pf2", "boot/grub/fonts/unicode.pf2");
        copy("/usr/share/grub/unicode.pf2", "usr/share/grub/unicode.pf2");
        copy("/usr/share/grub/themes/starfield", "boot/grub/themes/starfield");
        for language in fs::read_dir("/usr/share/locale").unwrap() {
            let language = language.unwrap();
            let catalogue = language.path().join("LC_MESSAGES/grub.mo");
            if catalogue.exists() {
                let to = format!("boot/grub/locale/{}.mo", language.file_name().to_str().unwrap());
                copy(catalogue.to_str().unwrap(), &to);
            }
        }
        machine.write("boot/grub/grub.cfg", include_str!("grub_tree/grub.cfg"));
        let environment = format!("# GRUB Environment Block\n{}", "#".repeat(1000));
        machine.write("boot/grub/grubenv", environment);
        machine.write(KERNEL, "kernel");
        machine.write(INITRD, "initrd");
        machine
    }

    fn run(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self
            .bootseal(["--json"])
            .args(arguments)
            .arg("--keys")
            .arg(keys())
            .arg(self.path("boot/grub"))
            .output()
            .unwrap();
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
        (output.status.code().unwrap(), report)
    }

    fn sign(&self) -> Value {
        let everything = self.path("");
        let (code, mut report) = self.run(&["sign", "grub", "--accept-changed", everything.to_str().unwrap()]);
        assert_eq!(code, 0, "{report}");
        let is_of_ledger = |warning: &Value| {
            warning
                .as_str()
                .is_some_and(|warning| warning.contains("as they are found"))
        };
        let warnings = report["warnings"].as_array_mut().unwrap();
        warnings.retain(|warning| !is_of_ledger(warning));
        report
    }

    /// The exit code, and what was found: names of problems and traps with the names of their files.
    fn verify(&self) -> (i32, Vec<(String, String)>) {
        let (code, report) = self.run(&["verify"]);
        let directory = &report["files"][0];
        assert_eq!(directory["accepted"], code == 0, "{report}");
        let named = |key: &str, name: &str| {
            let found = directory[key].as_array().unwrap_or_else(|| panic!("{report}"));
            let found = found.iter().filter(|found| found["level"] != "note");
            found
                .map(|found| {
                    let path = Path::new(found["path"].as_str().unwrap());
                    let path = path.strip_prefix(self.root()).unwrap_or(path);
                    (
                        found[name].as_str().unwrap().to_owned(),
                        path.to_str().unwrap().to_owned(),
                    )
                })
                .collect::<Vec<_>>()
        };
        let mut found = named("problems", "problem");
        found.extend(named("traps", "trap"));
        (code, found)
    }

    fn signatures(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut waiting = vec![self.root().to_path_buf()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    waiting.push(path);
                } else if path.extension().is_some_and(|ending| ending == "sig") {
                    found.push(path);
                }
            }
        }
        found
    }
}

/// A problem, the file that has it, and what brings it about.
type Fault<'a> = (&'a str, &'a str, &'a dyn Fn(&str));

/// Another key's signatures, over any hash.
struct Stranger {
    home: tempfile::TempDir,
}

impl Stranger {
    fn new() -> Self {
        let stranger = Self {
            home: tempfile::tempdir().unwrap(),
        };
        succeed(
            stranger
                .gpg()
                .args(["--quick-generate-key", "stranger", "rsa2048", "sign", "never"]),
        );
        stranger
    }

    fn gpg(&self) -> std::process::Command {
        let mut gpg = tool("gpg");
        gpg.arg("--homedir").arg(self.home.path());
        gpg.args([
            "--batch",
            "--yes",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
            "--allow-weak-digest-algos",
        ]);
        gpg
    }

    fn sign(&self, file: &Path, hash: &str) {
        succeed(self.gpg().args(["--digest-algo", hash, "--detach-sign"]).arg(file));
    }
}

#[test]
fn a_distributions_tree_is_signed_whole_and_each_fault_is_named_and_mended() {
    let machine = Machine::new();
    let report = machine.sign();
    let signatures = machine.signatures();
    assert!(signatures.len() > 350, "only {} files were signed", signatures.len());
    assert_eq!(report["signed"], signatures.len(), "{}", report["warnings"]);
    assert_eq!(report["warnings"], Value::Array(Vec::new()));
    for signature in &signatures {
        succeed(&mut gpgv(signature, &signature.with_extension("")));
    }
    // What the configuration leads to outside of the directory, and the block of variables, which nothing writes.
    for name in [KERNEL, INITRD, "usr/share/grub/unicode.pf2", "boot/grub/grubenv"] {
        assert!(machine.path(&format!("{name}.sig")).exists(), "{name}");
    }
    assert_eq!(machine.verify(), (0, Vec::new()));
    assert_eq!(machine.sign()["unchanged"], signatures.len());

    let stranger = Stranger::new();
    let remove = |name: &str| machine.remove(name);
    let change = |name: &str| {
        let mut bytes = machine.read(name);
        *bytes.last_mut().unwrap() ^= 1;
        machine.write(name, bytes);
    };
    let unsign = |name: &str| remove(&format!("{name}.sig"));
    let add = |name: &str| machine.write(name, "echo new\n");
    let sign_by_stranger = |name: &str| stranger.sign(&machine.path(name), "SHA512");
    let sign_over_sha1 = |name: &str| stranger.sign(&machine.path(name), "SHA1");
    let sign_over_md5 = |name: &str| stranger.sign(&machine.path(name), "MD5");
    let garble = |name: &str| machine.write(&format!("{name}.sig"), "no packet");
    let link = |name: &str| machine.link("new.cfg", name);
    let faults: [Fault; 13] = [
        ("missing", "boot/grub/x86_64-efi/normal.mod", &unsign),
        ("missing", "boot/grub/locale/de.mo", &unsign),
        ("missing", KERNEL, &unsign),
        ("missing", "boot/grub/new.cfg", &add),
        ("stale", "boot/grub/themes/starfield/blob_w.png", &change),
        ("stale", "boot/grub/x86_64-efi/command.lst", &change),
        ("stale", "boot/grub/fonts/unicode.pf2", &change),
        ("stale", INITRD, &change),
        ("wrong_key", "boot/grub/grub.cfg", &sign_by_stranger),
        ("weak_hash", "boot/grub/x86_64-efi/linux.mod", &sign_over_sha1),
        ("weak_hash", KERNEL, &sign_over_md5),
        ("malformed_signature", "boot/grub/grubenv", &garble),
        ("link_missing", "boot/grub/custom.cfg", &link),
    ];
    for (problem, name, fault) in faults {
        fault(name);
        assert_eq!(machine.verify(), (1, vec![(problem.to_owned(), name.to_owned())]));
        machine.sign();
        assert_eq!(machine.verify(), (0, Vec::new()), "{problem} {name}");
        succeed(&mut gpgv(&machine.path(&format!("{name}.sig")), &machine.path(name)));
    }
    remove("boot/grub/custom.cfg");
    let orphan = "boot/grub/custom.cfg.sig".to_owned();
    assert_eq!(machine.verify(), (1, vec![("orphan".to_owned(), orphan.clone())]));
    assert_eq!(machine.sign()["removed"], 1);
    assert!(!machine.path(&orphan).exists());
    assert_eq!(machine.verify(), (0, Vec::new()));

    // What signing cannot mend.
    remove(INITRD);
    assert_eq!(
        machine.verify().1.into_iter().collect::<BTreeSet<_>>(),
        [("not_found".to_owned(), "boot/grub/grub.cfg".to_owned())].into()
    );
}

#[test]
fn a_block_of_variables_that_grub_writes_is_left_unsigned() {
    let machine = Machine::new();
    machine.sign();
    let saving = include_str!("grub_tree/grub.cfg").replace("\tload_video\n", "\tsavedefault\n\tload_video\n");
    machine.write("boot/grub/grub.cfg", &saving);
    let grub_cfg = "boot/grub/grub.cfg".to_owned();
    assert_eq!(
        machine.verify(),
        (
            1,
            vec![
                ("stale".to_owned(), grub_cfg.clone()),
                ("savedefault_signed_grubenv".to_owned(), grub_cfg)
            ]
        )
    );
    let report = machine.sign();
    assert_eq!(
        (&report["withdrawn"], &report["signed"]),
        (&1.into(), &1.into()),
        "{report}"
    );
    assert!(
        report["warnings"][0]
            .as_str()
            .unwrap()
            .contains("grubenv is left unsigned"),
        "{report}"
    );
    assert!(!machine.path("boot/grub/grubenv.sig").exists());
    assert_eq!(machine.verify(), (0, Vec::new()));

    // As the configuration wishes, whatever GRUB does.
    machine.config("[sign]\ngrubenv = \"sign\"\n");
    assert_eq!(machine.verify().1[0].0, "missing");
    machine.sign();
    assert!(machine.path("boot/grub/grubenv.sig").exists());
    assert_eq!(machine.verify().1[0].0, "savedefault_signed_grubenv");
}
