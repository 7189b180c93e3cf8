//! Options of commands, as GRUB reads them: before, between and behind other arguments, short ones bundled.

use super::command::Names;
use super::text::{UNKNOWN, WORDS, is_open, may_begin_with};

/// The names of variables that a command sets, and true if further ones are known only as GRUB runs.
pub(super) fn named(names: Names, arguments: &[String]) -> (Vec<String>, bool) {
    let mut found = Vec::new();
    let mut is_unknown = false;
    let mut plain = Vec::new();
    let has_options = !names.long.is_empty() || names.short.is_some();
    let long = format!("--{}", names.long);
    for (index, argument) in arguments.iter().enumerate() {
        let next = || {
            arguments
                .get(index.saturating_add(1))
                .filter(|next| !next.starts_with('-'))
        };
        let attached = argument
            .strip_prefix(&long)
            .filter(|_| !names.long.is_empty())
            .and_then(|rest| rest.strip_prefix('='));
        if let Some(name) = attached {
            found.push(name.to_owned());
        } else if argument.starts_with("--") {
            if *argument == long && !names.long.is_empty() {
                found.extend(next().cloned());
            }
        } else if let Some(bundle) = argument.strip_prefix('-') {
            if let Some((_, rest)) = names.short.and_then(|short| bundle.split_once(short)) {
                let rest = rest.strip_prefix('=').unwrap_or(rest);
                found.extend((!rest.is_empty()).then(|| rest.to_owned()));
                found.extend(next().cloned());
            }
        } else {
            plain.push(argument);
        }
        is_unknown |= has_options && is_open(argument) && may_hold_option(argument);
    }
    if let Some(wanted) = names.argument {
        let before = plain.iter().take(wanted).any(|argument| argument.contains(WORDS));
        match plain.get(wanted) {
            _ if before => is_unknown = true,
            Some(name) => found.push((*name).clone()),
            None => {}
        }
    }
    // `regexp` takes a number in front of the name.
    let without_number = |name: String| match name.split_once(':') {
        Some((number, rest)) if number.chars().all(|c| c.is_ascii_digit() || c == UNKNOWN) => rest.to_owned(),
        _ => name,
    };
    (found.into_iter().map(without_number).collect(), is_unknown)
}

/// True if an argument may turn out to be an option, or to have one behind a blank.
pub(super) fn may_hold_option(argument: &str) -> bool {
    let may_be_one = may_begin_with(argument, "-") && !argument.starts_with("--");
    argument.contains(WORDS) || (is_open(argument) && may_be_one)
}

/// The arguments of `load_env`: true if it asks for no signature, and the variables that it may set.
pub(super) fn load_env(arguments: &[String]) -> (bool, Vec<&str>) {
    let is_short = |text: &str| text.starts_with('-') && !text.starts_with("--");
    let (mut is_unchecked, mut is_value, mut names) = (false, false, Vec::new());
    for text in arguments {
        if std::mem::take(&mut is_value) {
            continue;
        }
        if text == "--skip-sig" || (is_short(text) && text.contains('s')) {
            is_unchecked = true;
        }
        if text == "--file" || (is_short(text) && text.ends_with('f')) {
            is_value = true;
        } else if !text.starts_with('-') {
            names.push(text.as_str());
        }
    }
    (is_unchecked, names)
}
