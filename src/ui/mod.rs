//! Layer 4: the terminal contract. Results on stdout, everything else on stderr; with `--json` one object on stdout.

pub mod finding;
mod guard;
mod progress;
pub mod prompt;
mod same_place;
mod style;
mod wrap;

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::error::{Error, Explain, Result};
use crate::formats::text::printable;

use guard::{Guard, guarded_json};
use wrap::{Wrapped, width, wrapped};

pub use progress::{CeremonyProgress, Progress};
pub use same_place::SamePlace;
pub use style::{ColorChoice, Style};

/// The key of a long list, and its rows.
pub type Rows<'r> = (&'static str, Box<dyn Iterator<Item = Value> + 'r>);

/// The result of a command, for people and for scripts.
pub trait Report {
    /// The schema of the JSON form: `bootseal.COMMAND/1`.
    fn schema(&self) -> &'static str;

    /// The JSON form: an object with stable `snake_case` keys.
    fn json(&self) -> Result<Value>;

    /// A long list that belongs to the JSON form and is not in [`Self::json`]: each row is made as it is written, so that they are never
    /// held together.
    fn rows(&self) -> Option<Rows<'_>> {
        None
    }

    /// The form for a person.
    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()>;

    /// True if the text is bootseal's own, without a name from outside, and goes out as it is: a script for a shell.
    fn is_own_text(&self) -> bool {
        false
    }

    /// True for a form that is kept and read elsewhere: commands in it stay as they are for the machine itself.
    fn is_document(&self) -> bool {
        false
    }

    /// The error to end with, when the command did its work but found or left something wrong.
    fn failure(&self) -> Option<Error> {
        None
    }
}

/// The form in which the caller is answered.
#[derive(Debug, Clone, Copy)]
pub struct Output<'p> {
    /// True for one JSON object in place of text.
    pub json: bool,
    /// No results on stdout; errors are still told.
    pub quiet: bool,
    /// Signs and colors.
    pub style: Style,
    /// Colors of stderr.
    pub error_style: Style,
    /// The place that commands are printed for.
    pub same_place: Option<&'p SamePlace>,
}

impl Output<'_> {
    /// JSON on stdout.
    #[must_use]
    pub const fn json() -> Self {
        Self {
            json: true,
            quiet: false,
            style: Style::plain(),
            error_style: Style::plain(),
            same_place: None,
        }
    }

    /// Prints a report; returns the exit code.
    #[must_use]
    pub fn report(self, report: &dyn Report) -> u8 {
        let failure = report.failure();
        let printed = if self.json {
            let value = match report.json() {
                Ok(value) => value,
                Err(error) => return self.error(&error),
            };
            let mut object = object(report.schema(), value);
            if let Some(error) = &failure {
                object.insert("error".to_owned(), error_json(error));
            }
            self.print_json(object, report.rows())
        } else if self.quiet {
            Ok(())
        } else {
            let out = Wrapped::new(io::stdout().lock(), width(&io::stdout()));
            print_guarded(out, report, self.style, self.same_place)
        };
        if let Some(error) = failure.as_ref().filter(|_| !self.json) {
            self.explain(error);
        }
        let code = failure.map_or(0, |error| error.kind().exit_code());
        code.max(self.unprinted(printed))
    }

    /// The exit code for a report that did not reach its reader. One that closed the pipe has seen enough.
    fn unprinted(self, printed: io::Result<()>) -> u8 {
        match printed {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let error = Error::could_not_run("cannot write the report to stdout").caused_by(error);
                self.explain(&error);
                error.kind().exit_code()
            }
            _ => 0,
        }
    }

    /// Prints an error in place of a report; returns the exit code.
    #[must_use]
    pub fn error(self, error: &Error) -> u8 {
        if self.json {
            let object = object("bootseal.error/1", json!({ "error": error_json(error) }));
            let printed = self.print_json(object, None);
            return error.kind().exit_code().max(self.unprinted(printed));
        }
        self.explain(error);
        error.kind().exit_code()
    }

    fn print_json(self, object: Map<String, Value>, rows: Option<Rows<'_>>) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        write_json(&mut out, object, rows, self.same_place)?;
        out.flush()
    }

    fn explain(self, error: &Error) {
        let style = self.error_style;
        let mut lines = vec![format!("{} {}", style.bad("error:"), printable(&error.to_string()))];
        lines.extend(
            error
                .causes()
                .iter()
                .map(|cause| format!("  because: {}", printable(cause))),
        );
        lines.extend(
            error
                .hints()
                .iter()
                .map(|hint| match self.same_place {
                    Some(place) => place.complete(hint),
                    None => (*hint).into(),
                })
                .map(|hint| format!("{} {}", style.note("hint:"), printable(&hint))),
        );
        if let Some(width) = width(&io::stderr()) {
            lines = lines.iter().map(|line| wrapped(line, width)).collect();
        }
        let _ = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
    }
}

