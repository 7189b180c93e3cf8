//! The one form of "something is not as it should be, and this mends it", and the answers of checks: for the audit, the
//! hooks, the judges in `trust`, enrolment and the ceremony's preflight.

/// The weight of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Good to know; nothing is wrong.
    Note,
    /// The chain holds for now, and somebody should look after this.
    Warning,
    /// The chain does not hold, or an operation must not go on while this stands.
    Error,
}

impl Level {
    /// The stable name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The kind of a finding: a stable name in `snake_case`, with the weight that findings of the kind usually have. The module
/// that makes findings of a kind defines it as a constant, and whoever asks for the kind compares with that constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind {
    name: &'static str,
    level: Level,
}

impl Kind {
    /// A kind whose findings are notes.
    #[must_use]
    pub const fn note(name: &'static str) -> Self {
        Self::new(name, Level::Note)
    }

    /// A kind whose findings are warnings.
    #[must_use]
    pub const fn warning(name: &'static str) -> Self {
        Self::new(name, Level::Warning)
    }

    /// A kind whose findings are errors.
    #[must_use]
    pub const fn error(name: &'static str) -> Self {
        Self::new(name, Level::Error)
    }

    /// Kinds are constants, so a name that is not in `snake_case` ends the build.
    const fn new(name: &'static str, level: Level) -> Self {
        assert!(is_snake_case(name), "the name of a kind is in snake_case");
        Self { name, level }
    }

    /// The stable name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The usual weight of a finding of this kind.
    #[must_use]
    pub const fn level(self) -> Level {
        self.level
    }
}

const fn is_snake_case(name: &str) -> bool {
    let mut rest = name.as_bytes();
    let starts_well = matches!(rest, [b'a'..=b'z', ..]);
    while let [first, others @ ..] = rest {
        if !matches!(first, b'a'..=b'z' | b'0'..=b'9' | b'_') {
            return false;
        }
        rest = others;
    }
    starts_well
}

/// The line of a text file that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The number of the line, from 1.
    pub number: usize,
    /// The command or setting that stands there, if it is to be shown.
    pub text: Option<String>,
}

/// Something that is not as it should be, or that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The kind.
    pub kind: Kind,
    /// The weight.
    pub level: Level,
    /// The thing that it is about, with the same name at the next look: a path, a variable, a setting.
    pub subject: String,
    /// The line, where the subject is a text file and the finding is about a line of it.
    pub line: Option<Line>,
    /// The sentence that says what is wrong.
    pub text: String,
    /// Commands or steps that mend it, the most useful first; empty if none is known.
    pub remedies: Vec<String>,
}

impl Finding {
    /// A finding of the kind's own weight, without a remedy yet.
    pub fn new(kind: Kind, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            kind,
            level: kind.level,
            subject: subject.into(),
            line: None,
            text: text.into(),
            remedies: Vec::new(),
        }
    }

    /// Gives it another weight than its kind has.
    #[must_use]
    pub const fn at(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Adds a remedy.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedies.push(remedy.into());
        self
    }

    /// Adds remedies, the most useful first.
    #[must_use]
    pub fn remedies<R: Into<String>>(mut self, remedies: impl IntoIterator<Item = R>) -> Self {
        self.remedies.extend(remedies.into_iter().map(Into::into));
        self
    }

    /// Adds the line that it is about, counted from 1, with the text to show of it.
    #[must_use]
    pub fn in_line(mut self, number: usize, text: Option<String>) -> Self {
        self.line = Some(Line { number, text });
        self
    }

    /// Makes an error a warning where a person has said to go on regardless.
    #[must_use]
    pub fn unless(self, is_allowed: bool) -> Self {
        match self.level {
            Level::Error if is_allowed => self.at(Level::Warning),
            _ => self,
        }
    }

    /// The subject, and after a colon the number of the line if there is one.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.line {
            Some(line) => format!("{}:{}", self.subject, line.number),
            None => self.subject.clone(),
        }
    }

    /// Place, text of the line, kind and sentence in one: `/boot/grub/grub.cfg:7: rmmod pgp (module_removed): it unloads …`.
    #[must_use]
    pub fn describe(&self) -> String {
        let shown = self.line.as_ref().and_then(|line| line.text.as_deref());
        let shown = shown.map_or_else(String::new, |shown| format!(": {shown}"));
        format!("{}{shown} ({}): {}", self.place(), self.kind.name, self.text)
    }
}

