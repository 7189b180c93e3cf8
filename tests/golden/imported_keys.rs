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
            Some("old passphrase"),
        );
    }
    private(&directory.path().join("old"), b"old passphrase\n");
    for (from, name, imported) in [(&sbctl, "sbctl", 3), (&openssl, "own", 2)] {
        let out = directory.path().join(format!("{name}-keys"));
        let mut command = import(from, &out);
        let printed = succeed(command.arg("--pin-file").arg(directory.path().join("old")));
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
        said.contains("it is encrypted in an old way") && said.contains(" | openssl pkcs8 -topk8 -scrypt -out "),
        "{said}"
    );
}
