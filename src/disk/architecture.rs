//! Processors, as EFI, GRUB and Rust name them.

use crate::error::{Error, Result};

/// A processor that EFI firmware runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Architecture {
    /// The name in [`std::env::consts::ARCH`].
    machine: &'static str,
    /// The ending of loaders' names, as in `grubx64.efi`, in lower case.
    suffix: &'static str,
    /// GRUB's name of the format of its images, which is also the name of the directory of its modules.
    grub_format: &'static str,
}

impl Architecture {
    /// All of them, by how common they are (UEFI 2.10, section 3.5.1.1, table 3.3).
    pub const ALL: [Self; 6] = [
        Self::new("x86_64", "x64", "x86_64-efi"),
        Self::new("aarch64", "aa64", "arm64-efi"),
        Self::new("x86", "ia32", "i386-efi"),
        Self::new("arm", "arm", "arm-efi"),
        Self::new("riscv64", "riscv64", "riscv64-efi"),
        Self::new("loongarch64", "loongarch64", "loongarch64-efi"),
    ];

    const fn new(machine: &'static str, suffix: &'static str, grub_format: &'static str) -> Self {
        Self {
            machine,
            suffix,
            grub_format,
        }
    }

    /// The architecture of this machine's processor. An error (exit code 3) if EFI has no name for it.
    pub fn own() -> Result<Self> {
        let machine = std::env::consts::ARCH;
        let own = Self::ALL.into_iter().find(|known| known.machine == machine);
        own.ok_or_else(|| Error::could_not_run(format!("EFI firmware does not run on this processor, {machine}")))
    }

    /// The architecture of GRUB's images of this format, such as `x86_64-efi`.
    #[must_use]
    pub fn from_grub_format(format: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.grub_format == format)
    }

    /// True if EFI has this name for it, as in `x64`, in any case.
    #[must_use]
    pub const fn is_named(self, name: &str) -> bool {
        self.suffix.eq_ignore_ascii_case(name)
    }

    /// GRUB's name of the format of its images.
    #[must_use]
    pub const fn grub_format(self) -> &'static str {
        self.grub_format
    }

    /// The name of a loader, such as `grubx64.efi` for `grub` and `grubx64-new.efi` with the ending `-new`.
    #[must_use]
    pub fn loader(self, name: &str, ending: &str) -> String {
        format!("{name}{}{ending}.efi", self.suffix)
    }

    /// The name of the file in `EFI/BOOT` that firmware starts from a medium without a boot entry, such as `BOOTX64.EFI`.
    fn removable_loader(self) -> String {
        self.beside_removable_loader("")
    }

    /// A name beside that of the removable loader, such as `BOOTX64-previous.EFI`.
    #[must_use]
    pub fn beside_removable_loader(self, ending: &str) -> String {
        format!("BOOT{}{ending}.EFI", self.suffix.to_uppercase())
    }

    /// The names of removable loaders of every processor, this machine's own first.
    #[must_use]
    pub fn removable_loaders() -> Vec<String> {
        let mut all = Self::ALL.to_vec();
        all.sort_by_key(|architecture| architecture.machine != std::env::consts::ARCH);
        all.into_iter().map(Self::removable_loader).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaders_have_the_names_of_the_specification() {
        let names: Vec<String> = Architecture::ALL.map(Architecture::removable_loader).to_vec();
        let expected = [
            "BOOTX64.EFI",
            "BOOTAA64.EFI",
            "BOOTIA32.EFI",
            "BOOTARM.EFI",
            "BOOTRISCV64.EFI",
            "BOOTLOONGARCH64.EFI",
        ];
        assert_eq!(names, expected);
        let own = Architecture::own().unwrap();
        assert_eq!(Architecture::removable_loaders()[0], own.removable_loader());
        assert_eq!(Architecture::removable_loaders().len(), expected.len());
        let arm = Architecture::from_grub_format("arm64-efi").unwrap();
        assert_eq!(arm.loader("grub", "-new"), "grubaa64-new.efi");
        assert_eq!(arm.beside_removable_loader("-previous"), "BOOTAA64-previous.EFI");
        assert_eq!(Architecture::from_grub_format("i386-pc"), None);
    }
}
