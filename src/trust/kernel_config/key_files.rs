//! The files that the configuration names: the certificates that the kernel will trust for modules, and the key that signs
//! them, with those who can read it.

use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, quoted};
use crate::finding::{Level, Status};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::pem::PemFile;
use crate::formats::kernel::kernel_config::{KernelConfig, PREFIX};
use crate::formats::text::Shown;
use crate::system::{self, Context};

use super::requirement::{Judgement, RECOMMENDED, REQUIRED};

const TRUSTED_KEYS: &str = "SYSTEM_TRUSTED_KEYS";
const SIGNING_KEY: &str = "MODULE_SIG_KEY";
/// `MODULE_SIG_KEY` where nothing else was said: the build makes this key.
const DEFAULT_KEY: &str = "certs/signing_key.pem";

/// The place to which an option that names a file leads.
enum Place {
    /// It names none.
    Nowhere,
    /// A key on a token.
    Token,
    /// None of these is there.
    Missing(Vec<PathBuf>),
    /// It cannot be read, or is no PEM file.
    Unreadable(Error),
    /// A PEM file.
    File {
        path: PathBuf,
        pem: PemFile,
        is_private: bool,
    },
}

impl Place {
    fn named_by(context: &Context, value: &str, trees: &[PathBuf]) -> Self {
        if value.is_empty() {
            return Self::Nowhere;
        }
        if value.starts_with("pkcs11:") {
            return Self::Token;
        }
        // Make takes a relative path from the directory of the build, then from that of the sources.
        let candidates: Vec<PathBuf> = if Path::new(value).is_absolute() {
            vec![context.path(value)]
        } else {
            trees.iter().map(|tree| tree.join(value)).collect()
        };
        let found = candidates
            .iter()
            .find_map(|candidate| system::resolve(context.root(), candidate).ok());
        let Some(path) = found else {
            return Self::Missing(candidates);
        };
        match read(&path) {
            Ok((pem, is_private)) => Self::File { path, pem, is_private },
            Err(error) => Self::Unreadable(error),
        }
    }

    fn certificates(&self) -> &[Certificate] {
        match self {
            Self::File { pem, .. } => &pem.certificates,
            _ => &[],
        }
    }

    fn describe(&self, value: &str) -> String {
        match self {
            Self::Nowhere => "empty".to_owned(),
            Self::Token => "a key on a token".to_owned(),
            Self::Missing(candidates) if candidates.is_empty() => {
                format!("{value}, in a source tree that is not here")
            }
            Self::Missing(candidates) => {
                let places: Vec<String> = candidates.iter().map(|path| path.shown()).collect();
                format!("{value}, but there is no {}", places.join(" and no "))
            }
            Self::Unreadable(error) => match error.causes().last() {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            },
            Self::File { path, pem, .. } => {
                let names: Vec<String> = pem
                    .certificates
                    .iter()
                    .map(|certificate| format!("\"{}\"", certificate.common_name()))
                    .collect();
                let names = if names.is_empty() {
                    "no certificate".to_owned()
                } else {
                    names.join(", ")
                };
                format!("{} with {names}", path.shown())
            }
        }
    }

    const fn could_not_be_read(&self) -> bool {
        matches!(self, Self::Token | Self::Missing(_) | Self::Unreadable(_))
    }
}

fn read(path: &Path) -> crate::error::Result<(PemFile, bool)> {
    let bytes = system::read_secret_file(path)?;
    let content = PemFile::parse(&bytes).or_refuse(|| format!("cannot use {}", path.shown()))?;
    Ok((content, system::is_private(path)?))
}

/// Judges the files that `CONFIG_SYSTEM_TRUSTED_KEYS` and `CONFIG_MODULE_SIG_KEY` name. Relative paths are looked up in
/// `trees`. `module` is the certificate that has to be among the trusted ones, with a path to it for remedies.
#[must_use]
pub fn judge_key_files(
    context: &Context,
    config: &KernelConfig,
    trees: &[PathBuf],
    module: Option<(&Certificate, &Path)>,
) -> Vec<Judgement> {
    let is_complete = config.version.is_some();
    if !config.is_on("MODULE_SIG") && (is_complete || config.get("MODULE_SIG").is_some()) {
        return Vec::new();
    }
    let place = |symbol| Place::named_by(context, config.text(symbol), trees);
    let (trusted, signing) = (place(TRUSTED_KEYS), place(SIGNING_KEY));
    let mut judgements = vec![judge_trust(config, &trusted, &signing, module)];
    judgements.extend(judge_signing_key(config, &signing));
    judgements
}

