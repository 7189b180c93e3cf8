//! `EFI_TIME` (UEFI 2.10, section 8.3.1), as authenticated variables use it.

use std::fmt;
use std::time::Duration;

use der::DateTime;

/// A time of no calendar, or one with fields that must be zero.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTime {
    /// Pad bytes, nanoseconds, time zone or daylight saving are not zero: firmware refuses the write.
    #[error("the fields of EFI_TIME below the second are not zero")]
    NotZero,
    /// A month outside 1 to 12, or a day, hour, minute or second out of range.
    #[error("{0} is no date and time")]
    Calendar(EfiTime),
}

/// A time in UTC, to the second. 16 bytes, kept as they are: other tools write months that are off by one and EDK2
/// does not mind, so parsing does not refuse them; [`EfiTime::check`] does.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EfiTime {
    /// Year, 1900 to 9999.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
    /// Pad1, Nanosecond, `TimeZone`, Daylight, Pad2: zero in authenticated variables.
    zero: [u8; 9],
}

impl EfiTime {
    /// From the 16 bytes of the structure.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let [y0, y1, month, day, hour, minute, second, zero @ ..] = bytes;
        Self {
            year: u16::from_le_bytes([y0, y1]),
            month,
            day,
            hour,
            minute,
            second,
            zero,
        }
    }

    /// The 16 bytes of the structure.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        let [y0, y1] = self.year.to_le_bytes();
        let mut bytes = [0; 16];
        let (fields, zero) = bytes.split_at_mut(7);
        fields.copy_from_slice(&[y0, y1, self.month, self.day, self.hour, self.minute, self.second]);
        zero.copy_from_slice(&self.zero);
        bytes
    }

    /// Checks that this is a date and time of the calendar, and that all that must be zero is zero.
    pub fn check(&self) -> Result<(), InvalidTime> {
        if !self.is_plain() {
            return Err(InvalidTime::NotZero);
        }
        let days = match self.month {
            4 | 6 | 9 | 11 => 30,
            2 if self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400)) => 29,
            2 => 28,
            _ => 31,
        };
        let valid = (1900..=9999).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=days).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60;
        if valid {
            Ok(())
        } else {
            Err(InvalidTime::Calendar(*self))
        }
    }

    /// True if all that must be zero in an authenticated variable is zero; firmware checks no more than that.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.zero == [0; 9]
    }

    /// True if year to second are all zero, by which a revocation list says "always".
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        matches!(
            (self.year, self.month, self.day, self.hour, self.minute, self.second),
            (0, 0, 0, 0, 0, 0)
        )
    }

    /// The moment a second later, by which a write exceeds this one. An error if this is no date and time, or the last one.
    pub fn next_second(&self) -> Result<Self, InvalidTime> {
        let time = DateTime::new(self.year, self.month, self.day, self.hour, self.minute, self.second)
            .map(|time| time.unix_duration().saturating_add(Duration::from_secs(1)))
            .and_then(DateTime::from_unix_duration);
        time.map(Self::from).map_err(|_| InvalidTime::Calendar(*self))
    }

    /// True if this is later than `other`, as firmware compares them. An equal time is not later.
    #[must_use]
    pub fn is_later_than(&self, other: &Self) -> bool {
        let key = |time: &Self| (time.year, time.month, time.day, time.hour, time.minute, time.second);
        key(self) > key(other)
    }
}

impl From<DateTime> for EfiTime {
    fn from(time: DateTime) -> Self {
        Self {
            year: time.year(),
            month: time.month(),
            day: time.day(),
            hour: time.hour(),
            minute: time.minutes(),
            second: time.seconds(),
            zero: [0; 9],
        }
    }
}

impl fmt::Display for EfiTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            self.year, self.month, self.day, self.hour, self.minute, self.second
        )
    }
}

impl fmt::Debug for EfiTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(bytes: [u8; 7]) -> EfiTime {
        let mut all = [0; 16];
        all[..7].copy_from_slice(&bytes);
        EfiTime::from_bytes(all)
    }

    #[test]
    fn only_times_of_the_calendar_pass() {
        let [low, high] = 2024_u16.to_le_bytes();
        assert_eq!(time([low, high, 2, 29, 23, 59, 59]).check(), Ok(()));
        for wrong in [
            [low, high, 0, 1, 0, 0, 0],
            [low, high, 13, 1, 0, 0, 0],
            [low, high, 2, 30, 0, 0, 0],
            [low, high, 4, 31, 0, 0, 0],
            [low, high, 1, 0, 0, 0, 0],
            [low, high, 1, 1, 24, 0, 0],
            [low, high, 1, 1, 0, 60, 0],
            [low, high, 1, 1, 0, 0, 60],
            [0, 0, 1, 1, 0, 0, 0],
        ] {
            assert!(
                matches!(time(wrong).check(), Err(InvalidTime::Calendar(_))),
                "{wrong:?}"
            );
        }
        for position in 7..16 {
            let mut bytes = time([low, high, 1, 1, 0, 0, 0]).to_bytes();
            bytes[position] = 1;
            assert_eq!(EfiTime::from_bytes(bytes).check(), Err(InvalidTime::NotZero));
        }
    }

    #[test]
    fn a_date_and_time_becomes_what_firmware_reads() {
        let time = EfiTime::from(DateTime::new(2026, 12, 31, 23, 59, 58).unwrap());
        assert_eq!(hex::encode(time.to_bytes()), "ea070c1f173b3a000000000000000000");
        assert_eq!(time.to_string(), "2026-12-31T23:59:58Z");
        assert!(!time.is_later_than(&time));
        assert!(time.is_later_than(&EfiTime::from(DateTime::new(2026, 12, 31, 23, 59, 57).unwrap())));
    }
}
