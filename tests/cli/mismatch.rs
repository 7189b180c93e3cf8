//! A private key beside the certificate of another: what is printed mends it, done to the letter.

use std::fs;

use super::restore::enrolled;
use crate::support::backup::Whole;
use crate::support::{bootseal, refuse, succeed, text, tool};

/// The commands that a finding prints, in their order, with the places that they leave open.
fn remedies(whole: &Whole) -> Vec<String> {
    let mut list = bootseal(["--json", "keys", "list", "--keys"]);
    let output = list.arg(whole.path("node")).output().unwrap();
    crate::support::remedies::printed(&output);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut findings = said["findings"].as_array().unwrap().iter();
    let finding = findings.find(|finding| finding["kind"] == "key_mismatch");
    let remedy = finding.unwrap_or_else(|| panic!("{said:#}"))["remedy"]
        .as_str()
        .unwrap();
    remedy.split("; if ").map(str::to_owned).collect()
}

/// Does what a remedy says, by a shell.
fn heed(whole: &Whole, remedy: &str) {
    let command = &remedy[remedy.find("bootseal ").unwrap()..];
    let at = |name: &str| whole.path(name).display().to_string();
    let command = command
        .replace("STICK", &at("offline"))
        .replace("BACKUP", &at("backup/bootseal-backup.tar"))
        .replace("NEW", &at("putback"))
        // Typed, otherwise.
        .replace(
            "--only",
            &format!(
                "--shares {} --new-passphrase-file {} --only",
                at("shares.txt"),
                at("new")
            ),
        );
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_bootseal")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut shell = tool("sh");
    succeed(
        shell
            .args(["-euc", &command])
            .env("PATH", path)
            .env("STATE_DIRECTORY", at("state")),
    );
}

#[test]
fn a_mismatch_is_mended_by_the_commands_that_are_printed() {
    let whole = enrolled();
    let list = || {
        let mut list = bootseal(["keys", "list", "--keys"]);
        list.arg(whole.path("node"));
        list
    };
    for name in ["db", "module", "grub"] {
        // The certificate of another key, copied by mistake; then the private half.
        let public = if name == "grub" {
            "grub.gpg".to_owned()
        } else {
            format!("{name}.pem")
        };
        let own = fs::read(whole.path("node").join(&public)).unwrap();
        if name != "grub" {
            fs::copy(whole.path("node/pcr.pem"), whole.path("node").join(&public))
                .or_else(|_| fs::copy(whole.path("offline/KEK.pem"), whole.path("node").join(&public)))
                .unwrap();
            let [public_half, _] = <[String; 2]>::try_from(remedies(&whole)).unwrap();
            heed(&whole, &public_half);
            assert_eq!(fs::read(whole.path("node").join(&public)).unwrap(), own);
            succeed(&mut list());
        }
        let other = if name == "module" { "db" } else { "module" };
        let private = whole.path("node").join(format!("{name}.key"));
        let kept = fs::read(&private).unwrap();
        fs::remove_file(&private).unwrap();
        fs::copy(whole.path("node").join(format!("{other}.key")), &private).unwrap();
        refuse(&mut list());
        for remedy in remedies(&whole) {
            heed(&whole, &remedy);
        }
        assert_eq!(fs::read(&private).unwrap(), kept, "{name}");
        succeed(&mut list());
        succeed(bootseal(["ceremony", "verify"]).arg(whole.path("node")));
    }
}
