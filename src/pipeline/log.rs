//! The serial stage of a log: batches of whole commands, and after damage the next command that is one beyond doubt.

use super::engine::{Dispatch, End, Portion, Start, Task};
use super::feed::{Buffer, Feed};
use super::scope::{Ended, Skipped, Tally};
use crate::aof::{self, Framer, Resync, resync};
use crate::base::Result;
use crate::rdb::Found;
use crate::source::Again;

/// How often an input is opened again after a length that swallows the rest of it.
const MOST_REOPENED: u32 = 32;
/// How often reading goes on: what is damaged more often was made so, to take time.
const MOST_DAMAGES: u32 = 100_000;
/// Lines of comment before the first command of a log that nothing else says is one: the side file of a repair has one.
const MOST_COMMENTS: usize = 8;
/// Stretches of damage that are kept with their place.
const MOST_SKIPPED: usize = 10_000;

/// Whether bytes begin as a log does: with a command, a time, or a command behind a few lines of comment.
pub(super) fn is_log(mut bytes: &[u8]) -> bool {
    for _ in 0..MOST_COMMENTS {
        match bytes {
            [b'*', b'0'..=b'9', ..] | [b'#', b'T', b'S', b':', ..] => return true,
            [b'#', ..] => bytes = aof::annotation(bytes).and_then(|line| bytes.get(line.len()..)).unwrap_or_default(),
            _ => break,
        }
    }
    false
}

/// Whether bytes begin as a preamble does: servers look at no more than this.
pub(super) fn begins_as_rdb(bytes: &[u8]) -> bool {
    bytes.starts_with(b"REDIS") || bytes.starts_with(b"VALKEY")
}

/// Where a stretch of commands ends.
struct Stop {
    /// What holds at the command that cannot be followed, or at the end.
    at: aof::Start,
    ended: Ended,
    /// The bytes from there on, if they are still held.
    rest: Option<Vec<u8>>,
}

/// From the beginning of a log to the end of the input.
pub(super) fn frame_log<T: Task>(
    feed: &mut Feed<'_>,
    mut start: aof::Start,
    mut buffer: Buffer,
    again: Option<&Again>,
    to: &mut impl Dispatch<T>,
    tally: &mut Tally,
) -> Result<()> {
    tally.log_at = Some(start.offset);
    let (mut damages, mut reopened) = (0u32, 0u32);
    loop {
        let stop = stretch(feed, start, buffer, to)?;
        tally.ended = stop.ended;
        if stop.ended == Ended::Complete {
            return end(feed, tally, None);
        }
        let from = stop.at.offset;
        damages = damages.saturating_add(1);
        if let Some(rest) = stop.rest {
            feed.unread(rest);
        } else {
            // A length that swallows all that follows, or most of it. The first reader goes to its end, for the hashes.
            if reopened == 0 {
                end(feed, tally, Some(from))?;
            }
            reopened = reopened.saturating_add(1);
            let Some(reader) = again.filter(|_| reopened <= MOST_REOPENED) else { return Ok(()) };
            feed.replace(reader.open_at(from)?, from);
        }
        if damages > MOST_DAMAGES {
            return end(feed, tally, Some(from));
        }
        let cancel = feed.cancel;
        let found = resync(feed, stop.ended == Ended::Truncated, cancel)?;
        if !found.found {
            return end(feed, tally, Some(from));
        }
        let resumed = from.saturating_add(found.skipped);
        if tally.skipped.len() < MOST_SKIPPED {
            tally.skipped.push(Skipped { from, to: resumed });
        }
        tally.skipped_bytes = tally.skipped_bytes.saturating_add(found.skipped);
        start = after(&stop.at, &found, resumed);
        feed.unread(found.rest);
        buffer = feed.buffer(to.buffer());
        feed.fill(&mut buffer)?;
    }
}

/// Reads the rest, of which no command can be read: from here on, if that is not the end.
fn end(feed: &mut Feed<'_>, tally: &mut Tally, unreadable: Option<u64>) -> Result<()> {
    feed.drain(tally)?;
    // A file that shrinks is as long as it was.
    tally.bytes = tally.bytes.max(feed.total());
    tally.unreadable_end = unreadable.filter(|from| *from < tally.bytes);
    Ok(())
}

/// What is known of the place where reading goes on.
fn after(stop: &aof::Start, passed: &Resync, offset: u64) -> aof::Start {
    aof::Start {
        offset,
        line: stop.line.saturating_add(passed.lines),
        db_known: stop.db_known && !passed.may_hide_select,
        after_damage: true,
        ..*stop
    }
}

/// Batches up to the end of the input, or to a command that cannot be followed.
fn stretch<T: Task>(
    feed: &mut Feed<'_>,
    start: aof::Start,
    mut buffer: Buffer,
    to: &mut impl Dispatch<T>,
) -> Result<Stop> {
    let mut framer = Framer::new(start);
    loop {
        let begin = framer.start();
        let found = framer.follow(buffer.bytes());
        let (cut, end) = match found {
            Found::Records(cut) if !feed.ended => (cut, End::Goes),
            Found::Nothing if !feed.ended => (framer.followed(), End::Continued),
            Found::Records(_) | Found::Nothing if framer.ends_well(buffer.bytes()) => (buffer.filled, End::Goes),
            _ => (buffer.filled, End::Broken),
        };
        if feed.ended && end != End::Continued {
            let ended = match (end, found) {
                (End::Goes, _) => Ended::Complete,
                (_, Found::Broken(_)) => Ended::Broken,
                _ => Ended::Truncated,
            };
            return stop(&framer, ended, (begin, buffer), to);
        }
        if end == End::Broken {
            return stop(&framer, Ended::Broken, (begin, buffer), to);
        }
        let mut rest = feed.buffer(to.buffer());
        rest.set(buffer.bytes().get(cut..).unwrap_or_default());
        framer.moved(buffer.bytes().get(..cut).unwrap_or_default());
        if cut > 0 {
            to.send(|| Start::Commands(begin), Portion { buffer: buffer.all, length: cut, end })?;
        }
        buffer = rest;
        feed.fill(&mut buffer)?;
    }
}

/// Sends what is left of a stretch, and says where it ended.
fn stop<T: Task>(
    framer: &Framer,
    ended: Ended,
    (begin, buffer): (aof::Start, Buffer),
    to: &mut impl Dispatch<T>,
) -> Result<Stop> {
    let bytes = buffer.bytes();
    let (at, place) = framer.stopped(bytes);
    let rest = place.and_then(|place| bytes.get(place..)).map(<[u8]>::to_vec);
    let end = if ended == Ended::Complete { End::Goes } else { End::Broken };
    if buffer.filled > 0 || end == End::Broken {
        let length = buffer.filled;
        to.send(|| Start::Commands(begin), Portion { buffer: buffer.all, length, end })?;
    }
    Ok(Stop { at, ended, rest })
}
