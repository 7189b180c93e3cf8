//! The forms in which other programs read keys.

use serde::{Deserialize, Serialize};

/// The form of an exported key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// The certificate, PEM.
    Pem,
    /// The certificate, DER.
    Der,
    /// Signature lists: all of the variable for PK, KEK and db; the certificate alone for the module key.
    Esl,
    /// The signed write of the variable.
    Auth,
    /// The OpenPGP public key that GRUB embeds.
    Gpg,
    /// The public key, PEM, as ukify and systemd-cryptenroll take it.
    PublicKey,
    /// Private key and certificate in one PEM file, unencrypted, as the kernel's `CONFIG_MODULE_SIG_KEY` names it, and of pcr as ukify
    /// and Portage's `MEASUREDBOOT_SIGN_KEY` do.
    SigningKey,
    /// Private key and certificate in one PEM file, as `/etc/portage/secureboot.pem`: unencrypted.
    Portage,
}

impl Format {
    /// The name, as the command line has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pem => "pem",
            Self::Der => "der",
            Self::Esl => "esl",
            Self::Auth => "auth",
            Self::Gpg => "gpg",
            Self::PublicKey => "public-key",
            Self::SigningKey => "signing-key",
            Self::Portage => "portage",
        }
    }

    /// True if the file holds a private key in clear.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::SigningKey | Self::Portage)
    }
}
