//! Reports for people: the verdict first, then the few numbers that matter, then tables, then what to run next.

mod analyze;
mod aof;
mod backup;
mod backup_run;
mod check;
mod config;
mod log;
mod prune;
mod restore;
mod scan;
mod table;

pub use analyze::analyze;
pub(super) use analyze::{effect as advice_effect, left_out as plan_leaves_out, span};
pub use aof::{cut, repair};
pub use backup::{
    copy as backup_copy, create as backup_create, drill as backup_drill, fetch as backup_fetch,
    import as backup_import, list as backup_list, load, show as backup_show, status as backup_status,
    verify as backup_verify,
};
pub use backup_run::run as backup_run;
pub use check::check;
pub(super) use check::depth;
pub use config::{check as config_check, show as config_show};
pub use prune::{prune, unlock};
pub use restore::restore;
pub use scan::scan;
pub(super) use scan::{by_severity, confidence, distinct, looked_through, not_looked_through, until};
pub(super) use table::cut as shortened;

use super::Look;
use crate::report::{Checksum, ChecksumState, Integrity, KeyName, SourceFacts, Verdict, argument, printable};
use std::borrow::Cow;

/// A count with thousands separators: `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A place in the stream: `0x1f3a (7994)`.
pub fn offset(at: u64) -> String {
    format!("{at:#x} ({at})")
}

/// A count with its noun: `1 key`, `2 keys`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// `db 0 "user:42"`, or what is known of it.
pub(super) fn named(db: Option<u64>, key: Option<&KeyName>) -> String {
    match (db, key) {
        (Some(db), Some(key)) => format!("db {db} \"{}\"", key.escaped()),
        (None, Some(key)) => format!("\"{}\"", key.escaped()),
        (Some(db), None) => format!("db {db}"),
        (None, None) => String::new(),
    }
}

/// A part of a whole as a percentage without decimals; what is there is never 0 %.
pub(super) fn share(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0%".into();
    }
    let percent = u128::from(part) * 100 / u128::from(whole);
    if percent == 0 { "<1%".into() } else { format!("{percent}%") }
}

#[derive(Clone, Copy)]
pub(super) enum Paint {
    Good,
    Bad,
    Doubtful,
    Strong,
}

impl Look {
    /// The text, coloured where that is allowed. The meaning never hangs on it.
    pub(super) fn paint(&self, paint: Paint, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Good => "32",
            Paint::Bad => "31",
            Paint::Doubtful => "33",
            Paint::Strong => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// The columns that may be used.
    pub(super) fn columns(&self) -> usize {
        self.width.clamp(40, 200)
    }

    fn verdict(&self, verdict: Option<Verdict>) -> String {
        match verdict {
            Some(Verdict::Intact) => self.paint(Paint::Good, "intact"),
            Some(Verdict::Damaged) => self.paint(Paint::Bad, "damaged"),
            Some(Verdict::Truncated) => self.paint(Paint::Bad, "truncated"),
            Some(Verdict::Unsupported) => self.paint(Paint::Doubtful, "unsupported"),
            None => "nothing wrong seen".to_owned(),
        }
    }

    /// A time of a report in the reader's zone, to the second.
    pub(super) fn time<'a>(&self, rfc3339: &'a str) -> Cow<'a, str> {
        let Ok(moment) = rfc3339.parse::<jiff::Timestamp>() else { return printable(rfc3339) };
        let zoned = moment.to_zoned(self.zone.clone());
        let form = if self.zone == jiff::tz::TimeZone::UTC { "%Y-%m-%d %H:%M:%S UTC" } else { "%Y-%m-%d %H:%M:%S %:z" };
        zoned.strftime(form).to_string().into()
    }

    /// How long ago a time of a report was: `, 3 days ago`; nothing without a clock.
    pub(super) fn age(&self, rfc3339: &str) -> String {
        let moment = rfc3339.parse::<jiff::Timestamp>().ok();
        let Some((now, then)) = self.now.zip(moment) else { return String::new() };
        let seconds = now.0.saturating_sub(then.as_millisecond()) / 1000;
        let Ok(seconds) = u64::try_from(seconds) else { return ", in the future".into() };
        let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
        let (unit, noun) = units.into_iter().find(|(unit, _)| seconds >= 2 * unit).unwrap_or((1, "second"));
        format!(", {} ago", counted(seconds / unit, noun))
    }
}

/// One line about the checksum.
fn checksum(checksum: &Checksum) -> String {
    let stored = checksum.stored.as_deref().unwrap_or("?");
    let computed = checksum.computed.as_deref().unwrap_or("?");
    match checksum.state {
        ChecksumState::Verified => "checksum verified".into(),
        ChecksumState::Mismatch => format!("checksum mismatch: stored {stored}, computed {computed}"),
        ChecksumState::Disabled => "checksum disabled: the server wrote it with rdbchecksum no".into(),
        ChecksumState::Absent => "no checksum".into(),
    }
}

/// What raw bytes a source is: its hashes, one to a line.
fn hashes(facts: &SourceFacts) -> Vec<String> {
    let all = [("sha256", &facts.sha256), ("sha1", &facts.sha1), ("md5", &facts.md5)];
    all.into_iter().filter_map(|(name, hash)| Some(format!("  {name} {}", hash.as_ref()?))).collect()
}

/// `3 errors, 1 warning` among the problems that are listed.
fn tally(integrity: &Integrity) -> String {
    use crate::report::Severity::{Error, Note, Warning};
    let mut parts = Vec::new();
    for (severity, noun) in [(Error, "error"), (Warning, "warning"), (Note, "note")] {
        let number = integrity.problems.iter().filter(|problem| problem.severity == severity).count() as u64;
        if number > 0 {
            parts.push(counted(number, noun));
        }
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnixMs;

    #[test]
    fn numbers_for_people() {
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([share(0, 5), share(1, 1000), share(5, 10), share(5, 5)], ["0%", "<1%", "50%", "100%"]);
        assert_eq!(share(u64::MAX, u64::MAX), "100%");
        assert_eq!([counted(1, "key"), counted(2000, "key")], ["1 key", "2,000 keys"]);
    }

    #[test]
    fn times_and_ages() {
        let look = Look { now: Some(UnixMs(1_700_000_000_000)), ..Look::default() };
        assert_eq!(look.time("2023-11-14T22:13:20.000Z"), "2023-11-14 22:13:20 UTC");
        assert_eq!(look.age("2023-11-12T22:13:20.000Z"), ", 2 days ago");
        assert_eq!(look.age("2023-11-13T22:13:20.000Z"), ", 24 hours ago");
        assert_eq!(look.age("2023-11-14T22:13:19.000Z"), ", 1 second ago");
        assert_eq!(look.age("2033-11-14T22:13:19.000Z"), ", in the future");
        assert_eq!(Look::default().age("2023-11-12T22:13:20.000Z"), "");
    }
}
