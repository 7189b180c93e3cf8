//! Boot options of the firmware (UEFI 2.10, section 3.1): `Boot####`, `BootNext`, `BootOrder`, `BootCurrent`.

use crate::error::Result;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::load_option::{self, LoadOption};

/// The order in which the firmware tries boot options.
pub const BOOT_ORDER: &str = "BootOrder";
/// The boot option of the next start alone, before the order.
pub const BOOT_NEXT: &str = "BootNext";
/// The boot option that the machine was started by.
const BOOT_CURRENT: &str = "BootCurrent";

/// A boot option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootOption {
    /// The number in the variable's name.
    pub number: u16,
    /// The option; none if it is malformed.
    pub option: Option<LoadOption>,
}

/// The boot options of a firmware, whose global variables `read` gives by their names: the data, or none without such a
/// variable.
#[derive(Debug)]
pub struct BootOptions<R> {
    read: R,
}

impl<R: Fn(&str) -> Result<Option<Vec<u8>>>> BootOptions<R> {
    /// The boot options in the variables that `read` gives.
    pub const fn new(read: R) -> Self {
        Self { read }
    }

    /// The numbers of the boot order; none without that variable.
    pub fn order(&self) -> Result<Vec<u16>> {
        self.numbers(BOOT_ORDER)
    }

    /// The number of the option that the machine was started by, if the firmware says so.
    pub fn current(&self) -> Result<Option<u16>> {
        Ok(self.numbers(BOOT_CURRENT)?.first().copied())
    }

    /// The option of this number, if there is one.
    pub fn option(&self, number: u16) -> Result<Option<BootOption>> {
        let data = (self.read)(&option_name(number))?;
        Ok(data.map(|data| BootOption {
            number,
            option: LoadOption::parse(&data).ok(),
        }))
    }

    /// The options that the firmware tries at the next start, in its order. Options that are not active are tried by
    /// `BootNext` only; malformed ones are among them.
    pub fn tried(&self) -> Result<Vec<BootOption>> {
        let mut tried = self.once()?;
        tried.extend(self.ordered()?);
        Ok(tried)
    }

    /// The option of `BootNext`, which the firmware tries at the next start only, before all others.
    pub fn once(&self) -> Result<Vec<BootOption>> {
        let mut once = Vec::new();
        for number in self.numbers(BOOT_NEXT)? {
            once.extend(self.option(number)?);
        }
        Ok(once)
    }

    /// The active options of `BootOrder`, which the firmware tries at every start.
    pub fn ordered(&self) -> Result<Vec<BootOption>> {
        let mut tried = Vec::new();
        for number in self.order()? {
            let option = self.option(number)?;
            tried.extend(option.filter(|option| option.option.as_ref().is_none_or(LoadOption::is_active)));
        }
        Ok(tried)
    }

    fn numbers(&self, variable: &str) -> Result<Vec<u16>> {
        let data = (self.read)(variable)?;
        Ok(data.map_or_else(Vec::new, |data| load_option::numbers(&data)))
    }
}

impl BootOption {
    /// The name of its variable.
    #[must_use]
    pub fn name(&self) -> String {
        option_name(self.number)
    }
}

/// The name of the variable with the boot option of this number.
fn option_name(number: u16) -> String {
    format!("Boot{number:04X}")
}

/// The number in the name of a variable of this vendor, if it is a boot option.
#[must_use]
pub fn option_number(name: &str, vendor: &Guid) -> Option<u16> {
    let digits = name.strip_prefix("Boot").filter(|_| *vendor == Guid::GLOBAL)?;
    let is_number = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_number.then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn options_are_tried_in_the_firmwares_order() {
        // Attributes, no path, an empty description.
        let [active, inactive] = [1, 0].map(|attributes| vec![attributes, 0, 0, 0, 0, 0, 0, 0]);
        let order_data = |numbers: &[u16]| {
            numbers
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        let variables: BTreeMap<&str, Vec<u8>> = [
            ("BootNext", order_data(&[3])),
            ("BootOrder", order_data(&[9, 1, 3, 0x00AB])),
            ("BootCurrent", order_data(&[1])),
            ("Boot0001", active),
            ("Boot0003", inactive),
            ("Boot00AB", vec![1]),
        ]
        .into();
        let options = BootOptions::new(|name: &str| Ok(variables.get(name).cloned()));
        let tried: Vec<(String, bool)> = options
            .tried()
            .unwrap()
            .iter()
            .map(|option| (option.name(), option.option.is_some()))
            .collect();
        let expected = [("Boot0003", true), ("Boot0001", true), ("Boot00AB", false)];
        assert_eq!(tried, expected.map(|(name, parsed)| (name.to_owned(), parsed)));
        assert_eq!(options.order().unwrap(), [9, 1, 3, 0xab]);
        assert_eq!(options.current().unwrap(), Some(1));
        let empty = BootOptions::new(|_: &str| Ok(None));
        assert_eq!((empty.tried().unwrap(), empty.current().unwrap()), (Vec::new(), None));
    }

    #[test]
    fn boot_options_have_four_digits() {
        assert_eq!(option_number("Boot00AB", &Guid::GLOBAL), Some(0xab));
        assert_eq!(option_number("Boot00fF", &Guid::GLOBAL), Some(255));
        for name in ["BootOrder", "Boot1", "Bo\u{20ac}123", "Boot+0AB", "Boot00ABC"] {
            assert_eq!(option_number(name, &Guid::GLOBAL), None, "{name}");
        }
        assert_eq!(option_number("Boot0001", &Guid::IMAGE_SECURITY_DATABASE), None);
    }
}
