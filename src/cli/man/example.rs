//! The description of a file that a person writes: its example, in which comments explain what follows them.

use clap_mangen::roff::{Inline, Roff, bold, line_break, roman};

/// Describes the settings of an example.
pub(super) fn describe(roff: &mut Roff, example: &str) {
    for block in example.split("\n\n").filter(|block| !block.trim().is_empty()) {
        section(roff, block.trim_end());
    }
}

/// A block of comments and settings. The table in front of the settings begins a section.
fn section(roff: &mut Roff, block: &str) {
    let first = block.lines().position(|line| said(line).is_some());
    let table = first.filter(|first| block.lines().nth(*first).and_then(said).is_some_and(is_table));
    if let Some(name) = table.and_then(|table| block.lines().nth(table)).and_then(said) {
        roff.control("SS", [name]);
    }
    let mut settings: Vec<Inline> = Vec::new();
    let mut in_text = false;
    for (number, line) in block.lines().enumerate() {
        if Some(number) == table {
            continue;
        }
        if let Some(setting) = said(line) {
            in_text = false;
            if !settings.is_empty() {
                settings.push(line_break());
            }
            settings.push(bold(setting));
            continue;
        }
        end(roff, &mut settings);
        if line == "#" {
            in_text = false;
            continue;
        }
        // A list: names, and their texts, which may go on in further lines.
        if let Some(item) = line.strip_prefix("#   ") {
            in_text = false;
            match item.split_once("  ").filter(|(name, _)| !name.is_empty()) {
                Some((name, text)) => {
                    roff.control("TP", ["4"]);
                    roff.text([bold(name)]);
                    roff.text([roman(text.trim_start())]);
                }
                None => {
                    roff.text([roman(item.trim_start())]);
                }
            }
            continue;
        }
        if !in_text {
            roff.control("PP", []);
        }
        in_text = true;
        roff.text([roman(line.trim_start_matches(['#', ' ']))]);
    }
    end(roff, &mut settings);
}

/// Ends a group of settings.
fn end(roff: &mut Roff, settings: &mut Vec<Inline>) {
    if !settings.is_empty() {
        roff.control("PP", []);
        roff.control("RS", ["4"]);
        roff.text(std::mem::take(settings));
        roff.control("RE", []);
    }
}

/// The setting in a line, which may be one that is shown only; none in a comment.
fn said(line: &str) -> Option<&str> {
    match line.strip_prefix("#= ") {
        Some(shown) => Some(shown),
        None => (!line.starts_with('#')).then_some(line),
    }
}

fn is_table(line: &str) -> bool {
    line.starts_with('[') && line.ends_with(']')
}
