//! The load options of the firmware: all programs and drivers that it starts by itself, before and beside boot loaders.

use crate::enroll::Store;
use crate::error::Result;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::load_option::LoadOption;

/// A family of load options (UEFI 2.10, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    /// `SysPrep####`: programs that run before any boot option.
    SysPrep,
    /// `Driver####`: drivers that are loaded before any boot option.
    Driver,
    /// `Boot####`.
    Boot,
    /// `PlatformRecovery####`: what is started when no boot option works.
    PlatformRecovery,
    /// `OsRecovery####`: the same, of an operating system.
    OsRecovery,
}

/// One of them.
#[derive(Debug)]
pub(super) struct StartOption {
    /// The name of its variable.
    pub name: String,
    /// The family that it is of.
    pub family: Family,
    /// The option; none if it is malformed.
    pub option: Option<LoadOption>,
}

impl Family {
    const ALL: [Self; 5] = [
        Self::SysPrep,
        Self::Driver,
        Self::Boot,
        Self::PlatformRecovery,
        Self::OsRecovery,
    ];

    /// The beginning of the names of its variables.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SysPrep => "SysPrep",
            Self::Driver => "Driver",
            Self::Boot => "Boot",
            Self::PlatformRecovery => "PlatformRecovery",
            Self::OsRecovery => "OsRecovery",
        }
    }

    /// The family of a variable; none if it is no load option.
    fn find(name: &str) -> Option<Self> {
        let is_number = |digits: &str| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        Self::ALL
            .into_iter()
            .find(|family| name.strip_prefix(family.name()).is_some_and(is_number))
    }
}

/// All load options, by family and name.
pub(super) fn read(store: &Store) -> Result<Vec<StartOption>> {
    let mut options = Vec::new();
    for (name, vendor) in store.names()? {
        let Some(family) = Family::find(&name).filter(|family| vendor == Guid::GLOBAL || *family == Family::OsRecovery)
        else {
            continue;
        };
        // One that went away since the list was made is none.
        let Some(raw) = store.read_any(&name, &vendor)? else {
            continue;
        };
        options.push(StartOption {
            option: LoadOption::parse(&raw.data).ok(),
            family,
            name,
        });
    }
    options.sort_by(|one, other| (one.family, &one.name).cmp(&(other.family, &other.name)));
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_by_their_names() {
        let family = |name| Family::find(name);
        assert_eq!(family("Boot00aF"), Some(Family::Boot));
        assert_eq!(family("SysPrep0001"), Some(Family::SysPrep));
        assert_eq!(family("Driver0000"), Some(Family::Driver));
        assert_eq!(family("PlatformRecovery0000"), Some(Family::PlatformRecovery));
        for other in [
            "BootOrder",
            "Boot000",
            "Boot00001",
            "DriverOrder",
            "BootCurrent",
            "Key0000",
        ] {
            assert_eq!(family(other), None, "{other}");
        }
    }
}
