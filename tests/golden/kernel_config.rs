//! The fragment as the kernel's own Kconfig takes it, and our judgement of configurations that Kconfig wrote.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::programs::{judge, tool};
use crate::support::{bootseal, kbuild, keys, refuse, succeed, text};

/// Kconfig files of Debian's kernel source, and Debian's configuration, fetched by `tests/run`.
fn source() -> PathBuf {
    judge("kconfig")
}

/// Debian's configuration, and that of `make defconfig`.
const BASES: [&str; 2] = ["debian.config", "arch/x86/configs/x86_64_defconfig"];

/// Merges a fragment into a configuration as Gentoo's kernel-build.eclass does, and lets Kconfig settle it.
fn merge(directory: &Path, base: &str, fragment: &str) -> PathBuf {
    let config = directory.join(".config");
    let file = directory.join("fragment.config");
    fs::copy(source().join(base), &config).unwrap();
    fs::write(&file, fragment).unwrap();
    let mut merge = tool("sh");
    merge.arg(source().join("scripts/kconfig/merge_config.sh"));
    merge.args(["-m", "-r", "-O"]).args([directory, &config, &file]);
    succeed(merge.current_dir(source()));
    let mut conf = kbuild("kconfig/conf");
    conf.args(["--olddefconfig", "Kconfig"]).current_dir(source());
    for (name, value) in [
        ("srctree", "."),
        ("ARCH", "x86"),
        ("SRCARCH", "x86"),
        ("KERNELVERSION", "6.12.0"),
        ("CC", "gcc"),
        ("LD", "ld"),
        ("HOSTCC", "gcc"),
        ("NM", "nm"),
        ("OBJCOPY", "objcopy"),
        ("RUSTC", "false"),
        ("BINDGEN", "false"),
        ("PAHOLE", "false"),
        ("CC_VERSION_TEXT", "gcc"),
        ("RUSTC_VERSION_TEXT", ""),
    ] {
        conf.env(name, value);
    }
    conf.env("KCONFIG_CONFIG", &config);
    succeed(&mut conf);
    config
}

fn fragment(arguments: &[&str]) -> String {
    let mut command = bootseal(["kernel-config", "--kernel", "6.12.58-gentoo-dist", "--keys"]);
    succeed(command.arg(keys()).args(arguments))
}

fn check(config: &Path) -> Command {
    let mut command = bootseal(["kernel-config", "--keys"]);
    command.arg(keys()).arg("--check").arg(config);
    command
}

/// The judgements of `--check` on one subject: level and state.
fn judgements(command: &mut Command, subject: &str) -> Vec<(String, String)> {
    let output = command.arg("--json").output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
    assert_eq!(report["schema"], "bootseal.kernel-config.check/1", "{report}");
    let all = report["judgements"].as_array().unwrap();
    let its = all.iter().filter(|judgement| judgement["subject"] == subject);
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    its.map(|judgement| (word(&judgement["level"]), word(&judgement["state"])))
        .collect()
}

fn single(level: &str, state: &str) -> Vec<(String, String)> {
    vec![(level.to_owned(), state.to_owned())]
}

#[test]
fn kconfig_keeps_every_line_of_the_fragment() {
    let certificate = keys().join("module.pem");
    let directory = tempfile::tempdir().unwrap();
    let signing_key = signing_key(directory.path(), 0o400);
    for (option, file) in [("--certificate", &certificate), ("--signing-key", &signing_key)] {
        let fragment = fragment(&[option, file.to_str().unwrap()]);
        // What make defconfig makes has no kexec_file_load, whose signatures it could check.
        for (base, dropped) in [(BASES[0], 0), (BASES[1], 3)] {
            let settled = merge(directory.path(), base, &fragment);
            let kept = fs::read_to_string(&settled).unwrap();
            let is_kept = |line: &str| match line.strip_suffix(" is not set") {
                None => kept.contains(&format!("\n{line}\n")),
                Some(unset) => !kept.contains(&format!("\n{}=", unset.trim_start_matches("# "))),
            };
            let options = fragment
                .lines()
                .filter(|line| line.starts_with("CONFIG_") || line.ends_with(" is not set"));
            let gone: Vec<&str> = options.filter(|line| !is_kept(line)).collect();
            assert_eq!(gone.len(), dropped, "{base}: {gone:?}");
            assert!(gone.iter().all(|line| line.starts_with("CONFIG_KEXEC_")), "{gone:?}");
            let said = succeed(&mut check(&settled));
            assert!(
                said.contains("missing 0 required and 0 recommended, unknown 0"),
                "{said}"
            );
        }
    }
}

