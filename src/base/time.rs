//! Moments as Unix milliseconds, and the ways people write them.

use std::fmt;

/// A moment: milliseconds since 1970-01-01 UTC. Negative before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// The moment as RFC 3339 in UTC with milliseconds, or `None` outside the years that form can write.
    pub fn rfc3339(self) -> Option<String> {
        let moment = jiff::Timestamp::from_millisecond(self.0).ok()?;
        Some(format!("{moment:.3}"))
    }

    /// Appends what [`UnixMs::rfc3339`] says, or the milliseconds with ` ms` behind them where it says nothing. Takes no memory
    /// of its own.
    pub fn write_to(self, out: &mut Vec<u8>) {
        const PRINTER: jiff::fmt::temporal::DateTimePrinter =
            jiff::fmt::temporal::DateTimePrinter::new().precision(Some(3));
        let before = out.len();
        let moment = jiff::Timestamp::from_millisecond(self.0).ok();
        if moment.is_none_or(|moment| PRINTER.print_timestamp(&moment, &mut *out).is_err()) {
            out.truncate(before);
            out.extend_from_slice(itoa::Buffer::new().format(self.0).as_bytes());
            out.extend_from_slice(b" ms");
        }
    }

    /// Reads RFC 3339, Unix seconds, Unix milliseconds (more than eleven digits), `now`, or `now` with an offset
    /// such as `now-2h` or `now+3d` (s, m, h, d, w). A time without a zone is UTC. `now` is the caller's clock.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str, now: UnixMs) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || format!("`{text}` is not a time: expected RFC 3339, Unix seconds or milliseconds, or `now-2h`");
        if let Some(rest) = text.strip_prefix("now") {
            if rest.is_empty() {
                return Ok(now);
            }
            let back = rest.starts_with('-');
            let span = rest.strip_prefix(['-', '+']).ok_or_else(wrong)?;
            let span = parse_span_ms(span).ok_or_else(wrong)?;
            let sum = if back { now.0.checked_sub(span) } else { now.0.checked_add(span) };
            return sum.map(UnixMs).ok_or_else(wrong);
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let number: i64 = text.parse().map_err(|_| wrong())?;
            return if digits.len() > 11 {
                Ok(UnixMs(number))
            } else {
                number.checked_mul(1000).map(UnixMs).ok_or_else(wrong)
            };
        }
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            return Ok(UnixMs(moment.as_millisecond()));
        }
        let civil: jiff::civil::DateTime = text.parse().map_err(|_| wrong())?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| wrong())?;
        Ok(UnixMs(zoned.timestamp().as_millisecond()))
    }
}

impl fmt::Display for UnixMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rfc3339() {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} ms", self.0),
        }
    }
}

/// A span for people: `40 s`, `26 h`, `3 d`.
pub fn span_words(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Milliseconds of a span such as `90s`, `15m`, `2h`, `3d`, `1w`; plain digits are seconds.
pub fn parse_span_ms(text: &str) -> Option<i64> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let unit_ms: i64 = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_forms_people_write() {
        let now = UnixMs(1_700_000_000_000);
        let read = |text| UnixMs::parse(text, now).map(|t| t.0);
        assert_eq!(read("1700000000"), Ok(1_700_000_000_000));
        assert_eq!(read("1700000000123"), Ok(1_700_000_000_123));
        assert_eq!(read("2023-11-14T22:13:20Z"), Ok(1_700_000_000_000));
        assert_eq!(read("2023-11-14T23:13:20+01:00"), Ok(1_700_000_000_000));
        assert_eq!(read("2023-11-14T22:13:20"), Ok(1_700_000_000_000));
        assert_eq!(read("2023-11-14"), Ok(1_699_920_000_000));
        assert_eq!(read("now-2h"), Ok(1_700_000_000_000 - 7_200_000));
        assert!(read("yesterday").is_err());
        assert!(read("now-99999999999999999w").is_err());
    }

    #[test]
    fn writes_utc_with_milliseconds() {
        assert_eq!(UnixMs(4_102_444_800_123).to_string(), "2100-01-01T00:00:00.123Z");
        assert_eq!(UnixMs(i64::MAX).rfc3339(), None);
        for ms in [0, -1, 4_102_444_800_123, 999, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            UnixMs(ms).write_to(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), UnixMs(ms).to_string());
        }
    }
}
