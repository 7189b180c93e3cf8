//! Checks of the boot path: the files that the firmware starts, and the others that lie where it looks.

mod beside;
mod early;
mod images;
mod kernels;
mod next_start;
mod sbat;
mod unrecorded;
mod unvouched;

use crate::formats::text::Shown;
use std::path::Path;

use crate::disk::no_efi_partition;
use crate::enroll::{BootFile, Remedy, Verdict};
use crate::finding::{Finding, Kind, Outcome};
use crate::start::NEXT_START_FAILS;
use crate::system::{self, FileInfo};

use crate::audit::check::{Check, Group};
use crate::audit::machine::Machine;
use crate::audit::reason::reason;

/// A file that is to be started is refused.
const ENTRY_REFUSED: Kind = Kind::error("boot_entry_refused");
/// Others than root can write to an EFI system partition.
const PARTITION_WRITABLE: Kind = Kind::warning("partition_writable");

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "boot.entries",
        group: Group::Boot,
        title: "Signatures of everything that the firmware and its loaders are told to start",
        kind: ENTRY_REFUSED,
        proves: "Each file of the boot order, the fallback loader, and each kernel that systemd-boot or GRUB is told to start \
                 is accepted by the db and dbx that the firmware holds now.",
        remedy: "bootseal sign efi FILE; remove entries of what is not to start: efibootmgr -B -b NUMBER",
        run: entries,
    },
    Check {
        id: "boot.early",
        group: Group::Boot,
        title: "Programs and drivers that the firmware starts before boot loaders",
        kind: early::STARTED_EARLY,
        proves: "No active option SysPrep#### or Driver#### leads to a file that db lets in: nothing runs before the boot loader. \
                 What PlatformRecovery#### and OsRecovery#### lead to is evidence.",
        remedy: "efibootmgr with --sysprep or --driver removes an option; remove its file as well",
        run: early::check,
    },
    Check {
        id: "boot.beside",
        group: Group::Boot,
        title: "Settings, credentials and extensions beside loaders, which nobody verifies",
        kind: beside::EDITOR_OPEN,
        proves: "No loader.conf of systemd-boot opens its editor or enrolls keys by itself, and beside unified images (IMAGE.extra.d, \
                 loader/credentials, loader/extensions) lie no credentials and no extensions.",
        remedy: "editor no, in loader.conf; remove credentials and extensions that are not yours",
        run: beside::check,
    },
    Check {
        id: "boot.next_start",
        group: Group::Boot,
        title: "The next start, walked to its end",
        kind: NEXT_START_FAILS,
        proves: "The loader that the firmware starts next finds its configuration and the entry that starts by itself; each file \
                 of this entry is there and, where GRUB asks for signatures, signed by a key that this GRUB embeds; the \
                 initramfs is one for this kernel, can be unpacked, and the kernel takes each module of its own in it. No \
                 command had to put the former menu back since.",
        remedy: "What the finding names; then bootseal sign all, which walks the same way",
        run: next_start::check,
    },
    Check {
        id: "boot.images",
        group: Group::Boot,
        title: "Images that db lets in, searched for ways around the chain",
        kind: images::OPEN_GRUB,
        proves: "Of all images on the EFI system partitions, those that db lets in are no GRUB that opens unsigned files, no \
                 UEFI shell, and no loader of somebody else, which starts whatever its maker signed. Whoever can write to the \
                 partition can start any of them.",
        remedy: "Have its hash forbidden, and remove it: bootseal enroll add dbx FILE && rm FILE",
        run: images::check,
    },
    Check {
        id: "boot.sbat",
        group: Group::Boot,
        title: "SBAT of the loaders, compared with the level that shim asks for",
        kind: sbat::SBAT_TOO_OLD,
        proves: "No component in the SBAT of an image on the EFI system partitions has a lower generation than shim's variable \
                 SbatLevelRT asks for. Only shim looks at it; without one there that db lets in, it is evidence.",
        remedy: "Update the loader",
        run: sbat::check,
    },
    Check {
        id: "boot.kernels",
        group: Group::Boot,
        title: "Signatures of the kernels in the boot directories",
        kind: kernels::KERNEL_REFUSED,
        proves: "Each kernel and unified image in /boot, /efi, /boot/efi, kernel-install's boot directory and the EFI system \
                 partitions, by all names that installers of kernels give, is accepted by the db and dbx that the firmware \
                 holds now. These are the files that the hooks sign.",
        remedy: "bootseal sign efi FILE, or remove it",
        run: kernels::check,
    },
    Check {
        id: "boot.unvouched",
        group: Group::Boot,
        title: "Files on the boot media that runs left unsigned",
        kind: unvouched::UNVOUCHED,
        proves: "No file that a run met on the boot media and left unsigned, since nobody vouches for it or it was changed \
                 after it was signed, still lies there.",
        remedy: "Remove the file, or, if the change is your own: bootseal sign efi|grub --accept-changed FILE FILE",
        run: unvouched::check,
    },
    Check {
        id: "boot.unrecorded",
        group: Group::Boot,
        title: "Signatures by our keys on the boot media, compared with the ledger",
        kind: unrecorded::UNRECORDED,
        proves: "Each EFI image and each file of GRUB on the boot media with a signature by our db or GRUB key that holds is in \
                 the ledger, or equals a file of a package: nobody else signs with these keys, and the ledger was not cut.",
        remedy: "Remove the file; if you signed it elsewhere: bootseal sign efi|grub --accept-changed FILE FILE",
        run: unrecorded::check,
    },
    Check {
        id: "boot.partition",
        group: Group::Boot,
        title: "Write permission for the EFI system partition",
        kind: PARTITION_WRITABLE,
        proves: "No directory of it can be written to by group or others, as it is mounted now.",
        remedy: "Mount it with umask=0077",
        run: partition,
    },
];

