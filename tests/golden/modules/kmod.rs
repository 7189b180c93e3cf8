//! Packed modules, read by the kmod of three of Debian's suites.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::packing::{DKMS, KERNELS, OTHERS, pack};
use crate::support::programs::{KMOD, host_file, judge};
use crate::support::{keys, module, sign, succeed, tool};

/// `modinfo` of a suite: of this machine, or with the libraries that it came with.
fn modinfo(suite: &str, module: &Path) -> Command {
    let mut command = match suite {
        "bookworm" => Command::new(host_file(KMOD)),
        later => {
            let root = judge(if later == "trixie" { "kmod/usr" } else { "kmod-sid/usr" });
            let libraries = root.join("lib/x86_64-linux-gnu");
            let mut loader = Command::new(libraries.join("ld-linux-x86-64.so.2"));
            loader.args(["--argv0", "modinfo", "--library-path"]).arg(&libraries);
            loader.arg(root.join("bin/kmod"));
            loader
        }
    };
    if suite == "bookworm" {
        command.arg0("modinfo");
    }
    command.arg(module);
    command
}

/// The words of modinfo on a field; none if it does not say it.
fn field<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    let value = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.map(str::trim)
}

/// Unsigned, signed in a block of its own, and signed again: fields, signer and hash are told of the packed module as of the
/// plain one. Bookworm's tells no signature over SHA3-512 of either.
#[test]
fn every_suites_kmod_reads_fields_and_signature() {
    let directory = tempfile::tempdir().unwrap();
    let mut subject = tool("openssl");
    subject.args(["x509", "-noout", "-subject", "-nameopt", "sep_multiline", "-in"]);
    let subject = succeed(subject.arg(keys().join("module.pem")));
    let signer = subject
        .lines()
        .find_map(|line| line.trim().strip_prefix("CN="))
        .unwrap();
    let plain = module(directory.path(), "plain.ko");
    // Debian's kmod is built without zlib in all three, and takes no .ko.gz for a module; that of trixie wants to know the size
    // of what it unpacks.
    let ways = KERNELS
        .into_iter()
        .chain(OTHERS)
        .chain(DKMS.map(|(program, options, _)| (program, options)));
    let packed: Vec<_> = ways
        .filter(|(program, options)| *program != "gzip" && !options.contains(&"--no-content-size"))
        .enumerate()
        .map(|(number, (program, options))| {
            let path = directory.path().join(format!("{number}.ko"));
            fs::copy(&plain, &path).unwrap();
            pack(&path, program, options)
        })
        .collect();
    for hash in ["sha3-512", "sha512", "sha3-512"] {
        for path in packed.iter().chain([&plain]) {
            succeed(sign("modules", &[path]).args(["--hash", hash]));
        }
        for suite in ["bookworm", "trixie", "sid"] {
            let expected = succeed(&mut modinfo(suite, &plain));
            for path in &packed {
                let said = succeed(&mut modinfo(suite, path));
                assert_eq!(
                    field(&said, "license"),
                    Some("GPL"),
                    "{suite}, {}: {said}",
                    path.display()
                );
                // All but the name of the file.
                assert!(
                    said.lines().skip(1).eq(expected.lines().skip(1)),
                    "{suite}, {}: {said}",
                    path.display()
                );
            }
            if hash == "sha3-512" && suite == "bookworm" {
                continue;
            }
            assert_eq!(field(&expected, "signer"), Some(signer), "{suite}: {expected}");
            assert_eq!(field(&expected, "sig_hashalgo"), Some(hash), "{suite}: {expected}");
        }
    }
}
