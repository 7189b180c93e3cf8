//! The options. What another option of the table selects in every kernel (X.509 and PKCS#7 parsers, the built-in
//! keyring) is not listed.

use crate::formats::kernel::kernel_config::KernelVersion;

use super::requirement::{RECOMMENDED, REQUIRED, Requirement, Wanted};

/// SHA-3 in module signatures.
const SHA3: KernelVersion = KernelVersion::new(6, 7);
/// A choice of the key that the build makes.
const KEY_TYPES: KernelVersion = KernelVersion::new(5, 15);
/// Certificates of dbx in the blacklist keyring.
const REVOCATION_LIST: KernelVersion = KernelVersion::new(5, 13);

const MODULES: &str = "Modules";
const LOCKDOWN: &str = "Lockdown";
const KEXEC: &str = "Kexec";
const FIRMWARE: &str = "Firmware";
const MEASURED_BOOT: &str = "Measured boot";

/// All that the chain needs of a kernel's configuration, in the order of the fragment.
pub const REQUIREMENTS: &[Requirement] = &[
    required(
        MODULES,
        "MODULE_SIG",
        "modules' signatures are looked at; without it lockdown lets unsigned ones in",
    )
    .only_if(&["MODULES"]),
    required(
        MODULES,
        "MODULE_SIG_FORCE",
        "a module without a signature by a trusted key is refused, not only noted",
    )
    .only_if(&["MODULES"]),
    required(
        MODULES,
        "MODULE_SIG_SHA3_512",
        "bootseal signs modules over SHA3-512 (mind the underscore: Kconfig passes over SHA3-512, and SHA-512 is left)",
    )
    .only_if(&["MODULES"])
    .since(SHA3),
    required(
        MODULES,
        "MODULE_SIG_SHA512",
        "kernels before 6.7 know no SHA-3 for modules: sign with bootseal sign modules --hash sha512 /lib/modules/VERSION",
    )
    .only_if(&["MODULES"])
    .until(SHA3),
    required(
        MODULES,
        "CRYPTO_SHA3",
        "built in: as a module it is not there when the first signature is (ENOPKG)",
    )
    .only_if(&["MODULES"])
    .since(SHA3),
    required(
        MODULES,
        "CRYPTO_SHA512",
        "built in: as a module it is not there when the first signature is (ENOPKG)",
    )
    .only_if(&["MODULES"])
    .until(SHA3),
    recommended(
        MODULES,
        "CRYPTO_SHA512",
        "built in: for modules that others sign over SHA-512",
    )
    .since(SHA3),
    recommended(
        MODULES,
        "CRYPTO_SHA256",
        "built in: certificates and EFI images are signed over SHA-256",
    ),
    required(MODULES, "CRYPTO_RSA", "built in: the module key is RSA").only_if(&["MODULES"]),
    recommended(
        MODULES,
        "MODULE_SIG_KEY_TYPE_RSA",
        "a key that the build makes itself is RSA too, not ML-DSA or ECDSA",
    )
    .only_if(&["MODULES"])
    .since(KEY_TYPES),
    recommended(
        MODULES,
        "MODULE_FORCE_LOAD",
        "modprobe --force would load modules of other kernels",
    )
    .only_if(&["MODULES"])
    .off(),
    recommended(
        MODULES,
        "SECONDARY_TRUSTED_KEYRING",
        "a key that a built-in one vouches for needs no new kernel",
    ),
    recommended(
        MODULES,
        "SYSTEM_BLACKLIST_KEYRING",
        "what dbx revokes, the kernel refuses too",
    ),
    recommended(
        MODULES,
        "SYSTEM_REVOCATION_LIST",
        "a certificate in dbx revokes the modules and kernels it signed",
    )
    .since(REVOCATION_LIST),
    required(LOCKDOWN, "SECURITY", "lockdown is one of the security modules"),
    required(
        LOCKDOWN,
        "SECURITY_LOCKDOWN_LSM",
        "root cannot change the running kernel, by /dev/mem, kexec or hibernation",
    ),
    required(
        LOCKDOWN,
        "SECURITY_LOCKDOWN_LSM_EARLY",
        "in force before parameters are read, and whatever CONFIG_LSM or lsm= lists",
    ),
    required(
        LOCKDOWN,
        "LOCK_DOWN_KERNEL_FORCE_INTEGRITY",
        "locked down without a word on the command line; mainline does not derive it from Secure Boot",
    )
    .or(&["LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY", "LOCK_DOWN_IN_EFI_SECURE_BOOT"]),
    recommended(
        KEXEC,
        "KEXEC",
        "kexec_load takes a kernel without looking at it; kexec -s does without",
    )
    .off(),
    required(
        KEXEC,
        "KEXEC_SIG",
        "signatures of kernels that kexec starts are looked at",
    )
    .only_if(&["KEXEC_FILE"]),
    required(
        KEXEC,
        "KEXEC_SIG_FORCE",
        "a kernel that is not signed is refused, locked down or not",
    )
    .only_if(&["KEXEC_FILE"]),
    recommended(
        KEXEC,
        "SIGNED_PE_FILE_VERIFICATION",
        "the kernel can read Authenticode signatures",
    )
    .only_if(&["KEXEC_FILE"]),
    recommended(
        KEXEC,
        "KEXEC_BZIMAGE_VERIFY_SIG",
        "without it there is no kernel that kexec would take",
    )
    .only_if(&["KEXEC_FILE", "X86"]),
    required(FIRMWARE, "EFI", "the firmware's keys and variables can be reached"),
    required(
        FIRMWARE,
        "EFI_STUB",
        "the kernel is an EFI image, which can be signed and which firmware judges",
    ),
    recommended(
        FIRMWARE,
        "EFIVAR_FS",
        "bootseal enroll reads and writes the firmware's keys through it",
    )
    .or_module(),
    recommended(FIRMWARE, "INTEGRITY", "the platform keyring needs it"),
    recommended(FIRMWARE, "INTEGRITY_SIGNATURE", "the platform keyring needs it"),
    recommended(FIRMWARE, "INTEGRITY_ASYMMETRIC_KEYS", "the platform keyring needs it"),
    recommended(
        FIRMWARE,
        "INTEGRITY_PLATFORM_KEYRING",
        "db's certificates vouch for what kexec starts; for modules they do in distributions' kernels alone",
    ),
    recommended(
        MEASURED_BOOT,
        "SECURITYFS",
        "the event log and the state of lockdown are shown there",
    ),
    recommended(
        MEASURED_BOOT,
        "TCG_TPM",
        "the TPM's registers and the firmware's event log can be read",
    )
    .or_module(),
    recommended(MEASURED_BOOT, "TCG_TIS", "one of the two ways to speak to a TPM").or_module(),
    recommended(
        MEASURED_BOOT,
        "TCG_CRB",
        "the other of the two, which firmware TPMs have",
    )
    .or_module(),
];

const fn required(group: &'static str, symbol: &'static str, reason: &'static str) -> Requirement {
    Requirement {
        group,
        symbol,
        wanted: Wanted::Yes,
        level: REQUIRED,
        since: None,
        until: None,
        only_if: &[],
        or: &[],
        reason,
    }
}

const fn recommended(group: &'static str, symbol: &'static str, reason: &'static str) -> Requirement {
    Requirement {
        level: RECOMMENDED,
        ..required(group, symbol, reason)
    }
}

impl Requirement {
    const fn since(mut self, version: KernelVersion) -> Self {
        self.since = Some(version);
        self
    }

    const fn until(mut self, version: KernelVersion) -> Self {
        self.until = Some(version);
        self
    }

    const fn only_if(mut self, symbols: &'static [&'static str]) -> Self {
        self.only_if = symbols;
        self
    }

    const fn or(mut self, symbols: &'static [&'static str]) -> Self {
        self.or = symbols;
        self
    }

    const fn or_module(mut self) -> Self {
        self.wanted = Wanted::Either;
        self
    }

    const fn off(mut self) -> Self {
        self.wanted = Wanted::No;
        self
    }
}
