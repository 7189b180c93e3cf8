//! Chains that OpenSSL issues and sbsign uses, judged as EDK2 would.

use std::fs;
use std::path::{Path, PathBuf};

use bootseal::formats::crypto::certificate::Certificate;
use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::firmware::authenticated_variable::VariableName;
use bootseal::formats::firmware::authenticode::{Image, minimal_image};
use bootseal::formats::firmware::guid::Guid;
use bootseal::formats::firmware::signature_list::{Signature, SignatureDatabase, SignatureType};
use bootseal::trust::image::{Acceptance, Place, Policy, Refusal, Revocation};

use crate::support::{succeed, tool};

const OWNER: Guid = Guid::MICROSOFT;

/// Root, intermediate and leaf in a directory, and an image that the leaf signed with the intermediate beside it.
struct Chain {
    directory: tempfile::TempDir,
    image: Vec<u8>,
}

impl Chain {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        issue(directory.path(), "root", None);
        issue(directory.path(), "intermediate", Some("root"));
        issue(directory.path(), "leaf", Some("intermediate"));
        let (unsigned, signed) = (path("unsigned.efi"), path("signed.efi"));
        fs::write(&unsigned, minimal_image()).unwrap();
        let mut sbsign = tool("sbsign");
        sbsign
            .arg("--key")
            .arg(path("leaf.key"))
            .arg("--cert")
            .arg(path("leaf.pem"));
        sbsign
            .arg("--addcert")
            .arg(path("intermediate.pem"))
            .arg("--output")
            .arg(&signed)
            .arg(&unsigned);
        succeed(&mut sbsign);
        let image = fs::read(&signed).unwrap();
        Self { directory, image }
    }

    fn certificate(&self, name: &str) -> Certificate {
        Certificate::from_pem(&fs::read(self.directory.path().join(format!("{name}.pem"))).unwrap()).unwrap()
    }

    fn judge(&self, db: &SignatureDatabase, dbx: &SignatureDatabase) -> Result<Acceptance, Refusal> {
        Policy::new(db, dbx).judge(&Image::parse(&self.image).unwrap())
    }
}

fn entry(kind: SignatureType, data: &[u8]) -> Signature {
    let mut database = SignatureDatabase::default();
    database.add(kind, OWNER, data);
    database.entries().next().unwrap().1.clone()
}

/// The first entry of a variable.
const fn first(variable: VariableName, kind: SignatureType) -> Place {
    Place {
        variable,
        number: 1,
        kind,
        owner: OWNER,
    }
}

fn forbids(name: &str, kind: SignatureType) -> Refusal {
    Refusal::ForbiddenCertificate(Box::new(Revocation {
        certificate: format!("Test {name}"),
        place: first(VariableName::Dbx, kind),
        since: None,
        despite: None,
    }))
}

fn issue(directory: &Path, name: &str, issuer: Option<&str>) {
    let path = |name: String| -> PathBuf { directory.join(name) };
    let extensions = path(format!("{name}.cnf"));
    let authority = if name == "leaf" { "FALSE" } else { "TRUE" };
    fs::write(
        &extensions,
        format!("basicConstraints=critical,CA:{authority}\nsubjectKeyIdentifier=hash\n"),
    )
    .unwrap();
    let (key, request) = (path(format!("{name}.key")), path(format!("{name}.csr")));
    let mut openssl = tool("openssl");
    openssl.args([
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        &format!("/CN=Test {name}"),
    ]);
    succeed(openssl.arg("-keyout").arg(&key).arg("-out").arg(&request));
    let mut openssl = tool("openssl");
    openssl
        .args(["x509", "-req", "-days", "10", "-sha256", "-extfile"])
        .arg(&extensions)
        .arg("-in")
        .arg(&request);
    match issuer {
        None => openssl.arg("-key").arg(&key),
        Some(issuer) => openssl
            .arg("-CA")
            .arg(path(format!("{issuer}.pem")))
            .arg("-CAkey")
            .arg(path(format!("{issuer}.key")))
            .arg("-CAcreateserial"),
    };
    succeed(openssl.arg("-out").arg(path(format!("{name}.pem"))));
}

