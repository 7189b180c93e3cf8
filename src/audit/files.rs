//! Regular files and the endings of their names.

use std::path::{Path, PathBuf};

use crate::system::{Context, resolve};

/// The regular file that a name leads to, without symbolic links, if there is one.
pub(super) fn file(context: &Context, path: &Path) -> Option<PathBuf> {
    resolve(context.root(), path).ok().filter(|path| path.is_file())
}

/// True if a name has this ending, in capital letters or not.
pub(super) fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending))
}
