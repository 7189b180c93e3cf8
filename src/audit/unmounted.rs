//! Images, command lines and initramfs images on EFI system partitions that are not mounted.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::disk::{Kind, Naming, UnmountedFile, UnmountedPartition};
use crate::error::{Explain, Result as Outcome};
use crate::formats::grub::opened_files::{Place, opened_files};
use crate::formats::text::loader_entry;
use crate::system::OpenedFile;
use crate::trust::{Anchors, OpenedImage};

use super::images::{Candidate, Found, Images, MAGIC, Places, Sources, judge};
use super::installed::{Installed, line_of_entry, lines};
use super::menus::Menus;
use super::reason::reason;

/// Reads and judges those of every partition. What cannot be looked at is told. Fails if it is interrupted.
pub(super) fn read(
    sources: &Sources<'_>,
    unmounted: Result<&Vec<UnmountedPartition>, &String>,
    images: &mut Images,
) -> Result<(), String> {
    let nobody = Anchors::default();
    let anchors = sources.anchors.unwrap_or(&nobody);
    let unmounted = unmounted.map_or_else(
        |missing| {
            images.not_run.push((Places::ESP, missing.clone()));
            &[][..]
        },
        Vec::as_slice,
    );
    for partition in unmounted {
        sources.context.check_interrupted().map_err(|error| reason(&error))?;
        if let Err(why) = look_into(partition, sources, anchors, images) {
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
        let start = fat.read(file, MAGIC.len() as u64);
        let opened = match start.map_err(|error| format!("{shown}: {error}")) {
            Ok(start) if start != MAGIC && !candidate.is_named_so => continue,
            Ok(_) => image(partition.open_file(&path, file), &shown).map_err(|error| reason(&error)),
            Err(why) => Err(why),
        };
        let place = PathBuf::from(&shown);
        match opened {
            Ok(opened) => {
                let before = images.found.len();
                judge(place, &opened, &candidate, sources, anchors, images);
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

/// A file of such a partition, held as far as one that is mounted is.
pub(super) fn image(file: Outcome<OpenedFile>, shown: &str) -> Outcome<OpenedImage> {
    OpenedImage::read_from(file?).or_could_not_run(|| format!("cannot read {shown}"))
}

impl Found {
    /// Opens it once more.
    pub(super) fn open(&self) -> Outcome<OpenedImage> {
        match &self.unmounted {
            Some(file) => image(file.open(), &file.shown()),
            None => OpenedImage::open(&self.path),
        }
    }
}

/// Looks for command lines and initramfs images on all of them. No configuration leads from one to another here: all are read.
pub(super) fn find(unmounted: Result<&Vec<UnmountedPartition>, &String>, installed: &mut Installed) {
    let unmounted = unmounted.map_or_else(
        |missing| {
            installed.unread.push(missing.clone());
            &[][..]
        },
        Vec::as_slice,
    );
    for partition in unmounted {
        if let Err(why) = find_on(partition, installed) {
            installed.unread.push(why);
        }
    }
}

fn find_on(partition: &UnmountedPartition, installed: &mut Installed) -> Result<(), String> {
    let fat = partition.open().map_err(|error| reason(&error))?;
    let menus = Menus::read(partition, fat);
    installed.unread.extend(menus.unread.iter().cloned());
    let mut initramfs = BTreeSet::new();
    for (path, _) in fat.files() {
        let name = path.rsplit('/').next().unwrap_or_default().to_lowercase();
        if Naming::default()
            .parse(&name)
            .is_some_and(|name| name.kind == Kind::Initramfs)
        {
            initramfs.insert(path);
        }
    }
    for menu in &menus.found {
        let shown = partition.shown(&menu.path);
        if menu.is_entry {
            // Not only GRUB reads it.
            let text = String::from_utf8_lossy(&menu.bytes);
            let named = loader_entry::values(&text, "initrd").into_iter();
            initramfs.extend(named.map(|name| name.replace('\\', "/")));
            installed.lines.extend(line_of_entry(shown, &text));
        } else {
            installed.lines.extend(lines(&shown, &menu.script, &menus.variables));
        }
        for opened in opened_files(&menu.script, &menus.variables) {
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
