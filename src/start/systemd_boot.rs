//! The way through systemd-boot.

use std::path::Path as FilePath;

use crate::disk::{EfiPartition, ExtendedBoot, UNIFIED_IMAGES, WINDOWS, reinstall_newest};
use crate::enroll::{Choice, NextEntry, systemd_boot_choice};
use crate::error::Result;
use crate::finding::{Finding, Level};
use crate::formats::text::{Shown, printable};

use super::path::Path;
use super::remedy::missing;
use super::scene::NEXT_START_FALLS_BACK;

impl Path<'_> {
    pub(super) fn walk_systemd_boot(&mut self, esp: &EfiPartition, mounted: &[EfiPartition]) -> Result<()> {
        let context = self.scene.context;
        let extended = ExtendedBoot::beside(context, esp, mounted)?;
        if extended == ExtendedBoot::Unmounted {
            let text = format!(
                "{}: systemd-boot also reads the extended boot partition of this disk, which is not mounted (mount it, and ask again)",
                esp.directory.shown()
            );
            self.outcome.not_run.push(text);
        }
        if let Some(choice) = systemd_boot_choice(context, esp, &extended)? {
            return self.choice(&choice);
        }
        if extended == ExtendedBoot::Unmounted {
            return Ok(());
        }
        if let Some(windows) = esp.find(WINDOWS) {
            let text = format!("systemd-boot has no entry but {}", windows.shown());
            self.outcome.evidence.push(text);
            return Ok(());
        }
        let place = esp.directory.join(UNIFIED_IMAGES);
        let text = format!(
            "{}: systemd-boot finds neither an entry nor a unified kernel image",
            esp.directory.shown()
        );
        self.fails(&place, text, [reinstall_newest(context)]);
        Ok(())
    }

    fn choice(&mut self, choice: &Choice) -> Result<()> {
        let entry = &choice.entry;
        if let Some((better, reason)) = &choice.passed_over {
            let (text, remedies) = self.hidden(better, reason);
            let text = format!("{text}; it starts {}", printable(&entry.source));
            let subject = better.own_file().map(Shown::shown).unwrap_or_default();
            let finding = Finding::new(NEXT_START_FALLS_BACK, subject, text).at(Level::Error);
            self.outcome.findings.push(finding.remedies(remedies));
        }
        if let Some(reason) = &choice.hidden {
            let (text, remedies) = self.hidden(entry, reason);
            self.fails(entry.own_file().unwrap_or_else(|| FilePath::new("")), text, remedies);
            return Ok(());
        }
        if entry.files.is_empty() {
            let text = format!(
                "{} is the default: it leads to another system, or to the firmware's setup",
                printable(&entry.source)
            );
            self.outcome.evidence.push(text);
            return Ok(());
        }
        self.entry(entry, &[])
    }

    /// The words for an entry that systemd-boot does not show, and what mends it.
    fn hidden(&self, entry: &NextEntry, reason: &str) -> (String, Vec<String>) {
        let file = entry.own_file().map(Shown::shown).unwrap_or_default();
        let gone = entry.files.iter().find(|file| file.path.is_none());
        let remedies = gone.map_or_else(
            || vec![reinstall_newest(self.scene.context)],
            |gone| missing(self.scene.context, entry, gone),
        );
        (
            format!("{file}: systemd-boot does not show it, since {reason}"),
            remedies,
        )
    }
}
