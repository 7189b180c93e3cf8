//! The effects of the scripts in a core image on the enforcement.

use crate::finding::{Finding, Kind};
use crate::formats::grub::core_image::CoreImage;
use crate::formats::grub::script::{Command, Room, Script, StepKind};
use crate::trust::grub_script::{Act, Danger, Scene, Scripts, dangers, dangers_of_embedded};

use super::problem::{DISABLED, OPEN_SHELL, TRUST, UNPROVEN, problem};

/// Commands after which GRUB does not come back.
const ENDS: [&str; 3] = ["reboot", "halt", "exit"];

/// The effects of the scripts that GRUB runs from its image.
#[derive(Debug, Default)]
pub(super) struct Effects {
    superusers: bool,
    exported: bool,
    ends: bool,
    pub problems: Vec<Finding>,
}

impl Effects {
    pub(super) fn from_image(image: &CoreImage<'_>) -> Self {
        let mut effects = Self::default();
        let read = |path: &str| image.memory_disk_file(path);
        let scene = Scene {
            memory_disk: image.memory_disk.is_some().then_some(&read),
            prefix: image.prefix,
            is_first: true,
            others: None,
        };
        if let Some(configuration) = image.configuration {
            let text = String::from_utf8_lossy(configuration);
            for line in text.lines() {
                // The small parser knows no `;`: the rest of the line is a part of the first command.
                effects.command(Script::parse(line).commands.first());
            }
            for danger in dangers_of_embedded(&text, scene) {
                effects.danger(&danger, None);
            }
        }
        if let Some(configuration) = &image.memory_disk_configuration {
            let script = Script::parse_bytes(configuration);
            for command in always(&script) {
                effects.command(Some(command));
            }
            for danger in dangers(&script, scene) {
                effects.danger(&danger, None);
            }
        }
        // GRUB opens these without a signature, whoever names them.
        let mut room = Room::default();
        let scripts: Vec<(String, Script)> = image
            .memory_disk_scripts()
            .into_iter()
            .map(|(path, content)| (path, Script::parse_bytes_in(&content, &mut room)))
            .collect();
        let shared = Scripts::new(scripts.iter().map(|(_, script)| script));
        for (number, (path, script)) in scripts.iter().enumerate() {
            let scene = Scene {
                others: Some(shared.beside(number)),
                is_first: false,
                ..scene
            };
            for danger in dangers(script, scene) {
                effects.danger(&danger, Some(path));
            }
        }
        effects
    }

    /// Notes the effect of a command that runs in any case.
    fn command(&mut self, command: Option<&Command>) {
        let Some(command) = command else { return };
        let words: Vec<String> = command
            .words
            .iter()
            .map(|word| word.literal().unwrap_or_default())
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if let Some(("superusers", value)) = command
            .assignment()
            .as_ref()
            .map(|(name, value)| (name.as_str(), value))
        {
            self.superusers = value.literal().as_deref() != Some("");
        }
        match words.as_slice() {
            ["unset", "superusers", ..] => self.superusers = false,
            ["export", names @ ..] => self.exported |= names.contains(&"superusers"),
            _ => {}
        }
        self.ends = words.first().is_some_and(|command| ENDS.contains(command));
    }

    fn danger(&mut self, danger: &Danger, file: Option<&str>) {
        let file = file.map(|path| format!("(memdisk)/{path}"));
        let says = match danger.within.as_deref().or(file.as_deref()) {
            None => format!("the embedded configuration says \"{}\"", danger.command),
            Some(file) => format!("{file} says \"{}\" in line {}", danger.command, danger.line),
        };
        let (kind, text): (Kind, String) = match danger.act {
            Act::SuperusersChanged => return,
            Act::SuperusersOff => {
                self.superusers = false;
                return;
            }
            Act::SignaturesOff | Act::Unload | Act::UncheckedEnvironment | Act::Memory => (DISABLED, says),
            Act::Keys => (TRUST, format!("it changes the keys that it trusts: {says}")),
            Act::Shell => (OPEN_SHELL, says),
            Act::Unproven(reason) => (UNPROVEN, format!("{says}, and {reason}")),
        };
        let found = problem(kind, text);
        if !self.problems.contains(&found) {
            self.problems.push(found);
        }
    }

    /// The way in which somebody gets to a command line, where GRUB has one; none if there is no way.
    pub(super) const fn open_shell(&self) -> Option<&'static str> {
        if !self.superusers {
            Some("the embedded configuration sets no superusers")
        } else if !self.exported {
            Some("the embedded configuration does not export superusers, so that configfile forgets them")
        } else if !self.ends {
            Some("the embedded configuration does not end in reboot, halt or exit, so that a failure ends in a shell")
        } else {
            None
        }
    }
}

/// The commands of a script that run whatever its conditions say.
fn always(script: &Script) -> Vec<&Command> {
    let (mut at, mut found) = (0_usize, Vec::new());
    while let Some(step) = script.steps.get(at) {
        if let StepKind::Command(index) = step.kind {
            found.extend(script.commands.get(index));
        }
        at = step.next.max(at.saturating_add(1));
    }
    found
}
