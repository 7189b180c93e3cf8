//! Portage's own settings for signing modules, which work against the fragment where they contradict it.

use crate::finding::Status;
use crate::formats::kernel::kernel_config::KernelConfig;
use crate::system::PortageSettings;

use super::requirement::{Judgement, RECOMMENDED};

const HASH: &str = "MODULES_SIGN_HASH";
const KEY: &str = "MODULES_SIGN_KEY";
/// Packages of this category build kernels (kernel-build.eclass); all others build modules (linux-mod-r1.eclass).
const KERNELS: &str = "sys-kernel/";
const UNSET: &str = "unset it, and put the fragment into /etc/kernel/config.d/: linux-mod-r1 then takes the hash from the \
                     kernel's configuration";

/// Judges `MODULES_SIGN_HASH` and `USE=modules-sign` by what kernel-build.eclass and linux-mod-r1.eclass make of them.
#[must_use]
pub fn judge_portage(settings: &PortageSettings, config: &KernelConfig) -> Vec<Judgement> {
    let mut judgements = judge_hashes(settings);
    judgements.extend(judge_flag(settings, config));
    judgements
}

/// Judges `MODULES_SIGN_HASH`, wherever it is set.
#[must_use]
pub fn judge_hashes(settings: &PortageSettings) -> Vec<Judgement> {
    let everywhere = settings
        .make_conf(HASH)
        .map(|value| ("make.conf".to_owned(), None, value));
    let apart = settings
        .package_env(HASH)
        .map(|(file, package, value)| (format!("env/{file} for {package}"), Some(package), value));
    let hashes = everywhere
        .into_iter()
        .chain(apart)
        .filter(|(.., value)| !value.is_empty());
    hashes
        .map(|(place, package, value)| {
            let for_kernels = package.is_none_or(|package| package.starts_with(KERNELS));
            let for_modules = package.is_none_or(|package| !package.starts_with(KERNELS));
            let wrong = wrong_hash(value, for_kernels, for_modules);
            Judgement {
                subject: HASH.to_owned(),
                level: RECOMMENDED,
                status: wrong.map_or(Status::Pass, |_| RECOMMENDED.into()),
                wanted: "not set".to_owned(),
                found: format!("{value} in /etc/portage/{place}"),
                reason: wrong.unwrap_or("as the package's eclass wants it").to_owned(),
                remedy: wrong.map(|_| UNSET.to_owned()),
            }
        })
        .collect()
}

/// Judges `USE=modules-sign`, with which packages take the kernel's key.
fn judge_flag(settings: &PortageSettings, config: &KernelConfig) -> Option<Judgement> {
    let keyless = config.get("MODULE_SIG_KEY").is_some() && config.text("MODULE_SIG_KEY").is_empty();
    let clashes = keyless && settings.uses("modules-sign") && settings.make_conf(KEY).is_none();
    clashes.then(|| Judgement {
        subject: "USE=modules-sign".to_owned(),
        level: RECOMMENDED,
        status: RECOMMENDED.into(),
        wanted: format!("off, or {KEY} and MODULES_SIGN_CERT set"),
        found: format!("on, without {KEY}, while CONFIG_MODULE_SIG_KEY is empty"),
        reason: "packages with modules of their own then refuse to build: they take the kernel's key".to_owned(),
        remedy: Some("USE=\"-modules-sign\" for them: bootseal signs modules wherever they come from".to_owned()),
    })
}

/// The fault of a hash of this name; `None` if it has none.
fn wrong_hash(value: &str, for_kernels: bool, for_modules: bool) -> Option<&'static str> {
    match value {
        "sha3-512" if for_kernels => Some(
            "kernel-build.eclass makes CONFIG_MODULE_SIG_SHA3-512 of it, which Kconfig passes over in silence: unless a \
             fragment says better, the kernel's modules are signed over SHA-512",
        ),
        "sha3_512" if for_modules => Some(
            "right for the kernel's configuration, but sign-file knows no such hash: packages with modules fail to build",
        ),
        "sha3-512" | "sha3_512" => None,
        _ => Some("modules are signed over this hash, not over SHA3-512"),
    }
}
