//! The backup of a ceremony, restored with other people's tools: openssl, tar, python, a printer and a scanner.

use std::fs;
use std::path::Path;

use bootseal::keys::KeyName;

use crate::support::backup::Whole;
use crate::support::ceremony::{PASSPHRASE, private};
use crate::support::{bootseal, refuse, succeed, text, tool};

/// The exit code of zbarimg where it finds no code.
const NO_CODE: i32 = 4;

/// The commands that the sheet prints, block by block.
fn commands(sheet: &str) -> Vec<String> {
    let blocks = sheet.split("<pre class=\"commands\">").skip(1);
    blocks
        .map(|block| {
            block
                .split('<')
                .next()
                .unwrap()
                .replace("&gt;", ">")
                .replace("&lt;", "<")
                .replace("&amp;", "&")
        })
        .collect()
}

fn shell(directory: &Path, commands: &str) {
    succeed(tool("sh").current_dir(directory).args(["-euc", commands]));
}

fn modulus(key: &Path) -> String {
    succeed(tool("openssl").args(["rsa", "-noout", "-modulus", "-in"]).arg(key))
}

#[test]
fn what_the_sheet_says_is_all_that_it_takes() {
    let whole = Whole::made();
    let sheet = fs::read_to_string(whole.path("backup/bootseal-sheet.html")).unwrap();
    let [recover, archive, paper, drills]: [String; 4] = commands(&sheet).try_into().unwrap();
    let desk = whole.path("desk");
    fs::create_dir(&desk).unwrap();
    fs::copy(
        whole.path("backup/bootseal-backup.tar"),
        desk.join("bootseal-backup.tar"),
    )
    .unwrap();
    fs::write(
        desk.join("shares.txt"),
        format!("{}\n\n{}\n", whole.share(3), whole.share(1).to_uppercase()),
    )
    .unwrap();
    shell(&desk, &recover);
    shell(&desk, &archive);
    // The same key as the one of the ceremony.
    let mut openssl = tool("openssl");
    openssl.args(["rsa", "-noout", "-modulus", "-passin"]);
    openssl
        .arg(format!("pass:{PASSPHRASE}"))
        .arg("-in")
        .arg(whole.path("offline/PK.key"));
    let expected = succeed(&mut openssl);
    assert_eq!(modulus(&desk.join("PK.plain.pem")), expected);
    fs::remove_file(desk.join("PK.plain.pem")).unwrap();

    let blocks = sheet.split("<pre class=\"lines\">").skip(1);
    let lines: Vec<&str> = blocks.map(|block| block.split('<').next().unwrap()).collect();
    assert_eq!(lines.len(), 5);
    fs::write(desk.join("sheet.txt"), lines.join("\n") + "\n").unwrap();
    shell(&desk, &paper);
    assert_eq!(modulus(&desk.join("PK.plain.pem")), expected);

    private(
        &whole.path("shares.txt"),
        fs::read(desk.join("shares.txt")).unwrap().as_slice(),
    );
    for line in drills.lines().filter(|line| line.starts_with("bootseal ")) {
        let source = desk.join(line.split(' ').next_back().unwrap());
        let printed = succeed(&mut whole.drill(&source));
        assert!(printed.contains("grub: restored from the"), "{printed}");
    }
    let verified = succeed(bootseal(["ceremony", "verify"]).arg(whole.path("node")));
    assert!(verified.contains("last restore drill: 20"), "{verified}");
    private(&whole.path("shares.txt"), whole.share(2).as_bytes());
    let refused = refuse(&mut whole.drill(&desk.join("sheet.txt")));
    assert!(refused.contains("2 different shares are needed, not 1"), "{refused}");
}

#[test]
fn what_is_printed_on_a4_is_scanned_and_restores_the_keys() {
    let whole = Whole::made();
    let scan = |page: &str, name: &str| {
        let pdf = whole.path(&format!("{name}.pdf"));
        succeed(tool("weasyprint").arg(whole.path(page)).arg(&pdf));
        let info = succeed(tool("pdfinfo").arg(&pdf));
        assert!(info.contains("(A4)"), "{info}");
        succeed(
            tool("pdftoppm")
                .args(["-r", "200", "-gray", "-png"])
                .arg(&pdf)
                .arg(whole.path(name)),
        );
        let mut pages: Vec<_> = fs::read_dir(whole.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "png"))
            .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(name))
            .collect();
        pages.sort();
        let mut codes = String::new();
        for page in pages {
            let mut zbarimg = tool("zbarimg");
            let output = zbarimg.args(["--quiet", "--raw"]).arg(page).output().unwrap();
            // Pages of text alone have none.
            assert!(
                output.status.success() || output.status.code() == Some(NO_CODE),
                "{}",
                text(&output)
            );
            codes += &String::from_utf8(output.stdout).unwrap();
        }
        codes
    };
    let lines = scan("backup/bootseal-sheet.html", "sheet");
    let shares = [
        scan("backup/shares/share-1.html", "one"),
        scan("backup/shares/share-2.html", "two"),
    ];
    assert_eq!(shares[0].trim(), whole.share(1));
    fs::write(whole.path("scanned.txt"), lines).unwrap();
    private(&whole.path("shares.txt"), shares.concat().as_bytes());
    let printed = succeed(&mut whole.drill(&whole.path("scanned.txt")));
    // No line of any code was missing.
    for name in KeyName::USUAL {
        assert!(
            printed.contains(&format!("{name}: restored from the sheet")),
            "{printed}"
        );
    }
}

