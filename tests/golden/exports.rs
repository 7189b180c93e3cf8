//! Exported keys, read by other people's tools.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::{bootseal, keys, succeed, tool};

fn files(directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn openssl_and_efitools_read_what_is_exported() {
    let directory = tempfile::tempdir().unwrap();
    let usb = directory.path().join("usb");
    let export = || {
        let mut command = bootseal(["enroll", "export", "--keys"]);
        command.arg(keys()).arg(&usb);
        command
    };
    succeed(&mut export());
    let found = files(&usb);
    for name in ["PK", "KEK", "db"] {
        for end in ["cer", "esl", "auth"] {
            assert!(found.contains(&format!("{name}.{end}")), "{name}.{end}: {found:?}");
        }
        assert!(
            found.contains(&format!("loader/keys/bootseal/{name}.auth")),
            "{found:?}"
        );
        let mut openssl = tool("openssl");
        openssl.args(["x509", "-inform", "DER", "-noout", "-fingerprint", "-sha256", "-in"]);
        let exported = succeed(openssl.arg(usb.join(format!("{name}.cer"))));
        let mut openssl = tool("openssl");
        openssl.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]);
        assert_eq!(exported, succeed(openssl.arg(keys().join(format!("{name}.pem")))));
        let mut efitools = tool("sig-list-to-certs");
        succeed(
            efitools
                .arg(usb.join(format!("{name}.esl")))
                .arg(directory.path().join(format!("{name}-certificate"))),
        );

        let first = directory.path().join(format!("{name}-certificate-0.der"));
        assert_eq!(
            fs::read(first).unwrap(),
            fs::read(usb.join(format!("{name}.cer"))).unwrap()
        );
    }
    assert!(found.contains("README.txt"), "{found:?}");
    // With it anybody takes the platform key out of a board, so it is there for who asks for it by name.
    assert!(!found.contains("noPK.auth"), "{found:?}");
    assert!(!found.iter().any(|name| name.contains(".key")), "{found:?}");

    let again = export().output().unwrap();
    assert_ne!(again.status.code(), Some(0), "what is there is not replaced");
    assert_eq!(files(&usb), found);
}
