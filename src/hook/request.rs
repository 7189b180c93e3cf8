//! The request to a hook, from its arguments and environment.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::formats::text::{UnknownName, find_by_name, printable};

use super::mode::Mode;

/// A moment in the installation of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The modules are there, and no initramfs has copies of them yet.
    Modules,
    /// A unified kernel image may be in the staging area.
    Uki,
    /// The image is where it was installed.
    Image,
    /// grub.cfg was written anew.
    Grub,
    /// An initramfs was made anew, without a kernel's installation.
    Initramfs,
    /// Portage has installed a package.
    Portage,
    /// By hand: all that belongs to a kernel that is installed.
    All,
}

impl Slot {
    pub(super) const ALL: [Self; 7] = [
        Self::Modules,
        Self::Uki,
        Self::Image,
        Self::Grub,
        Self::Initramfs,
        Self::Portage,
        Self::All,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Modules => "modules",
            Self::Uki => "uki",
            Self::Image => "image",
            Self::Grub => "grub",
            Self::Initramfs => "initramfs",
            Self::Portage => "portage",
            Self::All => "all",
        }
    }
}

impl FromStr for Slot {
    type Err = UnknownName;

    fn from_str(text: &str) -> std::result::Result<Self, UnknownName> {
        find_by_name(&Self::ALL, Self::name, text)
    }
}

/// The parameters that dpkg has given to the script of a kernel's package (deb-preinst(5)), each in quotes.
const DPKG: &str = "DEB_MAINT_PARAMS";
/// The first of them before the package is unpacked.
const BEFORE_UNPACKING: [&str; 2] = ["install", "upgrade"];
/// The first of them once the package is removed.
const REMOVED: &str = "remove";
/// The word by which the hooks of a removal that are not kernel-install's begin.
const REMOVED_KERNEL: &str = "removed";

/// The variables of the environment by which the two modes inform their hooks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// How kernels are laid out: "bls", "uki", "grub", "efistub", "compat", "other".
    pub layout: Option<String>,
    /// Where the boot loader looks, in systemd mode.
    pub boot_root: Option<PathBuf>,
    /// The beginning of the names of this machine's boot entries, in systemd mode.
    pub entry_token: Option<String>,
    /// Where initrd and unified image wait to be copied.
    pub staging: Option<PathBuf>,
    /// GRUB's configuration, if it is at an unusual place.
    pub grub_config: Option<PathBuf>,
    /// True if dpkg has not unpacked the kernel yet, though its scripts name the path that the image will have.
    pub is_before_unpacking: bool,
    /// True if dpkg calls the hooks of a removal for something else, such as an upgrade in the midst of which it is.
    pub is_no_removal: bool,
    /// True if more is to be said.
    pub verbose: bool,
}

impl Environment {
    /// Reads it with `variable`, as [`std::env::var_os`].
    #[must_use]
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let either =
            |name: &str| set(&format!("KERNEL_INSTALL_{name}")).or_else(|| set(&format!("INSTALLKERNEL_{name}")));
        let text = |value: OsString| value.to_string_lossy().into_owned();
        let dpkg = set(DPKG).map(text);
        let does = |actions: &[&str]| {
            let action = dpkg.as_ref()?.trim_start_matches('\'');
            Some(actions.iter().any(|known| action.starts_with(known)))
        };
        Self {
            layout: either("LAYOUT").map(text),
            boot_root: set("KERNEL_INSTALL_BOOT_ROOT").map(PathBuf::from),
            entry_token: set("KERNEL_INSTALL_ENTRY_TOKEN").map(text),
            staging: either("STAGING_AREA").map(PathBuf::from),
            grub_config: set("GRUB_CFG").map(PathBuf::from),
            is_before_unpacking: does(&BEFORE_UNPACKING).unwrap_or_default(),
            is_no_removal: does(&[REMOVED]) == Some(false),
            verbose: either("VERBOSE").is_some_and(|value| value == "1"),
        }
    }
}

/// The request to a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// When.
    pub slot: Slot,
    /// Who asks; nobody but a person or Portage otherwise.
    pub mode: Option<Mode>,
    /// True if a kernel is removed.
    pub removes: bool,
    /// The kernel's version, checked: it is a plain file name. For [`Slot::Portage`] the package.
    pub subject: String,
    /// Directory of the kernel in the boot loader's file system, in systemd mode.
    pub entry_directory: Option<PathBuf>,
    /// The image: to be installed, or in `postinst.d` as it was installed; the initramfs for [`Slot::Initramfs`].
    pub image: Option<PathBuf>,
}

impl Request {
    /// Understands the arguments that follow the slot: `add VER ENTRY_DIR IMAGE [INITRD…]` or `remove VER ENTRY_DIR` of
    /// kernel-install(8), `VER IMAGE` of installkernel, `removed VER IMAGE` of dpkg, `VER INITRAMFS` of update-initramfs(8),
    /// `VER [IMAGE]` by hand, a package of Portage.
    pub fn parse(slot: Slot, arguments: &[OsString]) -> Result<Self> {
        let mut rest = arguments.iter().map(OsString::as_os_str);
        let mut next = || rest.next();
        let first = next().ok_or_else(|| too_few(slot))?;
        if slot == Slot::Portage {
            return Ok(Self {
                slot,
                mode: None,
                removes: false,
                subject: package(first)?,
                entry_directory: None,
                image: None,
            });
        }
        let is_systemd = slot != Slot::All && (first == "add" || first == "remove");
        let mode = match (slot, is_systemd) {
            (Slot::All, _) => None,
            (_, true) => Some(Mode::Systemd),
            (_, false) => Some(Mode::Traditional),
        };
        let is_removed = slot != Slot::All && first == REMOVED_KERNEL;
        let number = if is_systemd || is_removed {
            next().ok_or_else(|| too_few(slot))?
        } else {
            first
        };
        let entry_directory = if is_systemd {
            Some(PathBuf::from(next().ok_or_else(|| too_few(slot))?))
        } else {
            None
        };
        Ok(Self {
            slot,
            mode,
            removes: is_removed || is_systemd && first == "remove",
            subject: version(number)?,
            entry_directory,
            image: next().map(PathBuf::from),
        })
    }
}

