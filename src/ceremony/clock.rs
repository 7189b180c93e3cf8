//! The clock, before it is written into certificates: a machine whose battery is empty starts in the past, and a mistyped year is
//! there for ten of them.

use der::DateTime;

use crate::error::{Error, Result};
use crate::keys::{KeyDirectory, KeyName};
use crate::ledger::Ledger;
use crate::system::{Context, moment, program_date};

use super::verify;

/// 2026-01-01T00:00:00Z: no machine that runs this is older.
const EARLIEST: u64 = 1_767_225_600;
/// 2100-01-01T00:00:00Z: OpenPGP's clock ends in 2106.
const LATEST: u64 = 4_102_444_800;
/// Longest time that a ceremony lies about unfinished: 30 days, in seconds.
const LONGEST: u64 = 30 * 24 * 60 * 60;
/// A clock that is behind a record by more than this, one year in seconds, does not lock what it writes: rather it was ahead once.
const AHEAD_ONCE: u64 = 365 * 24 * 60 * 60;
/// The command that sets the clock.
pub(super) const SET: &str = "set it: date -u -s 'YYYY-MM-DD HH:MM'";

/// A reason for which the clock seems not to be right.
#[derive(Debug)]
pub(super) struct Doubt {
    /// The reason, in words.
    pub reason: String,
    /// True if no certificate is made by this clock unless somebody says that it is right.
    locks: bool,
}

/// The reason for which no clock can say this; none if nothing speaks against it.
pub(super) fn impossible(now: u64) -> Option<String> {
    let says = format!("the clock says {}", moment(now));
    if !(EARLIEST..LATEST).contains(&now) {
        return Some(format!("{says}, which cannot be"));
    }
    let built = program_date().filter(|built| now < *built)?;
    Some(format!("{says}, and this program is of {}", moment(built)))
}

/// The reason for which the clock is not right, as it seems; none if nothing speaks against it. Signed records are the ledger of
/// this machine and the transcripts of these directories.
pub(super) fn implausible(context: &Context, directories: &[&KeyDirectory]) -> Result<Option<Doubt>> {
    let now = context.now()?;
    let locks = |reason| Doubt { reason, locks: true };
    if let Some(reason) = impossible(now) {
        return Ok(Some(locks(reason)));
    }
    let says = format!("the clock says {}", moment(now));
    if let Some(time) = recorded(context, directories).filter(|time| now < *time) {
        return Ok(Some(Doubt {
            reason: format!("{says}, and the newest signed record is of {}", moment(time)),
            locks: time.saturating_sub(now) <= AHEAD_ONCE,
        }));
    }
    let last = directories.iter().flat_map(|keys| ends(keys)).max();
    let last = last.filter(|last| *last < now);
    Ok(last.map(|last| {
        locks(format!(
            "{says}, and every certificate of these keys has ended, the last on {}",
            moment(last)
        ))
    }))
}

/// Refuses to go on where the clock cannot be right, unless somebody says that it is. A clock that is far behind a record was rather
/// ahead once, which locks nothing for ever: what is doubtful is returned, to be told.
pub fn check(context: &Context, directories: &[&KeyDirectory], is_confirmed: bool) -> Result<Option<String>> {
    match implausible(context, directories)? {
        Some(doubt) if doubt.locks && !is_confirmed => Err(Error::refused(format!(
            "{}: a new certificate would bear that time",
            doubt.reason
        ))
        .hint(SET)
        .hint("if the clock is right, as it was ahead once: the same command with --clock-is-right")),
        doubt => Ok(doubt.map(|doubt| format!("went on by a clock that somebody should look at: {}", doubt.reason))),
    }
}

/// The time of the newest line of the ledger and of transcripts. What cannot be read is told by those who need it.
fn recorded(context: &Context, directories: &[&KeyDirectory]) -> Option<u64> {
    let ledger = Ledger::read(context).ok();
    let signed = ledger.iter().flat_map(Ledger::times).filter_map(|time| seconds(time));
    let transcripts = directories.iter().filter_map(|keys| verify::read(keys.path()).ok());
    let noted = transcripts.filter_map(|read| {
        read.transcript
            .entries()
            .iter()
            .filter_map(|entry| seconds(&entry.time))
            .max()
    });
    signed.chain(noted).max()
}

/// The ends of the certificates of a directory.
fn ends(keys: &KeyDirectory) -> Vec<u64> {
    let certified = KeyName::CERTIFIED.into_iter();
    let ends = certified
        .filter_map(|name| keys.certificate(name).ok())
        .map(|certificate| certificate.end());
    ends.collect()
}

/// Refuses to go on with a ceremony by another clock than the one that it was begun with: its certificates bear that time.
pub(super) fn check_same(now: u64, began: u64, last: u64) -> Result<()> {
    let reason = if now < last {
        format!(
            "the clock says {}, and the last step of this ceremony was at {}",
            moment(now),
            moment(last)
        )
    } else if now.saturating_sub(began) > LONGEST {
        format!(
            "the clock says {}, and this ceremony began at {}",
            moment(now),
            moment(began)
        )
    } else {
        return Ok(());
    };
    Err(Error::refused(format!("{reason}: certificates would bear the time of another clock")).hint(SET))
}

/// An RFC 3339 time in seconds since 1970-01-01 UTC.
pub(super) fn seconds(time: &str) -> Option<u64> {
    let time: DateTime = time.parse().ok()?;
    Some(time.unix_duration().as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Clock;

    #[test]
    fn a_ceremony_goes_on_by_its_own_clock_only() {
        for (now, is_right) in [(99, false), (100, true), (90 + LONGEST, true), (91 + LONGEST, false)] {
            assert_eq!(check_same(now, 90, 100).is_ok(), is_right, "{now}");
        }
    }

    #[test]
    fn a_clock_before_the_program_or_past_all_dates_cannot_be_right() {
        let root = tempfile::tempdir().unwrap();
        let built = program_date().unwrap();
        for (now, expected) in [
            (0, Some("1970-01-01T00:00:00Z, which cannot be")),
            (LATEST, Some("2100-01-01T00:00:00Z, which cannot be")),
            (built - 1, Some("this program is of")),
            (built, None),
            (LATEST - 1, None),
        ] {
            let context = Context::host().with_root(root.path()).with_clock(Clock::Fixed(now));
            let said = implausible(&context, &[]).unwrap();
            assert_eq!(said.is_some(), expected.is_some(), "{now}: {said:?}");
            assert!(
                said.map_or_else(String::new, |doubt| doubt.reason)
                    .contains(expected.unwrap_or_default())
            );
            assert_eq!(check(&context, &[], false).is_err(), expected.is_some());
            check(&context, &[], true).unwrap();
        }
    }
}