/// The heaviest weight among some findings; none if there is no finding.
#[must_use]
pub fn worst<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Option<Level> {
    findings.into_iter().map(|finding| finding.level).max()
}

/// The answer of a check. A later one weighs more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// All is as it should be.
    Pass,
    /// This machine has nothing of the kind.
    NotApplicable,
    /// The thing, or a part of it, could not be looked at. That is never a pass.
    CouldNotRun,
    /// Somebody should look after something.
    Warn,
    /// Something does not hold.
    Fail,
}

impl Status {
    /// All answers.
    pub const ALL: [Self; 5] = [
        Self::Pass,
        Self::NotApplicable,
        Self::CouldNotRun,
        Self::Warn,
        Self::Fail,
    ];

    /// The stable name used in JSON and Prometheus.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::NotApplicable => "not_applicable",
            Self::CouldNotRun => "could_not_run",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// The answer of a check whose heaviest finding has this weight.
impl From<Level> for Status {
    fn from(level: Level) -> Self {
        match level {
            Level::Note => Self::Pass,
            Level::Warning => Self::Warn,
            Level::Error => Self::Fail,
        }
    }
}

/// The outcome of a check.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Observations that are as they should be.
    pub evidence: Vec<String>,
    /// Things that are not as they should be.
    pub findings: Vec<Finding>,
    /// Things that could not be looked at, each with the reason.
    pub not_run: Vec<String>,
    /// The reason why there is nothing to look at on this machine; then all others are empty.
    pub not_applicable: Option<String>,
}

impl Outcome {
    /// The outcome of a check that saw this, as it should be.
    pub fn pass(evidence: impl Into<String>) -> Self {
        Self {
            evidence: vec![evidence.into()],
            ..Self::default()
        }
    }

    /// The outcome of a check with one finding.
    #[must_use]
    pub fn found(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
            ..Self::default()
        }
    }

    /// The outcome of a check that could not run, with the reason.
    pub fn could_not_run(reason: impl Into<String>) -> Self {
        Self {
            not_run: vec![reason.into()],
            ..Self::default()
        }
    }

    /// The outcome of a check that finds nothing of its kind on this machine, with the reason.
    pub fn not_applicable(reason: impl Into<String>) -> Self {
        Self {
            not_applicable: Some(reason.into()),
            ..Self::default()
        }
    }

    /// The answer. What could not be looked at is never a pass.
    #[must_use]
    pub fn status(&self) -> Status {
        match worst(&self.findings) {
            Some(level) if level > Level::Note => level.into(),
            _ if !self.not_run.is_empty() => Status::CouldNotRun,
            _ if self.not_applicable.is_some() => Status::NotApplicable,
            _ => Status::Pass,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REMOVED: Kind = Kind::error("module_removed");

    #[test]
    fn names_of_kinds_are_in_snake_case() {
        for (name, is_good) in [
            ("module_removed", true),
            ("pcr7", true),
            ("", false),
            ("Module", false),
            ("7pcr", false),
            ("a-b", false),
        ] {
            assert_eq!(is_snake_case(name), is_good, "{name}");
        }
    }

    #[test]
    fn a_finding_says_where_it_is_of_which_kind_and_why() {
        let finding = Finding::new(REMOVED, "/grub.cfg", "it unloads what checks signatures");
        assert_eq!(
            finding.describe(),
            "/grub.cfg (module_removed): it unloads what checks signatures"
        );
        let finding = finding.in_line(7, Some("rmmod pgp".to_owned()));
        assert_eq!(finding.place(), "/grub.cfg:7");
        assert_eq!(
            finding.describe(),
            "/grub.cfg:7: rmmod pgp (module_removed): it unloads what checks signatures"
        );
    }

    #[test]
    fn what_a_person_allows_warns_and_a_note_stays_one() {
        let finding = |level| Finding::new(REMOVED, "", "").at(level);
        let levels = [Level::Note, Level::Warning, Level::Error];
        let allowed = levels.map(|level| finding(level).unless(true).level);
        assert_eq!(allowed, [Level::Note, Level::Warning, Level::Warning]);
        assert_eq!(levels.map(|level| finding(level).unless(false).level), levels);
        assert_eq!(worst(&levels.map(finding)), Some(Level::Error));
        assert_eq!(worst([]), None);
    }
}
