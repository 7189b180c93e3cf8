//! Files that Microsoft and Debian signed for everybody, judged by db and dbx in every state that a machine has them in.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use bootseal::formats::crypto::certificate::Certificate;
use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::firmware::authenticode::Image;
use bootseal::formats::firmware::guid::Guid;
use bootseal::formats::firmware::signature_list::{SignatureDatabase, SignatureType};
use bootseal::trust::microsoft;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::judges::{debians_grub, shim};
use crate::support::{bootseal, keys};

/// One of Microsoft's certificates, by its name here.
fn microsofts(name: &str) -> Certificate {
    let known = microsoft::CERTIFICATES.iter().find(|known| known.name == name);
    Certificate::from_der(known.unwrap().der).unwrap()
}

/// The signer's certificate in a signature of shim's, by its common name.
fn signer(name: &str) -> Certificate {
    let file = shim();
    let image = Image::parse(&file).unwrap();
    let mut inside = image
        .signatures()
        .iter()
        .flat_map(|entry| entry.signature().unwrap().cms.certificates);
    inside.find(|certificate| certificate.common_name() == name).unwrap()
}

fn certificates(all: &[&Certificate]) -> SignatureDatabase {
    let mut database = SignatureDatabase::default();
    for certificate in all {
        database.add_certificate(Guid::MICROSOFT, certificate.as_der());
    }
    database
}

fn listed(kind: SignatureType, data: &[u8]) -> SignatureDatabase {
    let mut database = SignatureDatabase::default();
    assert!(database.add(kind, Guid::MICROSOFT, data));
    database
}

/// The hash of a certificate's to-be-signed part, revoked from the beginning.
fn tbs_hash(certificate: &Certificate) -> SignatureDatabase {
    let digest = HashAlgorithm::Sha256.digest(&[certificate.tbs_der()]);
    listed(SignatureType::X509Sha256, &[digest.as_bytes(), &[0; 16]].concat())
}

fn image_hash(file: &[u8]) -> SignatureDatabase {
    let digest = Image::parse(file).unwrap().digest(HashAlgorithm::Sha256);
    listed(SignatureType::Sha256, digest.as_bytes())
}

/// The files, where `bootseal verify` finds them.
struct Files {
    directory: TempDir,
}

impl Files {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("keys")).unwrap();
        let files = Self { directory };
        fs::write(files.path("shim.efi"), shim()).unwrap();
        fs::write(files.path("grub.efi"), debians_grub()).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn output(&self, name: &str, db: &SignatureDatabase, dbx: &SignatureDatabase) -> Output {
        fs::write(self.path("db"), db.to_bytes()).unwrap();
        fs::write(self.path("dbx"), dbx.to_bytes()).unwrap();
        let mut verify = bootseal(["verify", "--json", "--db"]);
        verify.arg(self.path("db"));
        verify
            .arg("--dbx")
            .arg(self.path("dbx"))
            .arg(self.path(name))
            .output()
            .unwrap()
    }

    /// The verdict that firmware with these databases starts the file, and its reason.
    fn verify(&self, name: &str, db: &SignatureDatabase, dbx: &SignatureDatabase) -> (bool, String) {
        let said: Value = serde_json::from_slice(&self.output(name, db, dbx).stdout).unwrap();
        let findings = said["files"][0]["findings"].as_array().unwrap();
        let image = findings.iter().find(|finding| finding["kind"] == "efi_image").unwrap();
        let accepted = image["accepted"].as_bool().unwrap();
        (accepted, image["reason"].as_str().unwrap().to_owned())
    }

    #[track_caller]
    fn accepts(&self, name: &str, db: &SignatureDatabase, dbx: &SignatureDatabase, why: &str) {
        let (accepted, reason) = self.verify(name, db, dbx);
        assert!(accepted && reason.contains(why), "{reason}");
    }

    #[track_caller]
    fn refuses(&self, name: &str, db: &SignatureDatabase, dbx: &SignatureDatabase, why: &str) {
        let (accepted, reason) = self.verify(name, db, dbx);
        assert!(!accepted && reason.contains(why), "{reason}");
    }
}

const PUBLISHER: &str = "Microsoft Windows UEFI Driver Publisher";

#[test]
fn shim_is_let_in_by_either_authority_and_by_no_other() {
    let (files, nothing) = (Files::new(), SignatureDatabase::default());
    let (of_2011, of_2023) = (microsofts("uefi-2011"), microsofts("uefi-2023"));
    let vouched = "for whom \"Microsoft Corporation UEFI CA 2011\" in db";
    files.accepts("shim.efi", &certificates(&[&of_2011]), &nothing, vouched);
    let vouched = "for whom \"Microsoft UEFI CA 2023\" in db";
    files.accepts("shim.efi", &certificates(&[&of_2023]), &nothing, vouched);
    let others = certificates(&[
        &microsofts("windows-2011"),
        &microsofts("windows-2023"),
        &microsofts("option-rom-2023"),
    ]);
    files.refuses("shim.efi", &others, &nothing, PUBLISHER);
    // A db without any entry is no ground for a verdict.
    assert_eq!(files.output("shim.efi", &nothing, &nothing).status.code(), Some(3));
    // What Microsoft has revoked so far is not this one.
    let revoked = microsoft::revocations().unwrap();
    files.accepts("shim.efi", &certificates(&[&of_2011]), &revoked, PUBLISHER);
    files.accepts("shim.efi", &image_hash(&shim()), &nothing, "hash");
}

