//! Cuts a log into batches of whole commands: the only serial stage. It follows lengths, and of the commands it reads only
//! those that say where the others belong: SELECT, MULTI, EXEC, and annotations of time.

use super::resp::{self, Line};
use crate::base::UnixMs;
use crate::keyspace::command::integer;
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

    /// Takes note of what a command changes for those after it: one of this kind, which begins at `offset`, with `count`
    /// arguments of which the second names this database. Framer and parser both ask here: what holds must not depend on
    /// where a batch begins.
    #[inline]
    pub(super) fn note(&mut self, kind: Kind, offset: u64, count: u64, db: Option<u64>) {
        match kind {
            Kind::Other => {}
            Kind::Select => {
                self.db = db.unwrap_or(self.db);
                // A server stays where it is; but nobody writes that, so it was damaged, and named another database.
                self.db_known = db.is_some();
            }
            Kind::NearlySelect => self.db_known &= count != 2,
            Kind::Multi => self.transaction = Some(offset),
            Kind::Exec => self.transaction = None,
        }
    }
}

/// What a command is for those after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Other,
    Select,
    /// SELECT with one byte changed. No server has a command of such a name.
    NearlySelect,
    Multi,
    Exec,
}

impl Kind {
    /// By its name.
    #[inline]
    pub(super) fn of(name: &[u8]) -> Self {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"exec") => Kind::Exec,
            5 if name.eq_ignore_ascii_case(b"multi") => Kind::Multi,
            6 => match name.iter().zip(b"select").filter(|(own, known)| !own.eq_ignore_ascii_case(known)).count() {
                0 => Kind::Select,
                1 => Kind::NearlySelect,
                _ => Kind::Other,
            },
            _ => Kind::Other,
        }
    }
}

/// Digits of the largest number of a database.
const MOST_DIGITS: u64 = 10;

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
    look: Look,
}

/// A command that has begun.
#[derive(Debug, Clone, Copy)]
struct Inside {
    arguments_left: u64,
    /// Bytes to pass over, with the line's end.
    skip: u64,
}

/// What is looked at of a command.
#[derive(Debug, Clone, Copy)]
struct Look {
    count: u64,
    kind: Kind,
    /// The database that its second argument names.
    db: Option<u64>,
}

impl Framer {
    /// At `start`.
    pub fn new(start: Start) -> Self {
        Self {
            begin: start,
            now: start,
            record: Some(0),
            gone: (start.offset, start.line),
            at: 0,
            inside: None,
            look: Look { count: 0, kind: Kind::Other, db: None },
        }
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
                Ok(true) => {}
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
                self.look = Look { count: value, kind: Kind::Other, db: None };
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
                if self.look.kind != Kind::Other {
                    let begin = self.begin.offset;
                    let offset = self.record.map_or(self.gone.0, |record| begin.saturating_add(record as u64));
                    self.now.note(self.look.kind, offset, self.look.count, self.look.db);
                }
                return Ok(true);
            }
            match resp::line(buffer.get(self.at..).unwrap_or_default(), b'$') {
                Ok(Line::Number { value, used, .. }) => {
                    if inside.arguments_left == self.look.count {
                        if matches!(value, 4..=6) {
                            let Some(word) = self.word(buffer, used, value) else { break Ok(false) };
                            self.look.kind = Kind::of(word);
                        }
                    } else if self.look.kind == Kind::Select
                        && inside.arguments_left.saturating_add(1) == self.look.count
                        && value <= MOST_DIGITS
                    {
                        let Some(word) = self.word(buffer, used, value) else { break Ok(false) };
                        self.look.db = database(word);
                    }
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

    /// The argument after the line that is next, if all of it is there.
    #[inline]
    fn word<'b>(&self, buffer: &'b [u8], line: usize, length: u64) -> Option<&'b [u8]> {
        let begin = self.at.checked_add(line)?;
        buffer.get(begin..begin.checked_add(usize::try_from(length).ok()?)?)
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

/// The number that SELECT names, as servers take one.
pub fn database(argument: &[u8]) -> Option<u64> {
    integer(argument).filter(|db| i32::try_from(*db).is_ok()).and_then(|db| u64::try_from(db).ok())
}

/// The moment of `#TS:1795380560\r\n`.
pub(super) fn annotated_time(line: &[u8]) -> Option<UnixMs> {
    let seconds = std::str::from_utf8(line.strip_prefix(b"#TS:")?.trim_ascii_end()).ok()?;
    seconds.parse::<i64>().ok()?.checked_mul(1000).map(UnixMs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::command::Spec;

    #[test]
    fn no_command_is_nearly_select() {
        let near = Spec::all().iter().filter(|spec| Kind::of(spec.name.as_bytes()) == Kind::NearlySelect);
        assert_eq!(near.map(|spec| spec.name).collect::<Vec<_>>(), Vec::<&str>::new());
    }
}
