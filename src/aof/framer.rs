//! Cuts a log into batches of whole commands: the only serial stage. It follows lengths, and of the commands it reads only
//! those that say where the others belong: SELECT, MULTI, EXEC, and annotations of time.

use super::resp::{self, Line};
use crate::base::UnixMs;
use crate::rdb::Found;

/// What a parser must know to begin in the middle of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Where the first byte stands in the uncompressed stream of its file.
    pub offset: u64,
    /// The line it begins, from 1.
    pub line: u64,
    /// The database that is selected, as far as is known.
    pub db: u64,
    /// Whether it is known; not after damage that may have taken a SELECT.
    pub db_known: bool,
    /// The last annotation of time.
    pub time: Option<UnixMs>,
    /// Where the open MULTI stands.
    pub transaction: Option<u64>,
    /// Whether something before it in the log could not be read: a server does not come this far.
    pub after_damage: bool,
}

impl Start {
    /// At the beginning of a log that stands at this place of its file.
    pub fn of_log(offset: u64, line: u64) -> Self {
        Self { offset, line, db: 0, db_known: true, time: None, transaction: None, after_damage: false }
    }
}

/// Follows the commands of one log.
pub struct Framer {
    /// What holds where the buffer begins.
    begin: Start,
    /// What holds at the last command that was followed to its end; its line is that of `begin`.
    now: Start,
    /// Where the command in progress began, in the buffer; none if that part of it is gone.
    record: Option<usize>,
    /// Offset and line of such a command.
    gone: (u64, u64),
    /// Up to here the buffer has been followed.
    at: usize,
    inside: Option<Inside>,
}

/// A command that has begun.
#[derive(Debug, Clone, Copy)]
struct Inside {
    arguments_left: u64,
    /// Bytes to pass over, with the line's end.
    skip: u64,
}

impl Framer {
    /// At `start`.
    pub fn new(start: Start) -> Self {
        Self { begin: start, now: start, record: Some(0), gone: (start.offset, start.line), at: 0, inside: None }
    }

    /// What a parser must know that begins with the buffer.
    pub fn start(&self) -> Start {
        self.begin
    }

    /// Whether the log ends well if it ends with this buffer: between commands or in an annotation, and outside a
    /// transaction.
    pub fn ends_well(&self, buffer: &[u8]) -> bool {
        let between = matches!(buffer.get(self.at), None | Some(b'#'));
        self.inside.is_none() && between && self.now.transaction.is_none()
    }

    /// Goes on in a buffer that begins with what was left over, more bytes having come. [`Found::Eof`] is not among
    /// the answers.
    pub fn follow(&mut self, buffer: &[u8]) -> Found {
        let mut cut = 0usize;
        loop {
            if self.inside.is_none() {
                cut = self.at;
                self.record = Some(self.at);
                match self.begin_command(buffer) {
                    Ok(true) => {}
                    Ok(false) => return whole_to(cut),
                    Err(()) => return Found::Broken(cut),
                }
                if self.inside.is_none() {
                    continue;
                }
            }
            match self.arguments(buffer) {
                Ok(true) => self.note(buffer),
                Ok(false) => return whole_to(cut),
                Err(()) => return Found::Broken(cut),
            }
        }
    }

    /// Up to here the buffer has been followed.
    pub fn followed(&self) -> usize {
        self.at
    }

    /// Says that these bytes, the beginning of the buffer, are gone.
    pub fn moved(&mut self, gone: &[u8]) {
        let lines = memchr::memchr_iter(b'\n', gone).count() as u64;
        if let Some(record) = self.record.filter(|record| *record < gone.len()) {
            self.gone = self.place_of(gone, record);
        }
        self.record = self.record.and_then(|record| record.checked_sub(gone.len()));
        self.at = self.at.saturating_sub(gone.len());
        let (offset, line) = (self.begin.offset, self.begin.line);
        self.begin = self.now;
        self.begin.offset = offset.saturating_add(gone.len() as u64);
        self.begin.line = line.saturating_add(lines);
    }

    /// Offset and line of a place in the buffer.
    fn place_of(&self, buffer: &[u8], at: usize) -> (u64, u64) {
        let before = buffer.get(..at).unwrap_or(buffer);
        let lines = memchr::memchr_iter(b'\n', before).count() as u64;
        (self.begin.offset.saturating_add(at as u64), self.begin.line.saturating_add(lines))
    }

    /// Where the command stands that could not be followed, or at which the input ended, with what held there; and its
    /// place in the buffer, if it begins there.
    pub fn stopped(&self, buffer: &[u8]) -> (Start, Option<usize>) {
        let (offset, line) = self.record.map_or(self.gone, |record| self.place_of(buffer, record));
        (Start { offset, line, ..self.now }, self.record)
    }

