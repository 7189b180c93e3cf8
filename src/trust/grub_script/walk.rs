//! All ways through a script.

use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

use crate::formats::grub::script::{Script, StepKind, Word};

use super::danger::{Act, Danger, Scene};
use super::state::{Body, State};
use super::text::WORDS;
use super::words::expand;

/// Most commands that are followed, each time that one runs.
const MAX_COMMANDS: usize = 100_000;
/// Deepest nesting of blocks, functions and scripts; GRUB itself gives up at 64.
const MAX_DEPTH: usize = 48;
/// Rounds of a loop after which its variables may be anything.
const ROUNDS: usize = 4;
/// Most entries whose bodies are followed.
const MAX_ENTRIES: usize = 4096;

/// An entry of a menu.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub body: Body,
    pub parameters: Option<Vec<String>>,
}

/// Follows a script.
pub(super) struct Walker<'a> {
    pub scene: Scene<'a>,
    pub state: State,
    pub entries: Vec<Entry>,
    called: BTreeSet<String>,
    dangers: Vec<Danger>,
    commands: usize,
    depth: usize,
    /// The command that is running: its line and text.
    line: usize,
    text: String,
    /// True while the text of `eval` or of an option runs, whose lines are those of the command.
    pub is_fixed: bool,
    pub within: Option<String>,
}

impl<'a> Walker<'a> {
    pub(super) fn new(scene: Scene<'a>) -> Self {
        let mut state = State::new(scene.is_first);
        if let Some(prefix) = scene.prefix {
            state.set("prefix", prefix);
        }
        let mut walker = Self {
            scene,
            state,
            entries: Vec::new(),
            called: BTreeSet::new(),
            dangers: Vec::new(),
            commands: 0,
            depth: 0,
            line: 0,
            text: String::new(),
            is_fixed: false,
            within: None,
        };
        for other in scene.others {
            walker.define_all(&Rc::new((*other).clone()));
        }
        // Those of other scripts are judged where they are.
        walker.called.extend(walker.state.functions.keys().cloned());
        walker
    }

    /// Follows a script to its end, then the entries that it makes, and then the functions that it does not call.
    pub(super) fn walk(&mut self, script: &Script) {
        let script = Rc::new(script.clone());
        let own: Vec<String> = function_names(&script).collect();
        for name in &own {
            self.called.remove(name);
        }
        self.run(&Body {
            steps: 0..script.steps.len(),
            script,
        });
        self.follow_entries();
        for name in own {
            if self.called.contains(&name) {
                continue;
            }
            let before = self.state.clone();
            self.state.forget();
            self.state.parameters = None;
            for body in self.state.functions.get(&name).cloned().unwrap_or_default() {
                self.run(&body);
            }
            self.state = before;
        }
        self.follow_entries();
    }

    /// Follows a line that is a command of its own.
    pub(super) fn line(&mut self, script: &Script, line: usize) {
        let script = Rc::new(script.clone());
        self.line = line;
        self.is_fixed = true;
        for command in &script.commands {
            self.text = command.to_string();
            self.command(&script, &command.words, None);
        }
        self.is_fixed = false;
    }

    /// The dangers, each once, in the order of their lines.
    pub(super) fn finish(mut self) -> Vec<Danger> {
        self.dangers.sort_by_key(|danger| danger.line);
        self.dangers
    }

    /// Notes what the running command does.
    pub(super) fn danger(&mut self, act: Act) {
        let (line, text) = (self.line, self.text.clone());
        self.add(act, line, &text);
    }

    pub(super) fn add(&mut self, act: Act, line: usize, text: &str) {
        let danger = Danger {
            act,
            line,
            command: text.to_owned(),
            within: self.within.clone(),
        };
        if !self.dangers.contains(&danger) {
            self.dangers.push(danger);
        }
    }

