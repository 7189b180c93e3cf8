//! The machine as an operation sees it: root directory, clock, randomness, signals.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use der::DateTime;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::error::{Error, Explain, Result, quoted};

use super::guards::Guards;
use super::ownership::check_ours;
use super::resolve::{Last, within};

/// The source of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The machine's clock.
    Real,
    /// A fixed moment, in seconds since 1970-01-01 UTC: for reproducible output.
    Fixed(u64),
}

/// The directory of the state, below the root.
const STATE: &str = "/var/lib/bootseal";
/// Exit code of a program that a second signal ends at once.
const ENDED: i32 = 130;

/// The machine as an operation sees it: its root directory, its dry run, and its clock.
#[derive(Debug, Clone)]
pub struct Context {
    root: PathBuf,
    dry_run: bool,
    clock: Clock,
    interrupted: Arc<AtomicBool>,
    /// True once signals only set `interrupted`.
    heeds_signals: Arc<Mutex<bool>>,
    guards: Arc<Guards>,
}

impl Context {
    /// The machine that bootseal runs on.
    #[must_use]
    pub fn host() -> Self {
        Self {
            root: PathBuf::from("/"),
            dry_run: false,
            clock: Clock::Real,
            interrupted: Arc::default(),
            heeds_signals: Arc::default(),
            guards: Arc::new(Guards::new(Path::new("/"))),
        }
    }

    /// Takes `root` for `/` in every path that bootseal itself or its configuration names. Files named on the command
    /// line stay as they are.
    #[must_use]
    pub fn with_root(mut self, root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        self.root = std::path::absolute(&root).unwrap_or(root);
        self.guards = Arc::new(Guards::new(&self.root));
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

    /// True if nothing may change.
    #[must_use]
    pub const fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// An absolute path below the root. No link in its directories leads out of another root.
    #[must_use]
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        self.within(absolute.as_ref(), Last::Kept)
    }

    /// The same for the place of what is ours: its last name may be a link as well.
    #[must_use]
    pub fn place(&self, absolute: impl AsRef<Path>) -> PathBuf {
        self.within(absolute.as_ref(), Last::Followed)
    }

    fn within(&self, absolute: &Path, last: Last) -> PathBuf {
        let below = absolute.strip_prefix("/").unwrap_or(absolute);
        if self.root == Path::new("/") {
            return self.root.join(below);
        }
        within(&self.root, below, last)
    }

    /// The path that the machine itself has for one of ours; a path that is not below the root stays as it is.
    #[must_use]
    pub fn below_root(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.root) {
            Ok(below) => Path::new("/").join(below),
            Err(_) => path.to_path_buf(),
        }
    }

    /// The root directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// True if the root is that of the running system, whose kernel can be asked.
    #[must_use]
    pub fn is_running_system(&self) -> bool {
        self.root == Path::new("/")
    }

    /// A command line of another program of this machine, whose paths are those that the machine itself has.
    #[must_use]
    pub fn command_inside(&self, words: &str) -> String {
        if self.root == Path::new("/") {
            words.to_owned()
        } else {
            format!("chroot {} {words}", quoted(&self.root))
        }
    }

    /// From here on nothing below this directory is read for signing or written through a link that leads out of the
    /// guarded directories: others control what is in it. Boot directories, `/efi` and the trees of modules are guarded
    /// from the start; this adds others, as a partition that is mounted elsewhere. All copies of the context know of it.
    pub fn guard(&self, directory: &Path) {
        self.guards.add(&self.root, directory);
    }

    /// The guarded directories that exist, without symbolic links.
    pub(super) fn guards(&self) -> std::io::Result<Vec<Arc<Path>>> {
        self.guards.real(&self.root)
    }

    /// The directory of bootseal's state: `/var/lib/bootseal` below another root; else the directory in
    /// `STATE_DIRECTORY` (systemd.exec(5)), `/var/lib/bootseal` for root, or the user's own state directory. It must be
    /// ours alone; it need not be there yet.
    pub fn state(&self) -> Result<PathBuf> {
        let directory = self.state_directory()?;
        check_ours(&directory)?;
        Ok(directory)
    }

    fn state_directory(&self) -> Result<PathBuf> {
        let variable = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        if self.root != Path::new("/") {
            return Ok(self.place(STATE));
        }
        if let Some(directory) = variable("STATE_DIRECTORY") {
            return Ok(directory);
        }
        if rustix::process::geteuid().is_root() {
            return Ok(self.path(STATE));
        }
        variable("XDG_STATE_HOME")
            .or_else(|| variable("HOME").map(|home| home.join(".local/state")))
            .map(|directory| directory.join("bootseal"))
            .ok_or_else(|| {
                Error::could_not_run("there is no place for bootseal's state: HOME is not set")
                    .hint("set STATE_DIRECTORY to a directory that you can write to")
            })
    }

    /// From here on the first SIGINT, SIGTERM or SIGHUP only makes [`Self::check_interrupted`] fail, so that what was
    /// staged is removed; the second one ends the program. Does nothing if it was called before.
    pub fn heed_signals(&self) -> Result<()> {
        let mut heeds_signals = self.heeds_signals.lock().unwrap_or_else(PoisonError::into_inner);
        if *heeds_signals {
            // Taken twice, the first signal would end the program: the second handler would see what the first one set.
            return Ok(());
        }
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let flag = || Arc::clone(&self.interrupted);
            signal_hook::flag::register_conditional_shutdown(signal, ENDED, flag())
                .and_then(|_| signal_hook::flag::register(signal, flag()))
                .or_could_not_run(|| format!("cannot take signal {signal}"))?;
        }
        *heeds_signals = true;
        Ok(())
    }

    /// Fails once a signal has asked to end.
    pub fn check_interrupted(&self) -> Result<()> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Error::could_not_run("interrupted by a signal; no file was replaced"));
        }
        Ok(())
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

/// A moment, given in seconds since 1970-01-01 UTC, in RFC 3339.
#[must_use]
pub fn moment(seconds: u64) -> String {
    let time = DateTime::from_unix_duration(Duration::from_secs(seconds));
    time.map_or_else(|_| seconds.to_string(), |time| time.to_string())
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
    fn the_state_of_another_root_is_below_it() {
        let context = Context::host().with_root("/mnt/node");
        assert_eq!(context.state().unwrap(), Path::new("/mnt/node/var/lib/bootseal"));
    }

    /// Signals concern the whole process, so this test sends them to one of its own.
    #[test]
    fn the_first_signal_interrupts_and_the_second_ends_however_often_they_are_heeded() {
        const CHILD: &str = "BOOTSEAL_TEST_SENDS_SIGNALS";
        const NAME: &str =
            "system::context::tests::the_first_signal_interrupts_and_the_second_ends_however_often_they_are_heeded";
        if std::env::var_os(CHILD).is_some() {
            let context = Context::host();
            context.heed_signals().unwrap();
            context.clone().heed_signals().unwrap();
            context.check_interrupted().unwrap();
            signal_hook::low_level::raise(SIGHUP).unwrap();
            assert!(context.check_interrupted().is_err());
            eprintln!("interrupted");
            signal_hook::low_level::raise(SIGTERM).unwrap();
            return;
        }
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("interrupted"), "{said}");
        assert_eq!(output.status.code(), Some(ENDED));
    }

    #[test]
    fn a_fixed_clock_tells_utc() {
        let context = Context::host().with_clock(Clock::Fixed(951_827_696));
        assert_eq!(context.date_time().unwrap().to_string(), "2000-02-29T12:34:56Z");
    }
}