#[test]
fn a_hash_with_a_hyphen_becomes_another_one_and_is_found_out() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = keys().join("module.pem");
    let right = fragment(&["--certificate", certificate.to_str().unwrap()]);
    let wrong = right.replace("CONFIG_MODULE_SIG_SHA3_512=y", "CONFIG_MODULE_SIG_SHA3-512=y");
    // A kernel that no distribution has configured: Kconfig's default is what is left.
    let settled = merge(directory.path(), BASES[1], &wrong);
    let config = fs::read_to_string(&settled).unwrap();
    assert!(
        config.contains("CONFIG_MODULE_SIG_HASH=\"sha512\""),
        "Kconfig fell back in silence"
    );
    let said = refuse(&mut check(&settled));
    assert!(
        said.contains("✗ CONFIG_MODULE_SIG_SHA3_512 (required): n; it should be y"),
        "{said}"
    );
    // The fragment by itself, before any build.
    let file = directory.path().join("fragment.config");
    let said = refuse(check(&file).args(["--kernel", "6.12"]));
    assert!(
        said.contains("CONFIG_MODULE_SIG_SHA3-512, which Kconfig passes over"),
        "{said}"
    );
}

#[test]
fn debians_own_configuration_is_judged_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let config = source().join(BASES[0]);
    let output = check(&config).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output);
    for missing in ["MODULE_SIG_FORCE", "MODULE_SIG_SHA3_512", "KEXEC_SIG_FORCE"] {
        assert!(said.contains(&format!("✗ CONFIG_{missing} (required)")), "{said}");
    }
    // Debian locks down when Secure Boot is on, by a patch of its own.
    let lockdown = "CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY";
    assert_eq!(judgements(&mut check(&config), lockdown), single("required", "met"));
    // Packed, as the running kernel shows it.
    let root = directory.path();
    fs::create_dir_all(root.join("proc/sys/kernel")).unwrap();
    let packed = root.join("proc/config.gz");
    let gzip = tool("gzip").arg("-c").arg(&config).output().unwrap();
    fs::write(&packed, gzip.stdout).unwrap();
    fs::write(root.join("proc/sys/kernel/osrelease"), "6.12.1-x\n").unwrap();
    let mut running = bootseal(["kernel-config", "--check", "--root"]);
    let said = refuse(running.arg(root).arg("--keys").arg(keys()));
    assert!(said.contains("proc/config.gz (Linux 6.12)"), "{said}");
}

fn signing_key(directory: &Path, mode: u32) -> PathBuf {
    let path = directory.join(format!("signing-{mode:o}.pem"));
    let mut export = bootseal(["keys", "export", "module", "--format", "signing-key", "--output"]);
    succeed(export.arg(&path).arg("--keys").arg(keys()));
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

/// A source tree whose configuration has these lines besides the fragment's.
fn tree(lines: &str) -> (TempDir, PathBuf) {
    let tree = tempfile::tempdir().unwrap();
    let config = tree.path().join(".config");
    let fragment = fragment(&[]).replace("CONFIG_SYSTEM_TRUSTED_KEYS=", "# was: ");
    fs::write(
        &config,
        format!("# Linux/x86 6.12.58 Kernel Configuration\nCONFIG_MODULES=y\n{fragment}\n{lines}"),
    )
    .unwrap();
    fs::create_dir(tree.path().join("certs")).unwrap();
    (tree, config)
}

const TRUSTED: &str = "CONFIG_SYSTEM_TRUSTED_KEYS";
const SIGNING: &str = "CONFIG_MODULE_SIG_KEY";

#[test]
fn the_files_that_the_configuration_names_are_looked_at() {
    let home = tempfile::tempdir().unwrap();
    let (module, db) = (keys().join("module.pem"), keys().join("db.pem"));
    let private = signing_key(home.path(), 0o400);
    let public = signing_key(home.path(), 0o644);
    let both = home.path().join("both.pem");
    fs::write(&both, [fs::read(&db).unwrap(), fs::read(&module).unwrap()].concat()).unwrap();
    let states = |lines: &str| {
        let (_tree, config) = tree(lines);
        let of = |subject| judgements(&mut check(&config), subject);
        (of(TRUSTED), of(SIGNING), check(&config).output().unwrap().status.code())
    };
    let line = |option: &str, value: &Path| format!("{option}=\"{}\"\n", value.display());
    let met = || single("required", "met");
    let unmet = || single("required", "unmet");
    let unknown = || single("required", "unknown");

    assert_eq!(states(&line(TRUSTED, &module)), (met(), vec![], Some(0)));
    assert_eq!(
        states(&line(TRUSTED, &both)),
        (met(), vec![], Some(0)),
        "the second of two"
    );
    assert_eq!(
        states(&line(TRUSTED, &db)),
        (unmet(), vec![], Some(1)),
        "another certificate"
    );
    assert_eq!(states(""), (unmet(), vec![], Some(1)), "none");
    assert_eq!(
        states(&line(TRUSTED, Path::new("/nonexistent"))),
        (unknown(), vec![], Some(3))
    );
    assert_eq!(
        states(&line(TRUSTED, home.path())),
        (unknown(), vec![], Some(3)),
        "a directory"
    );
    assert_eq!(states(&line(SIGNING, &private)), (met(), met(), Some(0)));
    assert_eq!(
        states(&line(SIGNING, &public)),
        (met(), unmet(), Some(1)),
        "everybody can read the key"
    );
    assert_eq!(
        states(&line(SIGNING, &module)),
        (met(), unmet(), Some(1)),
        "no private key in it"
    );
    assert_eq!(
        states(&format!("{SIGNING}=\"pkcs11:token=a;object=module\"\n")),
        (unknown(), vec![], Some(3))
    );
    let signs_with_nothing = format!("{}CONFIG_MODULE_SIG_ALL=y\n", line(TRUSTED, &module));
    assert_eq!(states(&signs_with_nothing), (met(), unmet(), Some(1)));
}

#[test]
fn the_key_that_a_build_made_is_found_in_its_tree() {
    let (tree, config) = tree(&format!(
        "{SIGNING}=\"certs/signing_key.pem\"\nCONFIG_MODULE_SIG_ALL=y\n"
    ));
    let unmet = ("recommended".to_owned(), "unmet".to_owned());
    assert_eq!(judgements(&mut check(&config), SIGNING), single("recommended", "unmet"));
    let left = tree.path().join("certs/signing_key.pem");
    fs::copy(signing_key(tree.path(), 0o600), &left).unwrap();
    fs::set_permissions(&left, fs::Permissions::from_mode(0o600)).unwrap();
    let met = ("required".to_owned(), "met".to_owned());
    assert_eq!(judgements(&mut check(&config), SIGNING), [unmet.clone(), met]);
    let said = succeed(check(Path::new(".config")).current_dir(tree.path()));
    assert!(
        said.contains(&format!("then remove {}", left.canonicalize().unwrap().display())),
        "{said}"
    );
    fs::set_permissions(&left, fs::Permissions::from_mode(0o604)).unwrap();
    let readable = ("required".to_owned(), "unmet".to_owned());
    assert_eq!(judgements(&mut check(&config), SIGNING), [unmet, readable]);
}

#[test]
fn the_fragment_replaces_only_itself() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("50-bootseal.config");
    let write = |version: &str| {
        let mut command = bootseal(["kernel-config", "--kernel", version, "--root"]);
        command.arg(directory.path()).arg("-o").arg(&path);
        command
    };
    succeed(write("6.12").arg("--dry-run"));
    assert!(!path.exists());
    let said = succeed(&mut write("6.12"));
    assert!(
        said.contains("Next: bootseal keys export module --format pem"),
        "{said}"
    );
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o644, "Portage's user reads it");
    let first = fs::read_to_string(&path).unwrap();
    succeed(&mut write("6.1"));
    let second = fs::read_to_string(&path).unwrap();
    assert!(first.contains("CONFIG_MODULE_SIG_SHA3_512=y") && second.contains("CONFIG_MODULE_SIG_SHA512=y"));
    assert!(!second.contains("SHA3_512=y"));
    fs::write(&path, "CONFIG_MINE=y\n").unwrap();
    let said = refuse(&mut write("6.12"));
    assert!(said.contains("not bootseal's"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "CONFIG_MINE=y\n");
    let elsewhere = directory.path().join("none/50-bootseal.config");
    let mut missing = bootseal(["kernel-config", "--kernel", "6.12", "-o"]);
    let said = refuse(missing.arg(&elsewhere));
    assert!(
        said.contains(&format!("hint: mkdir -p {}", elsewhere.parent().unwrap().display())),
        "{said}"
    );
}

