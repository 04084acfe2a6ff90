//! Lines of a server's log to rows.

use crate::analysis::server_log::{Line, read};
use crate::base::{Cancel, Result, UnixMs};
use crate::report::{Certainty, ClockKind, Moment, TimelineRow, escape};
use crate::source::Stream;
use jiff::tz::TimeZone;
use std::sync::Arc;

/// Of a message this much is shown.
const MESSAGE_BYTES: usize = 4 << 10;
/// Zones are at most so far from UTC, to the east and to the west.
const ZONES: (i64, i64) = (14 * 3_600_000, 12 * 3_600_000);

/// Gives a row for every line.
pub(super) fn rows(
    stream: &mut Stream,
    zone: Option<&TimeZone>,
    cancel: &Cancel,
    row: &mut dyn FnMut(TimelineRow) -> Result<()>,
) -> Result<()> {
    let source: Arc<str> = stream.name().into();
    read(stream, cancel, &mut |line| row(made(&source, line, zone)))
}

fn made(source: &Arc<str>, line: &Line<'_>, zone: Option<&TimeZone>) -> TimelineRow {
    let mut row = TimelineRow::new(source, None, "Line of a server's log");
    if let Some((at, assumed)) = line.time.as_ref().and_then(|time| time.at(zone)) {
        row = row.at(at, if assumed { Certainty::Inferred } else { Certainty::Observed });
        if assumed {
            row.not_before = Some(Moment(UnixMs(at.0.saturating_sub(ZONES.0))));
            row.not_after = Some(Moment(UnixMs(at.0.saturating_add(ZONES.1))));
            (row.not_before_from, row.not_after_from) = (Some(ClockKind::Zone), Some(ClockKind::Zone));
        }
    }
    row.offset = Some(line.offset);
    row.line = Some(line.number);
    row.level = line.level;
    let message = line.message;
    row.message = escape(message.get(..MESSAGE_BYTES).unwrap_or(message));
    if message.len() > MESSAGE_BYTES {
        row.message.push('…');
    }
    row
}
