//! The options that the chain needs in a kernel's configuration: written as a fragment, or looked for in a configuration
//! that exists.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Explain, Result, quoted};
use crate::finding::{Level, Status};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::kernel::kernel_config::{KernelConfig, KernelVersion};
use crate::formats::text::Shown;
use crate::keys::{KeyDirectory, KeyName};
use crate::system::{self, ConfigFile, Context, PortageSettings};
use crate::trust::kernel_config::{self, Fragment, Judgement, ModuleKey, REQUIRED};

/// Permission bits of a fragment: an unprivileged build reads it.
const PUBLIC: u32 = 0o644;

/// Place of the module certificate for a build that cannot read the key directory.
const PUBLIC_CERTIFICATE: &str = "/etc/kernel/bootseal-module.pem";

/// A certificate file that the build is to trust.
pub fn certificate(file: &Path) -> Result<ModuleKey> {
    let text = file.to_str();
    text.map(|text| ModuleKey::Certificate(text.to_owned()))
        .ok_or_else(|| Error::usage(format!("the name of {} is not UTF-8", file.shown())))
}

/// The certificate file that builds usually trust: that of the key directory, or a copy of it if an unprivileged build
/// cannot read that.
pub fn usual_certificate(context: &Context, keys: &Path) -> Result<ModuleKey> {
    let keys = std::path::absolute(keys).or_could_not_run(|| format!("cannot use {}", keys.shown()))?;
    let file = keys.join(format!("{}.pem", KeyName::Module));
    if system::is_public(&file) {
        certificate(&context.below_root(&file))
    } else {
        Ok(ModuleKey::Certificate(PUBLIC_CERTIFICATE.to_owned()))
    }
}

/// A fragment, and the steps that remain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The options.
    pub fragment: Fragment,
    /// Where it was written, if a file was named.
    pub written: Option<PathBuf>,
    /// Judgements of Portage's settings, which may work against it.
    pub portage: Vec<Judgement>,
    /// The next steps, as commands.
    pub next_steps: Vec<String>,
    /// True if nothing was written.
    pub dry_run: bool,
}

/// The fragment for a kernel, the running one if no version is named, written to `output` if that is.
pub fn wanted(context: &Context, kernel: Option<&str>, key: &ModuleKey, output: Option<&Path>) -> Result<Wanted> {
    let release = match kernel {
        Some(kernel) => kernel.to_owned(),
        None => system::running_release(context)?,
    };
    let (ModuleKey::Certificate(value) | ModuleKey::SigningKey(value)) = key;
    if value.contains(char::is_control) {
        return Err(Error::usage(
            "control characters cannot stand in a kernel's configuration",
        ));
    }
    let fragment = Fragment::new(version(&release)?, key);
    if let Some(path) = output {
        write(context, path, &fragment)?;
    }
    let text = fragment.to_string();
    let config = KernelConfig::parse(text.as_bytes()).or_bug(|| "the fragment is no configuration".to_owned())?;
    Ok(Wanted {
        written: output.map(Path::to_path_buf),
        portage: portage(context, &config)?,
        next_steps: next_steps(context, key),
        dry_run: context.dry_run(),
        fragment,
    })
}

fn version(release: &str) -> Result<KernelVersion> {
    release
        .parse()
        .or_usage(|| "cannot tell which kernel it is for".to_owned())
}

/// Writes the fragment. An existing file is replaced only if an earlier call wrote it.
fn write(context: &Context, path: &Path, fragment: &Fragment) -> Result<()> {
    let text = fragment.to_string();
    let limit = text.len() as u64;
    let there = system::read_if_there(path, limit)?;
    if there.is_some_and(|file| !Fragment::wrote(&file)) {
        return Err(
            Error::refused(format!("{} is there already, and not bootseal's", path.shown()))
                .hint("name another file, such as /etc/kernel/config.d/50-bootseal.config"),
        );
    }
    system::replace_durably(context, path, text.as_bytes(), PUBLIC).map_err(|error| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => {
            error.hint(format!("mkdir -p {}", quoted(parent)))
        }
        _ => error,
    })
}

