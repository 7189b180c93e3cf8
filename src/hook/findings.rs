//! The findings that keep a hook from signing the next kernel (errors), or that may be meant (warnings).

use std::path::Path;

use crate::disk::{BOOT_DIRECTORIES, BootTree, Naming, boot_directories};
use crate::error::{Result, quoted};
use crate::finding::{Finding, Kind};
use crate::formats::text::{Shown, printable};
use crate::grub::{KEPT_MENU, falls_back};
use crate::system::config::Config;
use crate::system::{self, Context, not_mounted};

use super::entries::{Entry, PORTAGE, scripts as scripts_of};
use super::key_findings::{copies, key_findings, passphrase_command};
use super::loaders::loaders;
use super::mode::{Detected, Mode};
use super::named_files::named_files;
use super::phase::Phase;
use super::plugins::{Plugin, State};
use super::portage::portage;
use super::request::Slot;
use super::sbctl::sbctl;
use super::settings::{Settings, is_program};

/// A script of ours is not in its place.
pub const NOT_INSTALLED: Kind = Kind::error("not_installed");
/// A script of ours is masked.
const MASKED: Kind = Kind::error("masked");
/// A script of ours is not executable.
const NOT_EXECUTABLE: Kind = Kind::error("not_executable");
/// The file by which Portage has packages signed is not as it should be.
const PACKAGES_UNSIGNED: Kind = Kind::warning("packages_unsigned");
/// A script of ours has another content than this bootseal gives it.
const CHANGED: Kind = Kind::warning("changed");
/// kernel-install is told to do nothing.
const BYPASSED: Kind = Kind::error("bypassed");
/// kernel-install is told to leave scripts of ours out.
const LEFT_OUT: Kind = Kind::error("left_out");
/// A kernel can come by a way that has no scripts of ours.
const OTHER_WAY: Kind = Kind::warning("other_way");
/// A plugin of somebody else runs on the wrong side of a script of ours.
const WRONG_ORDER: Kind = Kind::error("wrong_order");
/// The program bootseal is not where hooks look for it.
const NO_PROGRAM: Kind = Kind::error("no_program");
/// A file system that kernels go to is not mounted.
const NOT_MOUNTED: Kind = Kind::error("not_mounted");
/// An image of GRUB does not fall back to the last signed menu.
pub const NO_KEPT_MENU: Kind = Kind::warning("no_kept_menu");

/// The remedy for scripts that are not as they should be.
const INSTALL: &str = "bootseal hook install";

/// The machine, and the facts about it by which the findings are made.
pub(super) struct Scene<'a> {
    pub context: &'a Context,
    pub config: &'a Config,
    pub keys: &'a Path,
    pub settings: &'a Settings,
    /// The directory of bootseal that the scripts have been told of.
    pub program: Option<&'a str>,
    /// The modes that the hooks are for.
    pub modes: &'a [Mode],
    /// The other ways that a kernel can come by.
    pub others: &'a [Detected],
    pub plugins: &'a [Plugin],
}

/// A plugin of somebody else that belongs before or after a script of ours, by a part of its name.
struct Neighbour {
    part: &'static str,
    slot: Slot,
    is_before: bool,
    consequence: &'static str,
}

