//! Functions that scripts share which GRUB may run one after the other, and the work that following all of them may cost.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::formats::grub::script::{Script, StepKind};

use super::budget::Budget;
use super::state::{Body, bodies};

/// Scripts that may call each other's functions.
#[derive(Debug)]
pub struct Scripts {
    /// The bodies of each function, with the numbers of their scripts.
    functions: BTreeMap<String, Vec<(usize, Body)>>,
    /// The work that is left for all of them.
    budget: RefCell<Budget>,
}

/// The scripts beside one of them.
#[derive(Debug, Clone, Copy)]
pub struct Others<'a> {
    scripts: &'a Scripts,
    own: usize,
}

impl Scripts {
    /// Finds the functions of scripts.
    pub fn new<'s>(scripts: impl IntoIterator<Item = &'s Script>) -> Self {
        let mut functions: BTreeMap<String, Vec<(usize, Body)>> = BTreeMap::new();
        for (number, script) in scripts.into_iter().enumerate() {
            if script
                .steps
                .iter()
                .any(|step| matches!(step.kind, StepKind::Function(_)))
            {
                for (name, body) in bodies(&Rc::new(script.clone())) {
                    functions.entry(name).or_default().push((number, body));
                }
            }
        }
        let budget = RefCell::new(Budget::of_scripts());
        Self { functions, budget }
    }

    /// The scripts beside that of this number.
    #[must_use]
    pub const fn beside(&self, own: usize) -> Others<'_> {
        Others { scripts: self, own }
    }
}

impl Others<'_> {
    /// The number of bodies that a function has in all scripts.
    pub(super) fn count(&self, name: &str) -> usize {
        self.scripts.functions.get(name).map_or(0, Vec::len)
    }

    /// The bodies that a function has in the other scripts.
    pub(super) fn bodies(&self, name: &str) -> Vec<Body> {
        let all = self.scripts.functions.get(name).into_iter().flatten();
        all.filter(|(number, _)| *number != self.own)
            .map(|(_, body)| body.clone())
            .collect()
    }

    /// True if a function of any script has a name that begins so.
    pub(super) fn any_begins(&self, beginning: &str) -> bool {
        let mut names = self.scripts.functions.range(beginning.to_owned()..);
        names.next().is_some_and(|(name, _)| name.starts_with(beginning))
    }

    /// The work that one script may cause.
    pub(super) fn budget(&self) -> Budget {
        self.scripts.budget.borrow().of_one()
    }

    /// Counts what a script has caused, of which so much is left.
    pub(super) fn spent(&self, left: &Budget) {
        let one = self.budget();
        self.scripts.budget.borrow_mut().take(&one, left);
    }
}