/// The commands that make the file that the fragment names.
fn next_steps(context: &Context, key: &ModuleKey) -> Vec<String> {
    let (file, format) = match key {
        ModuleKey::Certificate(file) => (file, "pem"),
        ModuleKey::SigningKey(file) => (file, "signing-key"),
    };
    let is_there = !Path::new(file).is_absolute() || context.path(file).exists();
    if is_there {
        return Vec::new();
    }
    let file = quoted(Path::new(file));
    vec![format!("bootseal keys export module --format {format} --output {file}")]
}

fn portage(context: &Context, config: &KernelConfig) -> Result<Vec<Judgement>> {
    let settings = PortageSettings::read(context)?;
    Ok(settings.map_or_else(Vec::new, |settings| kernel_config::judge_portage(&settings, config)))
}

/// A configuration, held against the needs of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The file.
    pub config: PathBuf,
    /// `major.minor` of the kernel that it is for.
    pub kernel: String,
    /// The options, in the order of the fragment, then the files that they name, then Portage's settings.
    pub judgements: Vec<Judgement>,
}

impl Checked {
    /// The number of requirements of this weight with this answer.
    #[must_use]
    pub fn count(&self, level: Level, status: Status) -> usize {
        let is_counted = |judgement: &&Judgement| judgement.level == level && judgement.status == status;
        self.judgements.iter().filter(is_counted).count()
    }

    /// The finding that something required is missing, or could not be looked at.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        let config = self.config.shown();
        match (
            self.count(REQUIRED, Status::Fail),
            self.count(REQUIRED, Status::CouldNotRun),
        ) {
            (0, 0) => None,
            (0, unknown) => Some(Error::could_not_run(format!(
                "{config}: every requirement that could be looked at is met; {unknown} could not be looked at"
            ))),
            (unmet, _) => Some(
                Error::refused(format!("{config}: requirements that are not met: {unmet}"))
                    .hint("bootseal kernel-config prints what to merge into the configuration"),
            ),
        }
    }
}

/// Holds a configuration against the needs of the chain: that in `file`, or of the named kernel, or of the running one.
/// `keys` is the directory with the module certificate that the kernel has to trust.
pub fn check(context: &Context, file: Option<&Path>, kernel: Option<&str>, keys: &Path) -> Result<Checked> {
    let found = match (file, kernel) {
        (Some(file), _) => ConfigFile::read(file)?,
        (None, Some(kernel)) => ConfigFile::of_release(context, kernel)?,
        (None, None) => ConfigFile::running(context)?,
    };
    let config = KernelConfig::parse(&found.bytes).or_refuse(|| format!("cannot use {}", found.path.shown()))?;
    let release = match (kernel, file) {
        (Some(kernel), _) => Some(kernel.to_owned()),
        (None, Some(file)) => system::release_in_path(file),
        (None, None) => Some(system::running_release(context)?),
    };
    let stated = match kernel {
        Some(kernel) => Some(version(kernel)?),
        // A path or a release without a version leaves it to the configuration's header.
        None => release.as_deref().and_then(|release| release.parse().ok()),
    };
    let version = stated.or(config.version).ok_or_else(|| {
        Error::usage(format!("{} does not say which kernel it is for", found.path.shown()))
            .hint("name its version: --kernel 6.12")
    })?;
    let mut judgements = kernel_config::judge(&config, version);
    let trees = system::source_trees(context, &found.path, release.as_deref());
    let module = module_certificate(keys)?;
    let module = module.as_ref().map(|(certificate, path)| (certificate, path.as_path()));
    judgements.extend(kernel_config::judge_key_files(context, &config, &trees, module));
    judgements.extend(portage(context, &config)?);
    Ok(Checked {
        config: found.path,
        kernel: version.to_string(),
        judgements,
    })
}

/// The certificate of the module key, if there is a key directory.
fn module_certificate(keys: &Path) -> Result<Option<(Certificate, PathBuf)>> {
    if !keys.is_dir() {
        return Ok(None);
    }
    let keys = KeyDirectory::open(keys)?;
    let path = keys.certificate_path(KeyName::Module);
    Ok(Some((keys.certificate(KeyName::Module)?, path)))
}
