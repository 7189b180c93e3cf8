//! The parts of a kernel that was built by somebody who left no configuration, by the lists beside its modules (`kbuild.rst`).

use crate::system::{self, Context};

use super::module::Obstacle;

/// Directory of modules, in which each kernel has one of its own.
const MODULES: &str = "/lib/modules";
/// Longest list that is read, in bytes.
const MAX_LIST: u64 = 4 << 20;

/// The parts of a kernel that could be modules, by the names of their files in lower case.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    /// Those that are built in (`modules.builtin`).
    built_in: Vec<String>,
    /// Those that are modules (`modules.order`).
    modules: Vec<String>,
}

impl Parts {
    /// Reads the lists beside a kernel's modules; none if there is no list of what is built in.
    pub fn read(context: &Context, release: &str) -> Option<Self> {
        let list = |name: &str| {
            let file = system::resolve(context.root(), &context.path(MODULES).join(release).join(name)).ok()?;
            let bytes = system::read_if_there(&file, MAX_LIST).ok()??;
            let text = String::from_utf8_lossy(&bytes).to_lowercase();
            let names = text.lines().filter_map(|line| line.rsplit('/').next());
            Some(names.map(str::to_owned).collect::<Vec<_>>())
        };
        Some(Self {
            built_in: list("modules.builtin").filter(|names| !names.is_empty())?,
            modules: list("modules.order").unwrap_or_default(),
        })
    }

    /// The reason why a hash is missing before modules are loaded, in its generic form and in that for one processor.
    pub fn obstacle(&self, hash: &'static str, symbol: &'static str) -> Option<Obstacle> {
        let name = symbol.trim_start_matches("CRYPTO_").to_lowercase();
        let has = |names: &[String]| names.iter().any(|file| file.starts_with(&name));
        match (has(&self.built_in), has(&self.modules)) {
            (true, _) => None,
            (false, true) => Some(Obstacle::HashIsModule(hash, symbol)),
            (false, false) => Some(Obstacle::NoHash(hash, symbol)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Debian's 7.2 and 6.12, and a kernel of one's own for a processor with SHA-3.
    #[test]
    fn without_a_configuration_the_lists_of_its_modules_tell_the_hashes() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        let directory = context.path("/lib/modules/7.2.0");
        std::fs::create_dir_all(&directory).unwrap();
        let said = |built_in: &str, modules: &str| {
            std::fs::write(directory.join("modules.builtin"), built_in).unwrap();
            std::fs::write(directory.join("modules.order"), modules).unwrap();
            let parts = Parts::read(&context, "7.2.0").unwrap();
            let obstacle = parts.obstacle("SHA3-512", "CRYPTO_SHA3");
            obstacle.map(|obstacle| obstacle.to_string()).unwrap_or_default()
        };
        let sha512 = "kernel/crypto/sha512.ko\n";
        assert!(said(sha512, "kernel/crypto/sha3.ko\n").contains("CONFIG_CRYPTO_SHA3=m"));
        assert!(said(sha512, "kernel/fs/fat/fat.ko\n").contains("CONFIG_CRYPTO_SHA3 is not set"));
        assert_eq!(said("kernel/crypto/sha3_generic.ko\n", ""), "");
        assert_eq!(said("kernel/arch/arm64/crypto/sha3-ce.ko\n", ""), "");
        assert!(Parts::read(&context, "7.2.1").is_none());
    }
}
