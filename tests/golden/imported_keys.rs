//! Keys of other programs, as these name and encrypt them.

use std::fs;

use crate::support::ceremony::private;
use crate::support::{bootseal, refuse, succeed, tool};

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
    let run = |out: &str| {
        let mut command = bootseal([
            "ceremony",
            "run",
            "--name",
            "taken",
            "--plain",
            "PK,KEK,db,module,grub",
            "--import",
        ]);
        command.arg(path("k")).arg("--out").arg(path(out));
        command
    };
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
