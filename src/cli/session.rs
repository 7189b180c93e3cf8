//! The options that every command shares, as commands use them.

use std::path::PathBuf;

use crate::error::Result;
use crate::system::Context;
use crate::system::config::Config;

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
}

impl Session {
    /// The configuration.
    pub fn config(&self) -> Result<Config> {
        Config::load(&self.context, self.config_path.as_deref())
    }

    /// The key directory: the one named, or the configuration's below the root.
    pub fn keys(&self, named: Option<&PathBuf>) -> Result<PathBuf> {
        match named {
            Some(path) => Ok(path.clone()),
            None => Ok(self.context.path(self.config()?.keys)),
        }
    }
}
