//! The extensions of a certificate that decide about a chain, as OpenSSL caches them (`ossl_x509v3_cache_extensions`).

use super::general_name::{GeneralName, NameConstraints, read_names};
use super::name::Name;
use crate::formats::crypto::asn1::{Asn1Error, Reader, tag};

/// Last octet of an identifier of `id-ce`, 2.5.29.x.
mod id_ce {
    pub const SUBJECT_KEY_ID: u8 = 14;
    pub const KEY_USAGE: u8 = 15;
    pub const SUBJECT_ALT_NAME: u8 = 17;
    pub const ISSUER_ALT_NAME: u8 = 18;
    pub const BASIC_CONSTRAINTS: u8 = 19;
    pub const NAME_CONSTRAINTS: u8 = 30;
    pub const CRL_DISTRIBUTION_POINTS: u8 = 31;
    pub const POLICIES: u8 = 32;
    pub const POLICY_MAPPINGS: u8 = 33;
    pub const AUTHORITY_KEY_ID: u8 = 35;
    pub const POLICY_CONSTRAINTS: u8 = 36;
    pub const EXTENDED_KEY_USAGE: u8 = 37;
    pub const INHIBIT_ANY_POLICY: u8 = 54;
}
/// `nsCertType`, 2.16.840.1.113730.1.1.
const NETSCAPE_TYPE: &[u8] = &[0x60, 0x86, 0x48, 1, 0x86, 0xf8, 0x42, 1, 1];
/// `id-pkix-ocsp-nocheck`, 1.3.6.1.5.5.7.48.1.5.
const OCSP_NO_CHECK: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 5];
/// `id-pe-proxyCertInfo`, 1.3.6.1.5.5.7.1.14.
const PROXY: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 14];

/// `digitalSignature` of a key usage.
pub const DIGITAL_SIGNATURE: u8 = 0x80;
/// `keyCertSign` of a key usage.
pub const KEY_CERT_SIGN: u8 = 0x04;
/// The certificate authorities of Netscape's type.
const NETSCAPE_CA: u8 = 0x07;

/// One extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Content octets of its identifier.
    pub kind: Vec<u8>,
    /// True if who does not know it must refuse the certificate.
    pub critical: bool,
    /// Its content.
    pub value: Vec<u8>,
}

impl Extension {
    /// Reads the next value as an extension.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Asn1Error> {
        let mut fields = reader.sequence("extension")?;
        let kind = fields.typed("extnID", tag::OBJECT_IDENTIFIER)?.object_identifier()?;
        let critical = if fields.peek() == Some(tag::BOOLEAN) {
            boolean(&mut fields, "critical")?
        } else {
            false
        };
        let value = fields.string("extnValue", tag::OCTET_STRING)?.string()?.into_owned();
        fields.finish("extension")?;
        Ok(Self {
            kind: kind.to_vec(),
            critical,
            value,
        })
    }

    fn is_known(&self) -> bool {
        match self.kind.as_slice() {
            NETSCAPE_TYPE | OCSP_NO_CHECK | PROXY => true,
            [0x55, 0x1d, last] => matches!(
                *last,
                id_ce::KEY_USAGE
                    | id_ce::SUBJECT_ALT_NAME
                    | id_ce::BASIC_CONSTRAINTS
                    | id_ce::POLICIES
                    | id_ce::CRL_DISTRIBUTION_POINTS
                    | id_ce::EXTENDED_KEY_USAGE
                    | id_ce::POLICY_CONSTRAINTS
                    | id_ce::NAME_CONSTRAINTS
                    | id_ce::POLICY_MAPPINGS
                    | id_ce::INHIBIT_ANY_POLICY
            ),
            _ => false,
        }
    }
}

/// The content of the extension "authority key identifier": the certificate of the issuer.
#[derive(Debug, Clone, Default)]
pub struct AuthorityKeyId {
    /// The issuer's subject key identifier.
    pub key_id: Option<Vec<u8>>,
    /// The name of the issuer's issuer.
    pub issuer: Option<Name>,
    /// The issuer's serial number.
    pub serial: Option<Vec<u8>>,
}