#[test]
fn portages_hash_is_warned_of_where_it_goes_wrong() {
    let root = tempfile::tempdir().unwrap();
    let portage = root.path().join("etc/portage");
    fs::create_dir_all(portage.join("env")).unwrap();
    let said = |make_conf: &str, env: &str| {
        fs::write(portage.join("make.conf"), make_conf).unwrap();
        fs::write(portage.join("env/hash.conf"), env).unwrap();
        let mut command = bootseal(["--json", "kernel-config", "--kernel", "6.12", "--root"]);
        let report: Value = serde_json::from_str(&succeed(command.arg(root.path()))).unwrap();
        let unmet = |judgement: &&Value| judgement["state"] == "unmet";
        let reasons = report["portage"].as_array().unwrap().iter().filter(unmet);
        reasons
            .map(|judgement| judgement["reason"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(said("USE=\"-modules-sign\"\n", ""), "");
    assert!(said("MODULES_SIGN_HASH=\"sha3-512\"\n", "").contains("CONFIG_MODULE_SIG_SHA3-512"));
    assert!(said("MODULES_SIGN_HASH=sha3_512\n", "").contains("sign-file knows no such hash"));
    assert!(said("MODULES_SIGN_HASH=sha512\n", "").contains("not over SHA3-512"));
    assert!(said("USE=\"modules-sign\"\n", "").contains("refuse to build"));
    for (package, hash, is_right) in [
        ("sys-kernel/gentoo-kernel", "sha3_512", true),
        ("sys-kernel/gentoo-kernel", "sha3-512", false),
        ("x11-drivers/nvidia-drivers", "sha3-512", true),
        ("x11-drivers/nvidia-drivers", "sha3_512", false),
    ] {
        fs::write(portage.join("package.env"), format!("{package} hash.conf\n")).unwrap();
        let reasons = said("", &format!("MODULES_SIGN_HASH=\"{hash}\"\n"));
        assert_eq!(reasons.is_empty(), is_right, "{package} {hash}: {reasons}");
    }
}
