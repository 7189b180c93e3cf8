//! A look at the machine before keys are made on it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::guid::Guid;
use crate::system::{self, Context};

use super::Spec;
use super::transcript::Looked;

/// Largest file of `/proc` or `/sys` that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// 2026-01-01T00:00:00Z: no machine that runs this is older.
const EARLIEST: u64 = 1_767_225_600;
/// 2100-01-01T00:00:00Z: OpenPGP's clock ends in 2106.
const LATEST: u64 = 4_102_444_800;
/// Carrier state of a network interface that leads somewhere.
const UP: &str = "up";

/// A check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckId {
    /// No network interface leads anywhere.
    Network,
    /// Nothing of this memory is written to a disk in clear.
    Swap,
    /// This process leaves no core.
    CoreDumps,
    /// What is made on the way is in memory alone.
    WorkSpace,
    /// The clock is plausible.
    Clock,
    /// The kernel's generator is seeded.
    Randomness,
    /// The program is the one that is expected.
    Program,
    /// Firmware and kernel of this very machine are verified.
    SecureBoot,
}

impl CheckId {
    /// All of them, in their order.
    pub const ALL: [Self; 8] = [
        Self::Network,
        Self::Swap,
        Self::CoreDumps,
        Self::WorkSpace,
        Self::Clock,
        Self::Randomness,
        Self::Program,
        Self::SecureBoot,
    ];

    /// The name in specifications and transcripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Swap => "swap",
            Self::CoreDumps => "core_dumps",
            Self::WorkSpace => "work_space",
            Self::Clock => "clock",
            Self::Randomness => "randomness",
            Self::Program => "program",
            Self::SecureBoot => "secure_boot",
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Pass,
    /// Not as it should be.
    Warn,
    /// It could not be seen; that is no pass.
    CouldNotRun,
}

impl Outcome {
    /// The name in transcripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::CouldNotRun => "could not run",
        }
    }
}

/// What a check saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The check.
    pub id: CheckId,
    /// How it ended.
    pub outcome: Outcome,
    /// What it saw.
    pub reason: String,
    /// What to do about it, unless it passed.
    pub remedy: Option<String>,
}

impl Check {
    pub(super) fn record(&self) -> Looked {
        Looked {
            id: self.id.name().to_owned(),
            outcome: self.outcome.name().to_owned(),
            reason: self.reason.clone(),
        }
    }
}

