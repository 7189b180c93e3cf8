//! The files that the firmware may start, judged as it will judge once the plan is carried out.

mod boot_file;
mod loaders;
mod next_entry;
mod systemd_boot;
#[cfg(test)]
mod tests;
mod warnings;

use std::path::Path;

use crate::disk::{Architecture, BootOption, BootOptions, EfiPartition, ExtendedBoot, UnmountedPartition};
use crate::error::{Error, Result};
use crate::finding::{Finding, Kind};
use crate::formats::firmware::device_path::HardDrive;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::load_option::LoadOption;
use crate::formats::text::{Shown, printable};
use crate::system::Context;
use crate::trust::OpenedImage;
use crate::trust::image::{Policy, Refusal};
use crate::trust::loader::is_open_grub;

use super::lists::Lists;
use super::request::Request;
use super::store::{Store, StoreChoice};
use boot_file::{Place, missing, not_judged};
use loaders::{LoaderFile, NotFound, loaders_files, partitions, unmounted};

pub use boot_file::{BootFile, Remedy, Verdict};
pub use next_entry::{LoaderKind, NextEntry};
pub use systemd_boot::{Choice, systemd_boot_choice};
pub(super) use warnings::remedy;

/// The files that start could not be judged.
const BOOT_FILES_NOT_JUDGED: Kind = Kind::note("boot_files_not_judged");

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
        unmounted: unmounted(context, request, &options(store).tried()?),
        partitions,
    };
    let mut files: Vec<BootFile> = judge.entries(store)?.chain(judge.fallback()).collect();
    files.extend(judge.loaders_files(context));
    if let Some(next) = files.iter_mut().find(|file| file.is_first && file.is_found()) {
        next.is_next = true;
    }
    let warnings = warnings::warnings(&files, request);
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
    let judge = Judge::present(context, store)?;
    let mut files = Vec::new();
    for mut file in judge.entries(store)?.chain(judge.fallback()) {
        file.is_next = file.is_found();
        let next = file.is_next.then(|| file.file.clone());
        files.push(file);
        if let Some(next) = next {
            files.extend(next.and_then(|next| judge.next_kernel(context, &next)));
            return Ok(files);
        }
    }
    files.extend(judge.nothing(context, &files));
    Ok(files)
}

/// The file that the firmware starts by `BootOrder` once `BootNext` is used up; none without a `BootNext` that leads to a file,
/// or if both are one.
pub fn boot_file_after_trial(context: &Context, store: &Store) -> Result<Option<BootFile>> {
    let judge = Judge::present(context, store)?;
    let options = options(store);
    let trial = judge.found(options.once()?).find(BootFile::is_found);
    let Some(trial) = trial else {
        return Ok(None);
    };
    let mut after = judge.found(options.ordered()?).chain(judge.fallback());
    Ok(after.find(BootFile::is_found).filter(|after| after.file != trial.file))
}

/// The boot options of this firmware.
fn options(store: &Store) -> BootOptions<impl Fn(&str) -> Result<Option<Vec<u8>>>> {
    BootOptions::new(|name: &str| Ok(store.read_any(name, &Guid::GLOBAL)?.map(|raw| raw.data)))
}

/// The loaders that firmware falls back to, that of this machine first.
fn fallback_loaders() -> impl Iterator<Item = String> {
    let names = Architecture::removable_loaders().into_iter();
    names.map(|name| format!("EFI/BOOT/{name}"))
}

struct Judge {
    policy: Policy,
    partitions: Vec<EfiPartition>,
    /// Those that are not mounted, which are opened where an option leads to nothing that is. An error if nobody knows the disks.
    unmounted: Result<Vec<UnmountedPartition>>,
}

impl Judge {
    /// The judge by the variables that the firmware holds now.
    fn present(context: &Context, store: &Store) -> Result<Self> {
        let request = Request::new(std::path::PathBuf::new(), StoreChoice::Live);
        let lists = Lists::read(store)?;
        Ok(Self {
            policy: Policy::new(&lists.db, &lists.dbx),
            partitions: partitions(context, &request)?,
            unmounted: unmounted(context, &request, &options(store).tried()?),
        })
    }

