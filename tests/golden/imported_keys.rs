//! Keys of other programs, as these name and encrypt them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::ceremony::private;
use crate::support::{bootseal, refuse, succeed, tool};

/// A ceremony that takes over what is in a directory.
fn import(from: &Path, out: &Path) -> Command {
    let mut command = bootseal(["ceremony", "run", "--name", "taken", "--plain", "PK,KEK,db,module,grub"]);
    command.arg("--import").arg(from).arg("--out").arg(out);
    command
}

#[test]
fn keys_of_sbctl_and_of_openssl_are_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let make = |key: &Path, certificate: &Path, name: &str, passphrase: Option<&str>| {
        fs::create_dir_all(key.parent().unwrap()).unwrap();
        let mut openssl = tool("openssl");
        openssl.args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj",
        ]);
        openssl.arg(format!("/CN={name}"));
        succeed(openssl.arg("-keyout").arg(key).arg("-out").arg(certificate));
        if let Some(passphrase) = passphrase {
            let mut openssl = tool("openssl");
            openssl.args([
                "pkcs8",
                "-topk8",
                "-v2",
                "aes-256-cbc",
                "-passout",
                &format!("pass:{passphrase}"),
                "-in",
            ]);
            succeed(openssl.arg(key).arg("-out").arg(key.with_extension("encrypted")));
            fs::rename(key.with_extension("encrypted"), key).unwrap();
        }
        fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    // sbctl's: all three, in folders, with the owner beside them.
    let sbctl = directory.path().join("sbctl/keys");
    for name in ["PK", "KEK", "db"] {
        let key = sbctl.join(name).join(format!("{name}.key"));
        make(&key, &key.with_extension("pem"), &format!("sbctl {name}"), None);
    }
    let owner = "fda38b1e-9bcf-4e67-815e-2f9669846dde";
    fs::write(directory.path().join("sbctl/GUID"), owner).unwrap();
    // openssl's: two of them, encrypted.
    let openssl = directory.path().join("openssl");
    for name in ["PK", "db"] {
        let key = openssl.join(format!("{name}.key"));
        make(
            &key,
            &key.with_extension("crt"),
            &format!("own {name}"),
            Some(&format!("old passphrase of {name}")),
        );
        let passphrase = format!("old passphrase of {name}\n");
        private(&directory.path().join(name), passphrase.as_bytes());
    }
    let of_db = directory.path().join("db");
    let of_pk = format!("PK={}", directory.path().join("PK").display());
    let mut command = import(&openssl, &directory.path().join("none"));
    let said = refuse(command.arg("--pin-file").arg(&of_db));
    assert!(said.contains("the passphrase is wrong"), "{said}");
    for (from, name, imported) in [(&sbctl, "sbctl", 3), (&openssl, "own", 2)] {
        let out = directory.path().join(format!("{name}-keys"));
        let mut command = import(from, &out);
        let printed = succeed(command.args(["--pin-file", &of_pk, "--pin-file"]).arg(&of_db));
        assert_eq!(printed.matches(&format!("\"{name} ")).count(), imported, "{printed}");
        let image = directory.path().join(format!("{name}.efi"));
        fs::write(&image, bootseal::formats::firmware::authenticode::minimal_image()).unwrap();
        succeed(bootseal(["sign", "efi", "--keys"]).arg(&out).arg(&image));
        let certificate = if name == "own" {
            openssl.join("db.crt")
        } else {
            sbctl.join("db/db.pem")
        };
        succeed(tool("sbverify").arg("--cert").arg(certificate).arg(&image));
    }
    let guid = fs::read_to_string(directory.path().join("sbctl-keys/owner.guid")).unwrap();
    assert_eq!(guid.trim(), owner);
}

/// Names as mkkeys and many guides have them, a key that nobody asked for, and one that openssl encrypted by triple DES.
#[test]
fn keys_are_found_whatever_the_case_of_their_names_and_what_is_not_taken_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let make = |name: &str, options: &[&str]| {
        let mut openssl = tool("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-days", "3650", "-subj"]);
        openssl.arg(format!("/CN=my {name}")).args(options);
        let key = path("k").join(format!("{name}.key"));
        succeed(
            openssl
                .arg("-keyout")
                .arg(&key)
                .arg("-out")
                .arg(key.with_extension("crt")),
        );
    };
    fs::create_dir(path("k")).unwrap();
    for name in ["PK", "KEK", "DB"] {
        make(name, &["-nodes"]);
    }
    fs::write(path("k/grub.key"), "a key of GRUB").unwrap();
    let run = |out: &str| import(&path("k"), &path(out));
    let said = succeed(&mut run("out"));
    assert!(
        said.contains("\"my DB\"") && said.contains("grub.key is not taken over") && !said.contains("DB.key is not"),
        "{said}"
    );
    make("db", &["-nodes"]);
    let said = refuse(&mut run("two"));
    assert!(said.contains("may both be the db key"), "{said}");
    fs::remove_file(path("k/db.key")).unwrap();
    private(&path("old"), b"old passphrase\nold passphrase\n");
    make("KEK", &["-passout", &format!("file:{}", path("old").display())]);
    succeed(
        tool("openssl")
            .args(["pkcs8", "-topk8", "-v2", "des3", "-passin"])
            .arg(format!("file:{}", path("old").display()))
            .arg("-passout")
            .arg(format!("file:{}", path("old").display()))
            .arg("-in")
            .arg(path("k/KEK.key"))
            .arg("-out")
            .arg(path("k/KEK.des")),
    );
    fs::rename(path("k/KEK.des"), path("k/KEK.key")).unwrap();
    let said = refuse(run("three").arg("--pin-file").arg(path("old")));
    assert!(
        said.contains("it is encrypted in an old way") && said.contains("-topk8 -scrypt -in "),
        "{said}"
    );
}

