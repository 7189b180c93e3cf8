//! The README's first session, typed as it stands there.

use std::fs;
use std::path::Path;

use crate::support::programs::{EFI_STUB, tool};
use crate::support::text;

use super::pages::{Page, repository};

/// A command, and the lines that are shown below it.
struct Step {
    typed: String,
    shown: Vec<String>,
}

impl Step {
    /// Reports that a refusal is shown.
    fn is_refused(&self) -> bool {
        self.shown.iter().any(|line| line.starts_with("error: "))
    }
}

/// The steps in the block below a heading.
fn steps(page: &str, heading: &str) -> Vec<Step> {
    let (_, below) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let (_, block) = below.split_once("```console\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let mut steps: Vec<Step> = Vec::new();
    for line in block.lines() {
        if let Some(typed) = line.strip_prefix("# ") {
            steps.push(Step {
                typed: typed.to_owned(),
                shown: Vec::new(),
            });
        } else {
            steps.last_mut().unwrap().shown.push(line.to_owned());
        }
    }
    steps
}

#[test]
fn the_first_session_goes_as_it_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    fs::copy(EFI_STUB, directory.path().join("loader.efi")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_bootseal")).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", program.display());
    let readme = Page::read(&repository().join("README.md")).text;
    let steps = steps(&readme, "A first session");
    assert!(steps.len() >= 10);
    for step in steps {
        let output = tool("sh")
            .args(["-c", &step.typed])
            .current_dir(directory.path())
            .env("PATH", &path)
            .env("STATE_DIRECTORY", state.path())
            .output()
            .unwrap();
        let said = text(&output).replace(state.path().to_str().unwrap(), "/var/lib/bootseal");
        assert_eq!(
            output.status.code(),
            Some(i32::from(step.is_refused())),
            "{}: {said}",
            step.typed
        );
        for line in &step.shown {
            let is_said = match line.strip_suffix(" …") {
                Some(beginning) => said.lines().any(|own| own.starts_with(beginning)),
                None => said.lines().any(|own| own == line),
            };
            assert!(is_said, "{}: {line:?} is not in:\n{said}", step.typed);
        }
    }
}
