//! Boot entries of the firmware (UEFI 2.10, section 3.1): `Boot####`, `BootOrder`, `BootNext`, `BootCurrent`.
//!
//! The `efivar` crate writes them. They are read by the formats of this program: the crate's parser panics on what any
//! program may have left in NVRAM (docs/adr/0016).

use efivar::VarWriter;
use efivar::boot::{
    BootEntry, BootEntryAttributes, BootVarName, BootVarWriter, EFIHardDrive, EFIHardDriveType, FilePath, FilePathList,
};
use efivar::efi::{Variable, VariableFlags};
use uuid::Uuid;

use crate::disk::{BOOT_NEXT, BOOT_ORDER, BootOptions, option_number};
use crate::error::{Error, Explain, Result};
use crate::formats::firmware::device_path::{GptPartition, Signature};
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::load_option::LoadOption;
use crate::system::Context;
use crate::system::variables::{Efivarfs, Variables, explained};

use super::step::Step;

/// `PartitionFormat` of a hard drive node: GPT (UEFI 2.10, section 10.3.5.1).
const GPT_FORMAT: u8 = 2;
/// Longest label or path, in UTF-16 units; the crate panics on what does not fit the sizes of a device path.
const LONGEST: usize = 1024;

/// The firmware's boot entries.
pub(super) struct Entries {
    variables: Efivarfs,
    dry_run: bool,
}

impl Entries {
    pub fn new(context: &Context, variables: &Efivarfs) -> Self {
        Self {
            variables: variables.clone(),
            dry_run: context.dry_run(),
        }
    }

    /// The number of the entry that leads to this file on this partition: a present one, or a new one.
    pub fn ensure(&mut self, label: &str, partition: &GptPartition, file: &str, steps: &mut Vec<Step>) -> Result<u16> {
        let wanted = entry(label, partition, file)?;
        let entries = self.entries()?;
        let is_same = |option: &LoadOption| {
            let named = option.device_path.partition().map(|named| named.signature);
            named == Some(Signature::Gpt(partition.guid))
                && option
                    .device_path
                    .file()
                    .is_some_and(|path| path.eq_ignore_ascii_case(file))
        };
        let is_usable = |option: &LoadOption| is_same(option) && option.is_active();
        if let Some((number, _)) = entries
            .iter()
            .find(|(_, option)| option.as_ref().is_some_and(is_usable))
        {
            return Ok(*number);
        }
        let number = (0..=u16::MAX).find(|number| !entries.iter().any(|(taken, _)| taken == number));
        let number = number.ok_or_else(|| Error::refused("the firmware has no number left for a boot entry"))?;
        let (name, data) = (number.boot_var_name(), wanted.to_bytes());
        let written = self.variables.add_boot_entry(number, wanted);
        self.check_written(&name, &data, written, &format!("\"{label}\" starts {file}"), steps)?;
        Ok(number)
    }

    /// Puts an entry first in the boot order.
    pub fn put_first(&mut self, number: u16, steps: &mut Vec<Step>) -> Result<()> {
        let order = self.options().order()?;
        if order.first() == Some(&number) {
            return Ok(());
        }
        let others = order.into_iter().filter(|other| *other != number);
        let order: Vec<u16> = [number].into_iter().chain(others).collect();
        self.write_order(order, &format!("{} comes first", number.boot_var_name()), steps)
    }

    /// Has the firmware start an entry once, at the next start.
    pub fn start_once(&mut self, number: u16, steps: &mut Vec<Step>) -> Result<()> {
        let meaning = format!("only the next start is by {}", number.boot_var_name());
        let data = number.to_le_bytes();
        let written = VarWriter::write(
            &mut self.variables,
            &Variable::new(BOOT_NEXT),
            VariableFlags::default(),
            &data,
        );
        self.check_written(BOOT_NEXT, &data, written, &meaning, steps)
    }

    /// The entry that the machine was started by, and the file that it leads to.
    pub fn started(&self) -> Result<(String, Option<String>)> {
        let options = self.options();
        let number = options.current()?.ok_or_else(|| {
            Error::could_not_run("the firmware does not say which entry started the machine (BootCurrent)")
        })?;
        let option = options.option(number)?.and_then(|option| option.option);
        Ok((
            number.boot_var_name(),
            option.and_then(|option| option.device_path.file()),
        ))
    }

