//! Dates of certificates, which firmware and kernel do not compare with the clock: kept as they are, of any year.

use std::fmt;

use crate::formats::crypto::asn1::{Asn1Error, Element, Reader, tag};

/// A moment of a certificate, as far as it can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    text: String,
    moment: Option<Moment>,
    is_short: bool,
}

/// Octets of `MMDDHHMMSSZ`.
const SHORTEST_AFTER_YEAR: usize = 11;

/// Year, month, day, hour, minute, second, UTC.
type Moment = [i64; 6];

impl Time {
    /// Reads the next value as a time, whatever its text says.
    pub fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, Asn1Error> {
        let element = reader.any(field)?;
        let digits = match element.string_tag() {
            tag::UTC_TIME => 2,
            tag::GENERALIZED_TIME => 4,
            _ => return Err(element.error("is no time")),
        };
        Ok(Self::from_text(&octets(&element)?, digits))
    }

    fn from_text(octets: &[u8], year_digits: usize) -> Self {
        Self {
            text: String::from_utf8_lossy(octets).into_owned(),
            moment: moment(octets, year_digits),
            is_short: octets.len() < year_digits + SHORTEST_AFTER_YEAR,
        }
    }

    /// True if it has fewer octets than a date with seconds and `Z`: OpenSSL reads it up to 3.2, and no more.
    #[must_use]
    pub const fn is_short(&self) -> bool {
        self.is_short
    }

    /// The year; `None` if the text is no date.
    #[must_use]
    pub fn year(&self) -> Option<i64> {
        self.moment.map(|[year, ..]| year)
    }

    /// Seconds since 1970-01-01 UTC, negative before it; `None` if the text is no date.
    #[must_use]
    pub fn seconds(&self) -> Option<i64> {
        let [year, month, day, hour, minute, second] = self.moment?;
        Some(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.moment {
            Some([year, month, day, hour, minute, second]) => {
                write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
            }
            None => f.write_str(&self.text),
        }
    }
}

fn octets(element: &Element<'_>) -> Result<Vec<u8>, Asn1Error> {
    Ok(element.string()?.into_owned())
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last one.
    let year = if month > 2 { year } else { year - 1 };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The day that is so many days after 1970-01-01.
fn date(days: i64) -> [i64; 3] {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 {
        [year, month + 3, day]
    } else {
        [year + 1, month - 9, day]
    }
}

fn moment(octets: &[u8], year_digits: usize) -> Option<Moment> {
    let mut rest = octets;
    let year = number(&mut rest, year_digits)?;
    let year = match year_digits {
        2 if year < 50 => year + 2000,
        2 => year + 1900,
        _ => year,
    };
    let (month, day) = (number(&mut rest, 2)?, number(&mut rest, 2)?);
    let (hour, minute) = (number(&mut rest, 2)?, number(&mut rest, 2)?);
    let second = match rest.first() {
        Some(b'0'..=b'9') => number(&mut rest, 2)?,
        _ => 0,
    };
    if let [b'.', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|octet| octet.is_ascii_digit()).count();
        rest = fraction.get(digits..)?;
    }
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (sign, mut zone) = match rest {
        [b'Z'] | [] => return Some([year, month, day, hour, minute, second]),
        [b'+', zone @ ..] => (-1, zone),
        [b'-', zone @ ..] => (1, zone),
        _ => return None,
    };
    let away = number(&mut zone, 2)? * 60 + number(&mut zone, 2)?;
    let minutes = days(year, month, day) * 1440 + hour * 60 + minute + sign * away;
    let [year, month, day] = date(minutes.div_euclid(1440));
    let minute = minutes.rem_euclid(1440);
    Some([year, month, day, minute / 60, minute % 60, second])
}

fn number(rest: &mut &[u8], digits: usize) -> Option<i64> {
    let (number, after) = rest.split_at_checked(digits)?;
    *rest = after;
    number.iter().try_fold(0, |number, octet| {
        octet.is_ascii_digit().then(|| number * 10 + i64::from(octet - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_of_every_form_are_told() {
        for (text, digits, told, seconds) in [
            ("260102030405Z", 2, "2026-01-02T03:04:05Z", Some(1_767_323_045)),
            ("2601020304Z", 2, "2026-01-02T03:04:00Z", Some(1_767_323_040)),
            ("500101000000Z", 2, "1950-01-01T00:00:00Z", Some(-631_152_000)),
            ("260101003000+0100", 2, "2025-12-31T23:30:00Z", Some(1_767_223_800)),
            ("00010101000000Z", 4, "0001-01-01T00:00:00Z", Some(-62_135_596_800)),
            ("20240229120000.5Z", 4, "2024-02-29T12:00:00Z", Some(1_709_208_000)),
            ("soon", 2, "soon", None),
        ] {
            let time = Time::from_text(text.as_bytes(), digits);
            assert_eq!((time.to_string().as_str(), time.seconds()), (told, seconds));
            assert_eq!(time.is_short(), ["2601020304Z", "soon"].contains(&text));
        }
    }

    proptest! {
        #[test]
        fn days_lead_back_to_their_date(day in -800_000_i64..3_000_000) {
            let [year, month, of_month] = date(day);
            prop_assert_eq!(days(year, month, of_month), day);
        }
    }
}