    /// Follows a body. True if it is known to end well; how it ends otherwise is not known.
    pub(super) fn run(&mut self, body: &Body) -> bool {
        if self.depth >= MAX_DEPTH {
            self.danger(Act::Unproven("it is nested more deeply than is followed"));
            return false;
        }
        self.depth += 1;
        let (mut at, mut is_well) = (body.steps.start, true);
        while at < body.steps.end {
            let Some(step) = body.script.steps.get(at) else { break };
            let inner = at.saturating_add(1)..step.next.min(body.steps.end);
            let part = |steps: Range<usize>| Body {
                script: Rc::clone(&body.script),
                steps,
            };
            let mut next = step.next;
            match &step.kind {
                StepKind::Command(index) => is_well = self.numbered(&body.script, *index, None),
                StepKind::Braces(index) => is_well = self.numbered(&body.script, *index, Some(&part(inner))),
                StepKind::Function(name) => {
                    self.state.functions.insert(name.clone(), vec![part(inner)]);
                }
                StepKind::If | StepKind::Elif => {
                    next = self.condition(body, at);
                    is_well = false;
                }
                StepKind::While => {
                    next = self.repeat(body, at);
                    is_well = false;
                }
                StepKind::For(index) => {
                    self.each(&body.script, *index, &part(inner));
                    is_well = false;
                }
                StepKind::Then | StepKind::Else | StepKind::Do | StepKind::End => {}
            }
            at = next.max(at.saturating_add(1));
        }
        self.depth -= 1;
        is_well
    }

    fn numbered(&mut self, script: &Rc<Script>, index: usize, block: Option<&Body>) -> bool {
        let Some(command) = script.commands.get(index) else {
            return false;
        };
        if !self.is_fixed {
            self.line = command.line;
            self.text = command.to_string();
        }
        self.command(script, &command.words, block)
    }

    /// Follows an `if` from its condition at this step; returns the step after its end.
    fn condition(&mut self, body: &Body, at: usize) -> usize {
        let next = |at: usize| body.script.steps.get(at).map_or(body.steps.end, |step| step.next);
        let kind = |at: usize| body.script.steps.get(at).map(|step| &step.kind);
        let part = |at: usize| Body {
            script: Rc::clone(&body.script),
            steps: at.saturating_add(1)..next(at),
        };
        let mut ends: Vec<State> = Vec::new();
        let (mut at, mut is_decided) = (at, false);
        loop {
            match kind(at) {
                Some(StepKind::If | StepKind::Elif) if !is_decided => {
                    let holds = self.run(&part(at));
                    at = next(at);
                    let without = self.state.clone();
                    self.run(&part(at));
                    ends.push(std::mem::replace(&mut self.state, without));
                    is_decided = holds;
                    at = next(at);
                }
                Some(StepKind::Else) if !is_decided => {
                    self.run(&part(at));
                    ends.push(self.state.clone());
                    is_decided = true;
                    at = next(at);
                }
                Some(StepKind::If | StepKind::Elif | StepKind::Then | StepKind::Else) => at = next(at),
                _ => break,
            }
        }
        let mut ends = ends.into_iter();
        if is_decided && let Some(first) = ends.next() {
            self.state = first;
        }
        for end in ends {
            self.state.join(&end);
        }
        at
    }

    /// Follows a `while` or `until` at this step; returns the step after its end.
    fn repeat(&mut self, body: &Body, at: usize) -> usize {
        let next = |at: usize| body.script.steps.get(at).map_or(body.steps.end, |step| step.next);
        let part = |at: usize| Body {
            script: Rc::clone(&body.script),
            steps: at.saturating_add(1)..next(at),
        };
        let inner = next(at);
        for round in 0..ROUNDS.saturating_mul(2) {
            let before = self.state.clone();
            self.run(&part(at));
            self.run(&part(inner));
            self.state.join(&before);
            if self.state == before {
                break;
            }
            if round >= ROUNDS {
                self.state.widen(&before);
            }
        }
        next(inner)
    }

