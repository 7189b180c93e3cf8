//! Names that are like each other.

/// Likeness (Jaro and Winkler's) from which on a known name is suggested for an unknown one, from 0 to 1.
const ALIKE: f64 = 0.75;

/// The name that a word is most like, if any is like enough.
#[must_use]
pub fn closest<'a>(word: &str, names: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&word, &name.to_lowercase());
    let best = names
        .iter()
        .copied()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= ALIKE).then_some(best)
}
