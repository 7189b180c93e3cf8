//! What an operation may know of the machine it runs on.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use der::DateTime;

use crate::error::{Error, Explain, Result};

/// Where the time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The machine's clock.
    Real,
    /// A fixed moment, in seconds since 1970-01-01 UTC: for reproducible output.
    Fixed(u64),
}

/// The machine as an operation sees it: its root directory, whether anything may change, and its clock.
#[derive(Debug, Clone)]
pub struct Context {
    root: PathBuf,
    dry_run: bool,
    clock: Clock,
}

impl Context {
    /// The machine that bootseal runs on.
    #[must_use]
    pub fn host() -> Self {
        Self {
            root: PathBuf::from("/"),
            dry_run: false,
            clock: Clock::Real,
        }
    }

    /// Takes `root` for `/` in every path that bootseal itself or its configuration names. Files named on the command
    /// line stay as they are.
    #[must_use]
    pub fn with_root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = root.into();
        self
    }

    /// Changes nothing on disk or in the firmware when `dry_run` is set.
    #[must_use]
    pub const fn with_dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub const fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Whether nothing may change.
    #[must_use]
    pub const fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// An absolute path below the root.
    #[must_use]
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.root.join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    /// Seconds since 1970-01-01 UTC.
    pub fn now(&self) -> Result<u64> {
        match self.clock {
            Clock::Fixed(seconds) => Ok(seconds),
            Clock::Real => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map(|since| since.as_secs())
                .or_could_not_run(|| "the clock stands before 1970".to_owned()),
        }
    }

    /// The date and time in UTC, to the second.
    pub fn date_time(&self) -> Result<DateTime> {
        DateTime::from_unix_duration(Duration::from_secs(self.now()?))
            .or_could_not_run(|| "the clock stands outside the years 1970 to 9999".to_owned())
    }

    /// Random bytes from the kernel.
    pub fn random<const N: usize>(&self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::could_not_run(format!("the kernel gives no random bytes: {error}")))?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_root() {
        let context = Context::host().with_root("/mnt/node");
        assert_eq!(context.path("/etc/bootseal"), Path::new("/mnt/node/etc/bootseal"));
        assert_eq!(Context::host().path("/etc/bootseal"), Path::new("/etc/bootseal"));
    }

    #[test]
    fn a_fixed_clock_tells_utc() {
        let context = Context::host().with_clock(Clock::Fixed(951_827_696));
        assert_eq!(context.date_time().unwrap().to_string(), "2000-02-29T12:34:56Z");
    }
}