fn entries(machine: &Machine<'_>) -> Outcome {
    let (files, esps) = match (machine.boot_files(), machine.esps()) {
        (Ok(files), Ok(esps)) => (files, esps),
        (Err(missing), _) | (_, Err(missing)) => return Outcome::could_not_run(missing.clone()),
    };
    let mut outcome = Outcome::default();
    let starts = files
        .iter()
        .any(|file| file.is_next && matches!(file.verdict, Verdict::Accepted(_)));
    for file in files {
        look_at(file, starts, &mut outcome);
    }
    // What GRUB is told to start may be in /boot; what the firmware itself starts is on an EFI system partition.
    if esps.is_empty() || !files.iter().any(|file| file.is_next) {
        outcome
            .not_run
            .push("no file was found that the firmware could start: is the EFI system partition mounted?".to_owned());
    }
    outcome
}

/// `starts`: the firmware takes what the next start begins with.
fn look_at(file: &BootFile, starts: bool, outcome: &mut Outcome) {
    let place = format!("{} ({})", file.path, file.source);
    match &file.verdict {
        Verdict::Accepted(reason) => outcome.evidence.push(format!("{place}: {reason}")),
        // A distribution's own loader, say, which nobody starts: the firmware would not.
        Verdict::Refused(reason) if starts && file.is_later_option() => {
            outcome
                .evidence
                .push(format!("{place} is not what starts, and would not: {reason}"));
        }
        Verdict::Refused(reason) => outcome.findings.push(
            Finding::new(
                ENTRY_REFUSED,
                file.path.clone(),
                format!("{place} would not start: {reason}"),
            )
            .remedy(match file.remedy() {
                _ if file.is_elsewhere() => "mount its partition, and: bootseal sign efi FILE".to_owned(),
                Remedy::Enforce => file.grub_install().to_owned(),
                _ => format!("bootseal sign efi {}", crate::error::quoted(Path::new(&file.path))),
            }),
        ),
        Verdict::NotJudged(reason) if file.is_unread() => outcome.not_run.push(format!("{place}: {reason}")),
        // An entry of the firmware for a network card, say, leads to no file.
        Verdict::NotJudged(reason) => outcome.evidence.push(format!("{place}: not judged, {reason}")),
    }
}

fn partition(machine: &Machine<'_>) -> Outcome {
    let esps = match machine.esps() {
        Ok(esps) => esps,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    if esps.is_empty() {
        return Outcome::could_not_run(no_efi_partition(machine.context()));
    }
    let mut outcome = Outcome::default();
    for esp in esps {
        let shown = esp.directory.shown();
        match system::info(&esp.directory) {
            Ok(FileInfo { mode, .. }) if mode & 0o022 != 0 => {
                let text = format!("{shown} has mode {mode:04o}: others than root can change what starts");
                let remedy = format!("mount -o remount,umask=0077 {}", crate::error::quoted(&esp.directory));
                outcome
                    .findings
                    .push(Finding::new(PARTITION_WRITABLE, esp.directory.shown(), text).remedy(remedy));
            }
            Ok(_) => outcome.evidence.push(format!("{shown}: written by root only")),
            Err(error) => outcome.not_run.push(reason(&error)),
        }
    }
    outcome
}
