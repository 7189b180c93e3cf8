//! The directories of shared data in which menus have files: fonts, themes and pictures of the distribution.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::sign::discover::Search;
use crate::sign::signature_file::interest;
use crate::system::config::Exclusions;
use crate::system::{self, Context};

use super::tree::Tree;

/// The only place outside of the boot media where signatures are made because a menu names a file: anybody with the disk can
/// write a menu.
const SHARED: &str = "/usr/share";

/// The directories below `/usr/share` with files that the configurations in these directories of GRUB lead to. Paths that are no
/// directories have none. An error if a directory cannot be looked at.
pub fn shared_directories<'p>(
    context: &Context,
    directories: impl IntoIterator<Item = &'p PathBuf>,
) -> Result<Vec<PathBuf>> {
    let shared = system::directory_below(context.root(), &context.path(SHARED))?;
    let mut found = BTreeSet::new();
    for directory in directories {
        if system::directory_below(context.root(), directory)?.is_none() {
            continue;
        }
        let files = Search::new(context, &Exclusions::default(), interest).below(std::slice::from_ref(directory));
        let tree = Tree::read(context, directory, &files)?;
        let parents = tree.outside.iter().filter_map(|file| file.parent());
        let is_shared = |parent: &&Path| shared.as_ref().is_some_and(|shared| parent.starts_with(shared));
        found.extend(parents.filter(is_shared).map(Path::to_path_buf));
    }
    Ok(found.into_iter().collect())
}
