//! The checks of a certificate, by name.

use crate::finding::Kind;

/// A check of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CertificateCheck {
    /// The serial number is positive, has 8 to 20 bytes, and no other certificate of this issuer has it.
    SerialNumber,
    /// The certificate is valid now and for long enough.
    Validity,
    /// The certificate is its own issuer.
    Issuer,
    /// Its own key has signed it.
    Signature,
    /// The key is RSA of a size and exponent that firmware and kernel read.
    Key,
    /// It is no certificate authority.
    Authority,
    /// The key usage is digitalSignature, without keyCertSign.
    KeyUsage,
    /// The extended key usage is codeSigning for db and module, and none for PK, KEK and pcr.
    ExtendedKeyUsage,
    /// The key identifiers of subject and issuer are the same.
    KeyIdentifiers,
}

impl CertificateCheck {
    /// All checks, in the order in which they run.
    pub const ALL: [Self; 9] = [
        Self::SerialNumber,
        Self::Validity,
        Self::Issuer,
        Self::Signature,
        Self::Key,
        Self::Authority,
        Self::KeyUsage,
        Self::ExtendedKeyUsage,
        Self::KeyIdentifiers,
    ];

    /// The kind of its findings: a warning by the name of the check.
    #[must_use]
    pub const fn kind(self) -> Kind {
        Kind::warning(self.name())
    }

    /// The name in plans and transcripts.
    const fn name(self) -> &'static str {
        match self {
            Self::SerialNumber => "serial_number",
            Self::Validity => "validity",
            Self::Issuer => "issuer",
            Self::Signature => "signature",
            Self::Key => "key",
            Self::Authority => "authority",
            Self::KeyUsage => "key_usage",
            Self::ExtendedKeyUsage => "extended_key_usage",
            Self::KeyIdentifiers => "key_identifiers",
        }
    }
}
