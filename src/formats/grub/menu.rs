//! Menus: the entries that scripts make, and the one that GRUB starts when nobody chooses (GRUB manual, "menuentry",
//! "submenu", "default").

use std::collections::BTreeMap;

use super::environment_block::EnvironmentBlock;
use super::script::{Command, Part, Script, Variables, Word};

/// The option of an entry that everybody may start.
const UNRESTRICTED: &str = "--unrestricted";
/// The variable that names the entry which starts by itself.
const DEFAULT: &str = "default";
/// Variables of the environment block: the entry of the next start alone, and the one that was chosen last.
const NEXT_ENTRY: &str = "next_entry";
const SAVED_ENTRY: &str = "saved_entry";

/// An entry, or a menu of further ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuEntry {
    /// The script that makes it, by its place among those given.
    pub script: usize,
    /// Its command, by its place in [`Script::commands`].
    pub command: usize,
    /// The line of the command, from 1.
    pub line: usize,
    /// Its title, as far as it is known before GRUB runs.
    pub title: String,
    /// True if it, or a submenu that it is in, wants a password where there is a superuser: it lacks `--unrestricted`.
    pub is_locked: bool,
    /// The name that `--id` gives it.
    id: Option<String>,
    /// The entries of a submenu; none for an entry that starts something.
    pub entries: Option<Vec<MenuEntry>>,
}

/// The entries of scripts, in their order: of the main one, which is first, and of those that it runs, each with the line of the
/// main one at which that happens.
#[must_use]
pub fn menu(scripts: &[(usize, &Script)], variables: &Variables) -> Vec<MenuEntry> {
    let tops = scripts.iter().enumerate().flat_map(|(index, (_, script))| {
        let mut children = Children::new();
        for (index, command) in script.commands.iter().enumerate() {
            let name = command.words.first().and_then(Word::literal).unwrap_or_default();
            if name == "submenu" || name == "menuentry" {
                children
                    .entry(command.parent)
                    .or_default()
                    .push((index, name == "submenu"));
            }
        }
        entries(index, script, &children, None, false, variables)
    });
    let mut tops: Vec<MenuEntry> = tops.collect();
    tops.sort_by_key(|entry| match scripts.get(entry.script) {
        Some((line, _)) if entry.script > 0 => *line,
        _ => entry.line,
    });
    tops
}

/// The entries that stand in the braces of a command, and whether each is a submenu; in those of none, on top.
type Children = BTreeMap<Option<usize>, Vec<(usize, bool)>>;

/// The entries on one level; as deep as the parser lets blocks be nested.
fn entries(
    number: usize,
    script: &Script,
    children: &Children,
    within: Option<usize>,
    is_locked: bool,
    variables: &Variables,
) -> Vec<MenuEntry> {
    let mut found = Vec::new();
    for (index, is_submenu) in children.get(&within).into_iter().flatten().copied() {
        let Some(command) = script.commands.get(index) else {
            continue;
        };
        let known = |word: &Word| variables.expand(word).into_iter().next().unwrap_or_default();
        // The title, or any other text that is only said, may have these letters in it.
        let is_option = |word: &Word| match word.literal() {
            Some(text) => text == UNRESTRICTED,
            None => variables
                .expand(word)
                .iter()
                .any(|text| text.split_whitespace().any(|word| word == UNRESTRICTED)),
        };
        let is_free = command.words.iter().any(is_option);
        let is_locked = is_locked || !is_free;
        let mut words = command.words.iter().skip(1);
        found.push(MenuEntry {
            script: number,
            command: index,
            line: command.line,
            title: words.next().map(known).unwrap_or_default(),
            is_locked,
            id: id(command, variables),
            entries: is_submenu.then(|| entries(number, script, children, Some(index), is_locked, variables)),
        });
    }
    found
}

/// The name behind `--id`, which grub-mkconfig has in a variable for the sake of older GRUBs.
fn id(command: &Command, variables: &Variables) -> Option<String> {
    let is_option = |word: &Word| {
        let variable = |part: &Part| part.variable() == Some("menuentry_id_option");
        word.literal().as_deref() == Some("--id") || word.parts.iter().any(variable)
    };
    let attached = |word: &Word| word.literal()?.strip_prefix("--id=").map(str::to_owned);
    let place = command.words.iter().position(is_option);
    let behind = place.and_then(|place| command.words.get(place.saturating_add(1)));
    let known = |word: &Word| variables.expand(word).into_iter().next();
    behind
        .and_then(known)
        .or_else(|| command.words.iter().find_map(attached))
}