    /// The first line of a command, or an annotation. False if the buffer ends inside it.
    #[inline]
    fn begin_command(&mut self, buffer: &[u8]) -> Result<bool, ()> {
        let rest = buffer.get(self.at..).unwrap_or_default();
        if rest.first() == Some(&b'#') {
            let Some(line) = annotation(rest) else { return Ok(false) };
            if let Some(time) = annotated_time(line) {
                self.now.time = Some(time);
            }
            self.at = self.at.saturating_add(line.len());
            return Ok(true);
        }
        match resp::line(rest, b'*') {
            Ok(Line::Number { value: 0, .. }) | Err(_) => Err(()),
            Ok(Line::More) => Ok(false),
            Ok(Line::Number { value, used, .. }) => {
                self.at = self.at.saturating_add(used);
                self.inside = Some(Inside { arguments_left: value, skip: 0 });
                Ok(true)
            }
        }
    }

    /// The arguments as far as the buffer goes: true at the command's end.
    #[inline]
    fn arguments(&mut self, buffer: &[u8]) -> Result<bool, ()> {
        let Some(mut inside) = self.inside else { return Ok(true) };
        let outcome = loop {
            if inside.skip > 0 {
                let have = buffer.len().saturating_sub(self.at);
                let step = usize::try_from(inside.skip).map_or(have, |skip| skip.min(have));
                self.at = self.at.saturating_add(step);
                inside.skip = inside.skip.saturating_sub(step as u64);
                if inside.skip > 0 {
                    break Ok(false);
                }
            }
            if inside.arguments_left == 0 {
                self.inside = None;
                return Ok(true);
            }
            match resp::line(buffer.get(self.at..).unwrap_or_default(), b'$') {
                Ok(Line::Number { value, used, .. }) => {
                    self.at = self.at.saturating_add(used);
                    inside.arguments_left = inside.arguments_left.saturating_sub(1);
                    inside.skip = value.saturating_add(2);
                }
                Ok(Line::More) => break Ok(false),
                Err(_) => break Err(()),
            }
        };
        self.inside = Some(inside);
        outcome
    }

    /// What a command changes for those after it.
    #[inline]
    fn note(&mut self, buffer: &[u8]) {
        let Some(record) = self.record else { return };
        let command = buffer.get(record..self.at).unwrap_or_default();
        // `*2\r\n$6\r\nSELECT\r\n$10\r\n2147483647\r\n` is the longest of them.
        let is_one =
            matches!(command, [b'*', b'1' | b'2', _, _, _, _, _, _, b'S' | b's' | b'M' | b'm' | b'E' | b'e', ..]);
        if !is_one || command.len() > 48 {
            return;
        }
        let mut spans = Vec::with_capacity(2);
        if resp::command(command, &mut spans).is_err() {
            return;
        }
        let arg = |index: usize| {
            let span = spans.get(index)?;
            command.get(span.at..span.at.saturating_add(span.held))
        };
        match arg(0).map(<[u8]>::to_ascii_lowercase).as_deref() {
            Some(b"select") => {
                if let Some(db) = arg(1).and_then(database) {
                    self.now.db = db;
                    self.now.db_known = true;
                }
            }
            Some(b"multi") => self.now.transaction = Some(self.begin.offset.saturating_add(record as u64)),
            Some(b"exec") => self.now.transaction = None,
            _ => {}
        }
    }
}

fn whole_to(cut: usize) -> Found {
    if cut == 0 { Found::Nothing } else { Found::Records(cut) }
}

/// The annotation that bytes begin with: a line, or as much of a longer one as a server reads at once. None if its end
/// has not come.
#[inline]
pub fn annotation(bytes: &[u8]) -> Option<&[u8]> {
    let most = bytes.get(..resp::LONGEST_LINE);
    match memchr::memchr(b'\n', most.unwrap_or(bytes)) {
        Some(end) => bytes.get(..=end),
        None => most,
    }
}

/// The number that SELECT names.
pub(super) fn database(argument: &[u8]) -> Option<u64> {
    std::str::from_utf8(argument).ok()?.parse::<u32>().ok().filter(|db| i32::try_from(*db).is_ok()).map(u64::from)
}

/// The moment of `#TS:1795380560\r\n`.
pub(super) fn annotated_time(line: &[u8]) -> Option<UnixMs> {
    let seconds = std::str::from_utf8(line.strip_prefix(b"#TS:")?.trim_ascii_end()).ok()?;
    seconds.parse::<i64>().ok()?.checked_mul(1000).map(UnixMs)
}
