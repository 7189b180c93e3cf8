//! The questions of a ceremony without a whole specification, in plain words. Each answer is checked as it comes and kept; all of them
//! make the specification.

use std::path::{Path, PathBuf};

use crate::ceremony::{self, Answer, Draft, Plan, Shares, Spec};
use crate::error::{Error, Explain, Result, quoted};
use crate::formats::text::{Shown, printable};
use crate::system::{self, NewFile};
use crate::ui::{Style, print_guarded, prompt};

use super::report::Planned;
use crate::cli::session::Session;

/// The answer that says that there is none.
const NONE: &str = "-";
/// The file of the answers, unless another is named.
const FILE: &str = "ceremony.toml";
/// Largest specification that is gone on from, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// The half-written specification at this path, if that is what is there.
pub(super) fn unfinished(path: &Path) -> Result<Option<Draft>> {
    let Some(bytes) = system::read_ours_if_there(path, MAX_FILE)? else {
        return Ok(None);
    };
    let draft = String::from_utf8(bytes).ok().and_then(|text| Draft::parse(&text).ok());
    Ok(draft.filter(Draft::is_unfinished))
}

/// Asks for what is missing until the answers make a ceremony, shows its plan and the checks of the machine, and keeps the
/// specification. `half` is a half-written one.
pub(super) fn ask(session: &Session, half: Option<(&Path, Draft)>, same_disk: bool) -> Result<Spec> {
    eprintln!("This makes the keys that decide what your machines boot. Nothing is made before you say yes.\n");
    let is_named = half.is_some();
    let default = Path::new(FILE);
    let (file, draft) = match half {
        Some((path, draft)) => (Some(path), draft),
        None if !system::is_there(default)? => (Some(default), Draft::default()),
        None => match unfinished(default)? {
            Some(draft) => (Some(default), draft),
            // Somebody's whole specification: the answers get another file.
            None => (None, Draft::default()),
        },
    };
    let mut questions = Questions {
        session,
        base: file.and_then(Path::parent).unwrap_or(Path::new("")).to_path_buf(),
        file: file.map(Path::to_path_buf),
        draft,
        same_disk,
    };
    let result = questions.ask().and_then(|()| questions.name_file(is_named));
    let (path, spec) = match (result, &questions.file) {
        (Ok(made), _) => made,
        (Err(error), Some(file)) if system::is_there(file)? => {
            let again = format!(
                "the answers are kept, and this goes on from them: bootseal ceremony run {}",
                quoted(file)
            );
            return Err(error.hint(again));
        }
        (Err(error), _) => return Err(error),
    };
    let planned = Planned {
        plan: Plan::new(&session.context, &spec)?,
        checks: ceremony::preflight::look(&session.context, &spec),
    };
    eprintln!();
    print_guarded(
        std::io::stderr().lock(),
        &planned,
        Style::plain(),
        session.same_place.as_ref(),
    )
    .or_could_not_run(|| "cannot show the plan".to_owned())?;
    let again = format!("bootseal ceremony run {}", quoted(&path));
    eprintln!();
    loop {
        match prompt::question("Hold the ceremony? Type yes to go on", "no")?.as_str() {
            "yes" => break,
            "no" => return Err(Error::refused("not confirmed; nothing was written").hint(again)),
            _ => eprintln!("yes or no; once more"),
        }
    }
    eprintln!("If it is cut short, this goes on: {}", printable(&again));
    Ok(spec)
}

/// The questions that are left.
struct Questions<'a> {
    session: &'a Session,
    /// The file that the answers are kept in as they come, if there is room for one.
    file: Option<PathBuf>,
    /// The directory that paths are relative to.
    base: PathBuf,
    draft: Draft,
    same_disk: bool,
}

