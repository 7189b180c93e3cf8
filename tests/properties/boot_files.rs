//! Boot files: every file that a hook would sign is judged by the audit, whoever installed the kernel, by whatever name and
//! in whatever layout.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use bootseal::audit::{Audit, Baseline, Machine, Selection, audit};
use bootseal::error::Error;
use bootseal::formats::firmware::authenticode::minimal_image;
use bootseal::hook::{Environment, Hook, Request, Slot};
use bootseal::sign::Unobserved;
use bootseal::system::Context;
use bootseal::system::config::Config;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::keys;

const VERSION: &str = "6.12.58-gentoo";
/// Names with `@` for the version.
const NAMES: [&str; 36] = [
    "vmlinuz-@",
    "vmlinuz-@.old",
    "vmlinuz",
    "vmlinuz.old",
    "vmlinux-@",
    "kernel-@",
    "kernel",
    "kernel-@.efi",
    "bzImage-@",
    "bzImage",
    "zImage-@",
    "Image-@",
    "Image.gz-@",
    "vmlinuz-@.efi",
    "vmlinuz-@-old.efi",
    "vmlinuz-@.efi.old",
    "VMLINUZ.EFI",
    "gentoo-@.efi",
    "gentoo-@-old.efi",
    "gentoo-@+3.efi",
    "gentoo-@+2-1.efi",
    "gentoo.efi",
    "node-@.EFI",
    "initramfs-@.img",
    "initramfs-@.img.old",
    "initrd.img-@",
    "initrd-@",
    "initrd.img",
    "amd-uc.img",
    "intel-ucode.img",
    "early_ucode.cpio",
    "System.map-@",
    "config-@",
    "vmlinuz-@.sig",
    "initrd-@.sig",
    "notes.txt",
];
const DIRECTORIES: [&str; 10] = [
    "boot",
    "efi",
    "boot/efi",
    "xboot",
    "boot/EFI/Gentoo",
    "efi/EFI/Linux",
    "boot/efi/EFI/Linux",
    "boot/EFI/Linux",
    "efi/node/@",
    "xboot/node/@",
];
const GRUBS: [&str; 4] = ["boot/grub", "boot/grub2", "efi/grub", "xboot/grub2"];

/// A call of a hook.
#[derive(Debug, Clone, Copy)]
enum Call {
    ByHand,
    Traditional,
    Systemd,
    Grub,
}

/// A machine below another root.
#[derive(Debug, Clone)]
struct Layout {
    /// Files, by directory and name, some of which are no images.
    files: Vec<(&'static str, String, bool)>,
    grubs: Vec<&'static str>,
    /// The mount point of the EFI system partition.
    esp: Option<&'static str>,
    is_linked: bool,
    call: Call,
}

fn layouts() -> impl Strategy<Value = Layout> {
    let name = prop_oneof![
        8 => prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned),
        1 => "(vmlinuz|kernel|gentoo|Image|initrd)[-._a-z0-9]{0,6}(\\.old|\\.efi|-old\\.efi|\\+[0-9]\\.efi|\\.img)?",
    ];
    let version = prop_oneof![4 => Just(VERSION), 1 => Just("6.6.1"), 1 => Just("6.12.58-gentoo-dist")];
    let file = (
        prop::sample::select(DIRECTORIES.to_vec()),
        name,
        version,
        prop::bool::weighted(0.8),
    );
    let file = file.prop_map(|(directory, name, version, is_image)| (directory, name.replace('@', version), is_image));
    (
        prop::collection::vec(file, 1..12),
        prop::sample::subsequence(GRUBS.to_vec(), 0..3),
        prop::sample::select(vec![None, Some("/efi"), Some("/boot"), Some("/boot/efi")]),
        any::<bool>(),
        prop::sample::select(vec![Call::ByHand, Call::Traditional, Call::Systemd, Call::Grub]),
    )
        .prop_map(|(files, grubs, esp, is_linked, call)| Layout {
            files,
            grubs,
            esp,
            is_linked,
            call,
        })
}

