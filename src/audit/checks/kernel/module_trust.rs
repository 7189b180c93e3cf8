//! Checks of the running kernel's trust in modules: the key, and the hash.

use crate::finding::{Finding, Kind, Outcome};
use crate::formats::kernel::kernel_config::KernelConfig;
use crate::formats::text::{Shown, printable};
use crate::system::ConfigFile;
use crate::trust::kernel::KernelTrust;
use crate::trust::running_keys::{RunningKeys, Signer};

use crate::audit::checks::modules::maker_of_modules;
use crate::audit::machine::Machine;
use crate::audit::reason::reason;

/// The kernel does not trust the module key.
pub(super) const MODULE_KEY_UNKNOWN: Kind = Kind::error("module_key_unknown");
/// The kernel cannot verify signatures over the hash that modules are signed over.
pub(super) const MODULE_HASH_UNKNOWN: Kind = Kind::error("module_hash_unknown");

pub(super) fn module_key(machine: &Machine<'_>) -> Outcome {
    let anchors = match machine.anchors() {
        Ok(anchors) => anchors,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    let keys = match RunningKeys::read(machine.context()) {
        Ok(Some(keys)) => keys,
        Ok(None) => {
            let why = "there is no /proc/keys: /proc is not mounted, or the kernel has no keyrings";
            return Outcome::could_not_run(why);
        }
        Err(error) => return Outcome::could_not_run(reason(&error)),
    };
    let Some(certificate) = anchors.modules.first() else {
        return Outcome::could_not_run("the key directory holds no module certificate");
    };
    let name = printable(&certificate.common_name());
    let unknown = |text: String| {
        let remedy = "build module.pem in: CONFIG_SYSTEM_TRUSTED_KEYS (bootseal kernel-config)";
        Outcome::found(Finding::new(MODULE_KEY_UNKNOWN, "module key", text).remedy(remedy))
    };
    match keys.signer(certificate) {
        Err(error) => Outcome::could_not_run(reason(&error)),
        Ok(Signer::Unknown(why)) => Outcome::could_not_run(why),
        Ok(Signer::Elsewhere(text)) => unknown(text),
        Ok(Signer::Trusted(description, holders)) => {
            let mut outcome = Outcome::pass(printable(&description));
            if !holders.is_empty() {
                outcome.evidence.push(format!("it is in {}", holders.join(", ")));
            }
            outcome.evidence.extend(keys.described(certificate));
            outcome
        }
        Ok(Signer::Missing) => match maker_of_modules(machine) {
            Some(maker) => Outcome::pass(format!(
                "it does not hold \"{name}\"; its modules are by \"{maker}\", which it holds"
            )),
            None => unknown(format!(
                "the kernel does not hold \"{name}\", so it would refuse our modules"
            )),
        },
    }
}

pub(super) fn module_hash(machine: &Machine<'_>) -> Outcome {
    let release = match machine.release() {
        Ok(release) => release,
        Err(missing) => return Outcome::could_not_run(missing),
    };
    let config = match ConfigFile::running(machine.context()) {
        Ok(config) => config,
        // That it is missing is told by `kernel.configuration`.
        Err(error) => return Outcome::not_applicable(reason(&error)),
    };
    let config = match KernelConfig::parse(&config.bytes) {
        Ok(parsed) => parsed,
        Err(error) => return Outcome::could_not_run(format!("{}: {error}", config.path.shown())),
    };
    if !config.is_on("MODULES") {
        return Outcome::not_applicable("the kernel is built without modules");
    }
    let hash = machine.config().sign.hash_for(&release);
    match KernelTrust::of_configuration(&release, config).obstacle(hash) {
        None => Outcome::pass(format!("{} is built in", hash.name())),
        Some(obstacle) => match maker_of_modules(machine) {
            Some(maker) => Outcome::pass(format!(
                "the modules are by \"{maker}\"; over {}: {obstacle}",
                hash.name()
            )),
            None => Outcome::found(
                Finding::new(
                    MODULE_HASH_UNKNOWN,
                    "module hash",
                    format!("the running kernel refuses modules with our signature: {obstacle}"),
                )
                .remedy("bootseal hook status says how it would take them"),
            ),
        },
    }
}
