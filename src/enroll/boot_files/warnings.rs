//! The findings about the files that start: which of them stop a plan.

use crate::error::quoted;
use crate::finding::{Finding, Kind};

use crate::enroll::request::{Request, Source};

use super::boot_file::{BootFile, Remedy, Verdict};

/// The next start would be refused.
const NEXT_BOOT_REFUSED: Kind = Kind::error("next_boot_refused");
/// No file was found that the firmware could start next.
const NO_BOOT_FILE_FOUND: Kind = Kind::error("no_boot_file_found");
/// No kernel that the boot loader is told to start would be accepted.
const NO_KERNEL_ACCEPTED: Kind = Kind::error("no_kernel_accepted");
/// Files that may start now would be refused.
const BOOT_FILE_REFUSED: Kind = Kind::warning("boot_file_refused");

pub(super) fn warnings(files: &[BootFile], request: &Request) -> Vec<Finding> {
    let mut warnings = Vec::new();
    let next = files.iter().find(|file| file.is_next);
    match next.map(|next| (next, &next.verdict)) {
        Some((next, Verdict::Refused(reason))) => warnings.push(
            Finding::new(
                NEXT_BOOT_REFUSED,
                &next.path,
                format!(
                    "the next start would be refused: {}, {}: {reason}",
                    next.source, next.path
                ),
            )
            .remedy(remedy(request, next))
            .unless(request.allow.boot_files),
        ),
        Some(_) => {}
        None => warnings.push(
            Finding::new(
                NO_BOOT_FILE_FOUND,
                "EFI system partition",
                "no file was found that the firmware could start next, so none could be judged",
            )
            .remedy("mount the EFI system partition, or name where it is mounted: --esp DIR")
            .unless(request.allow.boot_files),
        ),
    }
    // What the loader starts is refused as well, and one kernel that starts is needed.
    let chained: Vec<&BootFile> = files.iter().filter(|file| !file.is_first && file.is_found()).collect();
    let refused = |file: &&BootFile| matches!(file.verdict, Verdict::Refused(_));
    if !chained.is_empty() && chained.iter().all(refused) {
        let message = format!(
            "nothing that the boot loader is told to start would be accepted: {}",
            list(&chained)
        );
        let warning = Finding::new(NO_KERNEL_ACCEPTED, "kernels", message).unless(request.allow.boot_files);
        let hints = chained.iter().map(|file| remedy(request, file));
        warnings.push(hints.fold(warning, Finding::remedy));
    }
    let others: Vec<&BootFile> = files
        .iter()
        .filter(|file| !file.is_next && matches!(file.verdict, Verdict::Refused(_)))
        .collect();
    if !others.is_empty() {
        let message = format!("these would be refused from now on: {}", list(&others));
        let warning = Finding::new(BOOT_FILE_REFUSED, "boot files", message);
        let hints = others.iter().map(|file| remedy(request, file));
        warnings.push(hints.fold(warning, Finding::remedy));
    }
    warnings
}

fn list(files: &[&BootFile]) -> String {
    let texts: Vec<String> = files
        .iter()
        .filter_map(|file| match &file.verdict {
            Verdict::Refused(reason) => Some(format!("{} ({}): {reason}", file.path, file.source)),
            Verdict::Accepted(_) | Verdict::NotJudged(_) => None,
        })
        .collect();
    texts.join("; ")
}

/// The command, or advice, that has the file accepted.
pub(in crate::enroll) fn remedy(request: &Request, file: &BootFile) -> String {
    let path = quoted(file.path.as_ref());
    let replace = match file.remedy {
        Remedy::Exchange => return format!("put a version of {path} in its place that dbx does not forbid"),
        Remedy::Repair => return format!("have {path} installed again"),
        Remedy::Enforce => {
            let command = file.grub_install();
            return format!("replace {path} by a GRUB that enforces signatures: {command}");
        }
        Remedy::Replace => " --replace",
        Remedy::Sign => "",
    };
    match &request.source {
        Source::Keys(keys) => format!("bootseal sign efi{replace} --keys {} {path}", quoted(keys)),
        Source::Updates(_) => format!("bootseal sign efi{replace} {path}"),
    }
}
