//! Certificates by which firmware and kernel know our keys (RFC 5280).

use der::asn1::{Any, BitString, ObjectIdentifier, OctetString, Utf8StringRef};
use der::{DateTime, Decode, Document, Encode};
use signature::Keypair;
use spki::{AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder, Result as BuilderResult};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Validity;

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::{HashAlgorithm, sha256};
use crate::system::Context;

use super::signer::Signer;

/// Longest common name or organization, in characters (RFC 5280, appendix A.1).
const MAX_NAME: usize = 64;
/// Longest validity, in years.
const MAX_YEARS: u16 = 100;
/// Length of a key identifier, in bytes: SHA-256 cut to 160 bits (RFC 7093, section 2, method 1).
const KEY_ID: usize = 20;

/// The use that a certificate allows its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Signing changes of firmware variables, or statements to bootseal itself: PK, KEK and fleet.
    Variables,
    /// Signing code: db and module.
    Code,
    /// Signing values of PCRs: pcr.
    Measurements,
}

/// The statements of a certificate.
#[derive(Debug, Clone)]
pub struct Request {
    /// The subject's common name, 1 to 64 characters.
    pub common_name: String,
    /// The subject's organization, if any, 1 to 64 characters.
    pub organization: Option<String>,
    /// The use that the certificate allows.
    pub purpose: Purpose,
    /// Validity from now on, in years, 1 to 100. Neither firmware nor kernel compares it with the clock.
    pub years: u16,
}

/// Issues a self-signed certificate: SHA-256 with RSA, which all firmware takes.
///
/// It is no certificate authority (`CA:FALSE`), as the kernel's own `x509.genkey` has it: db and KEK trust the very
/// certificate that they hold, and so the key cannot vouch for others.
pub fn self_signed(context: &Context, signer: &dyn Signer, request: &Request) -> Result<Certificate> {
    let cannot = || format!("cannot issue a certificate for {}", request.common_name);
    let profile = Profile {
        subject: subject(request)?,
        purpose: request.purpose,
        key_id: key_id(signer).or_bug(cannot)?,
    };
    let issuer = Issuer(signer);
    let spki = signer.public_key().spki().or_bug(cannot)?;
    let mut builder =
        CertificateBuilder::new(profile, serial(context)?, validity(context, request.years)?, spki).or_bug(cannot)?;
    let to_be_signed = builder.finalize(&issuer).or_bug(cannot)?;
    let signature = signer.sign(&HashAlgorithm::Sha256.digest(&[&to_be_signed]))?;
    let signature = BitString::from_bytes(&signature).or_bug(cannot)?;
    let der = builder
        .assemble(signature, &issuer)
        .or_bug(cannot)?
        .to_der()
        .or_bug(cannot)?;
    Certificate::from_der(&der).or_bug(cannot)
}

/// A positive number of 136 bits, 134 of them random.
fn serial(context: &Context) -> Result<SerialNumber> {
    let mut bytes: [u8; 17] = context.random()?;
    let [first, ..] = &mut bytes;
    *first = (*first & 0x3f) | 0x40;
    SerialNumber::new(&bytes).or_bug(|| "cannot make a serial number".to_owned())
}

fn validity(context: &Context, years: u16) -> Result<Validity> {
    if !(1..=MAX_YEARS).contains(&years) {
        return Err(Error::usage(format!(
            "a certificate is valid for 1 to {MAX_YEARS} years, not {years}"
        )));
    }
    let from = context.date_time()?;
    let year = from.year() + years;
    let (month, day) = (from.month(), from.day());
    let (hour, minute, second) = (from.hour(), from.minutes(), from.seconds());
    // What begins on a leap day ends on 28 February.
    let until = DateTime::new(year, month, day, hour, minute, second)
        .or_else(|_| DateTime::new(year, month, day - 1, hour, minute, second))
        .or_usage(|| format!("a certificate cannot be valid until the year {year}"))?;
    // Dates up to 2049 become UTCTime, later ones GeneralizedTime (RFC 5280, section 4.1.2.5).
    Ok(Validity::new(from.into(), until.into()))
}

/// The subject's name, built from its parts: text with a comma in it must not become two parts.
fn subject(request: &Request) -> Result<Name> {
    use const_oid::db::rfc4519::{COMMON_NAME, ORGANIZATION_NAME};
    let mut names = RdnSequence::default();
    let organization = request.organization.iter().map(|text| (ORGANIZATION_NAME, text));
    for (oid, text) in organization.chain([(COMMON_NAME, &request.common_name)]) {
        names.push(name_part(oid, text)?);
    }
    names
        .to_der()
        .and_then(|der| Name::from_der(&der))
        .or_bug(|| format!("cannot encode the name {}", request.common_name))
}

fn name_part(oid: ObjectIdentifier, text: &str) -> Result<RelativeDistinguishedName> {
    if text.is_empty() || text.chars().count() > MAX_NAME || text.contains(char::is_control) {
        return Err(Error::usage(format!(
            "a name in a certificate has 1 to {MAX_NAME} characters and no control characters"
        )));
    }
    let encoded = Utf8StringRef::new(text)
        .and_then(|value| Any::encode_from(&value))
        .and_then(|value| RelativeDistinguishedName::try_from(vec![AttributeTypeAndValue { oid, value }]));
    encoded.or_bug(|| "cannot encode a name".to_owned())
}

