//! The keys of the running kernel, by what it asks them for: signatures of modules, of kernels for kexec, and of appraised files.

use crate::error::{Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::kernel::kernel_config::KernelConfig;
use crate::formats::kernel::running_kernel::{
    BUILT_IN, IMA, KernelKey, Keyrings, PLATFORM, SECONDARY, find_keys, key_list,
};
use crate::formats::text::printable;
use crate::system::{self, ConfigFile, Context, keyring_links, running_release};

use super::kernel::KernelTrust;

/// The file in which the kernel lists its keys.
const KERNEL_KEYS: &str = "/proc/keys";
/// Most bytes of it that are read.
const MAX_KERNEL_KEYS: u64 = 4 << 20;

/// The keys of the running kernel.
#[derive(Debug, Clone)]
pub struct RunningKeys {
    keys: Vec<KernelKey>,
    rings: Keyrings,
    /// True if certificates of db count for modules; none if the kernel's configuration is not known.
    asks_firmware: Option<bool>,
    /// True if they count for kernels that kexec starts.
    firmware_starts: bool,
}

/// The answer of the running kernel to modules by one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// It holds the certificate where it looks: the key's description, and those of its keyrings that are known to hold it.
    Trusted(String, Vec<String>),
    /// It does not hold it.
    Missing,
    /// It holds it where it does not look for modules, as this says.
    Elsewhere(String),
    /// It cannot be told, for this reason.
    Unknown(String),
}

impl RunningKeys {
    /// Reads the kernel's list of keys, and of what its keyrings hold where it says that. None if there is no list. An error if it
    /// cannot be read (exit code 3).
    pub fn read(context: &Context) -> Result<Option<Self>> {
        let Some(bytes) = system::read_if_there(&context.path(KERNEL_KEYS), MAX_KERNEL_KEYS)? else {
            return Ok(None);
        };
        let keys = key_list(&String::from_utf8_lossy(&bytes)).or_could_not_run(|| KERNEL_KEYS.to_owned())?;
        let rings = Keyrings::read(&keys, |serial| keyring_links(context, serial));
        let config = ConfigFile::running(context).ok();
        let config = config.and_then(|config| KernelConfig::parse(&config.bytes).ok());
        Ok(Some(Self::new(context, keys, rings, config)))
    }

    fn new(context: &Context, keys: Vec<KernelKey>, rings: Keyrings, config: Option<KernelConfig>) -> Self {
        let release = running_release(context).unwrap_or_default();
        let firmware_starts = config
            .as_ref()
            .is_some_and(|config| config.is_on("INTEGRITY_PLATFORM_KEYRING"));
        let asks_firmware = config.map(|config| KernelTrust::of_configuration(&release, config).asks_firmware());
        Self {
            keys,
            rings,
            asks_firmware,
            firmware_starts,
        }
    }