impl Layout {
    fn build(&self) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, bytes: &[u8]| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        let db = fs::read(keys().join("db.esl")).unwrap();
        let database = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";
        let variable = |name: &str, data: &[u8]| {
            let content = [&0x27_u32.to_le_bytes(), data].concat();
            write(&format!("sys/firmware/efi/efivars/{name}-{database}"), &content);
        };
        variable("db", &db);
        write("etc/kernel/install.conf", b"layout=bls\nBOOT_ROOT=/xboot\n");
        write("etc/os-release", b"ID=gentoo\n");
        write("proc/self/mountinfo", b"");
        if let Some(esp) = self.esp {
            let line = format!("30 22 8:1 / {esp} rw - vfat /dev/vda1 rw\n");
            write("proc/self/mountinfo", line.as_bytes());
            fs::create_dir_all(root.path().join(&esp[1..]).join("EFI")).unwrap();
        }
        for directory in ["boot/efi", "efi", "xboot"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        for (directory, name, is_image) in &self.files {
            let bytes = if *is_image { minimal_image() } else { b"text".to_vec() };
            write(&format!("{}/{name}", directory.replace('@', VERSION)), &bytes);
        }
        for grub in &self.grubs {
            write(&format!("{grub}/grub.cfg"), b"menuentry x {\nchainloader (http)/x\n}\n");
            write(&format!("{grub}/fonts/unicode.pf2"), b"font");
        }
        if self.is_linked {
            write("boot/kernel-6.12.0-linked", &minimal_image());
            let link = root.path().join("boot/vmlinuz-6.12.0");
            symlink("/boot/kernel-6.12.0-linked", link).unwrap();
        }
        root
    }

    /// The request and the environment that the hook is called with.
    fn call(&self) -> (Request, Environment) {
        let image = format!("/boot/vmlinuz-{VERSION}");
        let entry = format!("/efi/node/{VERSION}");
        let (slot, arguments): (Slot, Vec<&str>) = match self.call {
            Call::ByHand => (Slot::All, vec![VERSION]),
            Call::Traditional => (Slot::Image, vec![VERSION, &image]),
            Call::Systemd => (Slot::Image, vec!["add", VERSION, &entry, "/src/bzImage"]),
            Call::Grub => (Slot::Grub, vec!["add", VERSION, &entry, "/src/bzImage"]),
        };
        let arguments: Vec<_> = arguments.into_iter().map(Into::into).collect();
        let environment = match self.call {
            Call::Systemd | Call::Grub => Environment {
                boot_root: Some("/efi".into()),
                entry_token: Some("gentoo".to_owned()),
                ..Environment::default()
            },
            Call::ByHand | Call::Traditional => Environment::default(),
        };
        (Request::parse(slot, &arguments).unwrap(), environment)
    }
}

/// The files that the hook would sign, each with the kind of signature.
fn signed(context: &Context, layout: &Layout) -> BTreeSet<(PathBuf, &'static str)> {
    let (request, environment) = layout.call();
    // A version that a person names has modules at least.
    std::fs::create_dir_all(context.path(format!("/lib/modules/{}", request.subject))).unwrap();
    let hook = Hook {
        context,
        config: &Config::default(),
        keys: keys(),
        environment: &environment,
        accepted: &[],
        observer: &Unobserved,
    };
    let done = hook.run(&request, &mut |what| Err(Error::usage(what))).unwrap();
    let outcomes = done.summary.outcomes.into_iter();
    outcomes
        .filter(|outcome| outcome.path.exists() || outcome.path.is_symlink())
        .filter_map(|outcome| Some((outcome.path.to_path_buf(), outcome.kind?)))
        .collect()
}

/// True if the audit says something of a file: by its own name, or where the link leads.
fn is_told(audit: &Audit, check: &str, context: &Context, path: &Path) -> bool {
    let real = bootseal::system::resolve(context.root(), path).unwrap_or_else(|_| path.to_path_buf());
    let outcomes = audit.checked.iter().filter(|checked| checked.check.id == check);
    outcomes.map(|checked| &checked.outcome).any(|outcome| {
        [path, &real].iter().any(|path| {
            let name = path.display().to_string();
            let about = |text: &String| text.contains(&format!("{name}: "));
            let findings = outcome.findings.iter().map(|finding| &finding.subject);
            findings.clone().any(|subject| *subject == name)
                || outcome.evidence.iter().chain(&outcome.not_run).any(about)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_a_hook_signs_the_audit_judges(layout in layouts()) {
        let root = layout.build();
        let context = Context::host().with_root(root.path()).with_dry_run(true);
        let config = Config::default();
        let machine = Machine::new(&context, &config, keys().to_path_buf());
        let selection = Selection {
            only: ["boot.images", "boot.kernels", "grub.files"].map(str::to_owned).to_vec(),
            ..Selection::default()
        };
        let audit = audit(&machine, &selection, &Baseline::default()).unwrap();
        for (path, kind) in signed(&context, &layout) {
            let checks: &[&str] = if kind == "efi" { &["boot.kernels", "boot.images"] } else { &["grub.files"] };
            prop_assert!(
                checks.iter().any(|check| is_told(&audit, check, &context, &path)),
                "{kind} {}: {:#?}",
                path.display(),
                audit.checked.iter().map(|checked| &checked.outcome).collect::<Vec<_>>()
            );
        }
    }
}
