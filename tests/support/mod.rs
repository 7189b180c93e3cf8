//! Things that the tests share: other people's tools, keys made once, and small real files.

pub mod signer;

pub mod backup;
pub mod ceremony;
pub mod image;
pub mod judges;
pub mod kernel;
pub mod node;
pub mod post_quantum;
pub mod programs;
pub mod remedies;
pub mod token;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use bootseal::formats::crypto::certificate::Certificate;
use tempfile::TempDir;

pub use programs::tool;

/// Makes a key and a certificate of its own, `NAME.key` and `NAME.pem`, by `openssl req -newkey ALGORITHM`.
pub fn self_signed(directory: &Path, name: &str, algorithm: &[&str]) -> PathBuf {
    let certificate = directory.join(name).with_extension("pem");
    let mut openssl = tool("openssl");
    openssl.args([
        "req",
        "-x509",
        "-nodes",
        "-days",
        "9",
        "-subj",
        &format!("/CN={name}"),
        "-newkey",
    ]);
    openssl
        .args(algorithm)
        .arg("-keyout")
        .arg(certificate.with_extension("key"));
    succeed(openssl.arg("-out").arg(&certificate));
    certificate
}

/// The kernel's `sign-file`.
pub fn sign_file() -> Command {
    kbuild("sign-file")
}

/// A program of the kernel's build, from Debian's `linux-kbuild`, by its path below `scripts`.
pub fn kbuild(program: &str) -> Command {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib")
        .unwrap()
        .map(|entry| entry.unwrap().path().join("scripts").join(program))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    Command::new(
        found
            .last()
            .unwrap_or_else(|| panic!("{program} is missing: apt-get install linux-kbuild-6.12.*")),
    )
}

/// How long a test waits for something that comes at once, on a slow machine that is busy with other things too.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Runs a command that must succeed; returns what it printed.
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?} failed:\n{}", text(&output));
    if command.get_program() == env!("CARGO_BIN_EXE_bootseal") {
        remedies::printed(&output);
    }
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command that must fail; returns what it printed on both streams.
pub fn refuse(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        !output.status.success(),
        "{command:?} should have failed:\n{}",
        text(&output)
    );
    text(&output)
}

/// Both streams of a command.
pub fn text(output: &Output) -> String {
    remedies::printed(output);
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A command of bootseal as it was printed, for a shell to take apart.
pub fn as_printed(command: &str) -> Command {
    let known = bootseal([""; 0]);
    let words = command
        .trim()
        .strip_prefix("bootseal ")
        .unwrap_or_else(|| panic!("{command}"));
    let mut shell = tool("sh");
    shell.args(["-c", &format!("\"$0\" {words}"), env!("CARGO_BIN_EXE_bootseal")]);
    shell.envs(known.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

/// bootseal itself.
pub fn bootseal<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> Command {
    /// The state of all calls: they share a lock, as on a node, and leave no trace on the developer's machine.
    static STATE: OnceLock<TempDir> = OnceLock::new();
    let state = STATE.get_or_init(|| tempfile::tempdir().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootseal"));
    command.args(arguments).env("STATE_DIRECTORY", state.path());
    command
}

/// The certificate of the module key in [`keys`].
pub fn module_certificate() -> Certificate {
    Certificate::from_pem(&std::fs::read(keys().join("module.pem")).unwrap()).unwrap()
}

/// A key directory from a real ceremony with Microsoft's certificates and plain keys, made once for all tests.
pub fn keys() -> &'static Path {
    static KEYS: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    &KEYS
        .get_or_init(|| {
            let directory = tempfile::tempdir().unwrap();
            let keys = directory.path().join("keys");
            let mut ceremony = bootseal([
                "ceremony",
                "run",
                "--name",
                "test",
                "--plain",
                "PK,KEK,db,module,grub",
                "--out",
            ]);
            succeed(ceremony.arg(&keys));
            (directory, keys)
        })
        .1
}

/// Signs with the keys of [`keys`].
pub fn sign(what: &str, paths: &[&Path]) -> Command {
    let mut command = bootseal(["sign", what, "--keys"]);
    command.arg(keys()).args(paths);
    command
}

/// Verifies by the keys of [`keys`].
pub fn verify(paths: &[&Path]) -> Command {
    let mut command = bootseal(["verify", "--keys"]);
    command.arg(keys()).args(paths);
    command
}

/// `grub install` of Debian's GRUB into a file.
pub fn grub_image(keys: &Path, image: &Path) -> Command {
    let mut command = bootseal([
        "grub",
        "install",
        "--fs-uuid",
        "1234-ABCD",
        "--grub-path",
        "/grub",
        "--keys",
    ]);
    command.arg(keys).arg("--output").arg(image);
    command
}

/// Makes an image one as they were built before GRUB fell back to the last signed menu.
pub fn forget_kept_menu(image: &Path) {
    let bytes = std::fs::read(image).unwrap();
    let word = b"grub.cfg.signed";
    let at = bytes.windows(word.len()).position(|window| window == word).unwrap();
    std::fs::write(
        image,
        [&bytes[..at], b"grub.cfg.others", &bytes[at + word.len()..]].concat(),
    )
    .unwrap();
}

/// A real relocatable object, made by the C compiler as the kernel's build makes modules.
pub fn module(directory: &Path, name: &str) -> PathBuf {
    let source = tempfile::tempdir().unwrap();
    let file = source.path().join("module.c");
    std::fs::write(
        &file,
        "__attribute__((section(\".modinfo\"))) const char l[] = \"license=GPL\"; int f(void) { return 7; }",
    )
    .unwrap();
    let path = directory.join(name);
    succeed(tool("gcc").args(["-c", "-o"]).arg(&path).arg(&file));
    path
}
