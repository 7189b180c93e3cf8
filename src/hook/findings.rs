//! What would defeat the hooks.

use std::path::Path;

use crate::ceremony::life;
use crate::error::{Result, quoted};
use crate::grub::{KEPT_MENU, falls_back};
use crate::keys::pkcs11::TokenUri;
use crate::keys::{KeyDirectory, KeyName};
use crate::system::config::Config;
use crate::system::{Context, PortageSettings, not_mounted};
use crate::trust::kernel_config::{self, judge_hashes};

use super::files::BOOT_DIRECTORIES;
use super::settings::{Settings, is_program};
use super::{Entry, Finding, Mode, Phase, Plugin, Slot, State, Weight, entries};

/// What is looked at.
pub(super) struct Scene<'a> {
    pub context: &'a Context,
    pub config: &'a Config,
    pub keys: &'a Path,
    pub settings: &'a Settings,
    pub mode: Mode,
    pub plugins: &'a [Plugin],
}

/// Other plugins that belong before or after ours, by a part of their names.
struct Neighbour {
    part: &'static str,
    slot: Slot,
    is_before: bool,
    consequence: &'static str,
}

const COPIES_MODULES: &str = "puts modules into the initramfs before they are signed";
const COPIES_IMAGE: &str = "copies the image after it was to be signed";
/// Where the order matters.
const NEIGHBOURS: [Neighbour; 13] = [
    after("dracut", Slot::Modules, COPIES_MODULES),
    after("ugrd", Slot::Modules, COPIES_MODULES),
    after("initramfs", Slot::Modules, COPIES_MODULES),
    after("mkinitcpio", Slot::Modules, COPIES_MODULES),
    after("booster", Slot::Modules, COPIES_MODULES),
    before("dkms", Slot::Modules, "builds modules after the others were signed"),
    before("ukify", Slot::Uki, "makes the unified image after it was to be signed"),
    after("uki-copy", Slot::Uki, "copies the unified image before it is signed"),
    before("uki-copy", Slot::Image, COPIES_IMAGE),
    before("90-compat", Slot::Image, COPIES_IMAGE),
    before("loaderentry", Slot::Image, COPIES_IMAGE),
    after("update-static", Slot::Image, "copies the image before it is signed"),
    before("grub-mkconfig", Slot::Grub, "writes grub.cfg after it was signed"),
];

const fn before(part: &'static str, slot: Slot, consequence: &'static str) -> Neighbour {
    Neighbour {
        part,
        slot,
        is_before: true,
        consequence,
    }
}

const fn after(part: &'static str, slot: Slot, consequence: &'static str) -> Neighbour {
    Neighbour {
        is_before: false,
        ..before(part, slot, consequence)
    }
}

/// All findings, the gravest kinds first.
pub(super) fn all(scene: &Scene<'_>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    findings.extend(scripts(scene));
    findings.extend(bypassed(scene));
    findings.extend(order(scene));
    findings.extend(program(scene));
    findings.extend(keys(scene));
    findings.extend(mounts(scene)?);
    findings.extend(sbctl(scene));
    findings.extend(portage_hash(scene)?);
    Ok(findings)
}

/// Images that stop at a menu which nobody has signed yet, as a hook that is killed leaves it.
pub fn old_images(context: &Context, config: &Config) -> Result<Vec<Finding>> {
    let told = |path: &Path| {
        let text = format!(
            "{} does not fall back to {KEPT_MENU}: after a hook that was killed it would start nothing",
            path.display()
        );
        warns(text, "bootseal grub install".to_owned())
    };
    let images = falls_back(context, &config.grub)?;
    let old = images.iter().filter(|(_, falls_back)| !falls_back);
    Ok(old.map(|(path, _)| told(path)).collect())
}

fn defeats(text: String, remedy: impl Into<Option<String>>) -> Finding {
    Finding {
        weight: Weight::Defeats,
        text,
        remedy: remedy.into(),
    }
}