#[test]
fn shim_is_refused_when_anything_of_it_is_forbidden() {
    let files = Files::new();
    let both = certificates(&[&microsofts("uefi-2011"), &microsofts("uefi-2023")]);
    files.refuses("shim.efi", &both, &image_hash(&shim()), "hash");
    // The other signature alone would be let in: one that is forbidden kills the image.
    for forbidden in [
        microsofts("uefi-2011"),
        microsofts("uefi-2023"),
        signer(PUBLISHER),
        signer("Microsoft UEFI CA 2023 signer"),
    ] {
        let name = format!("\"{}\"", forbidden.common_name());
        files.refuses("shim.efi", &both, &certificates(&[&forbidden]), &name);
        files.refuses("shim.efi", &both, &tbs_hash(&forbidden), &name);
    }
    files.accepts(
        "shim.efi",
        &both,
        &certificates(&[&microsofts("windows-2011")]),
        PUBLISHER,
    );
}

#[test]
fn debians_grub_is_not_for_firmware_that_knows_microsoft_only() {
    let (files, nothing) = (Files::new(), SignatureDatabase::default());
    let mut all = certificates(&[]);
    for known in &microsoft::CERTIFICATES {
        all.add_certificate(Guid::MICROSOFT, known.der);
    }
    files.refuses("grub.efi", &all, &nothing, "Debian Secure Boot Signer");
    files.accepts("grub.efi", &image_hash(&debians_grub()), &nothing, "hash");
}

#[test]
fn a_changed_shim_is_refused_wherever_it_was_changed() {
    let files = Files::new();
    let db = certificates(&[&microsofts("uefi-2011"), &microsofts("uefi-2023")]);
    let original = shim();
    let end = original.len();
    let signatures = Image::parse(&original).unwrap().signatures().len();
    assert_eq!(signatures, 2);
    // The headers, code, .sbat, and what follows the last section: sbsign's and OpenSSL's readers warn of that gap.
    for position in [0x200, 0x30000, 0xdb010, 930_000] {
        let mut changed = original.clone();
        changed[position] ^= 1;
        fs::write(files.path("shim.efi"), &changed).unwrap();
        files.refuses("shim.efi", &db, &SignatureDatabase::default(), "");
    }
    fs::write(files.path("shim.efi"), &original[..end - 8]).unwrap();
    let (accepted, reason) = files.verify("shim.efi", &db, &SignatureDatabase::default());
    assert!(!accepted, "{reason}");
}

/// The machine that watches others has no keys.
#[test]
fn with_a_db_and_a_dbx_no_key_directory_is_needed() {
    let files = Files::new();
    let root = files.path("keys");
    for (named, exit) in [("uefi-2011", 0), ("windows-2011", 1)] {
        fs::write(files.path("db"), certificates(&[&microsofts(named)]).to_bytes()).unwrap();
        fs::write(files.path("dbx"), b"").unwrap();
        let mut verify = bootseal(["--root"]);
        verify.arg(&root).args(["verify", "--db"]).arg(files.path("db"));
        verify.arg("--dbx").arg(files.path("dbx")).arg(files.path("shim.efi"));
        let output = verify.output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(exit),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    // Without one of them, or with a key directory by name, that is looked for.
    let mut verify = bootseal(["--root"]);
    verify
        .arg(&root)
        .args(["verify", "--db"])
        .arg(files.path("db"))
        .arg(files.path("shim.efi"));
    assert_eq!(verify.output().unwrap().status.code(), Some(3));
}

#[test]
fn security_version_numbers_are_told_from_hashes() {
    let update = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/trust/microsoft/updates/DBXUpdateSVN.bin"
    );
    let file = fs::read(update).unwrap();
    let signed = u32::from_le_bytes(file[16..20].try_into().unwrap()) as usize + 16;
    let directory = tempfile::tempdir().unwrap();
    let lists = directory.path().join("svn.esl");
    fs::write(&lists, &file[signed..]).unwrap();
    let output = bootseal(["verify", "--json", "--keys"])
        .arg(keys())
        .arg(&lists)
        .output();
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    let numbers = "security versions: bootmgfw.efi 9.0, cdboot.efi 3.0, wdsmgfw.efi 3.0";
    assert!(said.contains(numbers), "{said}");
}
