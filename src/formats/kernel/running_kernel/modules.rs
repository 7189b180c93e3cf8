//! `/proc/modules` (`kernel/module/procfs.c`).

use super::{LineError, Taint, each_line};

/// What a module is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModuleState {
    /// It is in use.
    Live,
    /// It is being loaded.
    Loading,
    /// It is being unloaded.
    Unloading,
}

/// A module that is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedModule {
    /// Its name, with underscores.
    pub name: String,
    /// Size in memory, in bytes.
    pub size: u64,
    /// The modules that use it.
    pub used_by: Vec<String>,
    /// Whether it can never be unloaded.
    pub is_permanent: bool,
    /// What it is doing.
    pub state: ModuleState,
    /// What it tainted the kernel with.
    pub taint: Taint,
}

/// Reads the list.
pub fn loaded_modules(text: &str) -> Result<Vec<LoadedModule>, LineError> {
    each_line(text, "not a module as /proc/modules shows it", module)
}

fn module(line: &str) -> Option<LoadedModule> {
    let mut words = line.split_whitespace();
    let [name, size, _references, users, state, _address] = [
        words.next()?,
        words.next()?,
        words.next()?,
        words.next()?,
        words.next()?,
        words.next()?,
    ];
    let taints = match words.next() {
        None => "",
        Some(word) => word.strip_prefix('(')?.strip_suffix(')')?,
    };
    let used = users.split(',').filter(|user| !user.is_empty() && *user != "-");
    let (permanent, used_by): (Vec<&str>, Vec<&str>) = used.partition(|user| *user == "[permanent]");
    Some(LoadedModule {
        name: name.to_owned(),
        size: size.parse().ok()?,
        used_by: used_by.into_iter().map(str::to_owned).collect(),
        is_permanent: !permanent.is_empty(),
        state: match state {
            "Live" => ModuleState::Live,
            "Loading" => ModuleState::Loading,
            "Unloading" => ModuleState::Unloading,
            _ => return None,
        },
        taint: Taint::of_letters(taints),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIST: &str = "\
nvidia_drm 65536 4 - Live 0x0000000000000000 (POE)
nvidia_modeset 1142784 6 nvidia_drm, Live 0xffffffffc0a00000 (POE)
ext4 749568 1 - Live 0x0000000000000000
pcspkr 16384 0 [permanent], Live 0x0000000000000000
zfs 100 0 a,b,[permanent], Loading 0x0000000000000000 (O+)
dummy 16384 - - Unloading 0x0000000000000000 (-)
";

    #[test]
    fn users_states_and_taints_are_read() {
        let modules = loaded_modules(LIST).unwrap();
        assert_eq!(modules.len(), 6);
        assert_eq!(modules[0].taint, Taint::of_letters("POE"));
        assert_eq!(
            (modules[1].size, &*modules[1].used_by),
            (1_142_784, &["nvidia_drm".to_owned()][..])
        );
        assert_eq!((modules[2].taint, modules[2].state), (Taint(0), ModuleState::Live));
        assert!(modules[3].is_permanent && modules[3].used_by.is_empty());
        assert_eq!((modules[4].used_by.len(), modules[4].state), (2, ModuleState::Loading));
        assert_eq!((modules[5].taint, modules[5].state), (Taint(0), ModuleState::Unloading));
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        for line in [
            "",
            "ext4 1 1 -",
            "ext4 x 1 - Live 0x0",
            "ext4 1 1 - Dead 0x0",
            "ext4 1 1 - Live 0x0 E",
        ] {
            assert_eq!(
                loaded_modules(&format!("{LIST}{line}\n")).unwrap_err().line,
                7,
                "{line}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            let _ = loaded_modules(&text);
        }
    }
}
