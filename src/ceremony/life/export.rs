//! A key in the form that another program reads.

use std::path::Path;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::text::Shown;
use crate::keys::directory::{Ask, GRUB_PUBLIC_KEY};
use crate::keys::{KeyDirectory, KeyName, Signer};
use crate::system::{self, Context, NewFile};

use super::super::layout::{PUBLIC, SECRET};

/// The form of an exported key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// True if the file holds a private key in clear.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::SigningKey | Self::Portage)
    }
}

/// The file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The key.
    pub key: String,
    /// The file.
    pub path: String,
    /// Permission bits, octal.
    pub mode: String,
    /// True if the file holds a private key in clear.
    pub secret: bool,
    /// True if nothing was written.
    pub dry_run: bool,
}

/// Writes a key to a new file in this form.
pub fn export(
    context: &Context,
    keys: &KeyDirectory,
    name: KeyName,
    format: Format,
    path: &Path,
    ask: &mut Ask<'_>,
) -> Result<Exported> {
    let bytes = content(keys, name, format, context, ask)?;
    let mode = if format.is_secret() { SECRET } else { PUBLIC };
    NewFile {
        path,
        bytes: &bytes,
        mode,
    }
    .create(context)?;
    Ok(Exported {
        key: name.name().to_owned(),
        path: path.shown(),
        mode: format!("{mode:04o}"),
        secret: format.is_secret(),
        dry_run: context.dry_run(),
    })
}

fn content(
    keys: &KeyDirectory,
    name: KeyName,
    format: Format,
    context: &Context,
    ask: &mut Ask<'_>,
) -> Result<Zeroizing<Vec<u8>>> {
    let senseless = |reason: &str| Err(Error::usage(format!("the {name} key has no such form: {reason}")));
    let read = |path: &Path| system::read(path).map(Zeroizing::new);
    match (format, name) {
        (Format::Gpg, KeyName::Grub) => read(&keys.file_path(GRUB_PUBLIC_KEY)),
        (Format::Gpg, _) => senseless("GRUB's is the only OpenPGP key"),
        (_, KeyName::Grub) => senseless("it is an OpenPGP key, without a certificate"),
        (Format::Pem, _) => read(&keys.certificate_path(name)),
        (Format::Der, _) => Ok(Zeroizing::new(keys.certificate(name)?.as_der().to_vec())),
        (Format::PublicKey, _) => public_key(&keys.certificate(name)?, name),
        (Format::Esl, KeyName::Pcr) => senseless("it is in no firmware variable"),
        (Format::Esl, _) => {
            let lists = if let Some(variable) = name.variable() {
                keys.database(variable)?
            } else {
                let mut lists = SignatureDatabase::default();
                lists.add_certificate(keys.owner()?, keys.certificate(name)?.as_der());
                lists
            };
            Ok(Zeroizing::new(lists.to_bytes()))
        }
        (Format::Auth, _) => match name.variable() {
            Some(variable) => read(&keys.update_path(variable)),
            None => senseless("it is in no firmware variable"),
        },
        (Format::SigningKey, KeyName::Module | KeyName::Db | KeyName::Pcr) | (Format::Portage, KeyName::Db) => {
            key_with_certificate(keys, name, context, ask)
        }
        (Format::SigningKey, _) => senseless("modules are signed with module or db, values of PCRs with pcr"),
        (Format::Portage, _) => senseless("Portage signs EFI images, with db"),
    }
}

/// The public key of a certificate, PEM.
fn public_key(certificate: &Certificate, name: KeyName) -> Result<Zeroizing<Vec<u8>>> {
    let key = certificate.public_key();
    let key = key.or_refuse(|| format!("the {name} certificate is of no use"))?;
    let pem = der::pem::encode_string("PUBLIC KEY", der::pem::LineEnding::LF, key.spki_der());
    let pem = pem.map_err(|error| Error::bug(format!("cannot encode the {name} key: {error}")))?;
    Ok(Zeroizing::new(pem.into_bytes()))
}

/// Private key and certificate, PEM.
fn key_with_certificate(
    keys: &KeyDirectory,
    name: KeyName,
    context: &Context,
    ask: &mut Ask<'_>,
) -> Result<Zeroizing<Vec<u8>>> {
    if keys.token_uri(name)?.is_some() {
        return Err(
            Error::refused(format!("the {name} key is on a token, which does not give it away")).hint(
                "SECUREBOOT_SIGN_KEY of Portage and CONFIG_MODULE_SIG_KEY of the kernel take the key's pkcs11: URI",
            ),
        );
    }
    let certificate = keys.certificate(name)?;
    let key = keys.software_key(name, ask)?;
    let cannot = || format!("cannot use {}", keys.certificate_path(name).shown());
    if certificate.public_key().or_refuse(cannot)? != *key.public_key() {
        return Err(Error::refused(format!(
            "{} is not the certificate of the {name} key",
            keys.path().shown()
        )));
    }
    let private = key.to_pem(context, None)?;
    let public = certificate.to_pem().or_bug(cannot)?;
    Ok(Zeroizing::new([private.as_bytes(), public.as_bytes()].concat()))
}
