//! Checks of the running kernel's trust in modules: the key, and the hash.

use crate::finding::{Finding, Kind, Outcome};
use crate::formats::kernel::kernel_config::KernelConfig;
use crate::formats::kernel::running_kernel::{KernelKey, find_key, key_list};
use crate::formats::text::{Shown, printable};
use crate::system::ConfigFile;
use crate::trust::kernel::KernelTrust;

use super::text::text;
use crate::audit::checks::modules::maker_of_modules;
use crate::audit::machine::Machine;
use crate::audit::reason::reason;

/// The keyrings in which the kernel looks for a signer, and the one with the certificates and hashes that it refuses.
const KEYRINGS: [&str; 5] = [
    ".builtin_trusted_keys",
    SECONDARY,
    ".machine",
    ".platform",
    ".blacklist",
];

/// The keyring of certificates that the kernel's own ones signed.
const SECONDARY: &str = ".secondary_trusted_keys";
/// The kernel does not trust the module key.
pub(super) const MODULE_KEY_UNKNOWN: Kind = Kind::error("module_key_unknown");
/// The kernel cannot verify signatures over the hash that modules are signed over.
pub(super) const MODULE_HASH_UNKNOWN: Kind = Kind::error("module_hash_unknown");

pub(super) fn module_key(machine: &Machine<'_>) -> Outcome {
    let anchors = match machine.anchors() {
        Ok(anchors) => anchors,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    let text = match text(
        machine,
        "/proc/keys",
        "/proc is not mounted, or the kernel has no keyrings",
    ) {
        Ok(text) => text,
        Err(outcome) => return outcome,
    };
    let keys = match key_list(&text) {
        Ok(keys) => keys,
        Err(error) => return Outcome::could_not_run(format!("/proc/keys: {error}")),
    };
    let Some(certificate) = anchors.modules.first() else {
        return Outcome::could_not_run("the key directory holds no module certificate");
    };
    let name = printable(&certificate.common_name());
    let id = |key: &KernelKey| key.asymmetric().map(|key| key.id);
    let wanted = match certificate.kernel_key_id() {
        Ok(id) => id,
        Err(error) => return Outcome::could_not_run(format!("the module certificate \"{name}\": {error}")),
    };
    match find_key(&keys, &wanted) {
        // A name in /proc/keys is no trust: programs of root add what they like to keyrings of their own.
        Some(ours) if !ours.is_kernels() => added_by_a_program(&keys, &name),
        Some(ours) => {
            let mut outcome = Outcome::pass(printable(&ours.description));
            outcome.evidence.extend(keyrings(&keys, |key| id(key) == id(ours)));
            outcome
        }
        // Others than root see their own keys only.
        None if keys.iter().all(|key| key.asymmetric().is_none()) => {
            Outcome::could_not_run("no key of the kernel is shown in /proc/keys: run the command as root")
        }
        None => match maker_of_modules(machine) {
            Some(maker) => Outcome::pass(format!(
                "it does not hold \"{name}\"; its modules are by \"{maker}\", which it holds"
            )),
            None => Outcome::found(
                Finding::new(
                    MODULE_KEY_UNKNOWN,
                    "module key",
                    format!("the kernel does not hold \"{name}\", so it would refuse our modules"),
                )
                .remedy("build module.pem in: CONFIG_SYSTEM_TRUSTED_KEYS (bootseal kernel-config)"),
            ),
        },
    }
}

/// The answer to a key that a program added. The kernel looks at it for modules only in the keyring that takes certificates
/// which its own ones signed.
fn added_by_a_program(keys: &[KernelKey], name: &str) -> Outcome {
    let others = keys.iter().filter_map(KernelKey::keyring);
    let secondary: usize = others
        .filter(|(keyring, _)| *keyring == SECONDARY)
        .map(|(_, count)| count)
        .sum();
    // One entry of it is the keyring of the kernel's own certificates.
    if secondary > 1 {
        return Outcome::could_not_run(format!(
            "\"{name}\" was added by a program, and /proc/keys does not show if it is in {SECONDARY}, where the kernel looks for \
             modules: keyctl list %:{SECONDARY} does"
        ));
    }
    let text = format!(
        "\"{name}\" is only in a keyring that a program of this machine made, where the kernel does not look, so it would refuse \
         our modules"
    );
    let remedy = "build module.pem in: CONFIG_SYSTEM_TRUSTED_KEYS (bootseal kernel-config)";
    Outcome::found(Finding::new(MODULE_KEY_UNKNOWN, "module key", text).remedy(remedy))
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

/// The number of keys in each keyring, and the keys of others that the kernel holds. It does not show which keyring holds a key.
fn keyrings(keys: &[KernelKey], is_ours: impl Fn(&KernelKey) -> bool) -> Vec<String> {
    let counts: Vec<String> = keys
        .iter()
        .filter_map(KernelKey::keyring)
        .filter(|(name, _)| KEYRINGS.contains(name))
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let mut said = Vec::new();
    if !counts.is_empty() {
        said.push(format!("keyrings: {}", counts.join(", ")));
    }
    let foreign = keys.iter().filter(|key| key.is_valid && !is_ours(key));
    let names = foreign.filter_map(|key| Some(format!("not ours: {}", printable(key.asymmetric()?.subject))));
    said.extend(names);
    said
}