/// Types the passphrase wherever the program asks for one.
const TYPE: &str = r#"set timeout 60
spawn sh -c $env(COMMAND)
expect {
    -re {(?i)(pass ?phrase|password)[^\n]*: ?$} { send "old passphrase\r"; exp_continue }
    timeout { exit 2 }
    eof {}
}
lassign [wait] pid spawned os status
exit $status"#;

#[test]
fn old_encryptions_are_converted_by_the_command_that_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    private(&path("old"), b"old passphrase\nold passphrase\n");
    let old = format!("file:{}", path("old").display());
    fs::create_dir(path("k")).unwrap();
    let key = path("k/db.key");
    let mut openssl = tool("openssl");
    openssl.args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=old", "-keyout",
    ]);
    succeed(openssl.arg(path("clear")).arg("-out").arg(path("k/db.crt")));
    let legacy = ["-provider", "default", "-provider", "legacy"];
    let pbes1 = |name| [&["pkcs8", "-topk8", "-v1", name], &legacy[..]].concat();
    for (number, (options, reason)) in [
        (vec!["rsa", "-aes128", "-traditional"], "PKCS#1"),
        (vec!["pkcs8", "-topk8", "-v2", "des3"], "in an old way"),
        (pbes1("PBE-SHA1-3DES"), "in an old way"),
        (pbes1("PBE-MD5-DES"), "is not supported"),
        (pbes1("PBE-SHA1-RC2-40"), "in an old way"),
    ]
    .into_iter()
    .enumerate()
    {
        fs::remove_file(&key).ok();
        succeed(
            tool("openssl")
                .args(&options)
                .args(["-passout", &old, "-in"])
                .arg(path("clear"))
                .arg("-out")
                .arg(&key),
        );
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let run = || {
            let mut run = import(&path("k"), &path(&format!("out{number}")));
            run.arg("--pin-file").arg(path("old"));
            run
        };
        let said = refuse(&mut run());
        assert!(said.contains(reason), "{options:?}: {said}");
        let command = said
            .lines()
            .find_map(|line| line.strip_prefix("hint: openssl "))
            .unwrap();
        succeed(
            tool("expect")
                .args(["-c", TYPE])
                .env("COMMAND", format!("openssl {command}")),
        );
        succeed(&mut run());
    }
}

/// Names of the kernel's build and of guides that keep key and certificate in one file.
#[test]
fn a_key_and_its_certificate_in_one_file_are_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("k")).unwrap();
    let make = |name: &str, key: &str, certificate: &str| {
        let mut openssl = tool("openssl");
        openssl.args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj",
        ]);
        openssl.arg(format!("/CN=my {name}")).arg("-keyout").arg(path(key));
        succeed(openssl.arg("-out").arg(path(certificate)));
    };
    make("db", "key", "certificate");
    let both = [fs::read(path("certificate")).unwrap(), fs::read(path("key")).unwrap()].concat();
    private(&path("k/db.pem"), &both);
    make("module", "key", "certificate");
    let both = [fs::read(path("key")).unwrap(), fs::read(path("certificate")).unwrap()].concat();
    private(&path("k/signing_key.pem"), &both);
    make("KEK", "k/KEK.priv", "k/KEK.pem");
    make("MOK", "k/MOK.priv", "k/MOK.pem");
    fs::write(path("k/grub.asc"), "a key of GnuPG").unwrap();
    let said = succeed(&mut import(&path("k"), &path("out")));
    for taken in ["\"my db\"", "\"my module\"", "\"my KEK\""] {
        assert!(said.contains(taken), "{said}");
    }
    for passed_over in ["MOK.priv is not taken over", "grub.asc is not taken over"] {
        assert!(said.contains(passed_over) && said.contains("--grub-key"), "{said}");
    }
    assert!(!said.contains("MOK.pem is not"), "{said}");
}
