//! Names of bootable files, as the programs that install kernels give them: the kernel's own `make install`, installkernel
//! of Debian and Gentoo, kernel-install(8), genkernel, dracut and others, and as grub-mkconfig looks for them.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::formats::grub::signature_name::is_signature_name;
use crate::system::{Context, MACHINE_ID};

use super::shell_file::{text, value};

/// Beginnings of the names of kernels. A version, or nothing, follows.
const KERNELS: [&str; 7] = ["vmlinuz", "vmlinux", "kernel", "bzImage", "zImage", "Image.gz", "Image"];
/// Those of them that begin the names of other files as well, such as `kernel-config`.
const AMBIGUOUS: [&str; 2] = ["kernel", "Image"];
/// Beginnings of the names of initramfs images.
const INITRAMFS: [&str; 2] = ["initramfs", "initrd"];
/// Endings of their names, after the version.
const INITRAMFS_ENDINGS: [&str; 2] = [".img", ".gz"];
/// The names of images with microcode, as grub-mkconfig puts them before the initramfs (`GRUB_EARLY_INITRD_LINUX_STOCK`).
const MICROCODE: [&str; 6] = [
    "intel-uc.img",
    "intel-ucode.img",
    "amd-uc.img",
    "amd-ucode.img",
    "early_ucode.cpio",
    "microcode.cpio",
];
/// Endings of the names of signatures that are not GRUB's.
const SIGNATURES: [&str; 2] = [".gpg", ".asc"];
/// Ending of the name of a file that gave its name to a newer one.
const FORMER: &str = ".old";
/// The same before the ending of an EFI image.
const FORMER_EFI: &str = "-old";
/// Ending of the name of an EFI image, in small letters or capitals.
const EFI: &str = ".efi";
/// kernel-install's name for this machine, its first line.
const ENTRY_TOKEN: &str = "/etc/kernel/entry-token";
/// The distribution's name and version, the first that is there.
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];
/// The variables in it that kernel-install takes for a name.
const OS_NAMES: [&str; 2] = ["IMAGE_ID", "ID"];

/// A kind of file that is booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A kernel, by the word that its name begins with.
    Kernel,
    /// An EFI image with a kernel's version, or this machine's name, in its name: a unified kernel image, as a rule.
    Unified,
    /// An initramfs.
    Initramfs,
    /// Microcode for the processor, which is loaded before the initramfs.
    Microcode,
}

/// A name of a file that is booted, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootName {
    /// The kind of file that has such a name.
    pub kind: Kind,
    /// True if the name says that the file made room for a newer one: `NAME.old`, or `NAME-old.efi`.
    pub is_former: bool,
    /// True if it ends in `.efi`.
    is_efi: bool,
    /// True if it is one of this machine's own names and nothing else.
    is_token: bool,
    /// The name without endings.
    stem: String,
    /// The same without systemd-boot's counter of attempts (`+LEFT` or `+LEFT-DONE`), if it has one.
    uncounted: Option<String>,
}

/// The names that this machine gives to the files that it boots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Naming {
    /// The names of this machine in those of unified images ("entry tokens").
    tokens: BTreeSet<String>,
}

impl Naming {
    /// The naming of the machine below the context's root: with its entry token, its identifier and its distribution's
    /// name, which kernel-install(8) chooses from. An error if one of the files with these cannot be read.
    pub fn of_machine(context: &Context) -> Result<Self> {
        let mut naming = Self::default();
        // kernel-install takes the identifier for a name where there is no other.
        for file in [ENTRY_TOKEN, MACHINE_ID] {
            let text = text(context, file)?.unwrap_or_default();
            naming.add(text.lines().next().unwrap_or_default().trim());
        }
        for file in OS_RELEASE {
            if let Some(text) = text(context, file)? {
                for variable in OS_NAMES {
                    naming.add(value(&text, variable).unwrap_or_default());
                }
                break;
            }
        }
        Ok(naming)
    }

    /// Takes one more name of this machine.
    pub fn add(&mut self, token: &str) {
        if !token.is_empty() {
            self.tokens.insert(token.to_owned());
        }
    }

    /// Takes a name apart, if a file that is booted has such a name.
    #[must_use]
    pub fn parse(&self, name: &str) -> Option<BootName> {
        if is_signature_name(name) || SIGNATURES.iter().any(|ending| name.ends_with(ending)) {
            return None;
        }
        let (stem, mut is_former) = without(name, FORMER);
        let (mut stem, is_efi) = without_efi(stem);
        if is_efi && !is_former {
            (stem, is_former) = without(stem, FORMER_EFI);
        }
        let uncounted = if is_efi { without_counter(stem) } else { None };
        let is_token = is_efi && self.tokens.contains(stem);
        let kind = if KERNELS.iter().any(|word| begins_with(stem, word)) {
            Kind::Kernel
        } else if is_token || (is_efi && has_version(uncounted.unwrap_or(stem))) {
            Kind::Unified
        } else if INITRAMFS.iter().any(|word| begins_with(stem, word)) {
            Kind::Initramfs
        } else if MICROCODE.contains(&stem) {
            Kind::Microcode
        } else {
            return None;
        };
        let stem = match kind {
            Kind::Initramfs => INITRAMFS_ENDINGS
                .iter()
                .find_map(|ending| stem.strip_suffix(ending))
                .unwrap_or(stem),
            Kind::Kernel | Kind::Unified | Kind::Microcode => stem,
        };
        Some(BootName {
            kind,
            is_former,
            is_efi,
            is_token,
            stem: stem.to_owned(),
            uncounted: uncounted.map(str::to_owned),
        })
    }
}

