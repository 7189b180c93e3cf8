//! The files that the firmware may start, judged as it will judge once the plan is carried out.

mod loaders;
mod next_entry;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde::Serialize;

use crate::disk::{Architecture, BootOptions, EfiPartition};
use crate::error::{Result, quoted};
use crate::finding::{Finding, Kind};
use crate::formats::firmware::authenticode::Image;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::load_option::LoadOption;
use crate::formats::firmware::signature_list::Signature;
use crate::formats::text::{Shown, printable};
use crate::system::{self, Context};
use crate::trust::image::{Policy, Refusal};

use super::lists::Lists;
use super::request::{Request, Source};
use super::store::{Store, StoreChoice};
use loaders::{LoaderFile, NotFound, loaders_files, partitions};

pub use next_entry::{LoaderKind, NextEntry};

/// The files that start could not be judged.
const BOOT_FILES_NOT_JUDGED: Kind = Kind::note("boot_files_not_judged");
/// The next start would be refused.
const NEXT_BOOT_REFUSED: Kind = Kind::error("next_boot_refused");
/// No file was found that the firmware could start next.
const NO_BOOT_FILE_FOUND: Kind = Kind::error("no_boot_file_found");
/// No kernel that the boot loader is told to start would be accepted.
const NO_KERNEL_ACCEPTED: Kind = Kind::error("no_kernel_accepted");
/// Files that may start now would be refused.
const BOOT_FILE_REFUSED: Kind = Kind::warning("boot_file_refused");

/// A file that the firmware may start.
#[derive(Debug, Clone, Serialize)]
pub struct BootFile {
    /// The boot option, entry or configuration that leads to it.
    pub source: String,
    /// The path, as a person reads it.
    pub path: String,
    /// The answer that the firmware will give.
    pub verdict: Verdict,
    /// True if the next start begins with it.
    pub is_next: bool,
    /// The change that would have it accepted.
    #[serde(skip)]
    remedy: Remedy,
    /// True if the firmware itself starts it, rather than a boot loader.
    #[serde(skip)]
    is_first: bool,
    /// The entry of db that is measured when it is let in.
    #[serde(skip)]
    pub(super) measured: Option<Signature>,
}

/// A change that would have a file accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// A signature.
    Sign,
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

/// Finds and judges every file, and returns them with the findings that stop the plan or warn.
pub(super) fn check(
    context: &Context,
    store: &Store,
    request: &Request,
    after: &Lists,
) -> Result<(Vec<BootFile>, Vec<Finding>)> {
    let partitions = partitions(context, request)?;
    if partitions.is_empty() && request.store != StoreChoice::Live {
        let warning = Finding::new(
            BOOT_FILES_NOT_JUDGED,
            "EFI system partition",
            "the images that boot were not judged by these keys: the EFI system partition is not known",
        );
        return Ok((Vec::new(), vec![warning.remedy("mount it, and name it: --esp DIR")]));
    }
    let judge = Judge {
        policy: Policy::new(&after.db, &after.dbx),
        partitions,
    };
    let mut files: Vec<BootFile> = judge.entries(store)?.chain(judge.fallback()).collect();
    files.extend(judge.loaders_files(context));
    if let Some(next) = files.iter_mut().find(|file| file.is_first && file.is_found()) {
        next.is_next = true;
    }
    let warnings = warnings(&files, request);
    Ok((files, warnings))
}

/// The files that the machine's own firmware and its loaders may start, judged by the variables that it holds now.
pub fn present_boot_files(context: &Context, store: &Store) -> Result<Vec<BootFile>> {
    let request = Request::new(std::path::PathBuf::new(), StoreChoice::Live);
    let (files, _) = check(context, store, &request, &Lists::read(store)?)?;
    Ok(files)
}

/// The files that the machine's own firmware starts next: its entries up to the first that leads to a file, or the fallback
/// loader; and the kernel that this loader starts by itself. Nothing else is read.
pub fn next_boot_files(context: &Context, store: &Store) -> Result<Vec<BootFile>> {
    let request = Request::new(std::path::PathBuf::new(), StoreChoice::Live);
    let lists = Lists::read(store)?;
    let judge = Judge {
        policy: Policy::new(&lists.db, &lists.dbx),
        partitions: partitions(context, &request)?,
    };
    let mut files = Vec::new();
    for mut file in judge.entries(store)?.chain(judge.fallback()) {
        file.is_next = file.is_found();
        let next = file.is_next.then(|| file.path.clone());
        files.push(file);
        if let Some(next) = next {
            files.extend(judge.next_kernel(context, &next));
            break;
        }
    }
    Ok(files)
}

impl BootFile {
    /// True if a boot loader starts it, rather than the firmware itself.
    #[must_use]
    pub const fn is_of_loader(&self) -> bool {
        !self.is_first
    }

    /// The change that would have it accepted.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        self.remedy
    }

    fn is_found(&self) -> bool {
        !matches!(self.verdict, Verdict::NotJudged(_))
    }
}

struct Judge {
    policy: Policy,
    partitions: Vec<EfiPartition>,
}

impl Judge {
    /// The boot options in the firmware's order; files are read as they are asked for.
    fn entries(&self, store: &Store) -> Result<impl Iterator<Item = BootFile>> {
        let read = |name: &str| Ok(store.read_any(name, &Guid::GLOBAL)?.map(|raw| raw.data));
        let tried = BootOptions::new(read).tried()?;
        Ok(tried.into_iter().map(|tried| match &tried.option {
            Some(option) => self.entry(&tried.name(), option),
            None => not_judged(tried.name(), String::new(), "the entry is malformed"),
        }))
    }

