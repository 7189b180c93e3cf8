//! `/proc/modules` (`kernel/module/procfs.c`).

use super::lines::{LineError, each_line};
use super::taint::Taint;

/// The state of a module.
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
    /// Its state.
    pub state: ModuleState,
    /// The taint flags that it set.
    pub taint: Taint,
}

/// Reads the list.
pub fn loaded_modules(text: &str) -> Result<Vec<LoadedModule>, LineError> {
    each_line(text, "not a module as /proc/modules shows it", module)
}

fn module(line: &str) -> Option<LoadedModule> {
    let mut words = line.split_whitespace();
    let [name, size, _references, _users, state, _address] = [
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
    Some(LoadedModule {
        name: name.to_owned(),
        size: size.parse().ok()?,
        state: match state {
            "Live" => ModuleState::Live,
            "Loading" => ModuleState::Loading,
            "Unloading" => ModuleState::Unloading,
            _ => return None,
        },
        taint: Taint::from_letters(taints),
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
    fn sizes_states_and_taints_are_read() {
        let modules = loaded_modules(LIST).unwrap();
        assert_eq!(modules.len(), 6);
        assert_eq!(modules[0].taint, Taint::from_letters("POE"));
        assert_eq!(
            (modules[1].name.as_str(), modules[1].size),
            ("nvidia_modeset", 1_142_784)
        );
        assert_eq!((modules[2].taint, modules[2].state), (Taint(0), ModuleState::Live));
        assert_eq!(
            (modules[3].state, modules[4].state),
            (ModuleState::Live, ModuleState::Loading)
        );
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
