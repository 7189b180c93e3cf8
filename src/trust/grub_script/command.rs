//! The commands of GRUB 2.06, 2.12 and 2.14, with the additions of Debian, Fedora and SUSE, by what they can do to that which
//! protects: set variables, run scripts, change keys, unload modules, write to memory. What they open is in
//! `formats::grub::opened_files`.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The effect of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing that protects is changed, whatever the arguments.
    None,
    /// `set NAME=VALUE`.
    Set,
    /// `unset NAME`.
    Unset,
    /// Sets variables that options or arguments name.
    Names(Names),
    /// Reads variables from a file, under its signature unless told otherwise.
    LoadEnvironment,
    /// Reads variables from the firmware, which nobody signs.
    LoadFirmware,
    /// Runs a script, whose variables stay.
    Source,
    /// Runs a script with variables of its own.
    Configure,
    /// Runs its arguments as a script.
    Eval,
    /// Makes an entry.
    Entry,
    /// Runs the command that its arguments are.
    Prefix,
    /// Sets the parameters `$1`, `$2`, …
    Parameters,
    /// Drops the first parameters.
    Shift,
    /// Unloads modules.
    Unload,
    /// Changes the trusted keys.
    Keys,
    /// Writes to memory, registers or tables.
    Memory,
    /// Ends in a command line that asks nobody for a password.
    Shell,
    /// Runs a script in another loader's language.
    Foreign,
    /// Runs GRUB's tests of itself.
    Test,
}

/// Where a command takes the names of variables from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Names {
    /// The long option; none if there is no option.
    pub long: &'static str,
    /// The short one.
    pub short: Option<char>,
    /// The argument among those that are no options.
    pub argument: Option<usize>,
}

const fn option(long: &'static str, short: char) -> Effect {
    Effect::Names(Names {
        long,
        short: Some(short),
        argument: None,
    })
}

const fn argument(index: usize) -> Effect {
    Effect::Names(Names {
        long: "",
        short: None,
        argument: Some(index),
    })
}

/// Functions that menus of grub-mkconfig define and call: a body is judged where it is defined.
pub(super) const FUNCTIONS_OF_MKCONFIG: [&str; 6] = [
    "load_video",
    "gfxmode",
    "savedefault",
    "recordfail",
    "initrdfail",
    "vt_handoff",
];

/// Commands that do more than to open, show or start something.
const ACTING: [(Effect, &[&str]); 25] = [
    (Effect::Set, &["set"]),
    (Effect::Unset, &["unset"]),
    (option("set", 's'), &["search", "regexp", "probe", "smbios", "tr"]),
    (
        option("", 'v'),
        &["rdmsr", "inb", "inw", "inl", "read_byte", "read_word", "read_dword"],
    ),
    (
        option("output", 'o'),
        &["btrfs-list-subvols", "btrfs-get-default-subvol", "btrfs-info"],
    ),
    (
        argument(0),
        &["read", "net_get_dhcp_option", "increment", "decrement", "getenv"],
    ),
    (
        argument(1),
        &[
            "search.file",
            "search.fs_label",
            "search.fs_uuid",
            "xnu_uuid",
            "zfs-bootfs",
            "zfs-info",
        ],
    ),
    (Effect::LoadEnvironment, &["load_env"]),
    (Effect::LoadFirmware, &["efi-load-env"]),
    (Effect::Source, &["source", ".", "extract_entries_source"]),
    (
        Effect::Configure,
        &["configfile", "normal", "extract_entries_configfile"],
    ),
    (Effect::Eval, &["eval"]),
    (Effect::Entry, &["menuentry", "submenu", "test_blockarg"]),
    (Effect::Prefix, &["!", "time"]),
    (Effect::Parameters, &["setparams"]),
    (Effect::Shift, &["shift"]),
    (Effect::Unload, &["rmmod"]),
    (Effect::Keys, &["trust", "distrust"]),
    (Effect::Memory, &WRITING),
    (Effect::Memory, &["gdbstub_stop", "915resolution", "lua"]),
    (Effect::Shell, &["normal_exit"]),
    (
        Effect::Foreign,
        &[
            "legacy_configfile",
            "legacy_source",
            "syslinux_configfile",
            "syslinux_source",
        ],
    ),
    (
        Effect::Foreign,
        &["extract_legacy_entries_configfile", "extract_legacy_entries_source"],
    ),
    (
        Effect::Foreign,
        &["extract_syslinux_entries_configfile", "extract_syslinux_entries_source"],
    ),
    (Effect::Test, &["functional_test", "all_functional_test"]),
];