impl Questions<'_> {
    fn ask(&mut self) -> Result<()> {
        if let Some(file) = self.file.clone().filter(|_| self.draft != Draft::default()) {
            self.check(&self.draft)
                .or_usage(|| format!("cannot go on from {}", file.shown()))?;
            eprintln!("Going on from {}, which lacks some answers.", file.shown());
        }
        if !self.draft.says("name") {
            self.put(
                "Whose keys are they? The name begins every certificate",
                "home",
                |answer| Ok(Some(Answer::Name(answer))),
            )?;
        }
        if !self.draft.says("node") {
            let question = "Directory for the keys of the machine that signs";
            self.put(question, "/root/ceremony", |answer| Ok(Some(Answer::Node(answer))))?;
        }
        if self.draft.asks_for_offline() {
            eprintln!("PK and KEK change what the firmware trusts. They are best kept apart: on a stick, in a drawer.");
            let question = "Directory for PK and KEK, on a stick (- to keep them with the others)";
            self.put(question, NONE, |answer| Ok(Some(Answer::Offline(unless_none(answer)))))?;
        }
        if self.draft.asks_for_encryption() {
            eprintln!(
                "A hook that signs each new kernel with nobody there needs db, module and GRUB keys without a passphrase."
            );
            self.put("Leave these three unencrypted (mode 0400)?", "yes", |answer| {
                yes(&answer).map(|plain| Some(Answer::Plain(plain)))
            })?;
        }
        if !self.draft.says("microsoft") {
            eprintln!(
                "Microsoft\'s certificates let in Windows, other systems\' boot loaders and the Option ROMs of graphics cards."
            );
            let question = "Which: default, none, or names as default,windows-2023";
            self.put(question, "default", |answer| Ok(Some(Answer::Microsoft(answer))))?;
        }
        if !self.draft.says("backup") {
            self.backup()?;
        }
        Ok(())
    }

    fn backup(&mut self) -> Result<()> {
        let place = |answer| Ok(unless_none(answer).map(|directory| Answer::Backup(directory, None)));
        let (directory, _) = self.answer("Directory for the backup (- for none)", NONE, place)?;
        if directory == NONE {
            return Ok(());
        }
        eprintln!("The backup is under your passphrase, or under shares that you give to several people.");
        self.put(
            "Shares, as 2/3 for any two of three (- for the passphrase)",
            NONE,
            |answer| {
                let shares = unless_none(answer).map(|shares| shares.parse::<Shares>());
                Ok(Some(Answer::Backup(directory.clone(), shares.transpose()?)))
            },
        )
    }

    /// Asks, and keeps the answer.
    fn put(&mut self, question: &str, suggestion: &str, read: impl Fn(String) -> Result<Option<Answer>>) -> Result<()> {
        let (_, draft) = self.answer(question, suggestion, read)?;
        self.draft = draft;
        self.keep()
    }

    /// Asks until the answer makes a specification with all that was said before.
    fn answer(
        &self,
        question: &str,
        suggestion: &str,
        read: impl Fn(String) -> Result<Option<Answer>>,
    ) -> Result<(String, Draft)> {
        loop {
            let text = prompt::question(question, suggestion)?;
            let tried = read(text.clone()).and_then(|answer| {
                let draft = match &answer {
                    Some(answer) => self.draft.with(answer)?,
                    None => self.draft.clone(),
                };
                self.check(&draft).map(|()| draft)
            });
            match tried {
                Ok(draft) => return Ok((text, draft)),
                Err(error) => once_more(&error),
            }
        }
    }

    fn check(&self, draft: &Draft) -> Result<()> {
        let mut spec = draft.spec(&self.base)?;
        spec.same_disk = self.same_disk;
        ceremony::check_places(&self.session.context, &spec)
    }

    /// Writes down what was answered so far.
    fn keep(&self) -> Result<()> {
        match &self.file {
            Some(file) => system::replace_durably(&self.session.context, file, self.draft.text().as_bytes(), 0o644),
            None => Ok(()),
        }
    }

    /// Asks for the file to keep the answers in, unless it was named, and finishes it.
    fn name_file(&mut self, is_named: bool) -> Result<(PathBuf, Spec)> {
        self.draft = self.draft.clone().finished();
        let own = self.file.clone().unwrap_or_default();
        loop {
            let path = if is_named {
                own.clone()
            } else {
                PathBuf::from(prompt::question("File to keep these answers in", FILE)?)
            };
            let text = self.draft.text();
            let kept = if path == own {
                self.keep()
            } else {
                let new = NewFile {
                    path: &path,
                    bytes: text.as_bytes(),
                    mode: 0o644,
                };
                new.create(&self.session.context).map_err(|error| {
                    error.hint(format!(
                        "to use the answers that are there: bootseal ceremony run {}",
                        quoted(&path)
                    ))
                })
            };
            match kept {
                Err(error) if !is_named => once_more(&error),
                Err(error) => return Err(error),
                Ok(()) => {
                    if path != own && !own.as_os_str().is_empty() {
                        system::remove_file(&self.session.context, &own)?;
                    }
                    let mut spec = self.draft.spec(path.parent().unwrap_or(Path::new("")))?;
                    spec.same_disk = self.same_disk;
                    return Ok((path, spec));
                }
            }
        }
    }
}

/// Tells why an answer is not taken.
fn once_more(error: &Error) {
    eprintln!("{}; once more", printable(&error.in_one_line()));
    for hint in error.hints() {
        eprintln!("hint: {}", printable(hint));
    }
}

fn yes(answer: &str) -> Result<bool> {
    match answer.to_lowercase().as_str() {
        "yes" | "y" => Ok(true),
        "no" | "n" => Ok(false),
        other => Err(Error::usage(format!("\"{}\" is neither yes nor no", printable(other)))),
    }
}

/// An answer, unless it says that there is none.
fn unless_none(answer: String) -> Option<String> {
    (answer != NONE).then_some(answer)
}