fn warns(text: String, remedy: impl Into<Option<String>>) -> Finding {
    Finding {
        weight: Weight::Warns,
        ..defeats(text, remedy)
    }
}

fn install() -> String {
    "bootseal hook install".to_owned()
}

/// Ours that are missing, masked, or not as this bootseal installs them.
fn scripts(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in entries(scene.mode) {
        let Some(phase) = entry.phase else { continue };
        let is_it = |plugin: &&Plugin| plugin.phase == phase && plugin.name == entry.name;
        let finding = match scene.plugins.iter().find(is_it) {
            None => Some(defeats(
                format!("{} is not installed", entry.path().display()),
                install(),
            )),
            Some(plugin) => masked(plugin).or_else(|| changed(scene, plugin, &entry)),
        };
        findings.extend(finding);
    }
    findings
}

fn masked(plugin: &Plugin) -> Option<Finding> {
    let path = plugin.path.display();
    let remedy = |command: &str| format!("{command} {}", quoted(&plugin.path));
    match plugin.state {
        State::Active => None,
        State::Masked => Some(defeats(
            format!("{path} masks it: an empty file, or a link to /dev/null"),
            format!("{}, then: bootseal hook install", remedy("rm")),
        )),
        State::NotExecutable => Some(defeats(format!("{path} is not executable"), remedy("chmod +x"))),
    }
}

fn changed(scene: &Scene<'_>, plugin: &Plugin, entry: &Entry) -> Option<Finding> {
    let bytes = crate::system::read(&scene.context.path(&plugin.path)).unwrap_or_default();
    (bytes != entry.text.as_bytes()).then(|| {
        let text = format!("{} is not as this bootseal installs it", plugin.path.display());
        warns(text, install())
    })
}

