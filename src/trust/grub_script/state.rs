//! The variables, functions and parameters that GRUB may have at a point of a script.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use crate::formats::grub::script::{Script, StepKind};

use super::text::{Values, add, anything, known_beginning, may_be, only};

/// The steps of a script that are a body.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub script: Rc<Script>,
    pub steps: Range<usize>,
}

/// Bodies are the same if they are the same steps of one script.
impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.script, &other.script) && self.steps == other.steps
    }
}

/// Variables that GRUB sets by itself, with what they may be before a script.
const OWN: [(&str, &[&str]); 9] = [
    // Names of devices, and paths with one.
    ("root", &["hd\u{2}", "(\u{2}", "lvm\u{2}"]),
    ("prefix", &["(\0"]),
    ("cmdpath", &["(\0"]),
    ("config_directory", &["(\u{2}"]),
    ("config_file", &["(\u{2}"]),
    // grub-mkconfig sets it, and exports it to scripts that the menu runs.
    ("menuentry_id_option", &["", "--id"]),
    ("?", &["0", "\u{2}"]),
    ("grub_platform", &["efi", "pc", "xen", "coreboot", "qemu", "ieee1275"]),
    (
        "grub_cpu",
        &["x86_64", "i386", "arm64", "riscv64", "arm", "loongarch64"],
    ),
];

/// Most variables whose values are known; beyond these, all can be anything.
const MAX_VARIABLES: usize = 1024;

/// The values that GRUB may have.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct State {
    /// Those of variables that the script has set; the others may have been set before it.
    variables: BTreeMap<String, Values>,
    /// Every body that a function may have.
    pub functions: BTreeMap<String, Vec<Body>>,
    /// The parameters of the function or entry; none if they are not known.
    pub parameters: Option<Vec<String>>,
    /// True where nothing but what is set here is known to be set: no script ran before.
    is_fresh: bool,
}

impl State {
    /// The values before a script; `is_fresh` if no other ran before it.
    pub(super) fn new(is_fresh: bool) -> Self {
        Self {
            is_fresh,
            ..Self::default()
        }
    }

    /// The values that a variable may have.
    pub(super) fn get(&self, name: &str) -> Values {
        if let Some(values) = self.variables.get(name) {
            return values.clone();
        }
        match OWN.iter().find(|(own, _)| *own == name) {
            Some((_, values)) => values.iter().map(|value| (*value).to_owned()).collect(),
            None if name.starts_with("feature_") => only("y"),
            None if self.is_fresh && !is_own(name) => only(""),
            None => anything(),
        }
    }

    /// Gives a variable this value and no other.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        if self.variables.len() >= MAX_VARIABLES {
            self.forget();
        }
        self.variables.insert(name.to_owned(), only(value));
    }

    /// The number of variables and bodies, by which the work of joining is counted.
    pub(super) fn size(&self) -> usize {
        // Each body is compared with each.
        let bodies = self
            .functions
            .values()
            .map(|bodies| bodies.len().saturating_mul(bodies.len()));
        bodies.fold(self.variables.len(), usize::saturating_add)
    }

    /// Lets all variables that may have this name have this value besides theirs.
    pub(super) fn may_set(&mut self, name: &str, value: &str) {
        if known_beginning(name).is_empty() {
            self.forget();
            return;
        }
        for (own, values) in &mut self.variables {
            if may_be(name, own) {
                add(values, value);
            }
        }
        self.is_fresh = false;
    }

    /// Forgets what variables have: another script ran, of which nothing is known.
    pub(super) fn forget(&mut self) {
        self.variables.clear();
        self.is_fresh = false;
    }

    /// The values of variables as they were, after a script with variables of its own.
    pub(super) fn restore(&mut self, before: &Self) {
        self.variables.clone_from(&before.variables);
        self.is_fresh = before.is_fresh;
        self.parameters.clone_from(&before.parameters);
    }

    /// Adds what another way to the same point may leave.
    pub(super) fn join(&mut self, other: &Self) {
        let missing = other
            .variables
            .iter()
            .filter(|(name, _)| !self.variables.contains_key(*name));
        let missing: Vec<(String, Values)> = missing
            .map(|(name, others)| (name.clone(), both(self.get(name), others)))
            .collect();
        for (name, values) in &mut self.variables {
            match other.variables.get(name) {
                Some(others) if others == values => {}
                Some(others) => *values = both(std::mem::take(values), others),
                None => *values = both(std::mem::take(values), &other.get(name)),
            }
        }
        self.variables.extend(missing);
        for (name, bodies) in &other.functions {
            let own = self.functions.entry(name.clone()).or_default();
            for body in bodies {
                if !own.contains(body) {
                    own.push(body.clone());
                }
            }
        }
        if self.parameters != other.parameters {
            self.parameters = None;
        }
        self.is_fresh &= other.is_fresh;
    }

    /// Lets every variable that differs in another state be anything, so that loops come to an end.
    pub(super) fn widen(&mut self, other: &Self) {
        let names: Vec<String> = self.variables.keys().chain(other.variables.keys()).cloned().collect();
        for name in names {
            if self.get(&name) != other.get(&name) {
                self.variables.insert(name, anything());
            }
        }
        if self.parameters != other.parameters {
            self.parameters = None;
        }
    }
}

/// The functions of a script, with their names.
pub(super) fn bodies(script: &Rc<Script>) -> impl Iterator<Item = (String, Body)> {
    script
        .steps
        .iter()
        .enumerate()
        .filter_map(|(at, step)| match &step.kind {
            StepKind::Function(name) => {
                let body = Body {
                    script: Rc::clone(script),
                    steps: at.saturating_add(1)..step.next,
                };
                Some((name.clone(), body))
            }
            _ => None,
        })
}

/// The names of a script's functions, each once.
pub(super) fn function_names(script: &Script) -> impl Iterator<Item = String> {
    let names: BTreeSet<String> = script
        .steps
        .iter()
        .filter_map(|step| match &step.kind {
            StepKind::Function(name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    names.into_iter()
}

/// The values of two ways.
fn both(mut values: Values, others: &Values) -> Values {
    for value in others {
        add(&mut values, value);
    }
    values
}

/// True for variables that GRUB sets by itself, without a script.
fn is_own(name: &str) -> bool {
    const NAMES: [&str; 20] = [
        "root",
        "prefix",
        "cmdpath",
        "lang",
        "pager",
        "chosen",
        "default",
        "timeout",
        "config_file",
        "config_directory",
        "color_normal",
        "color_highlight",
        "fw_path",
        "shim_lock",
        "lockdown",
        "locale_dir",
        "secondary_locale_dir",
        "gfxpayload",
        "secureboot",
        "theme",
    ];
    NAMES.contains(&name) || ["net_", "pxe_", "grub_"].iter().any(|own| name.starts_with(own))
}
