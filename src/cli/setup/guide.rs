//! The conversation: each command is shown, and run when the person says so.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::system::process::{Said, run_typed};
use crate::ui::prompt;

use super::done::Setup;
use super::steps::{Act, KERNEL, Step, VALUES, Value};

/// The answers that a question takes; the first is the suggestion.
const RUN: [&str; 3] = ["yes", "skip", "quit"];
const FAILED: [&str; 3] = ["again", "skip", "quit"];
const DONE: [&str; 2] = ["yes", "quit"];

/// The conversation.
pub(super) struct Guide<'a> {
    setup: &'a Setup,
    /// The values that were asked for, by their examples.
    values: BTreeMap<&'static str, String>,
}

/// The person has had enough.
struct Left;

impl<'a> Guide<'a> {
    pub(super) fn new(setup: &'a Setup) -> Self {
        Self {
            setup,
            values: BTreeMap::new(),
        }
    }

    /// Leads through the steps that are not done, until there is no other or the person leaves.
    pub(super) fn lead(mut self) -> Result<()> {
        let count = self.setup.steps.len();
        println!(
            "bootseal setup: {count} steps. Each command is shown, and run when you say yes; what is done is passed over."
        );
        for (number, step, done) in self.setup.numbered() {
            println!(
                "\n{number} of {count}. {}{}",
                step.title,
                if done { ": done" } else { "" }
            );
            if !done {
                println!("  {}", step.why);
                if self.step(step)?.is_err() {
                    break;
                }
            }
        }
        println!();
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<std::result::Result<(), Left>> {
        loop {
            for act in &step.acts {
                let went_on = match act {
                    Act::See(command) => self.command(command, false)?,
                    Act::Type(command) => self.command(command, true)?,
                    Act::Do(text) => {
                        println!("\n  By hand: {text}.");
                        ask("Done?", &DONE)? != "quit"
                    }
                };
                if !went_on {
                    return Ok(Err(Left));
                }
            }
            let Some(proof) = step.proof else { return Ok(Ok(())) };
            if run_typed(proof, Said::Kept)?.success {
                println!("  done: {proof}");
                return Ok(Ok(()));
            }
            println!("\n  This step is not done. {proof} says:");
            run_typed(proof, Said::Terminal)?;
            match ask("The step again, or go on to the next one?", &FAILED)? {
                "again" => {}
                answer => return Ok(if answer == "quit" { Err(Left) } else { Ok(()) }),
            }
        }
    }

    /// Shows a command and runs it when the person says so; false when they leave.
    fn command(&mut self, command: &str, must_succeed: bool) -> Result<bool> {
        let command = self.filled(command)?;
        println!("\n  # {command}");
        let mut answer = ask("Run it?", &RUN)?;
        loop {
            match answer {
                "skip" => return Ok(true),
                "quit" => return Ok(false),
                _ if run_typed(&command, Said::Terminal)?.success || !must_succeed => return Ok(true),
                _ => answer = ask("It failed.", &FAILED)?,
            }
        }
    }

    /// The command with this machine's values.
    fn filled(&mut self, command: &str) -> Result<String> {
        let mut filled = command.to_owned();
        for value in VALUES.iter().filter(|value| command.contains(value.example)) {
            if !self.values.contains_key(value.example) {
                let asked = self.value(value)?;
                self.values.insert(value.example, asked);
            }
            if let Some(own) = self.values.get(value.example) {
                filled = filled.replace(value.example, own);
            }
        }
        Ok(filled)
    }

    fn value(&self, value: &Value) -> Result<String> {
        let suggestion = if value.example == KERNEL.example {
            self.setup.kernel.as_deref().unwrap_or_default()
        } else if value.suggests {
            value.example
        } else {
            ""
        };
        loop {
            let answer = prompt::question(&format!("  {}", value.question), suggestion)?;
            if is_plain(&answer) {
                return Ok(answer);
            }
            println!("  letters, digits and / . _ + - only; once more");
        }
    }
}

/// True if a shell takes the text as one word, as it is.
fn is_plain(text: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._+-".contains(letter);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain)
}

/// Asks until one of the answers is typed, or its beginning.
fn ask(question: &str, answers: &[&'static str]) -> Result<&'static str> {
    let [suggestion, ..] = answers else { return Ok("") };
    loop {
        let typed = prompt::question(&format!("  {question} {}", answers.join(", ")), suggestion)?;
        match answers.iter().find(|answer| answer.starts_with(&typed.to_lowercase())) {
            Some(answer) => return Ok(answer),
            None => println!("  one of {}; once more", answers.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_words_that_no_shell_reads_otherwise() {
        for plain in ["6.12.58-gentoo-dist", "/mnt/stick/backup/a.tar", "25e7"] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in ["", "-r", "a b", "$(reboot)", "a;b", "a'b", "~", "a\nb", "ä"] {
            assert!(!is_plain(other), "{other}");
        }
    }
}