    /// Removes all entries that lead to a file.
    pub fn remove(&mut self, file: &str, steps: &mut Vec<Step>) -> Result<()> {
        let leads = |option: &LoadOption| {
            option
                .device_path
                .file()
                .is_some_and(|path| path.eq_ignore_ascii_case(file))
        };
        let gone: Vec<u16> = self
            .entries()?
            .into_iter()
            .filter(|(_, option)| option.as_ref().is_some_and(leads))
            .map(|(number, _)| number)
            .collect();
        let order = self.options().order()?;
        let kept: Vec<u16> = order.iter().copied().filter(|number| !gone.contains(number)).collect();
        if kept != order {
            self.write_order(kept, "without the trial", steps)?;
        }
        for number in gone {
            let name = number.boot_var_name();
            self.variables.remove_raw(&name, &Guid::GLOBAL)?;
            steps.push(Step::Variable(name, "removed".to_owned()));
        }
        Ok(())
    }

    /// The entries with their numbers. A malformed entry is none, but its number is taken.
    fn entries(&self) -> Result<Vec<(u16, Option<LoadOption>)>> {
        let mut numbers: Vec<u16> = self
            .variables
            .names()?
            .iter()
            .filter_map(|(name, vendor)| option_number(name, vendor))
            .collect();
        numbers.sort_unstable();
        let options = self.options();
        let mut entries = Vec::new();
        for number in numbers {
            entries.push((number, options.option(number)?.and_then(|option| option.option)));
        }
        Ok(entries)
    }

    fn options(&self) -> BootOptions<impl Fn(&str) -> Result<Option<Vec<u8>>>> {
        BootOptions::new(|variable: &str| {
            let raw = self.variables.read_raw(variable, &Guid::GLOBAL)?;
            Ok(raw.map(|raw| raw.data))
        })
    }

    fn write_order(&mut self, order: Vec<u16>, meaning: &str, steps: &mut Vec<Step>) -> Result<()> {
        let data: Vec<u8> = order.iter().flat_map(|number| number.to_le_bytes()).collect();
        let written = self.variables.set_boot_order(order);
        self.check_written(BOOT_ORDER, &data, written, meaning, steps)
    }

    /// Fails if a write did, or if the firmware has not kept the written value.
    fn check_written(
        &self,
        name: &str,
        data: &[u8],
        written: efivar::Result<()>,
        meaning: &str,
        steps: &mut Vec<Step>,
    ) -> Result<()> {
        let cannot = || format!("cannot write {name}: {meaning}");
        written.map_err(explained).or_could_not_run(cannot)?;
        let kept = self.variables.read_raw(name, &Guid::GLOBAL)?;
        if !self.dry_run && kept.is_none_or(|kept| kept.data != data) {
            return Err(Error::could_not_run(cannot())
                .caused_by("the firmware answered that it was written, but holds other data"));
        }
        steps.push(Step::Variable(name.to_owned(), meaning.to_owned()));
        Ok(())
    }
}

/// An active entry that starts a file of a GPT partition, with `\\` between directories. Firmware finds the disk by the
/// partition's GUID (the short form of the path, UEFI 2.10, sections 10.3.5.1 and 10.3.5.4).
fn entry(label: &str, partition: &GptPartition, file: &str) -> Result<BootEntry> {
    if [label, file].iter().any(|text| text.encode_utf16().count() > LONGEST) {
        return Err(Error::usage(format!(
            "the label and the path of a boot entry have at most {LONGEST} characters"
        )));
    }
    Ok(BootEntry {
        attributes: BootEntryAttributes::LOAD_OPTION_ACTIVE,
        description: label.to_owned(),
        file_path_list: Some(FilePathList {
            hard_drive: EFIHardDrive {
                partition_number: partition.number,
                partition_start: partition.start,
                partition_size: partition.size,
                partition_sig: Uuid::from_bytes_le(*partition.guid.as_bytes()),
                format: GPT_FORMAT,
                sig_type: EFIHardDriveType::Gpt,
            },
            file_path: FilePath { path: file.to_owned() },
        }),
        optional_data: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_the_crate_writes_is_the_one_that_is_read() {
        let partition = GptPartition {
            number: 1,
            start: 2048,
            size: 409_600,
            guid: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b".parse().unwrap(),
        };
        let file = "\\EFI\\Gentoo\\grubx64.efi";
        let written = entry("Gentoo", &partition, file).unwrap().to_bytes();
        let read = LoadOption::parse(&written).unwrap();
        assert!(read.is_active());
        assert_eq!(read.description, "Gentoo");
        assert_eq!(read.device_path.file().as_deref(), Some(file));
        let named = read.device_path.partition().unwrap();
        assert_eq!((named.number, named.start, named.size), (1, 2048, 409_600));
        assert_eq!(named.signature, Signature::Gpt(partition.guid));
        assert!(entry(&"x".repeat(40_000), &partition, file).is_err());
    }
}