impl BootName {
    /// True if firmware or a boot loader starts a file of this name, rather than loading it with one that it starts.
    #[must_use]
    pub const fn is_kernel(&self) -> bool {
        matches!(self.kind, Kind::Kernel | Kind::Unified)
    }

    /// True if a menu of GRUB may name a file of this name, by GRUB's own search.
    #[must_use]
    pub const fn is_grubs(&self) -> bool {
        !matches!(self.kind, Kind::Unified)
    }

    /// True if nobody gives such a name to anything but a kernel: `vmlinuz`, or `kernel-6.12.1`, and not `kernel-config`.
    #[must_use]
    pub fn is_certainly_kernel(&self) -> bool {
        let has_word = |words: &[&str]| words.iter().any(|word| begins_with(&self.stem, word));
        self.is_kernel() && (!has_word(&AMBIGUOUS) || self.has_no_version() || has_version(&self.stem))
    }

    /// True if it is the name of that version's kernel, initramfs or unified image, the former one's included.
    #[must_use]
    pub fn is_of(&self, version: &str) -> bool {
        let stems = [Some(&self.stem), self.uncounted.as_ref()];
        let prefixes = stems.into_iter().flatten().filter_map(|stem| {
            let prefix = stem.strip_suffix(version)?.strip_suffix('-')?;
            (!prefix.is_empty()).then_some(prefix)
        });
        let is_its = |prefix: &str| self.is_efi || self.kind != Kind::Kernel || KERNELS.contains(&prefix);
        prefixes.into_iter().any(is_its)
    }

    /// True if it names no version and so stands for the newest kernel: `vmlinuz`, `initrd.img` or `gentoo.efi`.
    #[must_use]
    pub fn has_no_version(&self) -> bool {
        match self.kind {
            Kind::Kernel => KERNELS.contains(&self.stem.as_str()),
            Kind::Initramfs => INITRAMFS.contains(&self.stem.as_str()),
            Kind::Unified => self.is_token,
            Kind::Microcode => true,
        }
    }
}

/// The name that a file had before it made room for a newer one, if its name says that it did.
#[must_use]
pub(super) fn former_name(name: &str) -> Option<String> {
    let plain = || name.strip_suffix(FORMER).map(str::to_owned);
    let (stem, is_efi) = without_efi(name);
    let ending = name.get(stem.len()..)?;
    let efi = stem.strip_suffix(FORMER_EFI).filter(|_| is_efi);
    plain().or_else(|| Some(format!("{}{ending}", efi?)))
}

/// True if a name ends as those of EFI images do.
pub(super) fn is_efi_name(name: &str) -> bool {
    without_efi(name).1
}

/// True if a name is this word, or begins with it and goes on with something that is no letter or digit.
fn begins_with(name: &str, word: &str) -> bool {
    let rest = name.strip_prefix(word);
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// True if a hyphen and a digit follow something, as in `gentoo-6.12.1`.
fn has_version(stem: &str) -> bool {
    let mut parts = stem.split('-');
    let first = parts.next().unwrap_or_default();
    !first.is_empty() && parts.any(|part| part.starts_with(|c: char| c.is_ascii_digit()))
}

fn without<'n>(name: &'n str, ending: &str) -> (&'n str, bool) {
    name.strip_suffix(ending).map_or((name, false), |name| (name, true))
}

/// FAT knows no capitals, so whoever wrote the name may have chosen any.
fn without_efi(name: &str) -> (&str, bool) {
    let split = name
        .len()
        .checked_sub(EFI.len())
        .and_then(|at| name.split_at_checked(at));
    match split {
        Some((stem, ending)) if ending.eq_ignore_ascii_case(EFI) => (stem, true),
        _ => (name, false),
    }
}

/// A name without `+LEFT` or `+LEFT-DONE` at its end (Boot Loader Specification, "Boot counting").
fn without_counter(stem: &str) -> Option<&str> {
    let (name, counter) = stem.rsplit_once('+')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_counter = match counter.split_once('-') {
        Some((left, done)) => is_number(left) && is_number(done),
        None => is_number(counter),
    };
    is_counter.then_some(name)
}

#[cfg(test)]
mod tests;