    fn entry(&self, name: &str, option: &LoadOption) -> BootFile {
        let source = format!("{name} \"{}\"", printable(&option.description));
        let path = printable(&option.device_path.to_string());
        let Some(file) = option.device_path.file() else {
            return not_judged(source, path, "it leads to no file");
        };
        let partition = option.device_path.partition();
        let found = self
            .partitions
            .iter()
            .filter(|esp| esp.may_be(partition))
            .find_map(|esp| esp.find(&file.replace('\\', "/")));
        match found {
            Some(found) => BootFile {
                is_first: true,
                ..self.judge(source, &found)
            },
            None => not_judged(source, path, "there is no such file on a mounted EFI system partition"),
        }
    }

    fn fallback(&self) -> impl Iterator<Item = BootFile> {
        let names = || Architecture::removable_loaders().into_iter();
        let found = self
            .partitions
            .iter()
            .flat_map(move |esp| names().filter_map(|name| esp.find(&format!("EFI/BOOT/{name}"))));
        found.map(|found| BootFile {
            is_first: true,
            ..self.judge("fallback loader".to_owned(), &found)
        })
    }

    /// The files that systemd-boot and GRUB are told to start.
    fn loaders_files(&self, context: &Context) -> Vec<BootFile> {
        let mut files = Vec::new();
        for esp in &self.partitions {
            files.extend(
                loaders_files(context, esp)
                    .into_iter()
                    .map(|file| self.loaders_file(file)),
            );
            files.dedup_by(|one, other| one.source == other.source && one.path == other.path);
        }
        files
    }

    fn loaders_file(&self, file: LoaderFile) -> BootFile {
        match file.found {
            Ok(found) => self.judge(file.source, &found),
            Err(NotFound::Missing(path)) => not_judged(file.source, path, "there is no such file"),
            Err(NotFound::Unread(path, error)) => {
                let path = path.shown();
                not_judged(file.source, path, &printable(&error.to_string()))
            }
        }
    }

    /// The kernel that the loader at this path starts by itself, if it is known. One that is missing is refused: nothing
    /// starts.
    fn next_kernel(&self, context: &Context, loader: &str) -> Option<BootFile> {
        let loader = Path::new(loader);
        let esp = self.partitions.iter().find(|esp| loader.starts_with(&esp.directory))?;
        let entry = match LoaderKind::recognise(&system::read(loader).ok()?) {
            LoaderKind::Grub => NextEntry::of_grub(context, Some(esp), false),
            LoaderKind::SystemdBoot => NextEntry::of_systemd_boot(esp),
            LoaderKind::Kernel | LoaderKind::Other => return None,
        };
        let entry = match entry {
            Ok(entry) => entry?,
            Err(error) => {
                let reason = printable(&error.in_one_line());
                return Some(not_judged("its next entry".to_owned(), String::new(), &reason));
            }
        };
        let kernel = entry.kernel()?;
        let source = printable(&entry.source);
        Some(match &kernel.path {
            Some(path) => self.judge(source, path),
            None => BootFile {
                verdict: Verdict::Refused("there is no such file".to_owned()),
                ..not_judged(source, printable(&kernel.name), "")
            },
        })
    }

    fn judge(&self, source: String, file: &Path) -> BootFile {
        let path = file.shown();
        let bytes = match system::read(file) {
            Ok(bytes) => bytes,
            Err(error) => {
                let verdict = Verdict::Refused(format!("it cannot be judged: {}", printable(&error.to_string())));
                return BootFile {
                    verdict,
                    ..not_judged(source, path, "")
                };
            }
        };
        let judged = Image::parse(&bytes)
            .map_err(|error| (error.to_string(), None))
            .and_then(|image| {
                let judged = self.policy.judge(&image);
                judged.map_err(|refusal| (refusal.to_string(), Some(refusal)))
            });
        let refusal = judged.as_ref().err().and_then(|(_, refusal)| refusal.as_ref());
        let remedy = match refusal {
            None if judged.is_err() => Remedy::Repair,
            Some(Refusal::ForbiddenHash { .. }) => Remedy::Exchange,
            Some(Refusal::ForbiddenCertificate(_) | Refusal::Signature(_) | Refusal::Edk2(_)) => Remedy::Replace,
            _ => Remedy::Sign,
        };
        let (verdict, measured) = match judged {
            Ok(acceptance) => (
                Verdict::Accepted(printable(&acceptance.to_string())),
                acceptance.measured().cloned(),
            ),
            Err((reason, _)) => (Verdict::Refused(printable(&reason)), None),
        };
        BootFile {
            source,
            path,
            verdict,
            is_next: false,
            is_first: false,
            remedy,
            measured,
        }
    }
}

fn not_judged(source: String, path: String, reason: &str) -> BootFile {
    BootFile {
        source,
        path,
        verdict: Verdict::NotJudged(reason.to_owned()),
        is_next: false,
        is_first: false,
        remedy: Remedy::Sign,
        measured: None,
    }
}

fn warnings(files: &[BootFile], request: &Request) -> Vec<Finding> {
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
fn remedy(request: &Request, file: &BootFile) -> String {
    let path = quoted(file.path.as_ref());
    let replace = match file.remedy {
        Remedy::Exchange => return format!("put a version of {path} in its place that dbx does not forbid"),
        Remedy::Repair => return format!("install {path} again"),
        Remedy::Replace => " --replace",
        Remedy::Sign => "",
    };
    match &request.source {
        Source::Keys(keys) => format!("bootseal sign efi{replace} --keys {} {path}", quoted(keys)),
        Source::Updates(_) => format!("bootseal sign efi{replace} {path}"),
    }
}
