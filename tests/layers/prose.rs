//! Words that a reader stumbles over: sentences that begin with a question's word, and names that are riddles.

use crate::source::tokens;

/// Names of functions that say neither what they give nor what they do.
const RIDDLES: [&str; 7] = ["there", "others", "one", "whole", "back", "settle", "of"];

/// The lines of documentation that begin with `What` or `Whether`.
pub fn riddles(file: &str, text: &str) -> Vec<String> {
    let said = |line: &str| {
        let line = line.trim_start();
        let said = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))?;
        let first = said.split_whitespace().next()?;
        let word = first.trim_end_matches(|c: char| !c.is_alphanumeric());
        ["What", "Whether"].contains(&word).then(|| said.trim().to_owned())
    };
    let lines = text.lines().enumerate();
    lines
        .filter_map(|(number, line)| said(line).map(|said| format!("{file}:{}: {said}", number + 1)))
        .collect()
}

/// The functions whose names are riddles.
pub fn names(file: &str, text: &str) -> Vec<String> {
    tokens(text)
        .windows(2)
        .filter(|pair| pair[0] == "fn" && RIDDLES.contains(&pair[1].as_str()))
        .map(|pair| format!("{file}: fn {}", pair[1]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_riddle_is_seen() {
        let text = "//! What is here.\n/// The key.\n    /// Whether it is.\n/// What's more\n// What\n/// Whatever.\nfn f() {}";
        assert_eq!(
            riddles("a.rs", text),
            ["a.rs:1: What is here.", "a.rs:3: Whether it is."]
        );
        let text = "fn there() {}\npub const fn of<T>() {} // fn one()\nfn office() {} let of = |x| x;";
        assert_eq!(names("a.rs", text), ["a.rs: fn there", "a.rs: fn of"]);
    }
}
