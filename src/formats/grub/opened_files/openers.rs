//! GRUB's commands that open files.

/// The use that GRUB has for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A kernel, an initramfs or the like: without it the entry does not boot.
    Boot,
    /// A boot loader, or an image that brings its own system.
    Chainload,
    /// A script that runs as this one.
    Configuration,
    /// A theme, which names files itself.
    Theme,
    /// A module of GRUB.
    Module,
    /// A block of variables.
    Environment,
    /// A directory with translations.
    Locales,
    /// A directory with entries of the Boot Loader Specification, or one entry.
    Entries,
    /// A directory with unified images, or one image.
    Images,
    /// Anything without which GRUB goes on.
    Other,
}

/// How the arguments of a command name files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Files {
    /// The first argument that is no option.
    First,
    /// The second one.
    Second,
    /// All that are no options.
    All,
    /// The value of `-f` or `--file`, or `$prefix/grubenv`.
    Environment,
    /// The value of `-p` or `--path`, or this directory, or the one that a variable of this name has.
    Listed(&'static str, Option<&'static str>),
    /// All, and the value of `-c` or `--check`; those of `-h` and `-p` are none.
    Hashed,
    /// All, but only with `-f` or `--file` among the options.
    Search,
}

/// Where a name without a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Short {
    Nowhere,
    Module,
    Font,
    Keymap,
}

/// Commands that open files alike.
pub(super) struct Opener {
    pub names: &'static [&'static str],
    pub files: Files,
    pub usage: Use,
    pub short: Short,
}

const fn opener(names: &'static [&'static str], files: Files, usage: Use, short: Short) -> Opener {
    Opener {
        names,
        files,
        usage,
        short,
    }
}

/// GRUB's commands that open files (GRUB manual, "Commands"; 2.14, and the additions of Debian and Fedora).
pub(super) const OPENERS: [Opener; 19] = [
    opener(
        &["blscfg", "bls_import"],
        Files::Listed("/loader/entries", Some("blsdir")),
        Use::Entries,
        Short::Nowhere,
    ),
    opener(&["uki"], Files::Listed("/EFI/Linux", None), Use::Images, Short::Nowhere),
    opener(
        &["hashsum", "md5sum", "sha1sum", "sha256sum", "sha512sum", "crc"],
        Files::Hashed,
        Use::Other,
        Short::Nowhere,
    ),
    opener(&["cmp"], Files::All, Use::Other, Short::Nowhere),
    opener(
        &[
            "linux",
            "linux16",
            "linuxefi",
            "multiboot",
            "multiboot2",
            "xen_hypervisor",
            "xen_linux",
            "kfreebsd",
            "kfreebsd_loadenv",
            "knetbsd",
            "kopenbsd",
            "kopenbsd_ramdisk",
            "plan9",
            "xnu_kernel",
            "xnu_kernel64",
            "xnu_kext",
            "xnu_mkext",
            "xnu_ramdisk",
            "devicetree",
            "ntldr",
            "truecrypt",
            "freedos",
            "loadbios",
            "loadkeys",
            "legacy_kernel",
            "legacy_initrd",
            "legacy_initrd_nounzip",
        ],
        Files::First,
        Use::Boot,
        Short::Nowhere,
    ),
    opener(
        &[
            "module",
            "module2",
            "xen_initrd",
            "xen_module",
            "kfreebsd_module",
            "kfreebsd_module_elf",
            "knetbsd_module",
            "knetbsd_module_elf",
        ],
        Files::First,
        Use::Boot,
        Short::Nowhere,
    ),
    opener(
        &["initrd", "initrd16", "initrdefi", "acpi"],
        Files::All,
        Use::Boot,
        Short::Nowhere,
    ),
    opener(&["chainloader"], Files::First, Use::Chainload, Short::Nowhere),
    opener(
        &[
            "configfile",
            "source",
            ".",
            "normal",
            "extract_entries_source",
            "extract_entries_configfile",
        ],
        Files::First,
        Use::Configuration,
        Short::Nowhere,
    ),
    opener(
        &[
            "legacy_configfile",
            "legacy_source",
            "syslinux_configfile",
            "syslinux_source",
            "loopback",
        ],
        Files::First,
        Use::Other,
        Short::Nowhere,
    ),
    opener(&["loopback"], Files::Second, Use::Boot, Short::Nowhere),
    opener(&["insmod"], Files::First, Use::Module, Short::Module),
    opener(&["loadfont"], Files::All, Use::Other, Short::Font),
    opener(&["keymap"], Files::First, Use::Other, Short::Keymap),
    opener(
        &["load_env", "save_env"],
        Files::Environment,
        Use::Environment,
        Short::Nowhere,
    ),
    opener(&["search"], Files::Search, Use::Other, Short::Nowhere),
    opener(&["search.file"], Files::First, Use::Other, Short::Nowhere),
    opener(&["background_image"], Files::First, Use::Other, Short::Nowhere),
    opener(
        &[
            "trust",
            "cat",
            "hexdump",
            "play",
            "file",
            "macppcbless",
            "xnu_splash",
            "verify_detached",
        ],
        Files::First,
        Use::Other,
        Short::Nowhere,
    ),
];
