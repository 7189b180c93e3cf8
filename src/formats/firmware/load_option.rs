//! Boot options: `EFI_LOAD_OPTION` (UEFI 2.10, section 3.1.3), the data of `Boot####`.

use crate::formats::bytes::{Reader, Truncated};
use crate::formats::firmware::device_path::DevicePath;

/// `LOAD_OPTION_ACTIVE`.
const ACTIVE: u32 = 1;
/// `LOAD_OPTION_CATEGORY`: zero for entries that are booted.
const CATEGORY: u32 = 0x1f00;

/// The numbers of boot options that `BootOrder`, `BootNext` or `BootCurrent` holds.
#[must_use]
pub fn numbers(data: &[u8]) -> Vec<u16> {
    let units = data.as_chunks::<2>().0;
    units.iter().map(|number| u16::from_le_bytes(*number)).collect()
}

/// One boot option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadOption {
    /// Attributes, unknown bits included.
    pub attributes: u32,
    /// Its name in the firmware's menu.
    pub description: String,
    /// Where it leads.
    pub device_path: DevicePath,
    /// The data that is handed to what it starts: of any form.
    pub optional_data: Vec<u8>,
}

impl LoadOption {
    /// Reads the data of a `Boot####` variable.
    pub fn parse(bytes: &[u8]) -> Result<Self, Truncated> {
        let mut reader = Reader::new(bytes);
        let attributes = reader.u32("Attributes")?;
        let size = reader.u16("FilePathListLength")?;
        let mut description = Vec::new();
        loop {
            match reader.u16("Description")? {
                0 => break,
                unit => description.push(unit),
            }
        }
        Ok(Self {
            attributes,
            description: String::from_utf16_lossy(&description),
            device_path: DevicePath::new(reader.take("FilePathList", usize::from(size))?),
            optional_data: reader.rest().to_vec(),
        })
    }

    /// The optional data as Linux takes it: a command line in UTF-16, which ends with the first NUL or the data.
    #[must_use]
    pub fn command_line(&self) -> String {
        let units = self.optional_data.as_chunks::<2>().0;
        let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
        let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
        String::from_utf16_lossy(&units)
    }

    /// True if the firmware starts it by itself.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.attributes & ACTIVE != 0 && self.attributes & CATEGORY == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Active, "Gentoo", a file on a GPT partition.
    fn option() -> Vec<u8> {
        let mut path = vec![4, 1, 42, 0, 1, 0, 0, 0];
        path.extend([0; 16]);
        path.extend([
            0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b, 2, 2,
        ]);
        let name: Vec<u8> = "\\EFI\\Gentoo\\grubx64.efi\0"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        path.extend([4, 4]);
        path.extend(u16::try_from(name.len() + 4).unwrap().to_le_bytes());
        path.extend(name);
        path.extend([0x7f, 0xff, 4, 0]);
        let mut bytes = vec![1, 0, 0, 0];
        bytes.extend(u16::try_from(path.len()).unwrap().to_le_bytes());
        bytes.extend("Gentoo\0".encode_utf16().flat_map(u16::to_le_bytes));
        bytes.extend(path);
        bytes.extend(b"optional data");
        bytes
    }

    #[test]
    fn an_option_tells_name_partition_and_file() {
        let option = LoadOption::parse(&option()).unwrap();
        assert!(option.is_active());
        assert_eq!(option.description, "Gentoo");
        assert_eq!(option.device_path.file().as_deref(), Some("\\EFI\\Gentoo\\grubx64.efi"));
        let partition = option.device_path.partition().unwrap();
        assert_eq!(partition.to_string(), "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
        assert_eq!(option.optional_data, b"optional data");
        assert_eq!(
            option.device_path.to_string(),
            "HD(1,GPT,c12a7328-f81f-11d2-ba4b-00a0c93ec93b)/\\EFI\\Gentoo\\grubx64.efi"
        );
    }

    #[test]
    fn the_command_line_of_a_kernel_is_in_the_optional_data() {
        let mut bytes = option();
        bytes.truncate(bytes.len() - b"optional data".len());
        let empty = LoadOption::parse(&bytes).unwrap();
        assert_eq!(empty.command_line(), "");
        let line: Vec<u8> = "root=LABEL=ö quiet\0more"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        bytes.extend(line);
        assert_eq!(LoadOption::parse(&bytes).unwrap().command_line(), "root=LABEL=ö quiet");
    }

    #[test]
    fn an_option_that_ends_too_early_says_where_and_a_broken_path_leads_nowhere() {
        let bytes = option();
        for length in 0..bytes.len() - b"optional data".len() {
            assert!(LoadOption::parse(&bytes[..length]).is_err(), "{length}");
        }
        // A node shorter than its own header ends the path; the efivar crate's parser would panic.
        let mut bytes = bytes;
        bytes[22] = 1;
        assert_eq!(LoadOption::parse(&bytes).unwrap().device_path.file(), None);
    }
}