    /// The keyrings in which the kernel looks for the signers of modules (`kernel/module/signing.c`).
    fn for_modules(&self) -> Vec<&'static str> {
        let firmware = (self.asks_firmware == Some(true)).then_some(PLATFORM);
        [BUILT_IN, SECONDARY].into_iter().chain(firmware).collect()
    }

    /// Those in which it looks for the signers of kernels that kexec starts (`kernel/kexec_file.c`).
    fn for_kexec(&self) -> Vec<&'static str> {
        let firmware = self.firmware_starts.then_some(PLATFORM);
        [BUILT_IN, SECONDARY].into_iter().chain(firmware).collect()
    }

    /// The answer to modules that the key of this certificate signs. An error if the certificate has no readable identifier.
    pub fn signer(&self, certificate: &Certificate) -> Result<Signer> {
        let name = printable(&certificate.common_name());
        let wanted = certificate
            .kernel_key_id()
            .or_could_not_run(|| format!("the module certificate \"{name}\""))?;
        // Others than root see their own keys only.
        if self.keys.iter().all(|key| key.asymmetric().is_none()) {
            let reason = "no key of the kernel is shown in /proc/keys: run the command as root";
            return Ok(Signer::Unknown(reason.to_owned()));
        }
        let found: Vec<&KernelKey> = find_keys(&self.keys, &wanted).collect();
        let Some(first) = found.first() else {
            return Ok(Signer::Missing);
        };
        if self.rings.are_unknown() {
            return Ok(self.by_permissions(&found, &name));
        }
        let asked = self.for_modules();
        if let Some(ours) = found.iter().find(|key| self.rings.hold(&asked, key.serial)) {
            let holders = self.rings.holders(ours.serial).map(str::to_owned).collect();
            return Ok(Signer::Trusted(ours.description.clone(), holders));
        }
        let holders: Vec<&str> = found.iter().flat_map(|key| self.rings.holders(key.serial)).collect();
        Ok(match holders[..] {
            [] if found.iter().any(|key| key.is_kernels()) => Signer::Unknown(format!(
                "no keyring that can be read holds \"{}\"",
                printable(&first.description)
            )),
            [] => Signer::Elsewhere(programs_keyring(&name)),
            _ if self.asks_firmware.is_none() && holders.contains(&PLATFORM) => Signer::Unknown(format!(
                "\"{name}\" is in {PLATFORM}, where some kernels look for modules; this one's configuration, which tells, is not known"
            )),
            _ => Signer::Elsewhere(format!(
                "\"{name}\" is in {} only, and for modules this kernel looks in {}, so it would refuse ours",
                holders.join(", "),
                asked.join(", ")
            )),
        })
    }

    /// The answer where only `/proc/keys` is known: the kernel loads no keys but into its own keyrings, and looks at what a program
    /// added for modules only in the one that takes certificates which its own ones signed.
    fn by_permissions(&self, found: &[&KernelKey], name: &str) -> Signer {
        if let Some(ours) = found.iter().find(|key| key.is_kernels()) {
            return Signer::Trusted(ours.description.clone(), Vec::new());
        }
        let sizes = self.keys.iter().filter_map(KernelKey::keyring);
        let secondary: usize = sizes.filter(|(ring, _)| *ring == SECONDARY).map(|(_, size)| size).sum();
        // One entry of it is the keyring of the kernel's own certificates.
        if secondary > 1 {
            return Signer::Unknown(format!(
                "\"{name}\" was added by a program, and /proc/keys does not show if it is in {SECONDARY}, where the kernel looks for \
                 modules: keyctl list %:{SECONDARY} does"
            ));
        }
        Signer::Elsewhere(programs_keyring(name))
    }

    /// The signers that the kernel takes for each purpose, a line for each; where its keyrings cannot be read, how many keys each has,
    /// and the keys that are not of this certificate.
    #[must_use]
    pub fn described(&self, ours: &Certificate) -> Vec<String> {
        if self.rings.are_unknown() {
            return self.listed(ours);
        }
        let purposes = [
            ("modules", self.for_modules()),
            ("kernels for kexec", self.for_kexec()),
            ("appraised files (IMA)", vec![IMA]),
        ];
        let line = |(what, asked): (&str, Vec<&str>)| {
            let held = self
                .keys
                .iter()
                .filter(|key| key.is_valid && self.rings.hold(&asked, key.serial));
            let mut names: Vec<String> = held
                .filter_map(|key| Some(printable(key.asymmetric()?.subject)))
                .collect();
            names.sort();
            names.dedup();
            let said = if names.is_empty() {
                "nobody".to_owned()
            } else {
                names.join("; ")
            };
            format!("{what} may be signed by: {said} ({})", asked.join(", "))
        };
        purposes.into_iter().map(line).collect()
    }

    fn listed(&self, ours: &Certificate) -> Vec<String> {
        let known = [BUILT_IN, SECONDARY, ".machine", PLATFORM, ".blacklist", IMA];
        let sizes = self.keys.iter().filter_map(KernelKey::keyring);
        let sizes = sizes
            .filter(|(name, _)| known.contains(name))
            .map(|(name, size)| format!("{name} {size}"));
        let sizes: Vec<String> = sizes.collect();
        let mut said = Vec::new();
        if !sizes.is_empty() {
            said.push(format!("keyrings: {}", sizes.join(", ")));
        }
        let id = ours.kernel_key_id().unwrap_or_default();
        let ours: Vec<u32> = find_keys(&self.keys, &id).map(|key| key.serial).collect();
        let foreign = self
            .keys
            .iter()
            .filter(|key| key.is_valid && !ours.contains(&key.serial));
        said.extend(foreign.filter_map(|key| Some(format!("not ours: {}", printable(key.asymmetric()?.subject)))));
        said
    }
}

