//! Values of a plan as JSON takes them.

use crate::formats::text::Shown;
use std::fmt::Display;
use std::path::PathBuf;

use serde::Serializer;

/// A value by its text.
pub(super) fn as_text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// A path, in which bytes that are no UTF-8 are replaced, or null.
#[allow(clippy::ref_option)] // serde hands over the field as it is
pub(super) fn optional_path<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => serializer.collect_str(&path.shown()),
        None => serializer.serialize_none(),
    }
}