/// Commands that GRUB forbids under Secure Boot because they change memory or hardware.
const WRITING: [&str; 15] = [
    "write_byte",
    "write_word",
    "write_dword",
    "cutmem",
    "badram",
    "outb",
    "outw",
    "outl",
    "setpci",
    "wrmsr",
    "loadbios",
    "gdbstub",
    "gdbstub_break",
    "fakebios",
    "hdparm",
];

/// All others, a line for each beginning: what they open is opened under its signature.
const OTHERS: &[&str] = &[
    "[ acpi append_add_db_cert append_add_db_hash append_add_dbx_cert append_add_dbx_hash append_list_db append_list_dbx",
    "append_rm_dbx_cert append_rm_dbx_hash append_verify appleloader authenticate background_color background_image backtrace",
    "bls_bumpcounter bls_import blocklist blscfg blsuki boot bootefi boottime break btrfs-mount-subvol cacheinfo cat cbmemc chainloader clear cmosclean cmosdump cmosset",
    "cmostest cmp connectefi continue coreboot_boottime cpuid crc cryptocheck cryptomount date devicetree drivemap dump echo",
    "efi-export-env efiemu_loadcore efiemu_pnvram efiemu_prepare efiemu_unload efitextmode exit export false fdt file fix_video",
    "freedos fwsetup gettext gptsync halt hashsum hello help hexdump hexdump_random initrd initrd16 initrdefi insmod keymap",
    "list_certificates lsfreemem lsmem net_efi_add_addr net_efi_bootp net_efi_bootp6 net_efi_ls_addr net_efi_ls_cards",
    "net_efi_ls_routes reset verify_appended keystatus kfreebsd kfreebsd_loadenv kfreebsd_module kfreebsd_module_elf knetbsd knetbsd_module knetbsd_module_elf kopenbsd",
    "kopenbsd_ramdisk legacy_check_password legacy_initrd legacy_initrd_nounzip legacy_kernel legacy_password linux linux16",
    "linuxefi list_env list_trusted loadfont loopback ls lsacpi lsapm lscoreboot lsdev lsefi lsefimmap lsefisystab lsfonts lsmmap",
    "lsmod lspci lssal lsspd macppcbless mactelbless mbi md5sum menuentry_dummy module module2 moduledefi multiboot multiboot2",
    "nativedisk net_add_addr net_add_dns net_add_route net_bootp net_bootp6 net_del_addr net_del_dns net_del_route net_dhcp",
    "net_dhcp6 net_ipv6_autoconf net_ls_addr net_ls_cards net_ls_dns net_ls_routes net_nslookup net_set_vlan ntldr parttool",
    "password password_pbkdf2 pcidump pcr plainmount plan9 play pxe_unload reboot return save_env search_hint sendkey serial",
    "sha1sum sha256sum sha512sum sleep spkmodem stress suspend systab terminal_input terminal_output terminfo test testload",
    "testspeed tpm2_dump_pcr tpm2_key_protector_clear tpm2_key_protector_init tpm_record_pcrs true truecrypt uki usb vbeinfo",
    "vbetest verify_detached version videoinfo videotest xen_hypervisor xen_initrd xen_linux xen_module xen_xsm xnu_devprop_load",
    "xnu_kernel xnu_kernel64 xnu_kext xnu_kextdir xnu_mkext xnu_ramdisk xnu_resume xnu_splash zfsinfo zfskey loadkeys",
];

/// The effect of a command; none if GRUB has no command of this name.
pub(super) fn effect(name: &str) -> Option<Effect> {
    static ALL: LazyLock<HashMap<&str, Effect>> = LazyLock::new(|| {
        let others = OTHERS.iter().flat_map(|line| line.split(' '));
        let mut all: HashMap<&str, Effect> = others.map(|name| (name, Effect::None)).collect();
        // The first line that has a name counts.
        for (effect, names) in ACTING.iter().rev() {
            all.extend(names.iter().map(|name| (*name, *effect)));
        }
        all
    });
    ALL.get(name).copied()
}

/// True if a name that begins like this may be that of a command which acts.
pub(super) fn may_act(beginning: &str) -> bool {
    let mut names = ACTING.iter().flat_map(|(_, names)| names.iter());
    names.any(|name| name.starts_with(beginning))
}
