//! The options that every command shares, as commands use them.

use std::path::{Path, PathBuf};

use crate::disk::BootMedia;
use crate::error::Result;
use crate::keys::KeyDirectory;
use crate::system::config::Config;
use crate::system::{self, Context, Powers, Writes};
use crate::ui::SamePlace;

/// The trees of modules.
const MODULE_TREES: [&str; 2] = ["/lib/modules", "/usr/lib/modules"];
/// The directory of GRUB's fonts and themes, which the menus of grub-mkconfig open where packages have put them.
const GRUB_FILES: &str = "/usr/share/grub";

/// The options that every command shares.
pub(super) struct Session {
    /// The machine, below the root that was named.
    pub context: Context,
    /// The configuration file that was named.
    pub config_path: Option<PathBuf>,
    /// True if files that needed no change are named too.
    pub verbose: bool,
    /// True if stderr is for errors alone.
    pub quiet: bool,
    /// The place that the command line named, for the commands that are printed.
    pub same_place: Option<SamePlace>,
}

impl Session {
    /// The configuration.
    pub fn config(&self) -> Result<Config> {
        Config::load(&self.context, self.config_path.as_deref())
    }

    /// The powers to look, where keys may be on a token, whose library keeps its own files.
    pub fn looking(&self, named: Option<&PathBuf>) -> Result<Powers> {
        let has_tokens = KeyDirectory::unjudged(&self.keys(named)?)
            .below(self.context.root())
            .has_tokens();
        let writes = if has_tokens { Writes::Files } else { Writes::Nothing };
        Ok(Powers::writing(writes))
    }

    /// The powers to write the state and these files, which are replaced or made.
    pub fn writing_files<'p>(&self, files: impl IntoIterator<Item = &'p PathBuf>) -> Powers {
        // A state that is not ours is the command's to tell of.
        let mut places: Vec<PathBuf> = self.context.state().into_iter().collect();
        for file in files {
            // Where links lead as well: a file is replaced where it is.
            let real = system::resolve(self.context.root(), file).ok();
            for path in [std::path::absolute(file).ok(), real].into_iter().flatten() {
                let parent = path.parent().filter(|_| !path.is_dir()).map(Path::to_path_buf);
                places.push(parent.unwrap_or(path));
            }
        }
        Powers::writing(Writes::Below(places))
    }

    /// The powers to sign these files with keys of this directory, or others on the boot media, in the trees of modules and among
    /// GRUB's own files.
    /// The library of a token keeps its own files where it wants to.
    pub fn signing<'p>(&self, keys: &Path, files: impl IntoIterator<Item = &'p PathBuf>) -> Powers {
        if KeyDirectory::unjudged(keys).below(self.context.root()).has_tokens() {
            return Powers::writing(Writes::Files);
        }
        // Media that cannot be looked at are the command's to tell of.
        let media = BootMedia::of_machine(&self.context, []);
        let media = media.as_ref().map(BootMedia::directories).unwrap_or_default();
        let [modules, usr_modules] = MODULE_TREES;
        let trees = [modules, usr_modules, GRUB_FILES].map(|tree| self.context.path(tree));
        let named: Vec<&PathBuf> = files.into_iter().collect();
        self.writing_files(named.into_iter().chain(media).chain(&trees))
    }

    /// The key directory: the one named, or the configuration's below the root.
    pub fn keys(&self, named: Option<&PathBuf>) -> Result<PathBuf> {
        match named {
            Some(path) => Ok(path.clone()),
            None => Ok(self.context.place(self.config()?.keys)),
        }
    }
}
