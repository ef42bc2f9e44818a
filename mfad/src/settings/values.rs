//! Values that settings are written in: lengths of time, dates, one or many.

use mfa_proto::{identity::UnixTime, time};
use serde::Deserialize;
use toml::value::{Datetime, Offset};

/// A length of time: `"12h"` or `"30d"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Span {
    pub(super) seconds: u64,
}

impl TryFrom<String> for Span {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let bad = || format!("{text:?} is no length of time: write \"12h\" or \"30d\"");
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(bad)?;
        let unit = match unit {
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(bad()),
        };
        let number = number.parse::<u32>().map_err(|_| bad())?;
        Ok(Self { seconds: u64::from(number) * unit })
    }
}

/// A date of TOML: `2026-12-01` is its first second in UTC; with a time, UTC where no offset is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Datetime")]
pub(super) struct Date(pub(super) UnixTime);

impl TryFrom<Datetime> for Date {
    type Error = String;
    fn try_from(written: Datetime) -> Result<Self, String> {
        let bad = || format!("{written} is no date: write 2026-12-01 or 2026-12-01T08:00:00Z");
        let date = written.date.ok_or_else(bad)?;
        let days = time::days_to(date.year.into(), date.month.into(), date.day.into()).ok_or_else(bad)?;
        let of_day = written.time.map_or(0, |time| {
            u64::from(time.hour) * 3600 + u64::from(time.minute) * 60 + u64::from(time.second.unwrap_or(0))
        });
        let east = match written.offset {
            Some(Offset::Custom { minutes }) => i64::from(minutes) * 60,
            Some(Offset::Z) | None => 0,
        };
        (days * 86_400 + of_day).checked_add_signed(-east).map(UnixTime).map(Self).ok_or_else(bad)
    }
}

/// One value, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "write one value or a list of values")]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> From<OneOrMany<T>> for Vec<T> {
    fn from(values: OneOrMany<T>) -> Self {
        match values {
            OneOrMany::One(value) => vec![value],
            OneOrMany::Many(values) => values,
        }
    }
}