/// The entry that GRUB starts when nobody chooses: the one of the next start alone, or else the one that `default` names,
/// or else the first. None if there is no entry.
#[must_use]
pub fn default_entry<'m>(
    menu: &'m [MenuEntry],
    scripts: &[&Script],
    variables: &Variables,
    environment: &EnvironmentBlock,
) -> Option<&'m MenuEntry> {
    let wanted = default_name(scripts, variables, environment);
    let mut entries = menu;
    let mut names = wanted.as_deref().unwrap_or("0").split('>');
    loop {
        let chosen = names.next().and_then(|name| find(entries, name));
        let entry = chosen.or_else(|| entries.first())?;
        match &entry.entries {
            None => return Some(entry),
            Some(below) => entries = below,
        }
    }
}

/// The name that the variable `default` has as the menu is shown.
#[must_use]
pub fn default_name(scripts: &[&Script], variables: &Variables, environment: &EnvironmentBlock) -> Option<String> {
    let assigned = scripts.iter().flat_map(|script| &script.commands);
    let assigned = assigned.filter_map(Command::assignment);
    let values: Vec<Word> = assigned
        .filter(|(name, _)| name == DEFAULT)
        .map(|(_, value)| value)
        .collect();
    let names = |word: &Word, variable: &str| word.parts.iter().any(|part| part.variable() == Some(variable));
    // It is asked for first, and the other assignment is made where it is empty.
    if values.iter().any(|value| names(value, NEXT_ENTRY))
        && let Some(next) = environment.get(NEXT_ENTRY)
    {
        return Some(next.to_owned());
    }
    let last = values.iter().rev().find(|value| !names(value, NEXT_ENTRY))?;
    if names(last, SAVED_ENTRY) {
        return environment.get(SAVED_ENTRY).map(str::to_owned);
    }
    let known = variables.expand(last).into_iter().next()?;
    Some(known).filter(|name| !name.contains(Variables::UNKNOWN))
}

/// The entry of this number, name or title.
fn find<'m>(entries: &'m [MenuEntry], name: &str) -> Option<&'m MenuEntry> {
    match name.parse::<usize>() {
        Ok(number) => entries.get(number),
        Err(_) => entries
            .iter()
            .find(|entry| entry.title == name || entry.id.as_deref() == Some(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As grub-mkconfig writes it with `GRUB_DEFAULT=saved`.
    const MKCONFIG: &str = "if [ \"${next_entry}\" ] ; then\n   set default=\"${next_entry}\"\n   set next_entry=\n\
        else\n   set default=\"${saved_entry}\"\nfi\nmenuentry_id_option=\"--id\"\n\
        menuentry 'Gentoo' --class gentoo $menuentry_id_option 'gnulinux-simple' {\n linux /vmlinuz-2\n}\n\
        submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced' {\n\
        menuentry 'Gentoo, 2' --id=two {\n linux /vmlinuz-2\n}\nmenuentry 'Gentoo, 1' --id one {\n linux /vmlinuz-1\n}\n}\n";

    fn started(text: &str, environment: &str) -> Option<usize> {
        let script = Script::parse(text);
        let mut variables = Variables::default();
        variables.gather(&script.commands.iter());
        let environment = EnvironmentBlock::parse(format!("# GRUB Environment Block\n{environment}\n").as_bytes());
        let menu = menu(&[(0, &script)], &variables);
        default_entry(&menu, &[&script], &variables, &environment).map(|entry| entry.line)
    }

    #[test]
    fn the_default_is_found_by_number_name_and_title_through_submenus() {
        for (environment, line) in [
            ("", 8),
            ("saved_entry=0", 8),
            ("saved_entry=1>1", 15),
            ("saved_entry=gnulinux-advanced>one", 15),
            ("saved_entry=Advanced options>Gentoo, 2", 12),
            ("saved_entry=gnulinux-advanced", 12),
            ("saved_entry=gone", 8),
            ("next_entry=1>1\nsaved_entry=0", 15),
        ] {
            assert_eq!(started(MKCONFIG, environment), Some(line), "{environment}");
        }
        assert_eq!(
            started("set default=1\nmenuentry a {\n boot\n}\nmenuentry b {\n boot\n}\n", ""),
            Some(5)
        );
        assert_eq!(started("set default=$x\nmenuentry a {\n boot\n}\n", ""), Some(2));
        assert_eq!(started("linux /vmlinuz\nboot\n", ""), None);
    }
}