/// The key identifier: over the public key without algorithm and bit string header.
fn key_id(signer: &dyn Signer) -> std::result::Result<OctetString, der::Error> {
    let spki = signer.public_key().spki()?;
    let digest = sha256(&[spki.subject_public_key.raw_bytes()]);
    let (id, _) = digest.split_at(KEY_ID);
    OctetString::new(id)
}

/// The content of the certificate beside key, serial number and dates.
struct Profile {
    subject: Name,
    purpose: Purpose,
    key_id: OctetString,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _spk: spki::SubjectPublicKeyInfoRef<'_>,
        _issuer_spk: spki::SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> BuilderResult<Vec<Extension>> {
        let constraints = BasicConstraints {
            ca: false,
            path_len_constraint: None,
        };
        let authority = AuthorityKeyIdentifier {
            key_identifier: Some(self.key_id.clone()),
            ..AuthorityKeyIdentifier::default()
        };
        let subject = tbs.subject();
        let mut extensions = vec![
            // Critical here too: nothing may take the certificate for an authority's.
            (true, &constraints).to_extension(subject, &[])?,
            KeyUsage(KeyUsages::DigitalSignature.into()).to_extension_of(subject)?,
            SubjectKeyIdentifier(self.key_id.clone()).to_extension_of(subject)?,
            authority.to_extension_of(subject)?,
        ];
        if self.purpose == Purpose::Code {
            let usage = ExtendedKeyUsage(vec![const_oid::db::rfc5280::ID_KP_CODE_SIGNING]);
            extensions.push(usage.to_extension_of(subject)?);
        }
        Ok(extensions)
    }
}

/// The extension with the criticality that RFC 5280 gives it.
trait StandardExtension {
    fn to_extension_of(&self, subject: &Name) -> der::Result<Extension>;
}

impl<T> StandardExtension for T
where
    for<'a> &'a T: ToExtension<Error = der::Error>,
{
    fn to_extension_of(&self, subject: &Name) -> der::Result<Extension> {
        self.to_extension(subject, &[])
    }
}

/// A [`Signer`] as the builder wants to see it: it asks for key and algorithm; signing itself is done outside.
struct Issuer<'a>(&'a dyn Signer);

/// A DER `SubjectPublicKeyInfo`.
#[derive(Clone)]
struct Spki(Vec<u8>);

impl EncodePublicKey for Spki {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::try_from(self.0.as_slice())?)
    }
}

impl Keypair for Issuer<'_> {
    type VerifyingKey = Spki;

    fn verifying_key(&self) -> Spki {
        Spki(self.0.public_key().spki_der().to_vec())
    }
}

impl DynSignatureAlgorithmIdentifier for Issuer<'_> {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        Ok(AlgorithmIdentifierOwned {
            oid: const_oid::db::rfc5912::SHA_256_WITH_RSA_ENCRYPTION,
            parameters: Some(Any::null()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SoftwareKey;
    use crate::system::Clock;
    use std::sync::LazyLock;

    static KEY: LazyLock<SoftwareKey> = LazyLock::new(|| SoftwareKey::generate(&Context::host(), 2048).unwrap());

    fn issue(now: u64, common_name: &str, years: u16) -> Result<Certificate> {
        let request = Request {
            common_name: common_name.to_owned(),
            organization: Some("Smith, Jones + Sons".to_owned()),
            purpose: Purpose::Code,
            years,
        };
        self_signed(&Context::host().with_clock(Clock::Fixed(now)), &*KEY, &request)
    }

    #[test]
    fn dates_change_form_with_the_year_2050() {
        // 2026-01-01T00:00:00Z
        let now = 1_767_225_600;
        for (years, until, tag) in [(23, "2049-01-01T00:00:00Z", 0x17), (24, "2050-01-01T00:00:00Z", 0x18)] {
            let certificate = issue(now, "dates", years).unwrap();
            assert_eq!(certificate.not_after(), until);
            let until = certificate
                .strict()
                .unwrap()
                .tbs_certificate()
                .validity()
                .not_after
                .to_der()
                .unwrap();
            assert_eq!(until[0], tag);
        }
        // 2028-02-29T12:00:00Z
        let leap = issue(1_835_438_400, "leap", 1).unwrap();
        assert_eq!(leap.not_after(), "2029-02-28T12:00:00Z");
        assert_eq!(issue(now, "x", 0).unwrap_err().kind().exit_code(), 2);
    }

    #[test]
    fn names_are_text_and_never_structure() {
        let certificate = issue(0, "db, O=evil+CN=x", 1).unwrap();
        assert_eq!(certificate.common_name(), "db, O=evil+CN=x");
        assert_eq!(certificate.fields().subject.attributes().len(), 2);
        assert!(certificate.is_self_issued());
        for name in ["", "bell\u{7}", &"x".repeat(65)] {
            assert_eq!(issue(0, name, 1).unwrap_err().kind().exit_code(), 2);
        }
    }

    #[test]
    fn serial_numbers_are_positive_long_and_never_the_same() {
        let serial = || serial(&Context::host()).unwrap();
        let one = serial();
        assert_eq!(one.as_bytes().len(), 17);
        assert!(one.as_bytes()[0] < 0x80);
        assert_ne!(one, serial());
    }
}