fn too_few(slot: Slot) -> Error {
    let name = slot.name();
    Error::usage(format!("too few arguments for the slot {name}")).hint(match slot {
        Slot::Portage => "bootseal hook run portage CATEGORY/PACKAGE".to_owned(),
        Slot::All => "bootseal hook run all VERSION".to_owned(),
        _ => format!("bootseal hook run {name} VERSION IMAGE, or as kernel-install calls it: add VERSION DIR IMAGE"),
    })
}

/// A version becomes part of paths: it must be one plain name in them, and the same in every shell.
fn version(text: &OsStr) -> Result<String> {
    let is_plain = |text: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._+~-".contains(c);
        text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(plain)
    };
    text.to_str().filter(is_plain).map(str::to_owned).ok_or_else(|| {
        let shown = printable(&text.to_string_lossy());
        Error::usage(format!("\"{shown}\" is no kernel version"))
            .hint("a version begins with a letter or digit, and holds letters, digits and . _ + ~ - only")
    })
}

fn package(text: &OsStr) -> Result<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-/".contains(c);
    let package = text.to_str().filter(|text| !text.is_empty() && text.chars().all(plain));
    package.map(str::to_owned).ok_or_else(|| {
        Error::usage(format!(
            "\"{}\" is no package of Portage",
            printable(&text.to_string_lossy())
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(slot: Slot, arguments: &[&str]) -> Result<Request> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        Request::parse(slot, &arguments)
    }

    #[test]
    fn the_arguments_tell_the_mode() {
        let request = parse(
            Slot::Image,
            &["add", "6.12.1", "/efi/token/6.12.1", "/src/bzImage", "/src/initrd"],
        )
        .unwrap();
        assert_eq!((request.mode, request.removes), (Some(Mode::Systemd), false));
        assert_eq!(request.entry_directory.as_deref(), Some("/efi/token/6.12.1".as_ref()));
        assert_eq!(request.image.as_deref(), Some("/src/bzImage".as_ref()));
        let request = parse(Slot::Grub, &["remove", "6.12.1", "/efi/token/6.12.1"]).unwrap();
        assert_eq!((request.mode, request.removes), (Some(Mode::Systemd), true));
        let request = parse(Slot::Modules, &["6.12.1", "arch/x86/boot/bz Image"]).unwrap();
        assert_eq!(
            (request.mode, request.subject.as_str()),
            (Some(Mode::Traditional), "6.12.1")
        );
        assert_eq!(parse(Slot::All, &["6.12.1"]).unwrap().mode, None);
        assert_eq!(
            parse(Slot::Portage, &["sys-boot/grub-2.12-r4"]).unwrap().subject,
            "sys-boot/grub-2.12-r4"
        );
    }

    #[test]
    fn a_version_is_one_plain_name() {
        for good in ["6.12.58-gentoo-dist", "6.12.117+deb12-amd64", "6.1~rc1_x"] {
            assert_eq!(version(good.as_ref()).unwrap(), good);
        }
        for bad in [
            "",
            ".",
            "..",
            "-6",
            "../../etc",
            "6.12/1",
            "6 12",
            "6;reboot",
            "$(id)",
            "6\n12",
            "*",
            "6.1\u{e9}",
        ] {
            assert_eq!(version(bad.as_ref()).unwrap_err().kind().exit_code(), 2, "{bad:?}");
        }
        for few in [&[][..], &["add"], &["add", "6.1"], &["remove", "6.1"]] {
            assert_eq!(parse(Slot::Grub, few).unwrap_err().kind().exit_code(), 2, "{few:?}");
        }
    }

    #[test]
    fn both_modes_name_their_variables_differently() {
        let systemd = Environment::read(|name| match name {
            "KERNEL_INSTALL_LAYOUT" => Some("bls".into()),
            "KERNEL_INSTALL_VERBOSE" => Some("1".into()),
            "INSTALLKERNEL_LAYOUT" => Some("grub".into()),
            _ => None,
        });
        assert_eq!((systemd.layout.as_deref(), systemd.verbose), (Some("bls"), true));
        let traditional = Environment::read(|name| (name == "INSTALLKERNEL_STAGING_AREA").then(|| "/tmp/x".into()));
        assert_eq!(traditional.staging.as_deref(), Some("/tmp/x".as_ref()));
        assert_eq!(traditional.layout, None);
    }

    #[test]
    fn dpkg_says_when_a_kernel_is_unpacked() {
        let is_before = |parameters: &str| {
            let environment = Environment::read(|name| (name == "DEB_MAINT_PARAMS").then(|| parameters.into()));
            environment.is_before_unpacking
        };
        assert!(is_before("'install'") && is_before("'upgrade' '6.12.1-1' '6.12.1-2'") && is_before("install"));
        assert!(!is_before("'configure' ''") && !is_before("'remove'") && !is_before(""));
    }
}
