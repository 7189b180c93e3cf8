//! The reasons for which firmware takes no chain.

/// The reason for which firmware takes no chain from a signer to a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathRefusal {
    /// No chain leads there.
    #[error("no chain of certificates leads to it")]
    NoPath,
    /// A certificate has a critical extension that OpenSSL does not know.
    #[error("\"{certificate}\" has the critical extension {identifier}, which firmware does not know")]
    UnknownCritical {
        /// Common name of the certificate.
        certificate: String,
        /// The extension's identifier.
        identifier: String,
    },
    /// An issuer is no authority.
    #[error("\"{0}\" issued a certificate and is no certificate authority")]
    NotAnAuthority(String),
    /// More authorities follow an authority than it allows.
    #[error("more authorities follow \"{0}\" than its path length allows")]
    PathLength(String),
    /// The key usage of an issuer does not allow to issue.
    #[error("the key usage of \"{0}\" lacks keyCertSign")]
    KeyUsage(String),
    /// A certificate was not signed by its issuer.
    #[error("the signature of the certificate \"{0}\" does not hold")]
    Signature(String),
    /// A certificate was signed over a hash that firmware does not have.
    #[error("the certificate \"{0}\" is signed over MD5, which firmware does not take")]
    Hash(String),
    /// A name is outside those to which an authority is confined.
    #[error("the name of \"{certificate}\" is outside the name constraints of \"{authority}\"")]
    Names {
        /// Common name of the certificate.
        certificate: String,
        /// Common name of the authority.
        authority: String,
    },
    /// A date without seconds, which OpenSSL reads up to 3.2.
    #[error("\"{0}\" has a date without seconds, which newer firmware does not read (EDK2 with OpenSSL 3.3 or later)")]
    ShortDate(String),
    /// More than is done for one file.
    #[error("to connect the certificates of the file is more work than is done for one")]
    Effort,
    /// A proxy certificate.
    #[error("\"{0}\" is a proxy certificate")]
    Proxy(String),
}
