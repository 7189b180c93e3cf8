//! Functions as they are defined and called, with the bodies that other scripts may have given them.

use super::state::Body;
use super::walk::{Walker, known};

impl Walker<'_> {
    /// Lets a function have the bodies of other scripts, unless it has one.
    pub(super) fn inherit(&mut self, name: &str) {
        let Some(others) = self.scene.others else { return };
        let count = others.count(name);
        if count == 0 || self.state.functions.contains_key(name) {
            return;
        }
        // Each body is compared with each where ways meet.
        if self.spend(0, count.saturating_mul(count)) {
            let bodies = others.bodies(name);
            if !bodies.is_empty() {
                self.state.functions.insert(name.to_owned(), bodies);
            }
        }
    }

    /// Gives a function this body. It may keep those of other scripts on ways that do not come by here.
    pub(super) fn define(&mut self, name: &str, body: Body) {
        if self.state.functions.contains_key(name) {
            self.state.functions.insert(name.to_owned(), vec![body]);
        } else {
            self.inherit(name);
            self.state.functions.entry(name.to_owned()).or_default().push(body);
        }
    }

    /// Runs the bodies that a function of this name may have; false if there is none.
    pub(super) fn call_function(&mut self, name: &str, arguments: &[String]) -> bool {
        self.inherit(name);
        let Some(bodies) = self.state.functions.get(name).cloned() else {
            return false;
        };
        self.called.insert(name.to_owned());
        if !self.spend(0, self.state.size()) {
            return true;
        }
        let outer = std::mem::take(&mut self.state.parameters);
        let before = self.state.clone();
        let (line, text) = (self.line, self.text.clone());
        let mut ends = None;
        for body in bodies {
            self.state = before.clone();
            self.state.parameters = known(arguments);
            self.run(&body);
            let end = self.state.clone();
            self.merge(&mut ends, end);
        }
        self.state = ends.unwrap_or(before);
        self.state.parameters = outer;
        (self.line, self.text) = (line, text);
        true
    }
}
