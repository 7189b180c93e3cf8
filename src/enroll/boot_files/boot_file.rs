//! A file that the firmware may start, and its verdict.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::formats::firmware::signature_list::Signature;

use super::next_entry::LoaderKind;

/// A file that the firmware may start.
#[derive(Debug, Clone, Serialize)]
pub struct BootFile {
    /// The boot option, entry or configuration that leads to it.
    pub source: String,
    /// The path, as a person reads it.
    pub path: String,
    #[serde(skip)]
    pub(super) file: Option<PathBuf>,
    /// The command line that the boot option hands to it.
    #[serde(skip)]
    pub(super) command_line: String,
    /// The kind of loader; none where the file could not be read.
    #[serde(skip)]
    pub kind: Option<LoaderKind>,
    /// The answer that the firmware will give.
    pub verdict: Verdict,
    /// True if the next start begins with it.
    pub is_next: bool,
    /// The change that would have it accepted.
    #[serde(skip)]
    pub(super) remedy: Remedy,
    /// True if the firmware itself starts it, rather than a boot loader.
    #[serde(skip)]
    pub(super) is_first: bool,
    /// The partition that it is on.
    #[serde(skip)]
    pub(super) place: Place,
    /// The entry of db that is measured when it is let in.
    #[serde(skip)]
    pub(in crate::enroll) measured: Option<Signature>,
}

/// The partition of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// One that is mounted.
    Mounted,
    /// It is, or may be, on one that is not mounted.
    Elsewhere,
    /// It may be on one that cannot be read.
    Unread,
}

/// A change that would have a file accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// A signature.
    Sign,
    /// Another GRUB: this one opens what nobody signed, and a signature would let it in.
    Enforce,
    /// A signature in place of those that condemn the file, whoever else signed it.
    Replace,
    /// Another version: dbx forbids its hash, which no signature changes.
    Exchange,
    /// The same file once more: it is damaged.
    Repair,
}

/// The answer that the firmware will give to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "answer", content = "reason", rename_all = "snake_case")]
pub enum Verdict {
    /// It starts it, because of this.
    Accepted(String),
    /// It refuses it, because of this.
    Refused(String),
    /// That cannot be told, because of this.
    NotJudged(String),
}

impl BootFile {
    /// True if a boot loader starts it, rather than the firmware itself.
    #[must_use]
    pub const fn is_of_loader(&self) -> bool {
        !self.is_first
    }

    /// True if it belongs to an option of the firmware's that comes after the one which the next start begins with. The path that
    /// firmware falls back to is none.
    #[must_use]
    pub fn is_later_option(&self) -> bool {
        self.is_first && !self.is_next && self.source.starts_with("Boot")
    }

    /// The change that would have it accepted.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        self.remedy
    }

    /// The command that puts a GRUB which enforces signatures in its place: the one that firmware falls back to has to be named.
    #[must_use]
    pub fn grub_install(&self) -> &'static str {
        let mut above = Path::new(&self.path).components().rev().skip(1);
        let mut is_in = |name: &str| {
            above
                .next()
                .is_some_and(|part| part.as_os_str().eq_ignore_ascii_case(name))
        };
        if is_in("BOOT") && is_in("EFI") {
            "bootseal grub install --removable"
        } else {
            "bootseal grub install"
        }
    }

    /// The file, as it can be opened; none if the firmware finds no such file.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// True if it is, or may be, on a partition that is not mounted.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        self.place != Place::Mounted
    }

    /// True if it may be on a partition that cannot be read.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        self.place == Place::Unread
    }

    /// The command line that the boot option hands to it, should it be a kernel.
    #[must_use]
    pub fn command_line(&self) -> &str {
        &self.command_line
    }

    pub(super) fn is_found(&self) -> bool {
        !matches!(self.verdict, Verdict::NotJudged(_))
    }
}

pub(super) fn not_judged(source: String, path: String, reason: &str) -> BootFile {
    BootFile {
        source,
        path,
        verdict: Verdict::NotJudged(reason.to_owned()),
        file: None,
        command_line: String::new(),
        kind: None,
        is_next: false,
        is_first: false,
        place: Place::Mounted,
        remedy: Remedy::Sign,
        measured: None,
    }
}

/// A file that is not where it is looked for.
pub(super) fn missing(source: String, path: String, reason: &str) -> BootFile {
    BootFile {
        verdict: Verdict::Refused(reason.to_owned()),
        remedy: Remedy::Repair,
        ..not_judged(source, path, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_firmware_falls_back_to_grub_goes_by_name_alone() {
        let command = |path: &str| not_judged(String::new(), path.to_owned(), "").grub_install();
        for path in ["/boot/efi/EFI/BOOT/BOOTX64.EFI", "/efi/efi/boot/bootx64.efi"] {
            assert_eq!(command(path), "bootseal grub install --removable", "{path}");
        }
        for path in ["/boot/efi/EFI/debian/grubx64.efi", "/boot/BOOTX64.EFI", "BOOTX64.EFI"] {
            assert_eq!(command(path), "bootseal grub install", "{path}");
        }
    }
}
