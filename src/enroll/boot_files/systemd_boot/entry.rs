//! An entry of systemd-boot's menu, and its place in it.

use std::cmp::{Ordering, Reverse};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::disk::{Architecture, EfiPartition};
use crate::enroll::boot_files::next_entry::{NextEntry, UNIFIED, name, text};
use crate::error::{Explain, Result};
use crate::formats::firmware::authenticode::Ends;
use crate::formats::text::{Shown, by_uapi_version, loader_entry, printable};
use crate::sign::grub::EntryFile;
use crate::system;

/// Longest `.osrel` that is read, in bytes.
const MAX_SYSTEM: usize = 64 << 10;

/// An entry.
#[derive(Debug)]
pub(super) struct Entry {
    /// The name of its file, in lower case.
    pub id: String,
    file: PathBuf,
    /// True if the file is the image itself.
    is_image: bool,
    sort_key: Option<String>,
    machine: Option<String>,
    version: String,
    /// Tries that are left and that were made (Automatic Boot Assessment).
    tries: Option<(u64, u64)>,
    files: Vec<EntryFile>,
    /// The reason why systemd-boot does not show it.
    pub hidden: Option<String>,
    /// True for an image of which it cannot be told whether systemd-boot shows it, nor in which place.
    pub is_unread: bool,
}

impl Entry {
    fn new(file: PathBuf, ending: &str) -> Self {
        let id = name(&file).to_lowercase();
        Self {
            tries: tries(&id, ending),
            id,
            file,
            is_image: false,
            sort_key: None,
            machine: None,
            version: String::new(),
            files: Vec::new(),
            hidden: None,
            is_unread: false,
        }
    }

    /// The entry of a file of `loader/entries`; none if it is for another kind of machine.
    pub fn of_file(file: PathBuf, partition: &EfiPartition) -> Result<Option<Self>> {
        let text = text(&file)?;
        let last = |word| {
            loader_entry::values(&text, word)
                .last()
                .map(|value| (*value).to_owned())
        };
        let is_foreign = last("architecture")
            .zip(Architecture::own().ok())
            .is_some_and(|(wanted, own)| !own.is_named(&wanted));
        if is_foreign {
            return Ok(None);
        }
        let file_of = |command: &str, name: &str| EntryFile {
            command: command.to_owned(),
            name: name.replace('\\', "/"),
            path: partition.find(&name.replace('\\', "/")),
        };
        let mut entry = Self::new(file, ".conf");
        (entry.sort_key, entry.machine) = (last("sort-key"), last("machine-id"));
        entry.version = last("version").unwrap_or_default();
        let mut kinds: Vec<&str> = loader_entry::lines(&text).map(|(word, _)| word).collect();
        kinds.retain(|word| loader_entry::ENTRY_WORDS.contains(word));
        match kinds.first() {
            None => entry.hidden = Some("it names no kernel".to_owned()),
            Some(first) if kinds.iter().any(|kind| kind != first) => {
                entry.hidden = Some("it names images of several kinds".to_owned());
            }
            Some(first) => {
                let image = file_of("linux", &last(first).unwrap_or_default());
                if image.path.is_none() {
                    entry.hidden = Some(format!("{} is not there", printable(&image.name)));
                }
                entry.files.push(image);
                if *first == "linux" {
                    let initramfs = loader_entry::values(&text, "initrd");
                    entry.files.extend(initramfs.iter().map(|name| file_of("initrd", name)));
                }
            }
        }
        Ok(Some(entry))
    }

    /// The entry of an image in `EFI/Linux`.
    pub fn of_image(file: PathBuf) -> Result<Self> {
        let mut entry = Self::new(file, ".efi");
        entry.is_image = true;
        let path = Some(entry.file.clone());
        let (command, name) = (UNIFIED.to_owned(), name(&entry.file));
        entry.files.push(EntryFile { command, name, path });
        let system = match system_of(&entry.file)? {
            System::Text(system) => system,
            System::None => {
                entry.hidden = Some("it has no name of its system (.osrel)".to_owned());
                return Ok(entry);
            }
            System::Unread => {
                entry.is_unread = true;
                return Ok(entry);
            }
        };
        let first = |names: &[&str]| {
            let value = |name: &&str| loader_entry::settings(&system).filter(|(word, _)| word == name).last();
            names.iter().find_map(value).map(|(_, value)| value.to_owned())
        };
        if first(&["PRETTY_NAME", "IMAGE_ID", "NAME", "ID"]).is_none() {
            entry.hidden = Some("its .osrel has no name".to_owned());
        }
        entry.sort_key = first(&["IMAGE_ID", "ID"]);
        entry.version = first(&["IMAGE_VERSION", "VERSION", "VERSION_ID", "BUILD_ID"]).unwrap_or_default();
        Ok(entry)
    }

    /// The order in the menu, which is that of the choice.
    pub fn order(&self, other: &Self) -> Ordering {
        let is_bad = |entry: &Self| entry.tries.is_some_and(|(left, _)| left == 0);
        let by_tries = || {
            let (Some((left, done)), Some((other_left, other_done))) = (self.tries, other.tries) else {
                return Ordering::Equal;
            };
            Reverse(left).cmp(&Reverse(other_left)).then(done.cmp(&other_done))
        };
        is_bad(self)
            .cmp(&is_bad(other))
            .then_with(|| self.sort_key.is_none().cmp(&other.sort_key.is_none()))
            .then_with(|| {
                if self.sort_key.is_none() {
                    return Ordering::Equal;
                }
                (&self.sort_key, &self.machine)
                    .cmp(&(&other.sort_key, &other.machine))
                    .then_with(|| by_uapi_version(&other.version, &self.version))
            })
            .then_with(|| by_uapi_version(&other.id, &self.id))
            .then_with(by_tries)
    }

    /// True if its name is the newer one.
    pub fn is_newer(&self, other: &Self) -> bool {
        by_uapi_version(&self.id, &other.id).is_gt()
    }

    pub fn next(&self) -> NextEntry {
        if self.is_image {
            return NextEntry::unified(&self.file);
        }
        let source = format!("systemd-boot entry {}", name(&self.file));
        NextEntry::of_loader(source, Some(self.file.clone()), self.files.clone())
    }
}

/// The tries of `NAME+LEFT-DONE.ENDING` or `NAME+LEFT.ENDING`.
fn tries(id: &str, ending: &str) -> Option<(u64, u64)> {
    let (_, counters) = id.strip_suffix(ending)?.rsplit_once('+')?;
    let (left, done) = counters.split_once('-').unwrap_or((counters, "0"));
    let number = |text: &str| {
        text.parse()
            .ok()
            .filter(|number| *number <= i32::MAX.unsigned_abs().into())
    };
    Some((number(left)?, number(done)?))
}

/// The os-release text in an image.
enum System {
    Text(String),
    None,
    /// The image is damaged, or no image.
    Unread,
}

fn system_of(image: &Path) -> Result<System> {
    let cannot = || format!("cannot read {}", image.shown());
    let (mut file, _) = system::open(image)?;
    let ends = Ends::read(&mut file).or_could_not_run(cannot)?;
    let Ok(sections) = ends.sections() else {
        return Ok(System::Unread);
    };
    let Some(section) = sections.iter().find(|section| section.name == ".osrel") else {
        return Ok(System::None);
    };
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(section.offset as u64))
        .or_could_not_run(cannot)?;
    let length = section.length().min(MAX_SYSTEM) as u64;
    file.take(length).read_to_end(&mut bytes).or_could_not_run(cannot)?;
    Ok(System::Text(String::from_utf8_lossy(&bytes).into_owned()))
}
