//! Boot entries of the firmware (UEFI 2.10, section 3.1): `Boot####`, `BootOrder`, `BootNext`, `BootCurrent`.

use crate::error::{Error, Explain, Result};
use crate::formats::firmware::device_path::{DevicePath, GptPartition};
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::load_option::{self, LoadOption};
use crate::system::Context;
use crate::system::variables::Efivarfs;

use super::place::Step;

/// Non-volatile, for boot services and runtime.
const ATTRIBUTES: u32 = 7;

/// The firmware's boot entries.
pub(super) struct Entries<'a> {
    variables: &'a Efivarfs,
    dry_run: bool,
}

impl<'a> Entries<'a> {
    pub const fn new(context: &Context, variables: &'a Efivarfs) -> Self {
        Self {
            variables,
            dry_run: context.dry_run(),
        }
    }

    /// The number of the entry that leads to this file on this partition: one that is there, or a new one.
    pub fn ensure(&self, label: &str, partition: &GptPartition, file: &str, steps: &mut Vec<Step>) -> Result<u16> {
        let wanted = LoadOption::active(label, DevicePath::of_file(partition, file));
        let entries = self.all()?;
        let is_same = |option: &LoadOption| {
            option.device_path.partition() == Some(partition.guid)
                && option
                    .device_path
                    .file()
                    .is_some_and(|path| path.eq_ignore_ascii_case(file))
        };
        if let Some((number, _)) = entries.iter().find(|(_, option)| is_same(option) && option.is_active()) {
            return Ok(*number);
        }
        let number = (0..=u16::MAX).find(|number| !entries.iter().any(|(taken, _)| taken == number));
        let number = number.ok_or_else(|| Error::refused("the firmware has no number left for a boot entry"))?;
        self.write(
            &name(number),
            &wanted.to_bytes(),
            &format!("\"{label}\" starts {file}"),
            steps,
        )?;
        Ok(number)
    }

    /// Puts an entry first in the order.
    pub fn first(&self, number: u16, steps: &mut Vec<Step>) -> Result<()> {
        let order = self.numbers("BootOrder")?;
        if order.first() == Some(&number) {
            return Ok(());
        }
        let others = order.into_iter().filter(|other| *other != number);
        let order: Vec<u16> = [number].into_iter().chain(others).collect();
        self.write(
            "BootOrder",
            &bytes(&order),
            &format!("{} comes first", name(number)),
            steps,
        )
    }

    /// Has the firmware start an entry once.
    pub fn next(&self, number: u16, steps: &mut Vec<Step>) -> Result<()> {
        let what = format!("the next start, and only that, is by {}", name(number));
        self.write("BootNext", &bytes(&[number]), &what, steps)
    }

    /// What the machine was started by: the entry, and the file that it leads to.
    pub fn started(&self) -> Result<(String, Option<String>)> {
        let current = self.numbers("BootCurrent")?;
        let number = current.first().copied();
        let number = number
            .ok_or_else(|| Error::could_not_run("the firmware does not say what it was started by (BootCurrent)"))?;
        let option = self.option(number)?;
        Ok((name(number), option.and_then(|option| option.device_path.file())))
    }

    /// Removes all entries that lead to a file.
    pub fn remove(&self, file: &str, steps: &mut Vec<Step>) -> Result<()> {
        let leads = |option: &LoadOption| {
            option
                .device_path
                .file()
                .is_some_and(|path| path.eq_ignore_ascii_case(file))
        };
        let gone: Vec<u16> = self
            .all()?
            .into_iter()
            .filter(|(_, option)| leads(option))
            .map(|(number, _)| number)
            .collect();
        let order = self.numbers("BootOrder")?;
        let kept: Vec<u16> = order.iter().copied().filter(|number| !gone.contains(number)).collect();
        if kept != order {
            self.write("BootOrder", &bytes(&kept), "without the trial", steps)?;
        }
        for number in gone {
            self.variables.remove_raw(&name(number), &Guid::GLOBAL)?;
            steps.push(Step::Variable(name(number), "removed".to_owned()));
        }
        Ok(())
    }

    fn all(&self) -> Result<Vec<(u16, LoadOption)>> {
        let mut numbers: Vec<u16> = self
            .variables
            .names()?
            .iter()
            .filter_map(|(name, vendor)| number(name, vendor))
            .collect();
        numbers.sort_unstable();
        let mut entries = Vec::new();
        for number in numbers {
            // One that is malformed is nobody's; its number stays taken.
            let none = LoadOption {
                attributes: 0,
                ..LoadOption::active("", DevicePath::new(&[]))
            };
            entries.push((number, self.option(number)?.unwrap_or(none)));
        }
        Ok(entries)
    }

    fn option(&self, number: u16) -> Result<Option<LoadOption>> {
        let raw = self.variables.read_raw(&name(number), &Guid::GLOBAL)?;
        Ok(raw.and_then(|raw| LoadOption::parse(&raw.data).ok()))
    }

    fn numbers(&self, variable: &str) -> Result<Vec<u16>> {
        let raw = self.variables.read_raw(variable, &Guid::GLOBAL)?;
        Ok(load_option::numbers(&raw.map(|raw| raw.data).unwrap_or_default()))
    }

    /// Writes a variable, and looks whether the firmware has kept it.
    fn write(&self, name: &str, data: &[u8], what: &str, steps: &mut Vec<Step>) -> Result<()> {
        let cannot = || format!("cannot write {name}: {what}");
        self.variables
            .write_raw(name, &Guid::GLOBAL, ATTRIBUTES, data)
            .or_could_not_run(cannot)?;
        let kept = self.variables.read_raw(name, &Guid::GLOBAL)?;
        if !self.dry_run && kept.is_none_or(|kept| kept.data != data) {
            return Err(Error::could_not_run(cannot())
                .caused_by("the firmware said that it was written, and has something else"));
        }
        steps.push(Step::Variable(name.to_owned(), what.to_owned()));
        Ok(())
    }
}

fn name(number: u16) -> String {
    format!("Boot{number:04X}")
}

/// The number of a `Boot####`.
fn number(name: &str, vendor: &Guid) -> Option<u16> {
    let digits = name.strip_prefix("Boot").filter(|_| *vendor == Guid::GLOBAL)?;
    (digits.len() == 4).then(|| u16::from_str_radix(digits, 16).ok())?
}

fn bytes(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}