/// What a check says: outcome, reason, remedy.
type Seen = (Outcome, String, &'static str);

/// Looks at all.
#[must_use]
pub fn look(context: &Context, spec: &Spec) -> Vec<Check> {
    CheckId::ALL.map(|id| one(context, spec, id)).into()
}

fn one(context: &Context, spec: &Spec, id: CheckId) -> Check {
    let seen = match id {
        CheckId::Network => network(context),
        CheckId::Swap => swap(context),
        CheckId::CoreDumps => Ok(core_dumps()),
        CheckId::WorkSpace => work_space(&spec.work_directory()),
        CheckId::Clock => clock(context),
        CheckId::Randomness => Ok(randomness()),
        CheckId::Program => program().map(|digest| program_is(&digest, spec.program.as_deref())),
        CheckId::SecureBoot => secure_boot(context),
    };
    let (outcome, reason, remedy) = seen.unwrap_or_else(|error| {
        (
            Outcome::CouldNotRun,
            error.in_one_line(),
            "run the ceremony as root on the machine itself",
        )
    });
    Check {
        id,
        outcome,
        reason,
        remedy: (outcome != Outcome::Pass).then(|| remedy.to_owned()),
    }
}

/// Refuses where a check that must pass did not.
pub(super) fn insist(spec: &Spec, checks: &[Check]) -> Result<()> {
    // OpenPGP's and X.509's dates end, and keys without randomness are none: no specification can wave these through.
    let must = |id| spec.fatal.contains(&id) || matches!(id, CheckId::Randomness);
    let failed = checks
        .iter()
        .find(|check| check.outcome != Outcome::Pass && must(check.id));
    match failed {
        None => Ok(()),
        Some(check) => {
            let refused = Error::refused(format!(
                "the check {} must pass, and did not: {}",
                check.id.name(),
                check.reason
            ));
            Err(match &check.remedy {
                Some(remedy) => refused.hint(remedy),
                None => refused,
            })
        }
    }
}

fn text(path: &Path) -> Result<String> {
    let bytes = system::read_prefix(path, Some(MAX_FILE))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn network(context: &Context) -> Result<Seen> {
    let directory = context.path("/sys/class/net");
    let cannot = || format!("cannot list {}", directory.display());
    let mut up = Vec::new();
    for entry in std::fs::read_dir(&directory).or_could_not_run(cannot)? {
        let path = entry.or_could_not_run(cannot)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "lo" || !path.join("operstate").exists() {
            continue;
        }
        // Tunnels and the like never know, and say "unknown" while they are up.
        let state = text(&path.join("operstate"))?;
        let has_carrier = text(&path.join("carrier")).is_ok_and(|carrier| carrier.trim() == "1");
        if state.trim() == UP || has_carrier {
            up.push(name);
        }
    }
    up.sort();
    Ok(if up.is_empty() {
        (Outcome::Pass, "no network interface is up".to_owned(), "")
    } else {
        let reason = format!("the network is up: {}", up.join(", "));
        (Outcome::Warn, reason, "pull the cable, or: ip link set INTERFACE down")
    })
}

fn swap(context: &Context) -> Result<Seen> {
    let table = text(&context.path("/proc/swaps"))?;
    let mut clear = Vec::new();
    for line in table.lines().skip(1) {
        let Some(device) = line.split_whitespace().next() else {
            continue;
        };
        let name = device.strip_prefix("/dev/").unwrap_or(device);
        let uuid = context.path("/sys/block").join(name).join("dm/uuid");
        let is_encrypted = text(&uuid).is_ok_and(|uuid| uuid.starts_with("CRYPT-"));
        if !name.starts_with("zram") && !is_encrypted {
            clear.push(device.to_owned());
        }
    }
    Ok(if clear.is_empty() {
        (Outcome::Pass, "no swap, or none in clear".to_owned(), "")
    } else {
        let reason = format!("memory may be written in clear to {}", clear.join(", "));
        (Outcome::Warn, reason, "swapoff -a")
    })
}

fn core_dumps() -> Seen {
    use rustix::process::{DumpableBehavior, dumpable_behavior};
    match dumpable_behavior() {
        Ok(DumpableBehavior::NotDumpable) => (Outcome::Pass, "this process leaves no core".to_owned(), ""),
        _ => (
            Outcome::Warn,
            "this process may leave its memory in a core file".to_owned(),
            "ulimit -c 0, and /proc/sys/kernel/core_pattern must not begin with |",
        ),
    }
}

/// The nearest directory above a path that is there.
fn existing(path: &Path) -> PathBuf {
    let there = path.ancestors().find(|ancestor| ancestor.is_dir());
    there.unwrap_or(Path::new("/")).to_path_buf()
}

fn work_space(work: &Path) -> Result<Seen> {
    /// `TMPFS_MAGIC` and `RAMFS_MAGIC` of `linux/magic.h`.
    const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
    let directory = existing(work);
    let statfs =
        rustix::fs::statfs(&directory).or_could_not_run(|| format!("cannot look at {}", directory.display()))?;
    Ok(
        if IN_MEMORY
            .iter()
            .any(|magic| u128::try_from(statfs.f_type).ok() == Some(u128::from(*magic)))
        {
            (Outcome::Pass, format!("{} is in memory", directory.display()), "")
        } else {
            let reason = format!(
                "{} is on a disk: unencrypted keys leave traces there that nobody can remove for sure",
                directory.display()
            );
            (
                Outcome::Warn,
                reason,
                "name a directory in memory in the specification: work = \"/run/bootseal-ceremony\"",
            )
        },
    )
}

fn clock(context: &Context) -> Result<Seen> {
    let now = context.now()?;
    let date = context.date_time()?;
    Ok(if (EARLIEST..LATEST).contains(&now) {
        (Outcome::Pass, format!("the clock says {date}"), "")
    } else {
        let reason = format!("the clock says {date}, which cannot be");
        (Outcome::Warn, reason, "set it: date -u -s 'YYYY-MM-DD HH:MM'")
    })
}

fn randomness() -> Seen {
    use rustix::rand::{GetRandomFlags, getrandom};
    let mut bytes = [0_u8; 32];
    match getrandom(&mut bytes, GetRandomFlags::NONBLOCK) {
        Ok(32) if bytes != [0; 32] => (Outcome::Pass, "the kernel's generator is seeded".to_owned(), ""),
        Ok(_) | Err(_) => (
            Outcome::Warn,
            "the kernel's generator is not seeded yet".to_owned(),
            "wait a minute, type on the keyboard, and run the command again",
        ),
    }
}

/// SHA-256 of the running program, lower-case hex.
pub(super) fn program() -> Result<String> {
    let bytes = match system::read(Path::new("/proc/self/exe")) {
        Err(error) if error.io_kind() == Some(ErrorKind::NotFound) => {
            return Err(error.hint("mount -t proc proc /proc"));
        }
        other => other?,
    };
    Ok(HashAlgorithm::Sha256.digest(&[&bytes]).to_hex())
}

fn program_is(digest: &str, expected: Option<&str>) -> Seen {
    match expected {
        Some(expected) if expected != digest => (
            Outcome::Warn,
            format!("this program has the SHA-256 {digest}, and {expected} is expected"),
            "use the program that was reviewed, or correct preflight.program in the specification",
        ),
        Some(_) => (Outcome::Pass, format!("this program is the one expected, {digest}"), ""),
        None => (Outcome::Pass, format!("this program has the SHA-256 {digest}"), ""),
    }
}

fn secure_boot(context: &Context) -> Result<Seen> {
    let name = format!("/sys/firmware/efi/efivars/SecureBoot-{}", Guid::GLOBAL);
    let bytes = system::read_prefix(&context.path(name), Some(16))?;
    Ok(if bytes.last() == Some(&1) && bytes.len() == 5 {
        (Outcome::Pass, "Secure Boot is on".to_owned(), "")
    } else {
        (
            Outcome::Warn,
            "Secure Boot is off: nobody has verified what runs here".to_owned(),
            "start from a medium that you trust; on a machine of yours with Secure Boot on, best",
        )
    })
}

#[cfg(test)]
mod tests;
