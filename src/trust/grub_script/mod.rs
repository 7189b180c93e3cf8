//! The judge of GRUB's scripts: does one leave checked what an enforcing GRUB checks, whatever the way through it?
//!
//! A script is followed, not searched: all ways through its conditions and loops, its functions, entries and `eval`, with the
//! values that variables may have. Other files that it runs need signatures and are judged as scripts of their own, so that
//! after them nothing is known of variables; only files of the memory disk, which GRUB opens without signatures, are followed.
//! Nothing that may reach what protects, and is known only as GRUB runs, is taken for harmless.

mod budget;
mod command;
mod danger;
mod effects;
mod functions;
mod options;
mod shared;
mod state;
mod text;
mod walk;
mod words;

use std::ops::ControlFlow;

use crate::formats::grub::script::Script;

pub use danger::{Act, Danger, MemoryDisk, Scene};
pub use shared::{Others, Scripts};

/// True for a variable that protects, which no file may set.
#[must_use]
pub fn is_protected(variable: &str) -> bool {
    danger::PROTECTED.contains(&variable)
}

/// The dangers of a script, in the order of their lines.
#[must_use]
pub fn dangers(script: &Script, scene: Scene<'_>) -> Vec<Danger> {
    let mut walker = walk::Walker::new(scene);
    walker.walk(script);
    walker.finish()
}

/// The dangers of the configuration in a core image, which GRUB's small parser reads line by line: it knows neither compounds
/// nor `;`. What either reader makes of it counts.
#[must_use]
pub fn dangers_of_embedded(text: &str, scene: Scene<'_>) -> Vec<Danger> {
    let script = Script::parse(text);
    let mut walker = walk::Walker::new(scene);
    walker.walk(&script);
    let outcome = text.lines().enumerate().try_for_each(|(index, line)| {
        let parsed = Script::parse(line);
        let is_read = parsed.error.is_none() || script.error.is_none();
        walker.line(&parsed, index.saturating_add(1));
        if is_read {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break((index.saturating_add(1), line.to_owned()))
        }
    });
    if let ControlFlow::Break((line, command)) = outcome {
        walker.add(Act::Unproven("it is no well-formed command"), line, &command);
    }
    walker.finish()
}

#[cfg(test)]
mod tests;
