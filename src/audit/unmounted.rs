//! Images, command lines and initramfs images on EFI system partitions that are not mounted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::disk::{Kind, LOADER_ENTRIES, Naming, UnmountedFile, UnmountedPartition, unmounted_efi_partitions};
use crate::error::Result as Outcome;
use crate::formats::grub::opened_files::{Place, opened_files, variables};
use crate::formats::grub::script::Script;
use crate::formats::text::loader_entry;
use crate::system::Context;
use crate::trust::{Anchors, OpenedImage};

use super::images::{Candidate, Found, Images, MAGIC, Places, Sources, judge};
use super::installed::{Installed, MAX_CONFIGURATION, MAX_SCRIPTS, line_of_entry, lines};
use super::reason::reason;

/// Largest file of such a partition that is read, in bytes; it is held.
pub(super) const MAX_IMAGE: u64 = 192 << 20;

/// Reads and judges those of every partition. What cannot be looked at is told. Fails if it is interrupted.
pub(super) fn read(sources: &Sources<'_>, images: &mut Images) -> Result<(), String> {
    let nobody = Anchors::default();
    let anchors = sources.anchors.unwrap_or(&nobody);
    let unmounted = unmounted_efi_partitions(sources.context).unwrap_or_else(|error| {
        images.not_run.push((Places::ESP, reason(&error)));
        Vec::new()
    });
    for partition in unmounted {
        sources.context.check_interrupted().map_err(|error| reason(&error))?;
        if let Err(why) = look_into(&partition, sources, anchors, images) {
            images.not_run.push((Places::ESP, why));
        }
    }
    Ok(())
}

fn look_into(
    partition: &UnmountedPartition,
    sources: &Sources<'_>,
    anchors: &Anchors,
    images: &mut Images,
) -> Result<(), String> {
    let fat = partition.open().map_err(|error| reason(&error))?;
    for (path, file) in fat.files() {
        let shown = partition.shown(&path);
        let candidate = Candidate::on_esp(&path);
        let read = |limit| fat.read(file, limit).map_err(|error| format!("{shown}: {error}"));
        let bytes = match read(MAGIC.len() as u64) {
            Ok(start) if start != MAGIC && !candidate.is_named_so => continue,
            Ok(_) => read(MAX_IMAGE),
            Err(why) => Err(why),
        };
        let place = PathBuf::from(&shown);
        match bytes {
            Ok(bytes) => {
                if bytes.len() as u64 == MAX_IMAGE {
                    let why = format!("{shown}: files of {MAX_IMAGE} bytes or more are not read");
                    images.not_run.push((Places::ESP, why));
                    continue;
                }
                let before = images.found.len();
                judge(place, &OpenedImage::held(bytes), &candidate, sources, anchors, images);
                for found in images.found.iter_mut().skip(before) {
                    found.unmounted = Some(UnmountedFile {
                        partition: partition.clone(),
                        path: path.clone(),
                    });
                }
            }
            Err(why) => images.not_run.push((Places::ESP, why)),
        }
    }
    // What is not mounted was looked at all the same.
    images.no_esp = None;
    Ok(())
}

impl Found {
    /// Opens it once more.
    pub(super) fn open(&self) -> Outcome<OpenedImage> {
        match &self.unmounted {
            Some(file) => file.read(MAX_IMAGE).map(OpenedImage::held),
            None => OpenedImage::open(&self.path),
        }
    }
}

/// Looks for command lines and initramfs images on all of them. No configuration leads from one to another here: all are read.
pub(super) fn find(context: &Context, installed: &mut Installed) {
    let unmounted = unmounted_efi_partitions(context).unwrap_or_else(|error| {
        installed.unread.push(reason(&error));
        Vec::new()
    });
    for partition in &unmounted {
        if let Err(why) = find_on(partition, installed) {
            installed.unread.push(why);
        }
    }
}

fn find_on(partition: &UnmountedPartition, installed: &mut Installed) -> Result<(), String> {
    let fat = partition.open().map_err(|error| reason(&error))?;
    let mut scripts = Vec::new();
    let mut initramfs = BTreeSet::new();
    for (path, file) in fat.files() {
        let shown = partition.shown(&path);
        let lower = path.to_lowercase();
        let has_ending = |ending: &str| Path::new(&lower).extension().is_some_and(|own| own == ending);
        let is_entry = has_ending("conf") && lower.starts_with(&format!("/{LOADER_ENTRIES}/"));
        if Naming::default()
            .parse(lower.rsplit('/').next().unwrap_or_default())
            .is_some_and(|name| name.kind == Kind::Initramfs)
        {
            initramfs.insert(path.clone());
        }
        if !is_entry && !has_ending("cfg") {
            continue;
        }
        if scripts.len() >= MAX_SCRIPTS {
            return Err(format!("{shown}: more configurations than {MAX_SCRIPTS} are before it"));
        }
        let bytes = fat.read(file, MAX_CONFIGURATION);
        let bytes = bytes.map_err(|error| format!("{shown}: {error}"))?;
        if bytes.len() as u64 == MAX_CONFIGURATION {
            installed.unread.push(format!(
                "{shown}: files of {MAX_CONFIGURATION} bytes or more are not read"
            ));
            continue;
        }
        let text = String::from_utf8_lossy(&bytes);
        if is_entry {
            let named = loader_entry::values(&text, "initrd").into_iter();
            initramfs.extend(named.map(|name| name.replace('\\', "/")));
            installed.lines.extend(line_of_entry(shown, &text));
        } else {
            scripts.push((shown, Script::parse(&text)));
        }
    }
    let variables = variables(scripts.iter().map(|(_, script)| script));
    for (shown, script) in &scripts {
        installed.lines.extend(lines(shown, script, &variables));
        for opened in opened_files(script, &variables) {
            if let Place::File { path, .. } = opened.place
                && opened.command.starts_with("initrd")
            {
                initramfs.insert(path);
            }
        }
    }
    let there: BTreeSet<String> = initramfs
        .iter()
        .filter_map(|path| fat.find_file(path).map(|(path, _)| path))
        .collect();
    let found = there.into_iter().map(|path| UnmountedFile {
        partition: partition.clone(),
        path,
    });
    installed.unmounted_initramfs.extend(found);
    Ok(())
}
