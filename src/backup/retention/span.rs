//! Spans of the calendar: a month is as long as the month it goes back over.

use crate::base::UnixMs;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fmt;

/// Years, months, days and hours: `1y6m`, `30d`, `36h`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Years of the calendar.
    pub years: u32,
    /// Months of the calendar.
    pub months: u32,
    /// Days of the calendar: the same time of day, so that one is 23 or 25 hours where the clocks change.
    pub days: u32,
    /// Hours of 60 minutes.
    pub hours: u32,
}

impl Span {
    /// Reads numbers with `y`, `m` (months), `w`, `d` and `h` behind them, each unit once at most.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is not a span: expected 1y6m, 30d, 36h; m is months", text.escape_default());
        let mut span = Self::default();
        let mut weeks = 0u32;
        let mut seen = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let (digits, after) = rest.split_at(end);
            let number: u32 = digits.parse().map_err(|_| wrong())?;
            let unit = after.chars().next().filter(|unit| !seen.contains(unit)).ok_or_else(wrong)?;
            match unit {
                'y' => span.years = number,
                'm' => span.months = number,
                'w' => weeks = number,
                'd' => span.days = number,
                'h' => span.hours = number,
                _ => return Err(wrong()),
            }
            seen.push(unit);
            rest = after.get(unit.len_utf8()..).unwrap_or_default();
        }
        span.days = weeks.checked_mul(7).and_then(|days| days.checked_add(span.days)).ok_or_else(wrong)?;
        if seen.is_empty() { Err(wrong()) } else { Ok(span) }
    }

    /// Whether it is no time at all.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// The moment so long before another. A day that its month does not have becomes as many days of the next one, as restic has
    /// it: a month before 31 March is 3 March. Of two moments with one time of day, or where the clocks leap over it, the
    /// earlier. None before the year -9999: everything is later.
    pub(super) fn before(self, moment: UnixMs, zone: &TimeZone) -> Option<UnixMs> {
        let local = zone.to_datetime(Timestamp::from_millisecond(moment.0).ok()?);
        let months = i64::from(self.years).checked_mul(12)?.checked_add(i64::from(self.months))?;
        let at = i64::from(local.year()).checked_mul(12)?.checked_add(i64::from(local.month()) - 1)?;
        let at = at.checked_sub(months)?;
        let (year, month) = (i16::try_from(at.div_euclid(12)).ok()?, i8::try_from(at.rem_euclid(12)).ok()?);
        let first = Date::new(year, month.checked_add(1)?, 1).ok()?;
        let days = i64::from(local.day()) - 1 - i64::from(self.days);
        let day = first.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
        let then = zone.to_ambiguous_timestamp(day.to_datetime(local.time())).earlier().ok()?;
        let hours = i64::from(self.hours).checked_mul(3_600_000)?;
        then.as_millisecond().checked_sub(hours).map(UnixMs)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.years, 'y'), (self.months, 'm'), (self.days, 'd'), (self.hours, 'h')];
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "{number}{unit}")?;
        }
        if self.is_zero() { f.write_str("0h") } else { Ok(()) }
    }
}