/// The extensions that decide.
#[derive(Debug, Clone, Default)]
pub struct Extensions {
    /// The name of an extension that does not read or is there twice: such a certificate issues nothing.
    pub broken: Option<&'static str>,
    /// The identifier, as hexadecimal content octets, of a critical extension that OpenSSL does not know.
    pub unknown_critical: Option<String>,
    /// `CA` of the basic constraints, if there are any.
    pub authority: Option<bool>,
    /// Certificates of authorities that may follow between this one and the leaf.
    pub path_length: Option<i64>,
    /// First octet of the key usage, if any.
    pub key_usage: Option<u8>,
    /// Identifiers of the extended key usage, if any.
    pub extended_key_usage: Option<Vec<Vec<u8>>>,
    /// True if Netscape's type says that this is an authority.
    pub is_netscape_authority: bool,
    /// The subject key identifier.
    pub subject_key_id: Option<Vec<u8>>,
    /// The authority key identifier.
    pub authority_key_id: Option<AuthorityKeyId>,
    /// The other names of the subject.
    pub alternative_names: Vec<GeneralName>,
    /// The names to which certificates below are confined.
    pub constraints: Option<NameConstraints>,
    /// True for a proxy certificate, which no firmware takes.
    pub is_proxy: bool,
}

impl Extensions {
    /// Reads those that decide. What does not read is noted, and no error.
    #[must_use]
    pub fn read(extensions: &[Extension]) -> Self {
        let mut read = Self::default();
        let mut has_issuer_names = false;
        for (index, extension) in extensions.iter().enumerate() {
            let earlier = extensions.iter().take(index);
            let twice = earlier.clone().any(|other| other.kind == extension.kind);
            if let Some(name) = read.take(extension, twice) {
                read.broken = read.broken.or(Some(name));
            }
            has_issuer_names |= extension.kind == [0x55, 0x1d, id_ce::ISSUER_ALT_NAME];
        }
        let unknown = extensions
            .iter()
            .find(|extension| extension.critical && !extension.is_known());
        read.unknown_critical = unknown.map(|extension| {
            let kind = der::asn1::ObjectIdentifier::from_bytes(&extension.kind);
            kind.map_or_else(|_| hex::encode(&extension.kind), |kind| kind.to_string())
        });
        if read.is_proxy && (read.authority == Some(true) || has_issuer_names || !read.alternative_names.is_empty()) {
            read.broken = read.broken.or(Some("proxyCertInfo"));
        }
        read
    }