const COPIES_MODULES: &str = "puts modules into the initramfs before they are signed";
const COPIES_IMAGE: &str = "copies the image after it was to be signed";
const WRITES_MENU: &str = "writes grub.cfg after it was signed";
const BUILDS_INITRAMFS: &str = "builds the initramfs after the others were signed";
/// The plugins whose order matters.
const NEIGHBOURS: [Neighbour; 16] = [
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
    before("grub-mkconfig", Slot::Grub, WRITES_MENU),
    // Debian's, in postinst.d.
    before("update-grub", Slot::Grub, WRITES_MENU),
    before("initramfs-tools", Slot::Grub, BUILDS_INITRAMFS),
    before("dracut", Slot::Grub, BUILDS_INITRAMFS),
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

/// The findings about the hooks of a machine.
pub(super) fn all_findings(scene: &Scene<'_>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    findings.extend(scripts(scene));
    findings.extend(portages(scene)?);
    findings.extend(bypassed(scene));
    findings.extend(unserved(scene));
    findings.extend(order(scene));
    findings.extend(program(scene)?);
    findings.extend(key_findings(
        scene.context,
        scene.config,
        scene.keys,
        uses_grub(scene)?,
    )?);
    findings.extend(passphrase_command(scene.context, scene.config));
    findings.extend(mounts(scene)?);
    findings.extend(named_files(scene.context, scene.config));
    findings.extend(sbctl(scene.plugins));
    findings.extend(portage(scene.context, scene.keys)?);
    let told: Vec<String> = findings.iter().map(|finding| finding.subject.clone()).collect();
    let copies = copies(scene.context, scene.keys)?.into_iter();
    findings.extend(copies.filter(|copy| !told.contains(&copy.subject)));
    findings.extend(loaders(scene.context, scene.keys)?);
    Ok(findings)
}

/// The images of GRUB that stop at a menu which is not signed yet, as a hook that is killed leaves it.
pub fn old_images(context: &Context, config: &Config) -> Result<Vec<Finding>> {
    let images = falls_back(context, &config.grub)?;
    let old = images.iter().filter(|(_, falls_back)| !falls_back);
    Ok(old.map(|(path, _)| without_kept_menu(path)).collect())
}

/// The finding of an image whose path is given: it starts nothing after a hook that was killed.
#[must_use]
pub fn without_kept_menu(image: &Path) -> Finding {
    let text = format!(
        "{} does not fall back to {KEPT_MENU}: after a hook that was killed it would start nothing",
        image.shown()
    );
    Finding::new(NO_KEPT_MENU, image.shown(), text).remedy("bootseal grub install")
}

/// The findings of scripts of ours that are missing, masked, or not as this bootseal installs them.
fn scripts(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ours = scene.modes.iter().flat_map(|mode| scripts_of(*mode));
    for entry in ours.filter(|entry| entry.has_reader(scene.context)) {
        let Some(phase) = entry.phase else { continue };
        let is_it = |plugin: &&Plugin| plugin.phase == phase && plugin.name == entry.name;
        let finding = match scene.plugins.iter().find(is_it) {
            None => {
                let path = entry.path();
                let text = format!("{} is not installed", path.shown());
                Some(Finding::new(NOT_INSTALLED, path.shown(), text).remedy(INSTALL))
            }
            Some(plugin) => masked(plugin).or_else(|| changed(scene, plugin, entry)),
        };
        findings.extend(finding);
    }
    findings
}

/// The finding of the file that Portage reads after each package.
fn portages(scene: &Scene<'_>) -> Result<Option<Finding>> {
    let path = PORTAGE.path();
    let there = scene.context.path(&path);
    let is_ours = system::read(&there).is_ok_and(|bytes| bytes == PORTAGE.content(scene.program).as_bytes());
    if is_ours || !PORTAGE.has_reader(scene.context) {
        return Ok(None);
    }
    let shown = path.shown();
    let (state, remedy) = if system::info_of_name(&there)?.is_some() {
        (
            "not as this bootseal installs it",
            format!("mv {shown} /root/ && {INSTALL}"),
        )
    } else {
        ("not installed", INSTALL.to_owned())
    };
    let text = format!("{shown} is {state}: modules and boot loaders that packages bring stay unsigned");
    Ok(Some(Finding::new(PACKAGES_UNSIGNED, shown, text).remedy(remedy)))
}

fn masked(plugin: &Plugin) -> Option<Finding> {
    let (path, shown) = (plugin.path.shown(), quoted(&plugin.path));
    match plugin.state {
        State::Active => None,
        State::Masked => {
            let text = format!("{path} is masked: it is an empty file, or a link to /dev/null");
            Some(Finding::new(MASKED, path, text).remedy(format!("rm {shown}, then: {INSTALL}")))
        }
        State::NotExecutable => {
            let text = format!("{path} is not executable");
            Some(Finding::new(NOT_EXECUTABLE, path, text).remedy(format!("chmod +x {shown}")))
        }
    }
}

/// A file that cannot be read is not the one that was installed.
fn changed(scene: &Scene<'_>, plugin: &Plugin, entry: &Entry) -> Option<Finding> {
    let is_ours = system::read(&scene.context.path(&plugin.path))
        .is_ok_and(|bytes| bytes == entry.content(scene.program).as_bytes());
    (!is_ours).then(|| {
        let text = format!("{} is not as this bootseal installs it", plugin.path.shown());
        Finding::new(CHANGED, plugin.path.shown(), text).remedy(INSTALL)
    })
}

fn bypassed(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if scene.modes.contains(&Mode::Systemd)
        && let Some(("1", place)) = scene.settings.get("KERNEL_INSTALL_BYPASS")
    {
        let text = format!("KERNEL_INSTALL_BYPASS=1 in {place}: kernel-install does nothing at all");
        findings.push(Finding::new(BYPASSED, "KERNEL_INSTALL_BYPASS", text).remedy("unset it"));
    }
    for (phase, variable) in phases(scene).filter_map(|phase| Some((phase, phase.variable()?))) {
        let Some((plugins, place)) = scene.settings.get(variable) else {
            continue;
        };
        let is_missing = |entry: &Entry| entry.phase == Some(*phase) && !plugins.contains(entry.name);
        let ours = scene.modes.iter().flat_map(|mode| scripts_of(*mode)).copied();
        let missing: Vec<&str> = ours.filter(is_missing).map(|entry| entry.name).collect();
        if !missing.is_empty() {
            let text = format!("{variable} in {place} leaves out {}", missing.join(", "));
            findings.push(Finding::new(LEFT_OUT, variable, text).remedy("unset it, or add them"));
        }
    }
    findings
}

/// The phases of all modes that the hooks are for.
fn phases<'a>(scene: &Scene<'a>) -> impl Iterator<Item = &'a Phase> {
    scene.modes.iter().flat_map(|mode| Phase::of_mode(*mode))
}

