//! Lines of a server's log.
//!
//! ```text
//! legacy   1234:M 23 Nov 2026 10:15:30.123 * Ready to accept connections     pid, role, time, level, message
//! iso8601  1234:M 2026-11-23T10:15:30.123+01:00 * Ready …                    Valkey, log-timestamp-format
//! ms       1234:M 1795428930123 * Ready …                                    the same, milliseconds
//! logfmt   pid=1234 role=primary timestamp="…" level=notice message="…"      Valkey, log-format
//! ```
//! Before Redis 5.0 the year is missing; such a line has no time here. The first form is in the server's local time and does
//! not say which zone that is.

use crate::base::{Cancel, Error, ErrorKind, Result, UnixMs};
use crate::source::Stream;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::io::{BufRead, BufReader, Read};

/// Of a longer line this much is looked at.
const LINE_BYTES: u64 = 64 << 10;

/// A line of a log.
#[derive(Debug)]
pub(super) struct Line<'l> {
    /// Where it begins.
    pub(super) offset: u64,
    /// Which it is, from 1.
    pub(super) number: u64,
    /// When, where it says so.
    pub(super) time: Option<Time>,
    /// How grave its server finds it.
    pub(super) level: Option<&'static str>,
    /// What it says; the whole line, if it is of no form that is known.
    pub(super) message: &'l [u8],
    /// Whether a line feed ends it.
    pub(super) ended: bool,
}

/// Gives every line that is not blank; of one of over 64 KiB, its beginning. Memory: that of a line.
///
/// # Errors
/// It cannot be read; it was cancelled; what `each` fails with.
pub(super) fn read(stream: &mut Stream, cancel: &Cancel, each: &mut dyn FnMut(&Line<'_>) -> Result<()>) -> Result<()> {
    let failed = |error| Error::io("read", error);
    let mut reader = BufReader::with_capacity(256 << 10, stream);
    let (mut offset, mut number) = (0u64, 0u64);
    let mut line = Vec::new();
    loop {
        if number.is_multiple_of(1024) && cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted));
        }
        line.clear();
        let mut read = reader.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line).map_err(failed)? as u64;
        if read == 0 {
            return Ok(());
        }
        let mut ended = line.last() == Some(&b'\n');
        if !ended {
            let (passed, end) = pass_over(&mut reader).map_err(failed)?;
            read = read.saturating_add(passed);
            ended = end;
        }
        number = number.saturating_add(1);
        let text = line.trim_ascii_end();
        if !text.is_empty() {
            let Parsed { time, level, message } = parse(text);
            each(&Line { offset, number, time, level, message, ended })?;
        }
        offset = offset.saturating_add(read);
    }
}

/// The rest of a line that is too long: how many bytes it has, and whether a line feed ends it.
fn pass_over(reader: &mut impl BufRead) -> std::io::Result<(u64, bool)> {
    let mut passed = 0u64;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok((passed, false));
        }
        let end = memchr::memchr(b'\n', buffer);
        let used = end.map_or(buffer.len(), |end| end.saturating_add(1));
        reader.consume(used);
        passed = passed.saturating_add(used as u64);
        if end.is_some() {
            return Ok((passed, true));
        }
    }
}

/// When a line was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Time {
    /// A moment.
    Known(UnixMs),
    /// In a zone that the line does not say.
    Local(DateTime),
}

impl Time {
    /// The moment, a local one taken for one of `zone`, or, if none is given, of UTC; and whether that was assumed.
    pub(super) fn at(&self, zone: Option<&TimeZone>) -> Option<(UnixMs, bool)> {
        match self {
            Time::Known(at) => Some((*at, false)),
            Time::Local(local) => {
                let zoned = local.to_zoned(zone.cloned().unwrap_or(TimeZone::UTC)).ok()?;
                Some((UnixMs(zoned.timestamp().as_millisecond()), zone.is_none()))
            }
        }
    }
}

#[derive(Debug, PartialEq)]
struct Parsed<'l> {
    time: Option<Time>,
    level: Option<&'static str>,
    message: &'l [u8],
}

fn parse(line: &[u8]) -> Parsed<'_> {
    parse_legacy(line).or_else(|| parse_logfmt(line)).unwrap_or(Parsed { time: None, level: None, message: line })
}

