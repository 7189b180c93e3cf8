//! The effects of single commands.

use std::rc::Rc;

use crate::formats::grub::script::Script;

use super::command::{Effect, FUNCTIONS_OF_MKCONFIG, Names, effect, may_act};
use super::danger::{Act, CHECK_SIGNATURES, PROTECTED, SUPERUSERS};
use super::options::{load_env, may_hold_option, named};
use super::state::Body;
use super::text::{UNKNOWN, WORDS, is_open, known_beginning, may_be};
use super::walk::{Entry, MAX_ENTRIES, Walker, known};

/// Modules without which nothing is checked.
const CHECKING: [&str; 4] = ["pgp", "verifiers", "crypto", "gcry_"];
/// Options of entries that are followed by a value.
const VALUED: [&str; 4] = ["--class", "--hotkey", "--id", "--source"];
/// Devices whose files GRUB opens without looking at signatures: the image's own disk, and what GRUB shows of itself.
const UNCHECKED: [&str; 2] = ["memdisk", "proc"];

const NAME: Act = Act::Unproven("which variable it sets is known only as GRUB runs");
const COMMAND: Act = Act::Unproven("which command it is is known only as GRUB runs");
const NO_COMMAND: Act = Act::Unproven("no command of GRUB has this name, and no function here");
const TEXT: Act = Act::Unproven("the text that it runs is known only as GRUB runs");
const OPTIONS: Act = Act::Unproven("its options are known only as GRUB runs");
const VALUE: Act = Act::Unproven("the value is known only as GRUB runs");
const FOREIGN: Act = Act::Unproven("a menu of another loader is not followed");
const TEST: Act = Act::Unproven("it runs GRUB's tests of itself");
const UNCHECKED_FILE: Act = Act::Unproven("it runs a file that GRUB opens without a signature, and that is not known");