/// The findings of ways that a kernel can come by and that have no hooks of ours.
fn unserved(scene: &Scene<'_>) -> Vec<Finding> {
    let found = |other: &Detected| {
        let name = other.mode.name();
        let text = format!(
            "a kernel can also come by the mode {name} ({}), for which no hooks are installed: it would stay unsigned",
            printable(&other.evidence)
        );
        let modes = scene.modes.iter().chain([&other.mode]);
        let options: Vec<String> = modes.map(|mode| format!(" --mode {}", mode.name())).collect();
        Finding::new(OTHER_WAY, name, text).remedy(format!("{INSTALL}{}", options.concat()))
    };
    scene.others.iter().map(found).collect()
}

fn order(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for phase in phases(scene) {
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
                let text = format!("wrong order: {} {}", plugin.path.shown(), neighbour.consequence);
                let own = position(neighbour.slot)
                    .and_then(|own| running.get(own))
                    .map_or("", |own| &own.name);
                let when = if neighbour.is_before { "before" } else { "after" };
                let finding = Finding::new(WRONG_ORDER, plugin.path.shown(), text);
                findings.push(finding.remedy(format!("rename it so that it sorts {when} {own}")));
            }
        }
    }
    findings
}

fn program(scene: &Scene<'_>) -> Result<Option<Finding>> {
    if is_program(scene.context, "bootseal") {
        return Ok(None);
    }
    let told = scene
        .program
        .map(|directory| scene.context.path(directory).join("bootseal"));
    let text = match &told {
        Some(program) if system::is_there(program)? => return Ok(None),
        Some(program) => format!("hooks call {}, and it is gone", program.shown()),
        None => "bootseal is in none of the directories where hooks look for programs".to_owned(),
    };
    let finding = Finding::new(NO_PROGRAM, "bootseal", text);
    Ok(Some(finding.remedy("install -m 755 bootseal /usr/local/bin/bootseal")))
}

/// True if GRUB starts something here: it has a configuration, or is to get one.
fn uses_grub(scene: &Scene<'_>) -> Result<bool> {
    let layout = scene
        .settings
        .get("KERNEL_INSTALL_LAYOUT")
        .or(scene.settings.get("layout"));
    if scene.config.sign.names_grub(scene.context) || layout.is_some_and(|(layout, _)| layout == "grub") {
        return Ok(true);
    }
    let directories = boot_directories(scene.context, [])?;
    let tree = BootTree::read(scene.context, &directories, &Naming::of_machine(scene.context)?);
    Ok(!tree.grub_configurations.is_empty())
}

fn mounts(scene: &Scene<'_>) -> Result<Vec<Finding>> {
    let missing = not_mounted(scene.context, &BOOT_DIRECTORIES)?;
    let found = |directory: &&str| {
        Finding::new(NOT_MOUNTED, *directory, format!("{directory} is not mounted"))
            .remedy(format!("mount {directory}"))
    };
    Ok(missing.iter().map(found).collect())
}
