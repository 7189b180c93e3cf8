//! efitools, sbsigntool and OpenSSL judge our signature lists and authenticated variables, and we theirs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bootseal::enroll::{Store, StoreChoice};
use bootseal::formats::firmware::authenticated_variable::{
    APPEND_ATTRIBUTES, ATTRIBUTES, AuthenticatedVariable, EfiTime, VariableName, signed_bytes,
};
use bootseal::formats::firmware::guid::Guid;
use bootseal::formats::firmware::signature_list::{SignatureDatabase, SignatureType};
use bootseal::system::Context;
use bootseal::trust::microsoft;
use bootseal::trust::variable::{Authority, Firmware, judge, recognise};

use crate::support::{bootseal, keys, refuse, succeed, tool};

const OWNER: Guid = Guid::MICROSOFT;

fn efitools(program: &str) -> Command {
    // It stamps local time where the specification says UTC.
    let mut command = tool(program);
    command.env("TZ", "UTC");
    command
}

/// A list of the KEK certificate, and where it and its DER are.
fn list(directory: &Path) -> (PathBuf, Vec<u8>) {
    let der = directory.join("KEK.der");
    let pem = keys().join("KEK.pem");
    succeed(
        tool("openssl")
            .args(["x509", "-outform", "DER", "-in"])
            .arg(pem)
            .arg("-out")
            .arg(&der),
    );
    let mut database = SignatureDatabase::default();
    database.add_certificate(OWNER, &fs::read(der).unwrap());
    let path = directory.join("KEK.esl");
    fs::write(&path, database.to_bytes()).unwrap();
    (path, database.to_bytes())
}

/// Reads what a peer signed with the KEK key, and what we find it to be.
fn judged(auth: &[u8], variable: VariableName, attributes: u32) -> AuthenticatedVariable {
    let auth = AuthenticatedVariable::parse(auth).unwrap();
    let recognised = recognise(&auth).unwrap();
    assert_eq!((recognised.variable, recognised.attributes), (variable, attributes));
    let empty = SignatureDatabase::default();
    let firmware = Firmware {
        pk: &SignatureDatabase::parse(&auth.payload).unwrap(),
        kek: &empty,
        setup_mode: false,
        last_write: None,
    };
    let authority = judge(&firmware, variable, attributes, &auth);
    assert!(matches!(authority, Ok(Authority::PlatformKey(_))), "{authority:?}");
    auth
}

#[test]
fn our_lists_are_those_of_efitools_and_sbsigntool_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (_, ours) = list(directory.path());
    let owner = OWNER.to_string();
    let mut efitools = efitools("cert-to-efi-sig-list");
    succeed(
        efitools
            .args(["-g", &owner])
            .arg(keys().join("KEK.pem"))
            .arg(path("efitools")),
    );
    assert_eq!(fs::read(path("efitools")).unwrap(), ours);
    let mut sbsiglist = tool("sbsiglist");
    sbsiglist
        .args(["--owner", &owner, "--type", "x509", "--output"])
        .arg(path("sbsigntool"));
    succeed(sbsiglist.arg(path("KEK.der")));
    assert_eq!(fs::read(path("sbsigntool")).unwrap(), ours);

    fs::write(path("digest"), [7; 32]).unwrap();
    let mut sbsiglist = tool("sbsiglist");
    sbsiglist
        .args(["--owner", &owner, "--type", "sha256", "--output"])
        .arg(path("digests"));
    succeed(sbsiglist.arg(path("digest")));
    let mut database = SignatureDatabase::default();
    database.add_sha256(OWNER, &[7; 32]);
    assert_eq!(fs::read(path("digests")).unwrap(), database.to_bytes());
}

#[test]
fn efitools_finds_every_certificate_of_our_db() {
    let directory = tempfile::tempdir().unwrap();
    let auth = AuthenticatedVariable::parse(&fs::read(keys().join("db.auth")).unwrap()).unwrap();
    let esl = directory.path().join("db.esl");
    fs::write(&esl, &auth.payload).unwrap();
    succeed(efitools("sig-list-to-certs").arg(&esl).arg(directory.path().join("db")));
    let database = SignatureDatabase::parse(&auth.payload).unwrap();
    let ours: Vec<&[u8]> = database.certificates().map(|(_, der)| der).collect();
    assert!(ours.len() > 1, "own and Microsoft's");
    for (number, der) in ours.iter().enumerate() {
        let extracted = directory.path().join(format!("db-{number}.der"));
        assert_eq!(fs::read(extracted).unwrap(), *der, "certificate {number}");
    }
    let missing = directory.path().join(format!("db-{}.der", ours.len()));
    assert!(!missing.exists());
}

