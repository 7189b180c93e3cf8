//! All ways through a script.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::rc::Rc;

use crate::formats::grub::script::{Script, StepKind, Word};

use super::budget::{Budget, of_text, of_words};
use super::danger::{Act, Danger, Scene};
use super::state::{Body, State, function_names};
use super::text::WORDS;
use super::words::expand;

/// Most parameters of a function that are known.
const MAX_PARAMETERS: usize = 1024;
/// Deepest nesting of blocks, functions and scripts; GRUB itself gives up at 64.
const MAX_DEPTH: usize = 48;
/// Rounds of a loop after which its variables may be anything.
const ROUNDS: usize = 4;
/// Most entries whose bodies are followed.
pub(super) const MAX_ENTRIES: usize = 4096;

/// The work for a script, or for all of a tree, is used up.
const TOO_LONG: Act = Act::Unproven("it runs longer than is followed");

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
    pub(super) called: BTreeSet<String>,
    dangers: Vec<Danger>,
    noted: HashSet<Danger>,
    pub(super) budget: Budget,
    depth: usize,
    /// The command that is running: its line and text.
    pub(super) line: usize,
    pub(super) text: String,
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
        Self {
            scene,
            state,
            entries: Vec::new(),
            called: BTreeSet::new(),
            dangers: Vec::new(),
            noted: HashSet::new(),
            budget: scene.others.map_or_else(Budget::default, |others| others.budget()),
            depth: 0,
            line: 0,
            text: String::new(),
            is_fixed: false,
            within: None,
        }
    }

    /// Follows a script to its end, then the entries that it makes, and then the functions that it does not call.
    pub(super) fn walk(&mut self, script: &Script) {
        let script = Rc::new(script.clone());
        let own: Vec<String> = function_names(&script).collect();
        self.line = 1;
        if self.budget.is_spent() && !script.commands.is_empty() {
            self.danger(TOO_LONG);
        }
        // Where a way does not come by one's own, another script's may have the name.
        for name in &own {
            self.inherit(name);
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
            if !self.spend(0, self.state.size()) {
                break;
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
        if let Some(others) = self.scene.others {
            others.spent(&self.budget);
        }
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
        if self.noted.insert(danger.clone()) {
            self.dangers.push(danger);
        }
    }

    /// Counts a command, or work on its behalf. False where there has been too much.
    pub(super) fn spend(&mut self, commands: usize, work: usize) -> bool {
        if self.budget.spend(commands, work) {
            self.danger(TOO_LONG);
        }
        !self.budget.is_spent()
    }

    /// Adds what one of several ways to the same point leaves to that of the others.
    pub(super) fn merge(&mut self, ends: &mut Option<State>, end: State) {
        match ends {
            None => *ends = Some(end),
            Some(ends) => {
                if self.spend(0, ends.size().saturating_add(end.size())) {
                    ends.join(&end);
                }
            }
        }
    }

    /// Adds what another way to the same point may leave.
    fn join(&mut self, other: &State) {
        if self.spend(0, self.state.size().saturating_add(other.size())) {
            self.state.join(other);
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
        while at < body.steps.end && !self.budget.is_spent() {
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
                StepKind::Function(name) => self.define(name, part(inner)),
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
        let mut ends = None;
        let (mut at, mut is_decided) = (at, false);
        loop {
            match kind(at) {
                Some(StepKind::If | StepKind::Elif) if !is_decided => {
                    let holds = self.run(&part(at));
                    at = next(at);
                    let without = self.state.clone();
                    self.run(&part(at));
                    let end = std::mem::replace(&mut self.state, without);
                    self.merge(&mut ends, end);
                    is_decided = holds;
                    at = next(at);
                }
                Some(StepKind::Else) if !is_decided => {
                    self.run(&part(at));
                    let end = self.state.clone();
                    self.merge(&mut ends, end);
                    is_decided = true;
                    at = next(at);
                }
                Some(StepKind::If | StepKind::Elif | StepKind::Then | StepKind::Else) => at = next(at),
                _ => break,
            }
        }
        match ends {
            Some(ends) if is_decided => self.state = ends,
            Some(ends) => self.join(&ends),
            None => {}
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
            self.join(&before);
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
        let mut seen = HashSet::new();
        let mut values: Vec<String> = expand(&self.state, &command.words).into_iter().flatten().collect();
        values.retain(|value| seen.insert(value.clone()));
        for value in values {
            if !self.spend(0, of_words(&command.words)) {
                break;
            }
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
            self.join(&before);
        }
    }

    /// Follows a command with every text that its words may become.
    fn command(&mut self, script: &Rc<Script>, words: &[Word], block: Option<&Body>) -> bool {
        if !self.spend(1, of_words(words)) {
            return false;
        }
        debug_assert!(block.is_none_or(|block| Rc::ptr_eq(&block.script, script)));
        let mut lists = expand(&self.state, words);
        let Some(last) = lists.pop() else { return false };
        let made = lists.iter().flatten().map(|text| of_text(text)).sum();
        if !self.spend(0, made) {
            return false;
        }
        let before = (!lists.is_empty()).then(|| self.state.clone());
        let (mut ends, mut is_well) = (None, true);
        for (list, before) in lists.iter().zip(before.iter().cycle()) {
            is_well &= self.call(list, block);
            let end = std::mem::replace(&mut self.state, before.clone());
            self.merge(&mut ends, end);
        }
        is_well &= self.call(&last, block);
        if let Some(ends) = ends {
            self.join(&ends);
        }
        is_well
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
                self.join(&start);
            }
            if self.state == before {
                break;
            }
            // What one entry leaves, another finds, and this one again.
            self.state.widen(&before);
        }
        self.entries.clear();
    }
}

/// The parameters that arguments become.
pub(super) fn known(arguments: &[String]) -> Option<Vec<String>> {
    let is_counted = arguments.len() <= MAX_PARAMETERS && !arguments.iter().any(|argument| argument.contains(WORDS));
    is_counted.then(|| arguments.to_vec())
}