fn bypassed(scene: &Scene<'_>) -> Vec<Finding> {
    if scene.mode != Mode::Systemd {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if let Some(("1", place)) = scene.settings.get("KERNEL_INSTALL_BYPASS") {
        let text = format!("KERNEL_INSTALL_BYPASS=1 in {place}: kernel-install does nothing at all");
        findings.push(defeats(text, "unset it".to_owned()));
    }
    if let Some((plugins, place)) = scene.settings.get("KERNEL_INSTALL_PLUGINS") {
        let is_missing = |entry: &Entry| entry.phase.is_some() && !plugins.contains(entry.name);
        let missing: Vec<&str> = entries(scene.mode)
            .into_iter()
            .filter(is_missing)
            .map(|entry| entry.name)
            .collect();
        if !missing.is_empty() {
            let text = format!("KERNEL_INSTALL_PLUGINS in {place} leaves out {}", missing.join(", "));
            findings.push(defeats(text, "unset it, or add them".to_owned()));
        }
    }
    findings
}

fn order(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for phase in Phase::of(scene.mode) {
        let is_there = |plugin: &&Plugin| plugin.phase == *phase && plugin.state == State::Active;
        let running: Vec<&Plugin> = scene.plugins.iter().filter(is_there).collect();
        for (index, plugin) in running.iter().enumerate() {
            let position = |slot: Slot| running.iter().position(|plugin| plugin.slot == Some(slot));
            let is_wrong = |neighbour: &&Neighbour| {
                plugin.slot.is_none()
                    && plugin.name.contains(neighbour.part)
                    && position(neighbour.slot).is_some_and(|own| (index < own) != neighbour.is_before)
            };
            for neighbour in NEIGHBOURS.iter().filter(is_wrong) {
                let text = format!("wrong order: {} {}", plugin.path.display(), neighbour.consequence);
                let own = position(neighbour.slot)
                    .and_then(|own| running.get(own))
                    .map_or("", |own| &own.name);
                let when = if neighbour.is_before { "before" } else { "after" };
                findings.push(defeats(text, format!("rename it so that it sorts {when} {own}")));
            }
        }
    }
    findings
}

fn program(scene: &Scene<'_>) -> Option<Finding> {
    (!is_program(scene.context, "bootseal")).then(|| {
        let text = "bootseal is in none of the directories where hooks look for programs".to_owned();
        defeats(text, "install -m 755 bootseal /usr/local/bin/bootseal".to_owned())
    })
}

fn keys(scene: &Scene<'_>) -> Vec<Finding> {
    let place = scene.keys.display();
    let Ok(directory) = KeyDirectory::open(scene.keys) else {
        let text = format!("there are no keys at {place}: nothing is signed");
        return vec![defeats(text, "bootseal ceremony run".to_owned())];
    };
    let listed = match life::list(&directory) {
        Ok(listed) => listed,
        Err(error) => return vec![defeats(format!("the keys at {place} cannot be read: {error}"), None)],
    };
    let mut findings = Vec::new();
    for name in [KeyName::Module, KeyName::Db, KeyName::Grub] {
        let Some(key) = listed.iter().find(|key| key.name == name.name()) else {
            let what = match name {
                KeyName::Module => "modules are",
                KeyName::Grub => "what GRUB opens is",
                _ => "the image is",
            };
            findings.push(warns(
                format!("there is no {name} key at {place}: {what} not signed"),
                None,
            ));
            continue;
        };
        let is_encrypted = ["scrypt", "pbkdf2"].contains(&key.protection.as_str());
        if is_encrypted && scene.config.hook.passphrase_file.is_none() {
            let text = format!("the {name} key is encrypted, and nobody may be there to type the passphrase");
            findings.push(warns(
                text,
                "name a file: [hook] passphrase_file in the configuration".to_owned(),
            ));
        } else if key.private_key.is_none() {
            let text = format!("the private half of the {name} key is not at {place}");
            findings.push(defeats(
                text,
                format!("copy {name}.key there, or name its token in {name}.uri"),
            ));
        } else if let Ok(Some(uri)) = directory.token_uri(name) {
            findings.extend(pin(name, &uri, scene.config));
        }
    }
    findings
}

/// A token whose PIN is nowhere.
fn pin(name: KeyName, uri: &TokenUri, config: &Config) -> Option<Finding> {
    match &uri.pin_source {
        Some(path) if !path.exists() => {
            let path = path.display();
            let text = format!("the PIN of the {name} key's token is to be in {path}, which is not there");
            Some(defeats(
                text,
                format!("write it there, with mode 0400, or change {name}.uri"),
            ))
        }
        None if config.hook.passphrase_file.is_none() => {
            let text = format!("the {name} key is on a token, and nobody may be there to type the PIN");
            Some(warns(
                text,
                format!("name a file with it: pin-source=file:PATH in {name}.uri"),
            ))
        }
        _ => None,
    }
}

fn mounts(scene: &Scene<'_>) -> Result<Vec<Finding>> {
    let missing = not_mounted(scene.context, &BOOT_DIRECTORIES)?;
    let told = |directory: &&str| defeats(format!("{directory} is not mounted"), format!("mount {directory}"));
    Ok(missing.iter().map(told).collect())
}

fn sbctl(scene: &Scene<'_>) -> Vec<Finding> {
    let is_it = |plugin: &&Plugin| plugin.state == State::Active && plugin.name.contains("sbctl");
    let told = |plugin: &Plugin| {
        let mask = Path::new("/etc/kernel").join(plugin.phase.name()).join(&plugin.name);
        warns(
            format!("{} signs as well, with the keys of sbctl", plugin.path.display()),
            format!("ln -sf /dev/null {}", quoted(&mask)),
        )
    };
    scene.plugins.iter().filter(is_it).map(told).collect()
}

/// One value cannot serve both eclasses (see docs/adr/0011).
fn portage_hash(scene: &Scene<'_>) -> Result<Vec<Finding>> {
    let settings = PortageSettings::read(scene.context)?;
    let judged = settings.iter().flat_map(judge_hashes);
    let wrong = judged.filter(|judgement| judgement.state == kernel_config::State::Unmet);
    Ok(wrong
        .map(|it| warns(format!("{}: {}: {}", it.subject, it.found, it.reason), it.remedy))
        .collect())
}