    /// The boot options in the firmware's order; files are read as they are asked for.
    fn entries(&self, store: &Store) -> Result<impl Iterator<Item = BootFile>> {
        Ok(self.found(options(store).tried()?))
    }

    /// The files that these options lead to; they are read as they are asked for.
    fn found(&self, tried: Vec<BootOption>) -> impl Iterator<Item = BootFile> {
        tried.into_iter().map(|tried| match &tried.option {
            Some(option) => self.entry(&tried.name(), option),
            None => not_judged(tried.name(), String::new(), "the entry is malformed"),
        })
    }

    fn entry(&self, name: &str, option: &LoadOption) -> BootFile {
        let source = format!("{name} \"{}\"", printable(&option.description));
        let path = printable(&option.device_path.to_string());
        let partition = option.device_path.partition();
        let partition = partition.as_ref();
        let files = match option.device_path.file() {
            Some(file) => vec![file.replace('\\', "/")],
            None if option.device_path.is_partition_alone() => fallback_loaders().collect(),
            None => {
                return not_judged(
                    source,
                    path,
                    "it names no file: if the device has \\EFI\\BOOT, the firmware starts what lies there, which boot.images judges",
                );
            }
        };
        // A mounted one of which nobody knows which it is gives way to the one that is named.
        let mut unmounted = self.unmounted.iter().flatten();
        let is_unmounted = unmounted.any(|unmounted| unmounted.partition.is(partition));
        let may_be =
            |esp: &&EfiPartition| esp.partition.is(partition) || !is_unmounted && esp.partition.may_be(partition);
        let mounted = || self.partitions.iter().filter(may_be);
        let found = mounted().find_map(|esp| files.iter().find_map(|file| esp.find(file)));
        if let Some(found) = found {
            return BootFile {
                is_first: true,
                command_line: option.command_line(),
                ..self.judge(source, &found)
            };
        }
        let is_mounted = mounted().next().is_some();
        let mut place = if is_mounted { Place::Mounted } else { Place::Elsewhere };
        let reason = match self.elsewhere(&source, &files, partition) {
            Ok(Some(found)) => return found,
            Ok(None) if !is_mounted && self.is_nowhere(partition) => {
                "the partition that it names is on no disk".to_owned()
            }
            Ok(None) => "there is no such file on an EFI system partition that can be read".to_owned(),
            Err(reason) => {
                place = Place::Unread;
                reason
            }
        };
        BootFile {
            place,
            ..not_judged(source, path, &reason)
        }
    }

    /// The file of an option on a partition that is not mounted; or the reason why it may be on one and cannot be read.
    fn elsewhere(
        &self,
        source: &str,
        files: &[String],
        wanted: Option<&HardDrive>,
    ) -> std::result::Result<Option<BootFile>, String> {
        let reason = |error: &Error| printable(&error.in_one_line());
        let mut unread = None;
        let unmounted = self.unmounted.as_ref().map_err(reason)?;
        for partition in unmounted.iter().filter(|unmounted| unmounted.partition.may_be(wanted)) {
            let fat = match partition.open() {
                Ok(fat) => fat,
                Err(error) => {
                    unread.get_or_insert(reason(&error));
                    continue;
                }
            };
            let Some((path, entry)) = files.iter().find_map(|file| fat.find_file(file)) else {
                continue;
            };
            let place = partition.shown(&path);
            let file = partition.open_file(&path, entry).map_err(|error| reason(&error))?;
            return match OpenedImage::read_from(file) {
                Ok(image) => Ok(Some(BootFile {
                    is_first: true,
                    place: Place::Elsewhere,
                    ..self.judge_file(source.to_owned(), place, &image)
                })),
                Err(error) => Err(format!("{place} cannot be read: {}", printable(&error.to_string()))),
            };
        }
        unread.map_or(Ok(None), Err)
    }

