//! The progress of a run, for whoever shows it.

/// An observer of a run's progress.
pub trait Observer: Sync {
    /// Another run is active, and this one waits for its end.
    fn waiting(&self) {}
    /// A part of longer work begins, by its number among all of them.
    fn stage(&self, _title: &str, _number: usize, _all: usize) {}
    /// Work begins on a number of files of one kind, with their size on disk in bytes.
    fn begin(&self, _kind: &'static str, _files: usize, _bytes: u64) {}
    /// A file is done; its size on disk in bytes.
    fn advance(&self, _bytes: u64) {}
    /// All files of that kind are done.
    fn end(&self) {}
}

/// An observer that ignores everything.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Observer for Unobserved {}