#[test]
fn efitools_finds_every_digest_of_microsofts_dbx_that_we_wrote_back() {
    let directory = tempfile::tempdir().unwrap();
    let update = AuthenticatedVariable::parse(microsoft::DBX_UPDATE_X64).unwrap();
    let database = SignatureDatabase::parse(&update.payload).unwrap();
    let esl = directory.path().join("dbx.esl");
    fs::write(&esl, database.to_bytes()).unwrap();
    succeed(
        efitools("sig-list-to-certs")
            .arg(&esl)
            .arg(directory.path().join("dbx")),
    );
    let extracted = fs::read_dir(directory.path()).unwrap().count() - 1;
    assert_eq!(extracted, database.entries_of_type(SignatureType::Sha256).count());
}

#[test]
fn what_efitools_signed_is_recognised_and_holds() {
    let directory = tempfile::tempdir().unwrap();
    let (esl, content) = list(directory.path());
    let out = directory.path().join("auth");
    for variable in VariableName::ALL {
        for (append, attributes) in [(false, ATTRIBUTES), (true, APPEND_ATTRIBUTES)] {
            let mut sign = efitools("sign-efi-sig-list");
            if append {
                sign.arg("-a");
            }
            sign.arg("-k")
                .arg(keys().join("KEK.key"))
                .arg("-c")
                .arg(keys().join("KEK.pem"));
            succeed(sign.arg(variable.name()).arg(&esl).arg(&out));
            let auth = judged(&fs::read(&out).unwrap(), variable, attributes);
            assert_eq!(auth.payload, content);
            assert_eq!(auth.to_bytes(), fs::read(&out).unwrap());
        }
    }
}

#[test]
fn what_sbvarsign_signed_is_recognised_and_holds() {
    let directory = tempfile::tempdir().unwrap();
    let (esl, content) = list(directory.path());
    let out = directory.path().join("auth");
    let stored = "NON_VOLATILE,BOOTSERVICE_ACCESS,RUNTIME_ACCESS";
    for variable in VariableName::ALL {
        for (named, attributes) in [
            (stored.to_owned(), ATTRIBUTES),
            (format!("{stored},APPEND_WRITE"), APPEND_ATTRIBUTES),
        ] {
            let mut sign = tool("sbvarsign");
            sign.args(["--attr", &named, "--key"]).arg(keys().join("KEK.key"));
            sign.arg("--cert").arg(keys().join("KEK.pem")).arg("--output").arg(&out);
            succeed(sign.arg(variable.name()).arg(&esl));
            // Its month is off by one, and in January zero, so its time is not looked at.
            let auth = judged(&fs::read(&out).unwrap(), variable, attributes);
            assert_eq!(auth.payload, content);
        }
    }
}

#[test]
fn efitools_signs_the_same_bytes_as_we_do() {
    let directory = tempfile::tempdir().unwrap();
    let (esl, content) = list(directory.path());
    let out = directory.path().join("to-be-signed");
    let time = EfiTime::from(der::DateTime::new(2026, 1, 31, 3, 4, 5).unwrap());
    for variable in VariableName::ALL {
        let mut sign = efitools("sign-efi-sig-list");
        sign.args(["-o", "-t", "2026-01-31 03:04:05", variable.name()]);
        succeed(sign.arg(&esl).arg(&out));
        let mut ours = signed_bytes(variable.name(), &variable.vendor(), ATTRIBUTES, &time);
        ours.extend_from_slice(&content);
        assert_eq!(fs::read(&out).unwrap(), ours, "{variable}");
    }
}