/// Judges the trust of the kernel in the module key.
fn judge_trust(
    config: &KernelConfig,
    trusted: &Place,
    signing: &Place,
    module: Option<(&Certificate, &Path)>,
) -> Judgement {
    let found = format!(
        "{}; {PREFIX}{SIGNING_KEY}: {}",
        trusted.describe(config.text(TRUSTED_KEYS)),
        signing.describe(config.text(SIGNING_KEY))
    );
    let status = match module {
        None => Status::CouldNotRun,
        Some((module, _))
            if [trusted, signing]
                .iter()
                .any(|place| place.certificates().contains(module)) =>
        {
            Status::Pass
        }
        Some(_) if trusted.could_not_be_read() || matches!(signing, Place::Token) => Status::CouldNotRun,
        Some(_) if signing.could_not_be_read() && config.text(SIGNING_KEY) != DEFAULT_KEY => Status::CouldNotRun,
        Some(_) => REQUIRED.into(),
    };
    let remedy = match (status, module) {
        (Status::Pass | Status::NotApplicable, _) => None,
        (_, None) => Some("name the key directory with --keys".to_owned()),
        (_, Some((_, path))) => Some(format!(
            "set {PREFIX}{TRUSTED_KEYS} to a PEM file with the certificate {}, which the build can read",
            quoted(path)
        )),
    };
    Judgement {
        subject: format!("{PREFIX}{TRUSTED_KEYS}"),
        level: REQUIRED,
        status,
        wanted: "the module certificate, here or in the file of the signing key".to_owned(),
        found,
        reason: "modules are checked by built-in keys; db's certificates count for them in some distributions' kernels alone".to_owned(),
        remedy,
    }
}

/// Judges the key that the build signs with: it is there where it should be, and nobody else has it.
fn judge_signing_key(config: &KernelConfig, signing: &Place) -> Vec<Judgement> {
    let named = config.text(SIGNING_KEY);
    let judgement = |level: Level, is_met: bool, wanted: &str, reason: &str, remedy: Option<String>| Judgement {
        subject: format!("{PREFIX}{SIGNING_KEY}"),
        level,
        status: if is_met { Status::Pass } else { level.into() },
        wanted: wanted.to_owned(),
        found: signing.describe(named),
        reason: reason.to_owned(),
        remedy,
    };
    let mut judgements = Vec::new();
    let build_signs = config.is_on("MODULE_SIG_ALL");
    if named.is_empty() && build_signs && config.get(SIGNING_KEY).is_some() {
        judgements.push(judgement(
            REQUIRED,
            false,
            "a key, as CONFIG_MODULE_SIG_ALL=y asks the build to sign",
            "modules_install fails without a key",
            Some("set CONFIG_MODULE_SIG_ALL=n and let bootseal sign, or name a key".to_owned()),
        ));
    }
    if named == DEFAULT_KEY {
        let remedy = match signing {
            Place::File { path, pem, .. } if pem.has_private_key => {
                format!("build with another key; then remove {}", quoted(path))
            }
            _ => format!("set {PREFIX}{SIGNING_KEY}=\"\" and {PREFIX}MODULE_SIG_ALL=n, and let bootseal sign"),
        };
        judgements.push(judgement(
            RECOMMENDED,
            false,
            "empty, or the module key",
            "the build makes this key, leaves its private half in the source tree, and the kernel trusts it; with the \
             next build, modules that it signed are strangers",
            Some(remedy),
        ));
    }
    if let Place::File { path, pem, is_private } = signing {
        if pem.certificates.is_empty() || !pem.has_private_key {
            judgements.push(judgement(
                REQUIRED,
                false,
                "private key and certificate in one PEM file",
                "the build takes both from this file",
                Some("bootseal keys export module --format signing-key --output FILE".to_owned()),
            ));
        }
        if pem.has_private_key {
            judgements.push(judgement(
                REQUIRED,
                *is_private,
                "a file that only its owner can read",
                "whoever reads the private key signs modules that this kernel loads",
                (!is_private).then(|| {
                    format!(
                        "chmod 400 {}, and make another key if strangers were here",
                        quoted(path)
                    )
                }),
            ));
        }
    }
    judgements
}
