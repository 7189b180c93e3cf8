//! The entry that systemd-boot starts when nobody chooses another (systemd-boot(7), UAPI.1), in its own order.

mod entry;
#[cfg(test)]
mod tests;

use crate::disk::{Architecture, EfiPartition, ExtendedBoot, LOADER_ENTRIES, UNIFIED_IMAGES, WINDOWS};
use crate::error::Result;
use crate::formats::firmware::guid::Guid;
use crate::formats::text::loader_entry;
use crate::system::Context;

use super::next_entry::{NextEntry, text};
use crate::enroll::store::{Store, StoreChoice};
use entry::Entry;

/// Its configuration.
const LOADER_CONF: &str = "loader/loader.conf";
/// The vendor of its variables.
const VENDOR: Guid = Guid::from_fields(
    0x4a67_b082,
    0x0a4c,
    0x41cf,
    [0xb6, 0xc7, 0x44, 0x0b, 0x29, 0xbb, 0x8c, 0x4f],
);
/// The default that is the entry which was started last.
const SAVED: &str = "@saved";
/// The beginning of the names of entries that systemd-boot makes by itself.
const AUTOMATIC: &str = "auto-";

/// The entry that starts.
#[derive(Debug)]
pub struct Choice {
    /// The entry. Without files it is one that systemd-boot makes by itself, and leads elsewhere.
    pub entry: NextEntry,
    /// The reason why systemd-boot does not show even this one, so that it starts nothing.
    pub hidden: Option<String>,
    /// The entry that would come before it, and the reason why systemd-boot does not show that.
    pub passed_over: Option<(NextEntry, String)>,
}

/// Wishes for an entry, from the strongest, each a pattern for its name in lower case.
#[derive(Debug, Default)]
struct Wishes {
    patterns: Vec<glob::Pattern>,
    makes_entries: bool,
}

/// The entry that the systemd-boot of this partition starts. It knows the entries of its own partition, and of the extended boot
/// partition of the same disk.
pub fn systemd_boot_choice(context: &Context, esp: &EfiPartition, extended: &ExtendedBoot) -> Result<Option<Choice>> {
    let extended = match extended {
        ExtendedBoot::Mounted(partition) => Some(partition),
        ExtendedBoot::None | ExtendedBoot::Unmounted => None,
    };
    let mut entries = Vec::new();
    for partition in std::iter::once(esp).chain(extended) {
        for image in partition.list(UNIFIED_IMAGES, ".efi") {
            entries.push(Entry::of_image(image)?);
        }
        for file in partition.list(LOADER_ENTRIES, ".conf") {
            entries.extend(Entry::of_file(file, partition)?);
        }
    }
    entries.retain(|entry| !entry.id.starts_with('.') && !entry.id.starts_with(AUTOMATIC));
    entries.sort_by(Entry::order);
    let (unread, entries): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| entry.is_unread);
    let wishes = Wishes::read(context, esp)?;
    let preferred = wishes.among(&entries.iter(), esp);
    let passed_over = || match preferred {
        Some(Wish::Entry(entry)) => Some((entry.next(), entry.hidden.clone()?)),
        _ => None,
    };
    let shown = entries.iter().filter(|entry| entry.hidden.is_none());
    Ok(match wishes.among(&shown, esp) {
        Some(Wish::Entry(entry)) => {
            // A damaged image that has the newer name may well be the one that is tried.
            let mut newer = unread
                .iter()
                .filter(|image| image.is_newer(entry) && wishes.are_as_good(image, entry));
            Some(Choice {
                entry: newer.next().unwrap_or(entry).next(),
                hidden: None,
                passed_over: passed_over(),
            })
        }
        Some(Wish::Automatic(name)) => Some(Choice {
            entry: NextEntry::of_loader(format!("systemd-boot entry {name}"), None, Vec::new()),
            hidden: None,
            passed_over: passed_over(),
        }),
        None => match unread.first() {
            Some(image) => Some(Choice {
                entry: image.next(),
                hidden: None,
                passed_over: passed_over(),
            }),
            None => passed_over().map(|(entry, reason)| Choice {
                entry,
                hidden: Some(reason),
                passed_over: None,
            }),
        },
    })
}

/// A wish that comes true.
#[derive(Debug, Clone, Copy)]
enum Wish<'e> {
    Entry(&'e Entry),
    /// An entry that systemd-boot makes by itself, by its name.
    Automatic(&'static str),
}

impl Wishes {
    fn read(context: &Context, esp: &EfiPartition) -> Result<Self> {
        let configured = esp
            .find(LOADER_CONF)
            .map(|path| text(&path))
            .transpose()?
            .unwrap_or_default();
        let last = |word| {
            loader_entry::values(&configured, word)
                .last()
                .map(|value| value.to_lowercase())
        };
        let firmware = Store::open(context, &StoreChoice::Live).ok();
        let variable = |name: &str| -> Result<Option<String>> {
            let Some(firmware) = &firmware else { return Ok(None) };
            Ok(firmware
                .read_any(name, &VENDOR)?
                .map(|raw| words(&raw.data).to_lowercase()))
        };
        let saved = |wish: Option<String>| match wish {
            Some(wish) if wish == SAVED => variable("LoaderEntryLastBooted"),
            wish => Ok(wish),
        };
        let wishes = [
            variable("LoaderEntryOneShot")?,
            saved(variable("LoaderEntryDefault")?)?,
            saved(last("default"))?,
        ];
        Ok(Self {
            patterns: wishes
                .into_iter()
                .flatten()
                .filter_map(|wish| glob::Pattern::new(&wish).ok())
                .collect(),
            makes_entries: !last("auto-entries").is_some_and(|value| NO.contains(&value.as_str())),
        })
    }

    /// The first entry by the strongest wish that one has; without any, the first of all.
    fn among<'e>(&self, entries: &(impl Iterator<Item = &'e Entry> + Clone), esp: &EfiPartition) -> Option<Wish<'e>> {
        let mut wished = self.patterns.iter().filter_map(|pattern| {
            let entry = entries.clone().find(|entry| pattern.matches(&entry.id));
            entry
                .map(Wish::Entry)
                .or_else(|| self.automatic(pattern, esp).map(Wish::Automatic))
        });
        wished.next().or_else(|| entries.clone().next().map(Wish::Entry))
    }

    /// True if the first entry meets a wish, or the second meets none either.
    fn are_as_good(&self, entry: &Entry, other: &Entry) -> bool {
        let is_wished = |entry: &Entry| self.patterns.iter().any(|pattern| pattern.matches(&entry.id));
        is_wished(entry) || !is_wished(other)
    }

    /// The name of an entry that systemd-boot makes by itself; such come after all others.
    fn automatic(&self, pattern: &glob::Pattern, esp: &EfiPartition) -> Option<&'static str> {
        let shell = Architecture::own().ok()?.loader("shell", "");
        let made = [
            ("auto-windows", self.makes_entries && esp.find(WINDOWS).is_some()),
            ("auto-efi-shell", self.makes_entries && esp.find(&shell).is_some()),
            ("auto-reboot-to-firmware-setup", true),
        ];
        let mut made = made.into_iter().filter(|(_, is_made)| *is_made).map(|(name, _)| name);
        made.find(|name| pattern.matches(name))
    }
}

/// The words for "no" in its configuration.
const NO: [&str; 5] = ["0", "no", "n", "false", "off"];

/// The text of a variable of systemd-boot's.
fn words(data: &[u8]) -> String {
    let units = data.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit));
    String::from_utf16_lossy(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>())
}