fn object(schema: &str, value: Value) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("schema".to_owned(), schema.into());
    match value {
        Value::Object(fields) => object.extend(fields),
        other => {
            object.insert("result".to_owned(), other);
        }
    }
    object
}

/// The JSON form of a value that serializes itself.
pub fn to_json(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).or_bug(|| "the report cannot be put into JSON".to_owned())
}

/// The JSON form of an error.
#[must_use]
pub fn error_json(error: &Error) -> Value {
    json!({
        "kind": error.kind().name(),
        "message": error.to_string(),
        "causes": error.causes(),
        "hints": error.hints(),
    })
}

/// Writes an object in one line, with the rows of a list as its last field.
fn write_json(
    out: &mut dyn Write,
    object: Map<String, Value>,
    rows: Option<Rows<'_>>,
    place: Option<&SamePlace>,
) -> io::Result<()> {
    let line = |mut value: Value| {
        if let Some(place) = place {
            place.complete_json(&mut value);
        }
        json_line(&value)
    };
    let text = line(Value::Object(object));
    let Some((key, rows)) = rows else {
        return writeln!(out, "{text}");
    };
    // Each object has its schema.
    write!(out, "{},\"{key}\":[", text.strip_suffix('}').unwrap_or(&text))?;
    for (number, row) in rows.enumerate() {
        let before = if number == 0 { "" } else { "," };
        write!(out, "{before}{}", line(row))?;
    }
    writeln!(out, "]}}")
}

/// A value in one line of JSON, in which hidden characters are escaped.
#[must_use]
pub fn json_line(value: &Value) -> String {
    guarded_json(&value.to_string())
}

/// Prints the form of a report for a person. Whatever names it shows, only line breaks and our own colors act on the
/// terminal. Commands in it are completed for the place.
pub fn print_guarded(out: impl Write, report: &dyn Report, style: Style, place: Option<&SamePlace>) -> io::Result<()> {
    if report.is_own_text() {
        let mut out = out;
        return report.human(&mut out, style).and_then(|()| out.flush());
    }
    let place = place.filter(|_| !report.is_document());
    let mut out = Guard::new(out, style.has_color(), place);
    report.human(&mut out, style).and_then(|()| out.flush())
}

/// Text for a person or a program, rendered into memory, with all but line breaks escaped that is hidden.
pub fn render_guarded(render: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut guard = Guard::new(&mut text, false, None);
    render(&mut guard).and_then(|()| guard.flush())?;
    drop(guard);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_the_last_field_of_the_object() {
        let object = || object("bootseal.x/1", json!({ "nested": { "a": {} }, "list": [{ "b": "}" }] }));
        let written = |rows: Option<Rows<'_>>| {
            let mut out = Vec::new();
            write_json(&mut out, object(), rows, None).unwrap();
            assert_eq!(String::from_utf8_lossy(&out).lines().count(), 1);
            serde_json::from_slice::<Value>(&out).unwrap()
        };
        assert_eq!(written(None), Value::Object(object()));
        for count in [0, 1, 3] {
            let row = |number| json!({ "number": number, "hidden": "\u{202e}" });
            let mut expected = object();
            expected.insert("files".to_owned(), (0..count).map(row).collect());
            let rows: Rows<'_> = ("files", Box::new((0..count).map(row)));
            assert_eq!(written(Some(rows)), Value::Object(expected));
        }
    }
}