#[test]
fn a_ceremonys_files_are_those_of_efitools_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for (variable, signer) in [
        (VariableName::Pk, "PK"),
        (VariableName::Kek, "PK"),
        (VariableName::Db, "KEK"),
    ] {
        let ours = fs::read(keys().join(format!("{variable}.auth"))).unwrap();
        let auth = AuthenticatedVariable::parse(&ours).unwrap();
        fs::write(path("esl"), &auth.payload).unwrap();
        let mut sign = efitools("sign-efi-sig-list");
        sign.args(["-t", auth.time.to_string().replace('T', " ").trim_end_matches('Z')]);
        sign.arg("-k").arg(keys().join(format!("{signer}.key")));
        sign.arg("-c").arg(keys().join(format!("{signer}.pem")));
        succeed(sign.arg(variable.name()).arg(path("esl")).arg(path("auth")));
        assert_eq!(fs::read(path("auth")).unwrap(), ours, "{variable}");
    }
}

#[test]
fn openssl_verifies_the_signatures_of_a_ceremony() {
    judged_by_openssl(keys());
}

/// PK, KEK and db of a key directory.
pub fn judged_by_openssl(keys: &Path) {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for (variable, signer) in [
        (VariableName::Pk, "PK.pem"),
        (VariableName::Kek, "PK.pem"),
        (VariableName::Db, "KEK.pem"),
    ] {
        let bytes = fs::read(keys.join(format!("{variable}.auth"))).unwrap();
        let auth = AuthenticatedVariable::parse(&bytes).unwrap();
        auth.time.check().unwrap();
        let mut content = signed_bytes(variable.name(), &variable.vendor(), ATTRIBUTES, &auth.time);
        content.extend_from_slice(&auth.payload);
        fs::write(path("cms"), content_info(&auth.signed_data)).unwrap();
        fs::write(path("content"), &content).unwrap();
        let verify = |kind: &str| {
            let mut openssl = tool("openssl");
            openssl.args([
                kind,
                "-verify",
                "-binary",
                "-inform",
                "DER",
                "-purpose",
                "any",
                "-out",
                "/dev/null",
            ]);
            openssl
                .arg("-CAfile")
                .arg(keys.join(signer))
                .arg("-in")
                .arg(path("cms"));
            openssl.arg("-content").arg(path("content"));
            openssl
        };
        succeed(&mut verify("cms"));
        succeed(&mut verify("smime"));
        content[0] ^= 1;
        fs::write(path("content"), &content).unwrap();
        refuse(&mut verify("cms"));
    }
}

/// A bare `SignedData` in the `ContentInfo` (RFC 5652, section 3) without which OpenSSL does not read it.
fn content_info(signed_data: &[u8]) -> Vec<u8> {
    let wrap = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, length[0], length[1]], content].concat()
    };
    let signed_data_type = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
    wrap(0x30, &[signed_data_type.as_slice(), &wrap(0xa0, signed_data)].concat())
}

#[test]
fn a_ceremony_enrolls_into_a_simulated_firmware() {
    let directory = tempfile::tempdir().unwrap();
    let enroll = |word: &str| {
        let mut command = bootseal(["enroll", word, "--json", "--root"]);
        command
            .arg(directory.path())
            .arg("--keys")
            .arg(keys())
            .arg("--store")
            .arg(directory.path().join("firmware"));
        command
    };
    refuse(&mut enroll("plan"));
    fs::create_dir(directory.path().join("firmware")).unwrap();
    let planned = succeed(&mut enroll("plan"));
    assert!(planned.contains("bootseal.enroll.plan/1"), "{planned}");
    let applied = succeed(enroll("apply").arg("--yes"));
    assert!(
        applied.contains("\"setup_mode\":false") || applied.contains("\"setup_mode\": false"),
        "{applied}"
    );
    let firmware = directory.path().join("firmware");
    let pk = firmware.join(VariableName::Pk.full_name());
    let auth = AuthenticatedVariable::parse(&fs::read(keys().join("PK.auth")).unwrap()).unwrap();
    assert_eq!(
        fs::read(pk).unwrap(),
        [ATTRIBUTES.to_le_bytes().as_slice(), &auth.payload].concat()
    );

    let mut store = Store::open(&Context::host(), &StoreChoice::At(firmware)).unwrap();
    let deletion = fs::read(keys().join("noPK.auth")).unwrap();
    store.write(VariableName::Pk, ATTRIBUTES, &deletion).unwrap();
    assert!(store.setup_mode().unwrap());
}
