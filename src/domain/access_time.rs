//! When a user may sign in: a day of the week and a span of minutes, UTC
//! (`contract/validation.md` §8, rule 11; `contract/auth.md` §7).

use serde::{Deserialize, Serialize};

use super::omit::is_zero;
use super::quote::quote;
use super::time::UnixMillis;
use crate::error::Invalid;

/// The first of January 1970 was a Thursday; Sunday is 0.
const WEEKDAY_OF_THE_EPOCH: i64 = 4;
const MINUTE: i64 = 60_000;

/// A time of day in whole minutes, written `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(into = "String")]
pub struct TimeOfDay(i64);

impl TimeOfDay {
    /// Reads `HH:MM`: two digits, a colon, two digits.
    ///
    /// # Errors
    /// When it is written otherwise or names no minute of a day.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        minutes(text).map(Self).ok_or_else(|| {
            Invalid::new(format!("filters.access_time: {} is not a time from 00:00 to 23:59", quote(text)))
        })
    }
}

fn minutes(text: &str) -> Option<i64> {
    let [h1, h2, b':', m1, m2] = text.as_bytes() else { return None };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    let (hour, minute) = (10 * digit(h1)? + digit(h2)?, 10 * digit(m1)? + digit(m2)?);
    (hour < 24 && minute < 60).then_some(60 * hour + minute)
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        format!("{:02}:{:02}", time.0 / 60, time.0 % 60)
    }
}

/// A span of one day of the week, UTC, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AccessTimeDraft")]
pub struct AccessTime {
    #[serde(skip_serializing_if = "is_zero")]
    day_of_week: i64,
    from: TimeOfDay,
    to: TimeOfDay,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AccessTimeDraft {
    day_of_week: i64,
    from: String,
    to: String,
}

impl AccessTime {
    /// Reads a span; the days count from Sunday, which is 0.
    ///
    /// # Errors
    /// When there is no such day, when a time is not `HH:MM`, or when the end is not after the start.
    pub fn parse(day_of_week: i64, from: &str, to: &str) -> Result<Self, Invalid> {
        if !(0..=6).contains(&day_of_week) {
            return Err(Invalid::new(format!("filters.access_time: {day_of_week} is not a day from 0 to 6")));
        }
        let (start, end) = (TimeOfDay::parse(from)?, TimeOfDay::parse(to)?);
        if end <= start {
            return Err(Invalid::new(format!("filters.access_time: {to} is not after {from}")));
        }
        Ok(Self { day_of_week, from: start, to: end })
    }

    /// Whether a moment lies in the span; its seconds do not count, so the last minute is in it whole.
    pub const fn covers(&self, moment: UnixMillis) -> bool {
        let day = moment.get().div_euclid(UnixMillis::DAY);
        let minute = moment.get().rem_euclid(UnixMillis::DAY) / MINUTE;
        (day + WEEKDAY_OF_THE_EPOCH).rem_euclid(7) == self.day_of_week
            && self.from.0 <= minute
            && minute <= self.to.0
    }
}

impl TryFrom<AccessTimeDraft> for AccessTime {
    type Error = Invalid;

    fn try_from(draft: AccessTimeDraft) -> Result<Self, Invalid> {
        Self::parse(draft.day_of_week, &draft.from, &draft.to)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_span_is_kept_as_sent_but_for_sunday() {
        for (sent, kept) in [
            (
                r#"{"day_of_week":1,"from":"08:00","to":"18:30"}"#,
                r#"{"day_of_week":1,"from":"08:00","to":"18:30"}"#,
            ),
            (r#"{"day_of_week":0,"from":"00:00","to":"23:59"}"#, r#"{"from":"00:00","to":"23:59"}"#),
            (r#"{"to":"00:01","from":"00:00"}"#, r#"{"from":"00:00","to":"00:01"}"#),
        ] {
            let span: AccessTime = serde_json::from_str(sent).unwrap();
            assert_eq!(serde_json::to_string(&span).unwrap(), kept);
        }
    }

    #[test]
    fn broken_spans_are_refused() {
        for (day, from, to) in [
            (-1, "08:00", "09:00"),
            (7, "08:00", "09:00"),
            (1, "08:00", "08:00"),
            (1, "09:00", "08:00"),
            (1, "08:00", "24:00"),
            (1, "08:00", "09:60"),
            (1, "8:00", "09:00"),
            (1, "", ""),
            (1, "ab:cd", "09:00"),
            (1, "08000", "09:00"),
            (1, " 8:00", "09:00"),
            (1, "+1:00", "09:00"),
            (1, "00:-0", "09:00"),
            (1, "08:00", "09:00 "),
            (1, "08:ü", "09:00"),
        ] {
            let refused = AccessTime::parse(day, from, to).unwrap_err().to_string();
            assert!(refused.starts_with("filters.access_time: "), "{refused}");
        }
    }

    #[test]
    fn both_ends_of_a_span_are_in_it() {
        // 2026-11-23 was a Monday.
        let monday = 1_795_392_000_000;
        let span = AccessTime::parse(1, "08:00", "18:30").unwrap();
        let at = |hour: i64, minute: i64, millis: i64| {
            UnixMillis::new(monday + (60 * hour + minute) * MINUTE + millis)
        };
        for (moment, inside) in [
            (at(7, 59, 59_999), false),
            (at(8, 0, 0), true),
            (at(12, 0, 0), true),
            (at(18, 30, 59_999), true),
            (at(18, 31, 0), false),
            (at(12, 0, UnixMillis::DAY), false),
            (at(12, 0, -UnixMillis::DAY), false),
            (at(12, 0, -7 * UnixMillis::DAY), true),
        ] {
            assert_eq!(span.covers(moment), inside, "{moment:?}");
        }
        let thursday = AccessTime::parse(4, "00:00", "00:01").unwrap();
        assert!(thursday.covers(UnixMillis::new(0)));
        let wednesday = AccessTime::parse(3, "23:00", "23:59").unwrap();
        assert!(wednesday.covers(UnixMillis::new(-1)));
    }

    proptest! {
        #[test]
        fn a_time_reads_back_as_itself(minute in 0_i64..1440) {
            let text = String::from(TimeOfDay(minute));
            prop_assert_eq!(TimeOfDay::parse(&text), Ok(TimeOfDay(minute)));
        }

        #[test]
        fn one_day_of_the_week_has_each_minute(moment in any::<i64>()) {
            let days = (0..7).filter(|&day| {
                let (whole, last) = (AccessTime::parse(day, "00:00", "23:58").unwrap(), AccessTime::parse(day, "23:58", "23:59").unwrap());
                whole.covers(UnixMillis::new(moment)) || last.covers(UnixMillis::new(moment))
            });
            prop_assert_eq!(days.count(), 1);
        }
    }
}
