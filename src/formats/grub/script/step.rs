//! The order in which commands run, and their conditions.

/// The kind of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A command, by its place in [`Script::commands`](super::Script::commands).
    Command(usize),
    /// A command with braces, by its place; the steps within them follow.
    Braces(usize),
    /// The definition of a function with this name, whose body follows.
    Function(String),
    /// The condition of an `if` follows.
    If,
    /// The condition of an `elif` follows.
    Elif,
    /// The steps after a condition that holds follow.
    Then,
    /// The steps after no condition that holds follow.
    Else,
    /// The condition of a `while` or `until` follows.
    While,
    /// The body of a `while` or `until` follows.
    Do,
    /// A `for`, by the place of its command; its body follows.
    For(usize),
    /// The end of a block.
    End,
}

/// A step of a script. Blocks are not nested values, so that no depth of theirs can exhaust the stack of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its kind.
    pub kind: Kind,
    /// The step that comes after it on the same level: for the beginning of a part of a block, the beginning of the next part,
    /// or the end of the block.
    pub next: usize,
}

/// Steps while they are gathered.
#[derive(Debug, Default)]
pub(super) struct Steps {
    steps: Vec<Step>,
    open: Vec<usize>,
}

impl Steps {
    pub(super) fn command(&mut self, index: usize) {
        let next = self.steps.len().saturating_add(1);
        self.push(Kind::Command(index), next);
    }

    pub(super) fn open(&mut self, kind: Kind) {
        self.open.push(self.steps.len());
        self.push(kind, usize::MAX);
    }

    /// Begins the next part of the innermost block.
    pub(super) fn divide(&mut self, kind: Kind) {
        self.end_part();
        self.open(kind);
    }

    pub(super) fn close(&mut self) {
        self.end_part();
        let next = self.steps.len().saturating_add(1);
        self.push(Kind::End, next);
    }

    /// All steps. Blocks without an end reach to the end of the script.
    pub(super) fn finish(mut self) -> Vec<Step> {
        while !self.open.is_empty() {
            self.end_part();
        }
        self.steps.shrink_to_fit();
        self.steps
    }

    fn end_part(&mut self) {
        let next = self.steps.len();
        if let Some(part) = self.open.pop().and_then(|index| self.steps.get_mut(index)) {
            part.next = next;
        }
    }

    fn push(&mut self, kind: Kind, next: usize) {
        self.steps.push(Step { kind, next });
    }
}