fn programs_keyring(name: &str) -> String {
    format!(
        "\"{name}\" is only in a keyring that a program of this machine made, where the kernel does not look, so it would refuse \
         our modules"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::identities::{DB, STRANGER};

    const KERNELS: &str = "1f030000";
    const PROGRAMS: &str = "3f010000";

    /// A kernel with our key in a keyring of its own, or in a program's; `readable` if it says what its keyrings hold.
    fn kernel(ring: u32, permissions: &str, readable: bool, config: Option<&str>) -> RunningKeys {
        let id = hex::encode(DB.certificate.kernel_key_id().unwrap());
        let list = format!(
            "00000001 I------     1 perm 1f0b0000     0     0 keyring   {BUILT_IN}: 1\n\
             00000002 I------     1 perm 1f0b0000     0     0 keyring   {SECONDARY}: 2\n\
             00000003 I------     1 perm 1f0b0000     0     0 keyring   {PLATFORM}: 1\n\
             00000004 I------     1 perm 1f0b0000     0     0 keyring   {IMA}: 1\n\
             00000010 I------     1 perm 1f030000     0     0 asymmetri maker: 0011: X509.rsa 0011 []\n\
             00000011 I------     1 perm {permissions}     0     0 asymmetri ours: {id}: X509.rsa 0011 []\n"
        );
        let links = move |serial| {
            let own = [0x11].into_iter().filter(move |_| serial == ring);
            let linked = match serial {
                1 => vec![0x10],
                2 => vec![1],
                _ => Vec::new(),
            };
            readable.then(|| linked.into_iter().chain(own).collect())
        };
        let keys = key_list(&list).unwrap();
        let rings = Keyrings::read(&keys, links);
        let config = config.map(|config| KernelConfig::parse(config.as_bytes()).unwrap());
        let root = tempfile::tempdir().unwrap();
        RunningKeys::new(&Context::host().with_root(root.path()), keys, rings, config)
    }

    fn answer(kernel: &RunningKeys) -> Signer {
        kernel.signer(&DB.certificate).unwrap()
    }

    const MAINLINE: &str = "CONFIG_INTEGRITY_PLATFORM_KEYRING=y\n";
    const DEBIAN: &str = "CONFIG_INTEGRITY_PLATFORM_KEYRING=y\nCONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y\n";

    #[test]
    fn a_key_counts_where_the_kernel_looks_for_modules() {
        for (ring, holders) in [(1, &[BUILT_IN, SECONDARY][..]), (2, &[SECONDARY])] {
            // Who put it there does not matter: the second takes what the first signed.
            for permissions in [KERNELS, PROGRAMS] {
                let said = answer(&kernel(ring, permissions, true, Some(MAINLINE)));
                let Signer::Trusted(_, held) = said else {
                    panic!("{said:?}")
                };
                assert_eq!(held, holders);
            }
        }
        assert!(matches!(
            answer(&kernel(3, KERNELS, true, Some(DEBIAN))),
            Signer::Trusted(..)
        ));
        let said = answer(&kernel(3, KERNELS, true, Some(MAINLINE)));
        let Signer::Elsewhere(text) = said else {
            panic!("{said:?}")
        };
        assert!(text.contains("is in .platform only"), "{text}");
        assert!(matches!(answer(&kernel(3, KERNELS, true, None)), Signer::Unknown(_)));
        assert!(matches!(
            answer(&kernel(4, KERNELS, true, Some(DEBIAN))),
            Signer::Elsewhere(_)
        ));
        // In a keyring of root's own, or one that only its owner reads.
        assert!(matches!(
            answer(&kernel(0, PROGRAMS, true, Some(DEBIAN))),
            Signer::Elsewhere(_)
        ));
        assert!(matches!(
            answer(&kernel(0, KERNELS, true, Some(DEBIAN))),
            Signer::Unknown(_)
        ));
    }

    #[test]
    fn without_a_look_into_keyrings_the_permissions_tell() {
        assert!(matches!(answer(&kernel(3, KERNELS, false, None)), Signer::Trusted(..)));
        let said = answer(&kernel(2, PROGRAMS, false, None));
        let Signer::Unknown(text) = said else {
            panic!("{said:?}")
        };
        assert!(text.contains("keyctl list"), "{text}");
        let signer = |kernel: &RunningKeys| kernel.signer(&STRANGER.certificate).unwrap();
        assert_eq!(signer(&kernel(1, KERNELS, false, None)), Signer::Missing);
        let nothing = RunningKeys {
            keys: Vec::new(),
            ..kernel(1, KERNELS, false, None)
        };
        assert!(matches!(signer(&nothing), Signer::Unknown(_)));
    }

    #[test]
    fn signers_are_told_by_what_they_may_sign() {
        let said = kernel(3, KERNELS, true, Some(MAINLINE)).described(&DB.certificate);
        assert_eq!(
            said,
            [
                "modules may be signed by: maker (.builtin_trusted_keys, .secondary_trusted_keys)",
                "kernels for kexec may be signed by: maker; ours (.builtin_trusted_keys, .secondary_trusted_keys, .platform)",
                "appraised files (IMA) may be signed by: nobody (.ima)",
            ]
        );
        let said = kernel(3, KERNELS, false, Some(MAINLINE)).described(&DB.certificate);
        assert!(
            said[0].starts_with("keyrings: .builtin") && said[1..] == ["not ours: maker"],
            "{said:?}"
        );
    }
}