impl Walker<'_> {
    /// Runs a command, whose name is the first of these texts. True if it is known to end well.
    pub(super) fn call(&mut self, texts: &[String], block: Option<&Body>) -> bool {
        let Some((name, arguments)) = texts.split_first() else {
            return false;
        };
        let beginning = known_beginning(name);
        if is_open(name) && !beginning.contains('=') {
            self.call_unknown(name, beginning);
            return false;
        }
        let effect = if is_open(name) { None } else { effect(name) };
        if let Some(effect) = effect {
            self.apply(effect, name, arguments, block);
            // What is not there, such as `true` without its module, ends well too.
            return name == "true";
        }
        if !is_open(name) && self.call_function(name, arguments) {
            return false;
        }
        match name.split_once('=') {
            Some((variable, value)) => self.assign(variable, value),
            None if FUNCTIONS_OF_MKCONFIG.contains(&name.as_str()) => {}
            None => self.danger(NO_COMMAND),
        }
        false
    }

    /// Runs a command of whose name only the beginning is known.
    fn call_unknown(&mut self, name: &str, beginning: &str) {
        let is_function = self.state.functions.keys().any(|own| own.starts_with(beginning))
            || self.scene.others.is_some_and(|others| others.any_begins(beginning));
        if may_act(beginning) || is_function || PROTECTED.iter().any(|own| own.starts_with(beginning)) {
            self.danger(COMMAND);
        }
        self.state.may_set(name, &UNKNOWN.to_string());
    }

    fn apply(&mut self, effect: Effect, name: &str, arguments: &[String], block: Option<&Body>) {
        match effect {
            Effect::None => {}
            Effect::Set => self.set(arguments),
            Effect::Unset => {
                if let Some(variable) = arguments.first() {
                    self.assign(variable, "");
                }
            }
            Effect::Names(names) => self.names(names, arguments),
            Effect::LoadEnvironment => self.load_environment(arguments),
            Effect::LoadFirmware => {
                self.danger(Act::UncheckedEnvironment);
                self.state.forget();
            }
            Effect::Source => {
                if !self.run_file(arguments, false) {
                    self.state.forget();
                }
            }
            Effect::Configure => {
                self.run_file(arguments, true);
            }
            Effect::Eval => {
                let text = arguments.join(" ");
                if is_open(&text) {
                    self.danger(TEXT);
                    self.state.forget();
                } else if self.spend(0, text.len()) {
                    let script = Rc::new(Script::parse(&text));
                    self.run_text(script);
                }
            }
            Effect::Entry => self.entry(arguments, block),
            Effect::Prefix => {
                self.call(arguments, block);
            }
            Effect::Parameters => self.state.parameters = known(arguments),
            Effect::Shift => {
                let count = arguments.first().map_or(Some(1), |count| count.parse::<usize>().ok());
                let shifted = self.state.parameters.take();
                self.state.parameters = count
                    .zip(shifted)
                    .map(|(count, all)| all.into_iter().skip(count).collect());
            }
            Effect::Unload => self.unload(arguments),
            Effect::Keys => self.danger(Act::Keys),
            Effect::Memory => self.danger(Act::Memory),
            Effect::Shell => self.danger(Act::Shell),
            Effect::Foreign => self.danger(FOREIGN),
            Effect::Test => self.danger(TEST),
        }
        // Variables of the network and of the screen are set by many.
        if name.starts_with("net_") {
            self.state.may_set("net_\0", &UNKNOWN.to_string());
        }
    }

    /// `set NAME=VALUE`: what follows is left out.
    fn set(&mut self, arguments: &[String]) {
        let Some(assignment) = arguments.first() else {
            return;
        };
        match assignment.split_once('=') {
            Some((variable, value)) => self.assign(variable, value),
            None if is_open(assignment) => self.assign(assignment, &UNKNOWN.to_string()),
            None => {}
        }
    }

    /// Gives a variable a value, and judges what that does.
    pub(super) fn assign(&mut self, variable: &str, value: &str) {
        if is_open(variable) {
            if PROTECTED.iter().any(|own| may_be(variable, own)) {
                self.danger(NAME);
            }
            self.state.may_set(variable, value);
            return;
        }
        match variable {
            CHECK_SIGNATURES => match value.chars().next() {
                Some('e' | '1') => {}
                Some(_) if known_beginning(value).is_empty() => self.danger(VALUE),
                _ => self.danger(Act::SignaturesOff),
            },
            SUPERUSERS if value.trim_matches([' ', ',', ';', '|', '&', '\t']).is_empty() => {
                self.danger(Act::SuperusersOff);
            }
            SUPERUSERS if known_beginning(value).is_empty() => self.danger(VALUE),
            SUPERUSERS => self.danger(Act::SuperusersChanged),
            _ => {}
        }
        self.state.set(variable, value);
    }

    /// A command that sets variables to what it finds.
    fn names(&mut self, names: Names, arguments: &[String]) {
        let (found, is_unknown) = named(names, arguments);
        if is_unknown {
            self.danger(NAME);
            self.state.forget();
        }
        for name in found {
            if name == CHECK_SIGNATURES {
                self.danger(Act::SignaturesOff);
            } else if name == SUPERUSERS {
                self.danger(Act::SuperusersOff);
            } else {
                self.assign(&name, &UNKNOWN.to_string());
            }
        }
    }

    fn load_environment(&mut self, arguments: &[String]) {
        let (is_unchecked, names) = load_env(arguments);
        if arguments
            .iter()
            .any(|argument| may_hold_option(argument) && argument.contains(WORDS))
        {
            self.danger(OPTIONS);
        }
        let may_protect = |name: &&str| name.is_empty() || PROTECTED.iter().any(|own| may_be(name, own));
        let reaches_places = |name: &&str| ["prefix", "root", "cmdpath"].contains(name);
        if is_unchecked && (names.is_empty() || names.iter().any(|name| may_protect(name) || reaches_places(name))) {
            self.danger(Act::UncheckedEnvironment);
        }
        if names.is_empty() {
            self.state.forget();
        }
        for name in names {
            if is_open(name) {
                self.state.may_set(name, &UNKNOWN.to_string());
            } else {
                self.state.set(name, &UNKNOWN.to_string());
            }
        }
    }

    fn unload(&mut self, arguments: &[String]) {
        let Some(module) = arguments.first() else { return };
        if CHECKING.iter().any(|checking| module.starts_with(checking)) {
            self.danger(Act::Unload);
        } else if CHECKING
            .iter()
            .any(|checking| checking.starts_with(known_beginning(module)))
            && is_open(module)
        {
            self.danger(COMMAND);
        }
    }

    fn entry(&mut self, arguments: &[String], block: Option<&Body>) {
        let is_source = |text: &String| text == "--source";
        let attached = arguments.iter().find_map(|text| text.strip_prefix("--source="));
        let source = match arguments.iter().position(is_source) {
            Some(place) => arguments.get(place.saturating_add(1)).map(String::as_str),
            None => attached,
        };
        let (mut parameters, mut is_value) = (Vec::new(), false);
        for argument in arguments {
            let is_option = argument.starts_with("--");
            if !std::mem::take(&mut is_value) && !is_option {
                parameters.push(argument.clone());
            }
            is_value = VALUED.contains(&argument.as_str());
        }
        let parameters = known(&parameters);
        // An entry with braces takes no such option besides.
        if block.is_none() && (arguments.iter().any(|argument| may_be_source(argument)) || source.is_some_and(is_open))
        {
            self.danger(TEXT);
        } else if let Some(source) = source.filter(|source| self.spend(0, source.len())) {
            let script = Rc::new(Script::parse(source));
            let body = Body {
                steps: 0..script.steps.len(),
                script,
            };
            self.add_entry(Entry {
                body,
                parameters: parameters.clone(),
            });
        }
        if let Some(block) = block {
            self.add_entry(Entry {
                body: block.clone(),
                parameters,
            });
        }
    }

    fn add_entry(&mut self, entry: Entry) {
        // That there are too many is said as they are followed.
        let has_room = self.entries.len() <= MAX_ENTRIES && self.spend(0, self.entries.len() / 64);
        if has_room && !self.entries.contains(&entry) {
            self.entries.push(entry);
        }
    }

    /// Runs a file if it is known what is in it; false if not.
    fn run_file(&mut self, arguments: &[String], has_own_variables: bool) -> bool {
        let named = arguments.iter().find(|text| !text.starts_with('-'));
        let paths: Vec<String> = if let Some(path) = named {
            vec![path.clone()]
        } else {
            let prefixes = self.state.get("prefix").into_iter();
            prefixes.map(|prefix| format!("{prefix}/grub.cfg")).collect()
        };
        let paths: Vec<String> = paths.iter().flat_map(|path| self.with_device(path)).collect();
        let before = self.state.clone();
        let mut is_known = false;
        for path in paths {
            let Some((device, file)) = path.strip_prefix('(').and_then(|path| path.split_once(')')) else {
                continue;
            };
            if !UNCHECKED.iter().any(|unchecked| device.starts_with(unchecked)) {
                continue;
            }
            let content = self.scene.memory_disk.filter(|_| device == "memdisk" && !is_open(file));
            let Some(content) = content.and_then(|read| read(file)) else {
                self.danger(UNCHECKED_FILE);
                continue;
            };
            is_known = true;
            if !self.spend(0, content.len()) {
                break;
            }
            let outer = self.within.replace(path.clone());
            let is_fixed = std::mem::take(&mut self.is_fixed);
            let script = Rc::new(Script::parse_bytes(&content));
            self.run(&Body {
                steps: 0..script.steps.len(),
                script,
            });
            self.is_fixed = is_fixed;
            self.within = outer;
            if has_own_variables {
                self.state.restore(&before);
            }
        }
        is_known
    }

    /// A path with the devices that it may be on.
    fn with_device(&self, path: &str) -> Vec<String> {
        if path.starts_with('(') {
            return vec![path.to_owned()];
        }
        let roots = self.state.get("root").into_iter();
        roots
            .map(|root| format!("({}){path}", root.trim_matches(['(', ')'])))
            .collect()
    }

    fn run_text(&mut self, script: Rc<Script>) {
        let is_fixed = std::mem::replace(&mut self.is_fixed, true);
        self.run(&Body {
            steps: 0..script.steps.len(),
            script,
        });
        self.is_fixed = is_fixed;
    }
}

/// True if an argument of an entry may turn out to be the option that has it run a text.
fn may_be_source(argument: &str) -> bool {
    argument.contains(WORDS) || (is_open(argument) && may_be_option(argument))
}

fn may_be_option(argument: &str) -> bool {
    let known = known_beginning(argument);
    "--source".starts_with(known) || known.starts_with("--source")
}
