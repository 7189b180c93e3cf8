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
use super::copies::{Copy, read, remember};
use super::format::Format;

/// Longest copy that is read, in bytes.
const MAX_COPY: u64 = 1 << 20;

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
    /// The reason why the copy is not remembered, so that nobody will tell when the key is changed.
    pub not_remembered: Option<String>,
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
    let remembered = std::path::absolute(path)
        .or_could_not_run(|| format!("cannot tell where {} is", path.shown()))
        .and_then(|path| {
            let key = name.name().to_owned();
            let owner = keys.owner()?.to_string();
            remember(
                context,
                Copy {
                    key,
                    owner,
                    format,
                    path,
                },
            )
        });
    Ok(Exported {
        key: name.name().to_owned(),
        path: path.shown(),
        mode: format!("{mode:04o}"),
        secret: format.is_secret(),
        not_remembered: remembered.err().map(|error| error.in_one_line()),
        dry_run: context.dry_run(),
    })
}

/// The copies that are of another key than that of this directory, or of an older state of it.
pub fn outdated_copies(context: &Context, keys: &KeyDirectory) -> Result<Vec<Copy>> {
    let mut copies = read(context)?;
    let owner = keys.owner()?.to_string();
    copies.retain(|copy| copy.owner == owner && is_outdated(copy, context, keys));
    Ok(copies)
}

/// True if the file is there and is not of the present key. Of a file or a key that cannot be read nothing can be told.
fn is_outdated(copy: &Copy, context: &Context, keys: &KeyDirectory) -> bool {
    let bytes = system::read_if_there(&context.path(&copy.path), MAX_COPY);
    let (Ok(Some(bytes)), Ok(name)) = (bytes, copy.key.parse()) else {
        return false;
    };
    public_content(keys, name, copy.format).is_ok_and(|present| !bytes.ends_with(&present))
}

fn content(
    keys: &KeyDirectory,
    name: KeyName,
    format: Format,
    context: &Context,
    ask: &mut Ask<'_>,
) -> Result<Zeroizing<Vec<u8>>> {
    match (format, name) {
        (_, KeyName::Grub) if format.is_secret() => public_content(keys, name, format).map(Zeroizing::new),
        (Format::SigningKey, KeyName::Module | KeyName::Db | KeyName::Pcr) | (Format::Portage, KeyName::Db) => {
            key_with_certificate(keys, name, context, ask)
        }
        (Format::SigningKey, _) => Err(senseless(
            name,
            "modules are signed with module or db, values of PCRs with pcr",
        )),
        (Format::Portage, _) => Err(senseless(name, "Portage signs EFI images, with db")),
        _ => public_content(keys, name, format).map(Zeroizing::new),
    }
}

/// The part of the content that is no secret: of forms with a private key the certificate, which is their end.
fn public_content(keys: &KeyDirectory, name: KeyName, format: Format) -> Result<Vec<u8>> {
    match (format, name) {
        (Format::Gpg, KeyName::Grub) => system::read(&keys.file_path(GRUB_PUBLIC_KEY)),
        (Format::Gpg, _) => Err(senseless(name, "GRUB's is the only OpenPGP key")),
        (_, KeyName::Grub) => Err(senseless(name, "it is an OpenPGP key, without a certificate")),
        (Format::Pem, _) => system::read(&keys.certificate_path(name)),
        (Format::Der, _) => Ok(keys.certificate(name)?.as_der().to_vec()),
        (Format::PublicKey, _) => public_key(&keys.certificate(name)?, name),
        (Format::Esl, KeyName::Pcr | KeyName::Fleet) => Err(senseless(name, "it is in no firmware variable")),
        (Format::Esl, _) => {
            let lists = if let Some(variable) = name.variable() {
                keys.database(variable)?
            } else {
                let mut lists = SignatureDatabase::default();
                lists.add_certificate(keys.owner()?, keys.certificate(name)?.as_der());
                lists
            };
            Ok(lists.to_bytes())
        }
        (Format::Auth, _) => match name.variable() {
            Some(variable) => system::read(&keys.update_path(variable)),
            None => Err(senseless(name, "it is in no firmware variable")),
        },
        (Format::SigningKey | Format::Portage, _) => certificate_pem(keys, name),
    }
}

fn senseless(name: KeyName, reason: &str) -> Error {
    Error::usage(format!("the {name} key has no such form: {reason}"))
}

fn certificate_pem(keys: &KeyDirectory, name: KeyName) -> Result<Vec<u8>> {
    let pem = keys.certificate(name)?.to_pem();
    let pem = pem.or_bug(|| format!("cannot use {}", keys.certificate_path(name).shown()))?;
    Ok(pem.into_bytes())
}

/// The public key of a certificate, PEM.
fn public_key(certificate: &Certificate, name: KeyName) -> Result<Vec<u8>> {
    let key = certificate.public_key();
    let key = key.or_refuse(|| format!("the {name} certificate is of no use"))?;
    let pem = der::pem::encode_string("PUBLIC KEY", der::pem::LineEnding::LF, key.spki_der());
    let pem = pem.map_err(|error| Error::bug(format!("cannot encode the {name} key: {error}")))?;
    Ok(pem.into_bytes())
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
    let public = certificate_pem(keys, name)?;
    Ok(Zeroizing::new([private.as_bytes(), public.as_slice()].concat()))
}
