//! PEM files with several parts (RFC 7468), as the kernel's build reads certificates and its signing key.

use crate::formats::crypto::certificate::{Certificate, CertificateError};

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// The content of a PEM file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PemFile {
    /// The certificates, in their order.
    pub certificates: Vec<Certificate>,
    /// True if there is a private key, encrypted or not.
    pub has_private_key: bool,
}

impl PemFile {
    /// Reads all parts; the text between them is passed over, as OpenSSL does.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        let text = String::from_utf8_lossy(bytes);
        let mut found = Self::default();
        let mut rest: &str = &text;
        while let Some((_, after)) = rest.split_once(BEGIN) {
            let Some((label, _)) = after.split_once(DASHES) else {
                break;
            };
            let end = format!("{END}{label}{DASHES}");
            let Some((body, next)) = after.split_once(&end) else {
                break;
            };
            if label == "CERTIFICATE" {
                let block = format!("{BEGIN}{body}{end}\n");
                found.certificates.push(Certificate::from_pem(block.as_bytes())?);
            }
            found.has_private_key |= label.ends_with("PRIVATE KEY");
            rest = next;
        }
        Ok(found)
    }

    /// True if a text has the beginning of a private key in it.
    #[must_use]
    pub fn has_key(text: &[u8]) -> bool {
        let lines = text.split(|byte| *byte == b'\n');
        lines.into_iter().any(|line| {
            let line = line.trim_ascii();
            line.starts_with(BEGIN.as_bytes()) && line.ends_with(b"PRIVATE KEY-----")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn certificates_and_keys_are_found_among_other_text() {
        let certificate =
            Certificate::from_der(include_bytes!("../../trust/microsoft/DB/microsoft-uefi-ca-2023.der")).unwrap();
        let pem = certificate.to_pem().unwrap();
        let key = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        let both = PemFile::parse(format!("subject=x\n{pem}{key}# more\n{pem}").as_bytes()).unwrap();
        assert_eq!(both.certificates, [certificate.clone(), certificate]);
        assert!(both.has_private_key);
        assert!(PemFile::has_key(key.as_bytes()) && !PemFile::has_key(pem.as_bytes()));
        assert_eq!(PemFile::parse(b"no PEM").unwrap(), PemFile::default());
        assert!(PemFile::parse(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>, label: String) {
            let _ = PemFile::parse(&bytes);
            let _ = PemFile::parse(format!("{BEGIN}{label}{DASHES}{END}{label}{DASHES}").as_bytes());
        }
    }
}