    /// True if no disk has the partition of this name that is not mounted.
    fn is_nowhere(&self, wanted: Option<&HardDrive>) -> bool {
        let all = self.unmounted.as_deref();
        wanted.is_some() && all.is_ok_and(|all| !all.iter().any(|unmounted| unmounted.partition.may_be(wanted)))
    }

    fn fallback(&self) -> impl Iterator<Item = BootFile> {
        let found = self
            .partitions
            .iter()
            .flat_map(|esp| fallback_loaders().filter_map(|file| esp.find(&file)));
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
    fn next_kernel(&self, context: &Context, loader: &Path) -> Option<BootFile> {
        let esp = self.partitions.iter().find(|esp| loader.starts_with(&esp.directory))?;
        let entry = match LoaderKind::recognise(&OpenedImage::open(loader).ok()?) {
            LoaderKind::Grub => NextEntry::of_grub(context, Some(esp)),
            LoaderKind::SystemdBoot => ExtendedBoot::beside(context, esp, &self.partitions)
                .and_then(|extended| systemd_boot_choice(context, esp, &extended))
                .map(|choice| choice.map(|choice| choice.entry)),
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
            None => missing(source, printable(&kernel.name), "there is no such file"),
        })
    }

    /// The place where the firmware looks last, if it finds nothing anywhere: all partitions that these options name are mounted.
    fn nothing(&self, context: &Context, options: &[BootFile]) -> Option<BootFile> {
        let esp = self.partitions.iter().find(|esp| esp.may_hold_loaders(context))?;
        if options.iter().any(BootFile::is_elsewhere) {
            return None;
        }
        let own = Architecture::removable_loaders().into_iter().next()?;
        let fallback = esp.directory.join("EFI/BOOT").join(own);
        let reason = "no boot option of the firmware leads to a file, and there is no fallback loader";
        let nothing = missing("fallback loader".to_owned(), fallback.shown(), reason);
        Some(BootFile {
            is_next: true,
            is_first: true,
            ..nothing
        })
    }

    fn judge(&self, source: String, file: &Path) -> BootFile {
        let path = file.shown();
        let opened = match OpenedImage::open(file) {
            Ok(opened) => opened,
            Err(error) => {
                let verdict = Verdict::Refused(format!("it cannot be judged: {}", printable(&error.to_string())));
                return BootFile {
                    verdict,
                    file: Some(file.to_path_buf()),
                    ..not_judged(source, path, "")
                };
            }
        };
        BootFile {
            file: Some(file.to_path_buf()),
            ..self.judge_file(source, path, &opened)
        }
    }

    fn judge_file(&self, source: String, path: String, file: &OpenedImage) -> BootFile {
        let image = file.image(&self.policy.image_hashes());
        let image = image.map_err(|error| error.to_string());
        let judged = image
            .and_then(|image| image.map_err(|error| error.to_string()))
            .map_err(|error| (error, None))
            .and_then(|image| {
                let judged = self.policy.judge(&image);
                judged.map_err(|refusal| (refusal.to_string(), Some(Box::new(refusal))))
            });
        let refusal = judged.as_ref().err().and_then(|(_, refusal)| refusal.as_deref());
        let remedy = match refusal {
            None if judged.is_err() => Remedy::Repair,
            Some(Refusal::ForbiddenHash { .. }) => Remedy::Exchange,
            Some(Refusal::ForbiddenCertificate(_) | Refusal::Signature(_) | Refusal::Signer(_)) => Remedy::Replace,
            _ => Remedy::Sign,
        };
        let is_signed = matches!(remedy, Remedy::Sign | Remedy::Replace);
        let remedy = if is_signed && is_open_grub(file.start()) {
            Remedy::Enforce
        } else {
            remedy
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
            file: None,
            command_line: String::new(),
            kind: Some(LoaderKind::recognise(file)),
            is_next: false,
            is_first: false,
            place: Place::Mounted,
            remedy,
            measured,
        }
    }
}
