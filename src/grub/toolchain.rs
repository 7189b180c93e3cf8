//! The distribution's GRUB: its modules, the program that makes images of them, and what both can do.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::system::{self, Context, process};

/// Where distributions put GRUB's modules, by the format of the images made of them.
const MODULES: &str = "/usr/lib/grub";
/// Formats for firmware of this machine's processor, and the name of the image that firmware and others expect.
const FORMATS: [(&str, &str, &str); 2] = [("x86_64", "x86_64-efi", "x64"), ("aarch64", "arm64-efi", "aa64")];
/// Longest description of the modules that is read, in bytes.
const MAX_DESCRIPTION: u64 = 1 << 20;
/// The first version that can be told not to wait for shim.
const OLDEST: (u32, u32) = (2, 6);

/// GRUB as it is installed.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// `grub-mkimage`.
    pub program: PathBuf,
    /// The directory of the modules.
    pub modules: PathBuf,
    /// The version of the program, such as `2.06-13+deb12u2`.
    pub version: String,
    /// Whether images can be made without a command line.
    pub can_disable_cli: bool,
}

impl Toolchain {
    /// Looks at the program and the modules, which must be of one version.
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
            .ok_or_else(|| Error::could_not_run(format!("{} holds no GRUB modules", self.modules.display())))?;
        let description = String::from_utf8_lossy(&description);
        let own = description
            .lines()
            .find_map(|line| line.strip_prefix("grub_version="))
            .map(|value| value.trim_matches('"'));
        let (Some(own), Some(numbers)) = (own, numbers(&self.version)) else {
            let unclear = format!(
                "{} and {} do not say their version",
                self.program.display(),
                described.display()
            );
            return Err(Error::could_not_run(unclear));
        };
        if !self.version.starts_with(own) {
            return Err(Error::refused(format!(
                "{} is version {}, the modules in {} are {own}",
                self.program.display(),
                self.version,
                self.modules.display()
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

    /// `-O` of `grub-mkimage`.
    #[must_use]
    pub fn format(&self) -> String {
        self.modules
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// What the processor is called in the names of EFI images: `x64` or `aa64`.
    pub fn architecture(&self) -> Result<&'static str> {
        let format = self.format();
        let known = FORMATS.iter().find(|(_, name, _)| *name == format);
        known.map(|(_, _, architecture)| *architecture).ok_or_else(|| {
            Error::usage(format!(
                "{} is none of the directories x86_64-efi and arm64-efi",
                self.modules.display()
            ))
        })
    }

    /// The two numbers of the version.
    #[must_use]
    pub fn numbers(&self) -> (u32, u32) {
        numbers(&self.version).unwrap_or(OLDEST)
    }

    /// Whether there is such a module.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_plain && self.modules.join(format!("{name}.mod")).is_file()
    }

    /// Refuses when a module is not there.
    pub fn require(&self, names: &[String]) -> Result<()> {
        for name in names {
            if !self.has(name) {
                return Err(
                    Error::could_not_run(format!("GRUB {} has no module {name}", self.version))
                        .hint(format!("ls {}", self.modules.display())),
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

/// Fedora and others call it `grub2-mkimage`.
fn default_program() -> PathBuf {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &&str| std::env::split_paths(&paths).any(|directory| directory.join(name).is_file());
    let name = ["grub-mkimage", "grub2-mkimage"].into_iter().find(is_there);
    PathBuf::from(name.unwrap_or("grub-mkimage"))
}

fn default_modules(context: &Context) -> Result<PathBuf> {
    let machine = std::env::consts::ARCH;
    let own = FORMATS.iter().find(|(architecture, _, _)| *architecture == machine);
    let (_, format, _) =
        own.ok_or_else(|| Error::usage(format!("name --modules-dir: there is no default for {machine}")))?;
    Ok(context.path(MODULES).join(format))
}
