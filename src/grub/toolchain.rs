//! The distribution's GRUB: its modules, the program that makes images of them, and the abilities of both.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::disk::Architecture;
use crate::error::{Error, Result};
use crate::formats::text::Shown;
use crate::system::{self, Context, process};

/// The directory in which distributions put GRUB's modules, in a directory for each format of images.
const MODULES: &str = "/usr/lib/grub";
/// Longest description of the modules that is read, in bytes.
const MAX_DESCRIPTION: u64 = 1 << 20;
/// The first version with an option to start without shim.
const OLDEST: (u32, u32) = (2, 6);

/// The installed GRUB.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// The path of `grub-mkimage`.
    pub program: PathBuf,
    /// The directory of the modules.
    pub modules: PathBuf,
    /// The version of the program, such as `2.06-13+deb12u2`.
    pub version: String,
    /// True if images can be made without a command line.
    pub can_disable_cli: bool,
}

impl Toolchain {
    /// The toolchain of a program and its modules; where they are not given, the machine's own. Refuses a program and modules
    /// of different versions.
    pub fn new(context: &Context, program: Option<&Path>, modules: Option<&Path>) -> Result<Self> {
        let program = program.map_or_else(default_program, Path::to_path_buf);
        let modules = match modules {
            Some(modules) => modules.to_path_buf(),
            None => default_modules(context)?,
        };
        let install = "install the distribution's GRUB for EFI (Gentoo: sys-boot/grub with GRUB_PLATFORMS=efi-64), \
                       or name --mkimage and --modules-dir";
        let said = process::output(&program, ["--version"]).map_err(|error| error.hint(install))?;
        let version = said.split_whitespace().last().unwrap_or_default().to_owned();
        let help = process::output(&program, ["--help"])?;
        let toolchain = Self {
            can_disable_cli: help.contains("--disable-cli"),
            program,
            modules,
            version,
        };
        toolchain.check(&help).map_err(|error| error.hint(install))?;
        Ok(toolchain)
    }

    fn check(&self, help: &str) -> Result<()> {
        let described = self.modules.join("modinfo.sh");
        let description = system::read_if_there(&described, MAX_DESCRIPTION)?
            .ok_or_else(|| Error::could_not_run(format!("{} holds no GRUB modules", self.modules.shown())))?;
        let description = String::from_utf8_lossy(&description);
        let own = description
            .lines()
            .find_map(|line| line.strip_prefix("grub_version="))
            .map(|value| value.trim_matches('"'));
        let (Some(own), Some(numbers)) = (own, numbers(&self.version)) else {
            let unclear = format!(
                "{} and {} do not say their version",
                self.program.shown(),
                described.shown()
            );
            return Err(Error::could_not_run(unclear));
        };
        if !self.version.starts_with(own) {
            return Err(Error::refused(format!(
                "{} is version {}, the modules in {} are {own}",
                self.program.shown(),
                self.version,
                self.modules.shown()
            )));
        }
        if numbers < OLDEST || !help.contains("--disable-shim-lock") {
            return Err(Error::refused(format!(
                "GRUB {} cannot check signatures under Secure Boot; 2.06 and newer can",
                self.version
            )));
        }
        Ok(())
    }

    /// The format of images, as `grub-mkimage --format` takes it.
    pub fn format(&self) -> Result<&str> {
        let name = self.modules.file_name().and_then(OsStr::to_str);
        name.ok_or_else(|| self.unknown_format())
    }

    fn unknown_format(&self) -> Error {
        let known = Architecture::ALL.map(Architecture::grub_format).join(", ");
        Error::usage(format!("{} is none of the directories {known}", self.modules.shown()))
    }

    /// The processor that the images are for, by the name of the directory of modules.
    pub fn architecture(&self) -> Result<Architecture> {
        Architecture::from_grub_format(self.format()?).ok_or_else(|| self.unknown_format())
    }

    /// The two numbers of the version, such as (2, 6).
    pub fn numbers(&self) -> Result<(u32, u32)> {
        numbers(&self.version).ok_or_else(|| Error::bug(format!("GRUB's version {} has no two numbers", self.version)))
    }

    /// True if there is such a module.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_plain && self.modules.join(format!("{name}.mod")).is_file()
    }

    /// Refuses if one of these modules does not exist.
    pub fn require(&self, names: &[String]) -> Result<()> {
        for name in names {
            if !self.has(name) {
                return Err(
                    Error::could_not_run(format!("GRUB {} has no module {name}", self.version))
                        .hint(format!("ls {}", self.modules.shown())),
                );
            }
        }
        Ok(())
    }
}

fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The name of `grub-mkimage` on this machine: Fedora and others call it `grub2-mkimage`.
fn default_program() -> PathBuf {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let is_installed = |name: &&str| std::env::split_paths(&paths).any(|directory| directory.join(name).is_file());
    let name = [process::GRUB_MKIMAGE, process::GRUB2_MKIMAGE]
        .into_iter()
        .find(is_installed);
    PathBuf::from(name.unwrap_or(process::GRUB_MKIMAGE))
}

/// The directory of the modules for this machine's processor.
fn default_modules(context: &Context) -> Result<PathBuf> {
    let own = Architecture::own().map_err(|error| error.hint("name --modules-dir"))?;
    Ok(context.path(MODULES).join(own.grub_format()))
}