/// Three certificates of openssl with the serial number 7, CA:TRUE and one day of validity.
#[test]
fn odd_certificates_are_convicted_at_plan_and_run_and_in_the_transcript() {
    let directory = tempfile::tempdir().unwrap();
    let odd = directory.path().join("odd");
    fs::create_dir(&odd).unwrap();
    for name in ["PK", "KEK", "db"] {
        let key = odd.join(format!("{name}.key"));
        let mut openssl = tool("openssl");
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-set_serial",
            "7",
        ]);
        openssl.args(["-subj", "/CN=odd"]);
        succeed(
            openssl
                .arg("-keyout")
                .arg(&key)
                .arg("-out")
                .arg(key.with_extension("crt")),
        );
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let out = directory.path().join("keys");
    let command = |verb: &str, rest: &[&str]| {
        let mut command = bootseal(["ceremony", verb, "--name", "odd", "--plain", "PK,KEK,db,module,grub"]);
        command.arg("--import").arg(&odd).arg("--out").arg(&out).args(rest);
        command
    };
    let planned = succeed(&mut command("plan", &[]));
    for name in ["PK", "KEK", "db"] {
        for check in ["serial_number", "validity", "authority"] {
            let expected = format!("imported {name} certificate, {check}: ");
            assert!(planned.contains(&expected), "{expected}: {planned}");
        }
    }
    assert!(
        planned.contains("its issuer and serial number are those of PK"),
        "{planned}"
    );
    let made = command("run", &[]).output().unwrap();
    let said = text(&made);
    assert!(made.status.success(), "{said}");
    assert!(
        said.contains("warning: the imported PK certificate: authority: "),
        "{said}"
    );
    let transcript = fs::read_to_string(out.join("ceremony.jsonl")).unwrap();
    let checked = transcript.lines().find(|line| line.contains("{\"checked\":")).unwrap();
    let checked: serde_json::Value = serde_json::from_str(checked).unwrap();
    let checked = &checked["event"]["checked"];
    // Three of each certificate, and that KEK and db have the number of the ones before: of PK, and of PK and KEK.
    assert_eq!(checked["findings"].as_array().unwrap().len(), 3 * 3 + 3, "{checked}");
    // No line claims what was not so, or was not looked at.
    for check in checked["checks"].as_array().unwrap() {
        let check = check.as_str().unwrap();
        let imported = check.contains("certificate, imported");
        assert!(
            !imported || !check.contains("serial number") && !check.contains("valid from"),
            "{check}"
        );
        assert!(
            !check.contains("issued here") || check.starts_with("module "),
            "{check}"
        );
    }
    let verified = succeed(bootseal(["ceremony", "verify"]).arg(&out));
    assert!(
        verified.contains("the imported db certificate is odd: authority: "),
        "{verified}"
    );
}

#[test]
fn exported_forms_are_those_that_others_read() {
    let whole = Whole::made();
    let export = |name: &str, format: &str, file: &str| {
        let mut command = bootseal(["keys", "export", name, "--format", format, "--keys"]);
        command.arg(whole.path("node")).arg("--output").arg(whole.path(file));
        succeed(&mut command);
        whole.path(file)
    };
    let pem = export("db", "pem", "db.crt");
    let der = export("db", "der", "db.cer");
    let fingerprint = |path: &Path, form: &str| {
        let mut openssl = tool("openssl");
        succeed(
            openssl
                .args(["x509", "-noout", "-fingerprint", "-sha256", "-inform", form, "-in"])
                .arg(path),
        )
    };
    assert_eq!(fingerprint(&pem, "PEM"), fingerprint(&der, "DER"));
    assert_eq!(
        fs::read(export("KEK", "auth", "KEK.auth")).unwrap(),
        fs::read(whole.path("node/KEK.auth")).unwrap()
    );
    succeed(
        tool("sig-list-to-certs")
            .arg(export("module", "esl", "mok.esl"))
            .arg(whole.path("mok")),
    );
    let known = succeed(
        tool("gpg")
            .args(["--show-keys", "--with-colons"])
            .arg(export("grub", "gpg", "grub.pub")),
    );
    assert!(known.starts_with("pub:"), "{known}");

    // One file for key and certificate, as Portage's eclass passes it to sbsign, and the kernel's build to sign-file.
    let portage = export("db", "portage", "secureboot.pem");
    let image = whole.path("hello.efi");
    fs::write(&image, bootseal::formats::firmware::authenticode::minimal_image()).unwrap();
    let mut sbsign = tool("sbsign");
    succeed(
        sbsign
            .arg("--key")
            .arg(&portage)
            .arg("--cert")
            .arg(&portage)
            .arg(&image)
            .arg("--output")
            .arg(&image),
    );
    succeed(bootseal(["verify", "--keys"]).arg(whole.path("node")).arg(&image));
    let signing_key = export("module", "signing-key", "signing_key.pem");
    let module = crate::support::module(whole.directory.path(), "hello.ko");
    succeed(
        crate::support::sign_file()
            .arg("sha512")
            .arg(&signing_key)
            .arg(&signing_key)
            .arg(&module),
    );
    succeed(bootseal(["verify", "--keys"]).arg(whole.path("node")).arg(&module));
    for path in [&portage, &signing_key] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o400);
    }
    let mut again = bootseal(["keys", "export", "db", "--format", "portage", "--keys"]);
    let refused = refuse(again.arg(whole.path("node")).arg("--output").arg(&portage));
    assert!(refused.contains("cannot create"), "{refused}");
    let listed = succeed(bootseal(["keys", "list", "--keys"]).arg(whole.path("node")));
    assert!(listed.contains("db: \"whole Secure Boot Signing Key "), "{listed}");
    let shown = succeed(bootseal(["keys", "show", "db", "--keys"]).arg(whole.path("node")));
    assert!(shown.contains("At rest        plain"), "{shown}");
}