    /// Takes an extension over; returns its name if it is broken.
    fn take(&mut self, extension: &Extension, twice: bool) -> Option<&'static str> {
        let name = match extension.kind.as_slice() {
            NETSCAPE_TYPE => "nsCertType",
            PROXY => "proxyCertInfo",
            [0x55, 0x1d, last] => match *last {
                id_ce::SUBJECT_KEY_ID => "subjectKeyIdentifier",
                id_ce::KEY_USAGE => "keyUsage",
                id_ce::SUBJECT_ALT_NAME => "subjectAltName",
                id_ce::BASIC_CONSTRAINTS => "basicConstraints",
                id_ce::NAME_CONSTRAINTS => "nameConstraints",
                id_ce::CRL_DISTRIBUTION_POINTS => "cRLDistributionPoints",
                id_ce::AUTHORITY_KEY_ID => "authorityKeyIdentifier",
                id_ce::EXTENDED_KEY_USAGE => "extKeyUsage",
                _ => return None,
            },
            _ => return None,
        };
        if twice || self.set(name, &extension.value).is_err() {
            // Of two none counts.
            match name {
                "basicConstraints" => (self.authority, self.path_length) = (None, None),
                "keyUsage" => self.key_usage = None,
                "subjectKeyIdentifier" => self.subject_key_id = None,
                "authorityKeyIdentifier" => self.authority_key_id = None,
                "nameConstraints" => self.constraints = None,
                _ => {}
            }
            return Some(name);
        }
        None
    }

    fn set(&mut self, name: &'static str, value: &[u8]) -> Result<(), Asn1Error> {
        let mut reader = Reader::new(value);
        match name {
            "basicConstraints" => {
                let mut fields = reader.sequence(name)?;
                let authority = if fields.peek() == Some(tag::BOOLEAN) {
                    boolean(&mut fields, "cA")?
                } else {
                    false
                };
                let length = if fields.is_empty() {
                    None
                } else {
                    Some(fields.typed("pathLenConstraint", tag::INTEGER)?)
                };
                fields.finish(name)?;
                self.authority = Some(authority);
                if let Some(length) = length {
                    let octets = length.integer()?;
                    if octets.first().is_some_and(|first| first & 0x80 != 0) {
                        self.path_length = Some(0);
                        return Err(length.error("is negative"));
                    }
                    let number =
                        |number: i64, octet: &u8| number.saturating_mul(0x100).saturating_add(i64::from(*octet));
                    self.path_length = Some(octets.iter().fold(0, number));
                }
            }
            "keyUsage" => {
                let usage = reader.string(name, tag::BIT_STRING)?;
                let (_, bits) = usage.bit_string()?;
                self.key_usage = Some(bits.first().copied().unwrap_or_default());
                if bits.iter().take(2).all(|octet| *octet == 0) {
                    return Err(usage.error("allows nothing"));
                }
            }
            "nsCertType" => {
                let (_, bits) = reader.string(name, tag::BIT_STRING)?.bit_string()?;
                self.is_netscape_authority = bits.first().is_some_and(|bits| bits & NETSCAPE_CA != 0);
            }
            "extKeyUsage" => {
                let mut usages = reader.list(name, tag::SEQUENCE)?;
                let mut read = Vec::new();
                while !usages.is_empty() {
                    let usage = usages.typed(name, tag::OBJECT_IDENTIFIER)?;
                    read.push(usage.object_identifier()?.to_vec());
                }
                self.extended_key_usage = Some(read);
            }
            "subjectKeyIdentifier" => {
                let id = reader.string(name, tag::OCTET_STRING)?;
                self.subject_key_id = Some(id.string()?.into_owned());
            }
            "authorityKeyIdentifier" => self.authority_key_id = Some(AuthorityKeyId::read(&mut reader)?),
            "subjectAltName" => self.alternative_names = read_names(&mut reader.list(name, tag::SEQUENCE)?)?,
            "nameConstraints" => self.constraints = Some(NameConstraints::read(&mut reader)?),
            "proxyCertInfo" => {
                let mut fields = reader.sequence(name)?;
                if fields.peek() == Some(tag::INTEGER) {
                    fields.integer("pCPathLenConstraint")?;
                }
                fields.sequence("proxyPolicy")?.oid("policyLanguage")?;
                fields.finish(name)?;
                self.is_proxy = true;
            }
            _ => {
                reader.list(name, tag::SEQUENCE)?;
            }
        }
        Ok(())
    }

    /// True unless a key usage is stated that does not have this bit.
    #[must_use]
    pub fn allows(&self, usage: u8) -> bool {
        self.key_usage.is_none_or(|stated| stated & usage != 0)
    }
}

impl AuthorityKeyId {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Asn1Error> {
        let name = "authorityKeyIdentifier";
        let mut fields = reader.sequence(name)?;
        let mut read = Self::default();
        if fields.is_context(0) {
            read.key_id = Some(fields.any("keyIdentifier")?.string()?.into_owned());
        }
        if fields.is_context(1) {
            let names = read_names(&mut fields.any("authorityCertIssuer")?.list())?;
            let mut names = names.into_iter();
            read.issuer = names.find_map(|name| match name {
                GeneralName::Directory(name) => Some(name),
                _ => None,
            });
        }
        if fields.is_context(2) {
            read.serial = Some(fields.any("authorityCertSerialNumber")?.integer()?.to_vec());
        }
        fields.finish(name)?;
        Ok(read)
    }
}

fn boolean(reader: &mut Reader<'_>, field: &'static str) -> Result<bool, Asn1Error> {
    let element = reader.typed(field, tag::BOOLEAN)?;
    match element.content {
        [value] => Ok(*value != 0),
        _ => Err(element.error("is no truth value")),
    }
}