    fn each(&mut self, script: &Rc<Script>, index: usize, body: &Body) {
        let Some(command) = script.commands.get(index) else {
            return;
        };
        let Some(name) = &command.loop_variable else { return };
        let mut values: Vec<String> = Vec::new();
        for value in expand(&self.state, &command.words).into_iter().flatten() {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        for value in values {
            if !self.is_fixed {
                self.line = command.line;
                self.text = command.to_string();
            }
            let before = self.state.clone();
            let rounds = if value.contains(WORDS) { 2 } else { 1 };
            for _ in 0..rounds {
                self.assign(name, &value);
                self.run(body);
            }
            self.state.join(&before);
        }
    }

    /// Follows a command with every text that its words may become.
    fn command(&mut self, script: &Rc<Script>, words: &[Word], block: Option<&Body>) -> bool {
        self.commands = self.commands.saturating_add(1);
        if self.commands >= MAX_COMMANDS {
            if self.commands == MAX_COMMANDS {
                self.danger(Act::Unproven("it runs longer than is followed"));
            }
            return false;
        }
        debug_assert!(block.is_none_or(|block| Rc::ptr_eq(&block.script, script)));
        let mut lists = expand(&self.state, words);
        let Some(last) = lists.pop() else { return false };
        let before = self.state.clone();
        let (mut ends, mut is_well) = (Vec::new(), true);
        for list in lists {
            is_well &= self.call(&list, block);
            ends.push(std::mem::replace(&mut self.state, before.clone()));
        }
        is_well &= self.call(&last, block);
        for end in ends {
            self.state.join(&end);
        }
        is_well
    }

    /// Runs the bodies that a function of this name may have; false if there is none.
    pub(super) fn call_function(&mut self, name: &str, arguments: &[String]) -> bool {
        let Some(bodies) = self.state.functions.get(name).cloned() else {
            return false;
        };
        self.called.insert(name.to_owned());
        let outer = std::mem::take(&mut self.state.parameters);
        let before = self.state.clone();
        let (line, text) = (self.line, self.text.clone());
        let mut ends = Vec::new();
        for body in bodies {
            self.state = before.clone();
            self.state.parameters = known(arguments);
            self.run(&body);
            ends.push(self.state.clone());
        }
        let mut ends = ends.into_iter();
        self.state = ends.next().unwrap_or(before);
        for end in ends {
            self.state.join(&end);
        }
        self.state.parameters = outer;
        (self.line, self.text) = (line, text);
        true
    }

    /// Follows the entries, in each order in which somebody may choose them.
    fn follow_entries(&mut self) {
        let mut followed = 0;
        for round in 0..2 {
            let before = self.state.clone();
            followed = if round == 0 { followed } else { 0 };
            while let Some(entry) = self.entries.get(followed).cloned() {
                followed = followed.saturating_add(1);
                if followed > MAX_ENTRIES {
                    self.danger(Act::Unproven("it has more entries than are followed"));
                    break;
                }
                let start = self.state.clone();
                self.state.parameters = entry.parameters;
                self.run(&entry.body);
                self.state.parameters = None;
                self.state.join(&start);
            }
            if self.state == before {
                break;
            }
            // What one entry leaves, another finds, and this one again.
            self.state.widen(&before);
        }
        self.entries.clear();
    }

    fn define_all(&mut self, script: &Rc<Script>) {
        for (at, step) in script.steps.iter().enumerate() {
            if let StepKind::Function(name) = &step.kind {
                let body = Body {
                    script: Rc::clone(script),
                    steps: at.saturating_add(1)..step.next,
                };
                self.state.functions.entry(name.clone()).or_default().push(body);
            }
        }
    }
}

/// The parameters that arguments become.
pub(super) fn known(arguments: &[String]) -> Option<Vec<String>> {
    let is_counted = !arguments.iter().any(|argument| argument.contains(WORDS));
    is_counted.then(|| arguments.to_vec())
}

fn function_names(script: &Script) -> impl Iterator<Item = String> {
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