fn listed(kind: SignatureType, data: &[u8]) -> SignatureDatabase {
    let mut database = SignatureDatabase::default();
    assert!(database.add(kind, OWNER, data));
    database
}

fn holds(certificate: &Certificate) -> SignatureDatabase {
    listed(SignatureType::X509, certificate.as_der())
}

#[test]
fn chains_are_walked_as_firmware_walks_them() {
    let chain = Chain::new();
    let nothing = SignatureDatabase::default();
    for anchor in ["root", "intermediate", "leaf"] {
        let accepted = chain.judge(&holds(&chain.certificate(anchor)), &nothing).unwrap();
        let expected = Acceptance::Certificate {
            signer: "Test leaf".to_owned(),
            anchor: format!("Test {anchor}"),
            entry: entry(SignatureType::X509, chain.certificate(anchor).as_der()),
            place: first(VariableName::Db, SignatureType::X509),
        };
        assert_eq!(accepted, expected);
    }
    // sbverify 0.9.4 accepts this one: a leaf and its intermediate, against a certificate that issued neither.
    let other = Chain::new();
    let refused = chain.judge(&holds(&other.certificate("root")), &nothing).unwrap_err();
    assert_eq!(refused, Refusal::Untrusted("Test leaf".to_owned()));

    let trusted = holds(&chain.certificate("root"));
    for forbidden in ["root", "intermediate", "leaf"] {
        let certificate = chain.certificate(forbidden);
        let by_certificate = chain.judge(&trusted, &holds(&certificate)).unwrap_err();
        assert_eq!(by_certificate, forbids(forbidden, SignatureType::X509));
        let mut hash = HashAlgorithm::Sha256
            .digest(&[certificate.tbs_der()])
            .as_bytes()
            .to_vec();
        hash.extend([0; 16]); // revoked from the beginning
        let by_hash = chain
            .judge(&trusted, &listed(SignatureType::X509Sha256, &hash))
            .unwrap_err();
        assert_eq!(by_hash, forbids(forbidden, SignatureType::X509Sha256));
    }

    let digest = Image::parse(&chain.image).unwrap().digest(HashAlgorithm::Sha256);
    let hash = listed(SignatureType::Sha256, digest.as_bytes());
    assert!(matches!(chain.judge(&hash, &nothing), Ok(Acceptance::Hash(_))));
    assert!(matches!(
        chain.judge(&trusted, &hash),
        Err(Refusal::ForbiddenHash { .. })
    ));
    assert_eq!(
        chain.judge(&nothing, &nothing),
        Err(Refusal::Untrusted("Test leaf".to_owned()))
    );
}

#[test]
fn an_unsigned_image_needs_its_hash_in_db() {
    let file = minimal_image();
    let image = Image::parse(&file).unwrap();
    let nothing = SignatureDatabase::default();
    assert_eq!(Policy::new(&nothing, &nothing).judge(&image), Err(Refusal::Unsigned));
    let hash = listed(SignatureType::Sha256, image.digest(HashAlgorithm::Sha256).as_bytes());
    assert!(matches!(
        Policy::new(&hash, &nothing).judge(&image),
        Ok(Acceptance::Hash(_))
    ));
}

#[test]
fn the_hash_of_an_unsigned_image_is_that_of_the_file_without_padding() {
    let mut file = minimal_image();
    file.extend(b"odd");
    let image = Image::parse(&file).unwrap();
    let nothing = SignatureDatabase::default();
    let padded = listed(SignatureType::Sha256, image.digest(HashAlgorithm::Sha256).as_bytes());
    let firmwares = listed(
        SignatureType::Sha256,
        image.unpadded_digest(HashAlgorithm::Sha256).as_bytes(),
    );
    assert!(matches!(
        Policy::new(&firmwares, &nothing).judge(&image),
        Ok(Acceptance::Hash(_))
    ));
    assert_eq!(Policy::new(&padded, &nothing).judge(&image), Err(Refusal::Unsigned));
    for forbidden in [&padded, &firmwares] {
        let refused = Policy::new(&firmwares, forbidden).judge(&image);
        assert!(matches!(refused, Err(Refusal::ForbiddenHash { .. })), "{refused:?}");
    }
}
