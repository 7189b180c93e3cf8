//! `bootseal sign efi`: in place, to another file, or with a key that is elsewhere.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::session::Session;
use crate::cli::text::name;
use crate::error::{Error, Explain, Result, quoted};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::text::{Shown, printable};
use crate::keys::{KeyDirectory, KeyName};
use crate::sign::efi::{self, EfiOptions};
use crate::sign::elsewhere;
use crate::system::{self, Powers};
use crate::ui::{Report, Style};

use super::key::KeyArguments;
use super::one_run::signed;
use super::report::SignReport;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    key: KeyArguments,
    /// Remove the signatures by others, which stay otherwise
    #[arg(long)]
    replace: bool,
    /// Write the signed image to FILE, and leave the one image that is named as it is
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the bytes to be signed for the one image to the new FILE; needs no private key
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output", "replace", "attach"])]
    prepare: Option<PathBuf>,
    /// Put the signature in FILE into the one image: made over the bytes that --prepare wrote, or PKCS#7
    #[arg(long, value_name = "FILE")]
    attach: Option<PathBuf>,
    /// Certificate for --prepare and --attach, PEM or DER [default: that of the db key]
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The images
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Arguments {
    /// The powers that signing needs.
    pub(super) fn powers(&self, session: &Session) -> Result<Powers> {
        if let Some(file) = &self.prepare {
            return Ok(session.writing_files([file]));
        }
        let files = self.files.iter().chain(&self.output);
        Ok(session.signing(&session.keys(self.key.keys.as_ref())?, files))
    }

    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        if self.prepare.is_some() || self.attach.is_some() {
            self.key.unlock.only_for(&[])?;
        }
        if let Some(to_be_signed) = &self.prepare {
            return self.prepare(session, to_be_signed);
        }
        let options = EfiOptions {
            replace: self.replace,
            output: self.output.clone(),
            without: None,
        };
        if options.output.is_some() {
            self.only_image("--output")?;
        }
        let options_of_run = self.key.options(session, "sign efi")?;
        let accepted = &self.key.accept_changed;
        let summary = if let Some(signature) = &self.attach {
            let image = self.only_image("--attach")?;
            let certificate = self.certificate(session)?;
            signed(session, &options_of_run, accepted, |run| {
                elsewhere::attach(run, image, signature, &certificate, &options)
            })?
        } else if self.certificate.is_some() {
            return Err(Error::usage("--certificate goes with --prepare or --attach"));
        } else {
            let identity = self.key.identity(session, KeyName::Db)?;
            signed(session, &options_of_run, accepted, |run| {
                efi::sign(run, &self.files, &identity, &options)
            })?
        };
        Ok(Box::new(SignReport::new(session, summary)))
    }

    fn prepare(&self, session: &Session, to_be_signed: &Path) -> Result<Box<dyn Report>> {
        let image = self.only_image("--prepare")?;
        let certificate = self.certificate(session)?;
        elsewhere::prepare(&session.context, image, &certificate, to_be_signed)?;
        Ok(Box::new(Prepared {
            image: image.to_path_buf(),
            to_be_signed: to_be_signed.to_path_buf(),
            certificate,
            source: self.source(),
            dry_run: session.context.dry_run(),
        }))
    }

    fn only_image(&self, option: &str) -> Result<&Path> {
        match self.files.as_slice() {
            [image] => Ok(image),
            files => Err(Error::usage(format!("{option} takes one image, not {}", files.len()))),
        }
    }

    /// The option that leads to the same certificate again, and a space.
    fn source(&self) -> String {
        let file = self.certificate.as_deref();
        file.map(|file| format!("--certificate {} ", quoted(file)))
            .unwrap_or_default()
    }

    fn certificate(&self, session: &Session) -> Result<Certificate> {
        let Some(path) = &self.certificate else {
            return self
                .key
                .directory(session)
                .and_then(|keys: KeyDirectory| keys.certificate(KeyName::Db));
        };
        let bytes = system::read(path)?;
        if bytes.starts_with(b"-----") {
            Certificate::from_pem(&bytes)
        } else {
            Certificate::from_der(&bytes)
        }
        .or_refuse(|| format!("cannot use {}", path.shown()))
    }
}

/// The bytes to be signed elsewhere, and the way to do it.
struct Prepared {
    image: PathBuf,
    to_be_signed: PathBuf,
    certificate: Certificate,
    /// The option that named the certificate, if any, and a space.
    source: String,
    dry_run: bool,
}

impl Report for Prepared {
    fn schema(&self) -> &'static str {
        "bootseal.sign.prepare/1"
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({
            "dry_run": self.dry_run,
            "image": self.image.shown(),
            "to_be_signed": self.to_be_signed.shown(),
            "certificate": self.certificate.fingerprint().to_hex(),
            "algorithm": "RSASSA-PKCS1-v1_5 with SHA-256",
        }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let (image, file) = (name(&self.image), name(&self.to_be_signed));
        if self.dry_run {
            return writeln!(out, "would write {file}: the bytes to be signed for {image}");
        }
        writeln!(out, "{} {file}: the bytes to be signed for {image}", style.tick())?;
        writeln!(out, "\nNext, with the key of \"{}\":", self.certificate.common_name())?;
        let word = |path: &Path| printable(&quoted(path));
        let [image, tbs] = [&self.image, &self.to_be_signed].map(|path| word(path));
        let mut signature = self.to_be_signed.clone().into_os_string();
        signature.push(".sig");
        let signature = word(Path::new(&signature));
        writeln!(out, "  1. openssl dgst -sha256 -sign KEY -out {signature} {tbs}")?;
        writeln!(
            out,
            "  2. bootseal sign efi {}--attach {signature} {image}",
            printable(&self.source)
        )
    }
}