/// `pid:role time level message`, and `[pid] time level message` of Redis 2.
fn parse_legacy(line: &[u8]) -> Option<Parsed<'_>> {
    let head = std::str::from_utf8(line.get(..line.len().min(64))?).unwrap_or_else(|error| {
        line.get(..error.valid_up_to()).and_then(|head| std::str::from_utf8(head).ok()).unwrap_or_default()
    });
    let (who, rest) = head.split_once(' ')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let by_role = who.split_once(':').is_some_and(|(pid, role)| is_number(pid) && role.len() == 1);
    let by_pid = who.strip_prefix('[').and_then(|who| who.strip_suffix(']')).is_some_and(is_number);
    if !(by_role || by_pid) {
        return None;
    }
    // The level stands between two blanks after the time, which has up to three of its own.
    let mut at = 0usize;
    for _ in 0..4 {
        at = at.checked_add(rest.get(at..)?.find(' ')?)?;
        let mark = rest.as_bytes().get(at.checked_add(1)?)?;
        let level = level(*mark).filter(|_| rest.as_bytes().get(at.saturating_add(2)) == Some(&b' '));
        if let Some(level) = level {
            let time = moment(rest.get(..at)?);
            let from = who.len().checked_add(1)?.checked_add(at)?.checked_add(3)?;
            return Some(Parsed { time, level: Some(level), message: line.get(from..)? });
        }
        at = at.checked_add(1)?;
    }
    None
}

fn level(mark: u8) -> Option<&'static str> {
    Some(match mark {
        b'.' => "debug",
        b'-' => "verbose",
        b'*' => "notice",
        b'#' => "warning",
        _ => return None,
    })
}

/// `pid=… role=… timestamp="…" level=… message="…"`
fn parse_logfmt(line: &[u8]) -> Option<Parsed<'_>> {
    if !line.starts_with(b"pid=") {
        return None;
    }
    let field = |name: &[u8]| {
        let at = memchr::memmem::find(line, name)?;
        let rest = line.get(at.checked_add(name.len())?..)?;
        match rest.strip_prefix(b"\"") {
            Some(quoted) => quoted.get(..memchr::memchr(b'"', quoted)?),
            None => rest.split(|byte| *byte == b' ').next(),
        }
    };
    let message = {
        let name = b" message=\"";
        let at = memchr::memmem::find(line, name)?.checked_add(name.len())?;
        let rest = line.get(at..)?;
        rest.strip_suffix(b"\"").unwrap_or(rest)
    };
    let level = ["debug", "verbose", "notice", "warning"].into_iter();
    let named = field(b" level=");
    Some(Parsed {
        time: field(b" timestamp=").and_then(|time| moment(std::str::from_utf8(time).ok()?)),
        level: level.into_iter().find(|level| named == Some(level.as_bytes())),
        message,
    })
}

/// A time in one of the forms that servers write; none of one without a year.
fn moment(text: &str) -> Option<Time> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(|ms| Time::Known(UnixMs(ms)));
    }
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(Time::Known(UnixMs(moment.as_millisecond())));
    }
    DateTime::strptime("%d %b %Y %H:%M:%S%.f", text).ok().map(Time::Local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> (Option<String>, Option<&'static str>, String) {
        let parsed = parse(line.as_bytes());
        let time = parsed.time.map(|time| match time {
            Time::Known(at) => at.to_string(),
            Time::Local(local) => format!("{local} somewhere"),
        });
        (time, parsed.level, String::from_utf8_lossy(parsed.message).into_owned())
    }

    #[test]
    fn every_form_that_servers_write() {
        let all = |time: &str, level, message: &str| (Some(time.to_owned()), Some(level), message.to_owned());
        assert_eq!(
            parsed("1234:M 23 Nov 2026 10:15:30.123 * Ready to accept connections"),
            all("2026-11-23T10:15:30.123 somewhere", "notice", "Ready to accept connections")
        );
        assert_eq!(
            parsed("7:C 01 Jan 2020 00:00:00.000 # oO0 # x"),
            all("2020-01-01T00:00:00 somewhere", "warning", "oO0 # x")
        );
        assert_eq!(
            parsed("12:S 2026-11-23T10:15:30.123+01:00 - hello"),
            all("2026-11-23T09:15:30.123Z", "verbose", "hello")
        );
        assert_eq!(parsed("12:X 1795428930123 . tick"), all("2026-11-23T10:15:30.123Z", "debug", "tick"));
        assert_eq!(
            parsed("pid=12 role=primary timestamp=\"23 Nov 2026 10:15:30.123\" level=warning message=\"a b\""),
            all("2026-11-23T10:15:30.123 somewhere", "warning", "a b")
        );
        assert_eq!(parsed("[99] 23 Nov 10:15:30.123 * old"), (None, Some("notice"), "old".into()));
        for other in ["", "hello", "1:M", "1:M 23", "x:M 23 Nov 2026 10:15:30.123 * no", "pid=1", "pid=1 message=\""] {
            let (time, _, _) = parsed(other);
            assert_eq!(time, None, "{other}");
        }
    }
}
