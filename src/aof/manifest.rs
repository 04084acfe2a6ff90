//! The manifest of an append-only file in parts: which files, in which order.
//!
//! ```text
//! #anything
//! file appendonly.aof.2.base.rdb seq 2 type b
//! file appendonly.aof.7.incr.aof seq 7 type i startoffset 101
//! file appendonly.aof.6.incr.aof seq 6 type h
//! ```
//! Source: Redis 7.0.15, 7.4.1, 8.0.6 and 8.6.3, Valkey 8.1.1 and 9.1.2, which a test starts on every defect named here.
//!
//! A line is read as those servers read it: at most 1024 bytes with the line feed that ends it, of a comment too; pairs of
//! words in any order, their keys in any case, unknown ones ignored, the last of two winning.

use crate::aof::words::{Word, Words, write_word};
use crate::base::Flaw;
use crate::base::flaw::quote;
use std::fmt;

/// The most bytes of a line, its line feed included.
pub const LINE_BYTES: usize = 1024;

/// The most flaws that are listed; of a file with more, the rest is not looked at.
pub const FLAWS: usize = 1000;

/// What a part is to its set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The state that the others start from; at most one.
    Base,
    /// What was written after it.
    Incr,
    /// Replaced by a newer base: servers load it no more, and delete it at their next start.
    History,
}

impl Role {
    /// Its letter in a manifest.
    pub fn letter(self) -> char {
        match self {
            Role::Base => 'b',
            Role::Incr => 'i',
            Role::History => 'h',
        }
    }

    fn of(word: &[u8]) -> Option<Self> {
        match word.first()? {
            b'b' => Some(Role::Base),
            b'i' => Some(Role::Incr),
            b'h' => Some(Role::History),
            _ => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Base => "base",
            Role::Incr => "incr",
            Role::History => "history",
        })
    }
}

/// One part, as its line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name of the file, never a path: no `/`, no `\`, neither empty nor `.` nor `..`.
    pub file: Vec<u8>,
    /// Its number, which servers make one higher with every file.
    pub seq: i64,
    /// What it is.
    pub role: Role,
    /// The replication offset at its start, which Redis 8 writes.
    pub start_offset: Option<i64>,
    /// The replication offset at its end, where it was ended in order.
    pub end_offset: Option<i64>,
    /// The line it stands on, from 1.
    pub line: u64,
}

/// Who refuses to start because of a flaw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Nobody.
    Never,
    /// All but Valkey 9.1, which reads it.
    ByMost,
    /// Every server.
    ByAll,
}

/// What is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestFlaw {
    /// What, and how many bytes into the file.
    pub flaw: Flaw,
    /// On which line, from 1; 0 if it is about the whole file.
    pub line: u64,
    /// Who does not start for it.
    pub refused: Refused,
}

impl ManifestFlaw {
    /// Whether every server refuses to start for it.
    pub fn fatal(&self) -> bool {
        self.refused == Refused::ByAll
    }
}

impl fmt::Display for ManifestFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        self.flaw.fmt(f)
    }
}

/// The parts of a set, in the order of the lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// One for each line that names a file.
    pub entries: Vec<Entry>,
}

impl Manifest {
    /// What can be read of a manifest, and what is wrong with it.
    ///
    /// An entry is left out where its file or role is not known, or its name leads out of the folder. Where a server gives
    /// up at the first fatal flaw, this reads on.
    pub fn parse(bytes: &[u8]) -> (Self, Vec<ManifestFlaw>) {
        let mut reader = Reader::default();
        reader.read(bytes);
        (Self { entries: reader.entries }, reader.flaws)
    }

    /// The text as servers write it. It reads back the same, save for the numbers of the lines.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for entry in &self.entries {
            text.extend_from_slice(b"file ");
            write_word(&mut text, &entry.file);
            text.extend_from_slice(format!(" seq {} type {}", entry.seq, entry.role.letter()).as_bytes());
            for (key, offset) in [("startoffset", entry.start_offset), ("endoffset", entry.end_offset)] {
                if let Some(offset) = offset {
                    text.extend_from_slice(format!(" {key} {offset}").as_bytes());
                }
            }
            text.push(b'\n');
        }
        text
    }

    /// The base; of several, which no server takes, the first.
    pub fn base(&self) -> Option<&Entry> {
        self.with(Role::Base).next()
    }

    /// What was written after the base, in order.
    pub fn incrs(&self) -> impl Iterator<Item = &Entry> {
        self.with(Role::Incr)
    }

    /// What was replaced and not deleted yet.
    pub fn history(&self) -> impl Iterator<Item = &Entry> {
        self.with(Role::History)
    }

    /// What a server reads, in its order: the base, wherever its line stands, then the others line by line.
    pub fn load_order(&self) -> impl Iterator<Item = &Entry> {
        self.base().into_iter().chain(self.incrs())
    }

    fn with(&self, role: Role) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.role == role)
    }
}

/// Where a reading stands.
#[derive(Default)]
struct Reader {
    entries: Vec<Entry>,
    flaws: Vec<ManifestFlaw>,
    line: u64,
    based: bool,
    /// The highest number of an incr so far.
    highest: i64,
}

impl Reader {
    fn read(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.whole("manifest-empty", Refused::ByAll, "at least one line", "an empty file");
            return;
        }
        let mut rest = bytes;
        let mut at = 0_u64;
        let mut begins = true;
        while !rest.is_empty() {
            if self.flaws.len() >= FLAWS {
                self.wrong("manifest-flaws", at, Refused::Never, "fewer than 1000 flaws", "that many up to here");
                return;
            }
            self.line = self.line.saturating_add(u64::from(begins));
            let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end.saturating_add(1));
            let comment = rest.first() == Some(&b'#');
            // Servers fetch so much at a time: what is left of a longer comment is a line to them.
            let taken = if comment { length.min(LINE_BYTES) } else { length };
            let (line, after) = rest.split_at_checked(taken).unwrap_or((rest, &[]));
            if !comment {
                self.line(line, at);
            }
            begins = line.last() == Some(&b'\n');
            at = at.saturating_add(line.len() as u64);
            rest = after;
        }
        if self.entries.iter().all(|entry| entry.role == Role::History) && self.flaws.is_empty() {
            self.whole("manifest-no-parts", Refused::Never, "a base or an incr", "none");
        } else if !self.based && !self.flaws.iter().any(ManifestFlaw::fatal) {
            self.whole("manifest-no-base", Refused::Never, "a base", "none");
        }
    }

    fn line(&mut self, line: &[u8], at: u64) {
        let mut text = line;
        if line.len() > LINE_BYTES {
            let found = format!("{} bytes", line.len());
            self.wrong("manifest-line-long", at, Refused::ByAll, "1024 bytes or less", found);
        } else if let Some(nul) = memchr::memchr(0, line) {
            self.wrong("manifest-nul", at.saturating_add(nul as u64), Refused::ByAll, "text", "a NUL byte");
            text = line.get(..nul).unwrap_or_default();
        } else if !line.ends_with(b"\n") {
            self.wrong("manifest-line-open", at, Refused::ByAll, "a line feed at the end", quote(line));
        }
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let indent = text.iter().take_while(|byte| blank(byte)).count();
        let end = text.len().saturating_sub(text.iter().rev().take_while(|byte| blank(byte)).count());
        let Some(trimmed) = text.get(indent..end).filter(|trimmed| !trimmed.is_empty()) else {
            if text.len() == line.len() {
                self.wrong("manifest-line-blank", at, Refused::ByAll, "words", "a blank line");
            }
            return;
        };
        let mut words = Words::new(trimmed, at.saturating_add(indent as u64));
        let found: Vec<Word> = words.by_ref().collect();
        if let Some(open) = words.open() {
            self.wrong("manifest-quotes", open, Refused::ByAll, "a closing quote", quote(trimmed));
            return;
        }
        if let Some(joined) = found.iter().find(|word| word.joined) {
            self.wrong("manifest-quotes-joined", joined.at, Refused::ByMost, "a space after a quote", quote(trimmed));
        }
        if found.len() < 6 || found.len() % 2 == 1 {
            let words = if found.len() == 1 { "word" } else { "words" };
            self.wrong(
                "manifest-words",
                at,
                Refused::ByAll,
                "an even number of words, six at least",
                format!("{} {words}", found.len()),
            );
        }
        self.entry(&found, at);
    }

    fn entry(&mut self, words: &[Word], at: u64) {
        let (mut file, mut seq, mut role) = (None, None, None);
        let (mut start_offset, mut end_offset) = (None, None);
        let mut led_out = false;
        for pair in words.chunks_exact(2) {
            let [key, value] = pair else { continue };
            let slot = match key.text.to_ascii_lowercase().as_slice() {
                b"file" => {
                    led_out |= self.leads_out(value);
                    &mut file
                }
                b"seq" => &mut seq,
                b"type" => &mut role,
                b"startoffset" => &mut start_offset,
                b"endoffset" => &mut end_offset,
                _ => {
                    let expected = "file, seq, type, startoffset or endoffset";
                    self.wrong("manifest-key", key.at, Refused::Never, expected, quote(&key.text));
                    continue;
                }
            };
            if slot.replace(value).is_some() {
                self.wrong("manifest-key-twice", key.at, Refused::Never, "each key once", quote(&key.text));
            }
        }
        for (missing, name) in [(file.is_none(), "file"), (seq.is_none(), "seq"), (role.is_none(), "type")] {
            if missing {
                self.wrong("manifest-key-missing", at, Refused::ByAll, format!("the key `{name}`"), "none");
            }
        }
        let seq = seq.map(|word| (word, self.number(word)));
        let start_offset = start_offset.map(|word| self.number(word));
        let end_offset = end_offset.map(|word| self.number(word));
        let role = role.and_then(|word| {
            let role = Role::of(&word.text);
            if role.is_none() {
                self.wrong("manifest-type", word.at, Refused::ByAll, "b, i or h", quote(&word.text));
            }
            role
        });
        if let Some((word, 0)) = seq {
            self.wrong("manifest-seq", word.at, Refused::ByAll, "a number that is not 0", quote(&word.text));
        }
        let (Some(file), Some(role), false) = (file, role, led_out) else { return };
        if matches!(file.text.as_slice(), b"" | b"." | b"..") {
            // A folder. It is not opened where it is history.
            let refused = if role == Role::History { Refused::Never } else { Refused::ByAll };
            self.wrong("manifest-file", file.at, refused, "the name of a file", quote(&file.text));
            return;
        }
        self.order(role, seq, file, at);
        let entry = Entry {
            file: file.text.clone(),
            seq: seq.map_or(0, |(_, number)| number),
            role,
            start_offset,
            end_offset,
            line: self.line,
        };
        self.entries.push(entry);
    }

    /// What an entry has to be after those before it.
    fn order(&mut self, role: Role, seq: Option<(&Word, i64)>, file: &Word, at: u64) {
        match role {
            Role::Base if self.based => {
                self.wrong("manifest-base-twice", at, Refused::ByAll, "one base", quote(&file.text));
            }
            Role::Base => self.based = true,
            Role::Incr => {
                if let Some((word, number)) = seq.filter(|(_, number)| *number != 0) {
                    self.incr_order(word, number);
                }
            }
            Role::History => {}
        }
        let loaded = |entry: &Entry| entry.role != Role::History && entry.file == file.text;
        if role != Role::History && self.entries.iter().any(loaded) {
            self.wrong("manifest-file-twice", file.at, Refused::Never, "each file once", quote(&file.text));
        }
    }

    fn incr_order(&mut self, word: &Word, number: i64) {
        let highest = self.highest;
        let next = highest.saturating_add(1);
        if number <= highest {
            let expected = format!("more than {highest}");
            self.wrong("manifest-seq-order", word.at, Refused::ByAll, expected, number.to_string());
            return;
        }
        if highest > 0 && number != next {
            self.wrong("manifest-seq-gap", word.at, Refused::Never, next.to_string(), number.to_string());
        }
        self.highest = number;
    }

    fn leads_out(&mut self, file: &Word) -> bool {
        let path = file.text.iter().any(|byte| matches!(byte, b'/' | b'\\'));
        if path {
            self.wrong("manifest-file-path", file.at, Refused::ByAll, "a name, not a path", quote(&file.text));
        }
        path
    }

    /// A number as C reads one: blanks, a sign, digits, and whatever follows is passed over.
    fn number(&mut self, word: &Word) -> i64 {
        let text = word.text.trim_ascii_start();
        let (minus, digits) = match text.split_first() {
            Some((b'-', rest)) => (true, rest),
            Some((b'+', rest)) => (false, rest),
            _ => (false, text),
        };
        let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, after) = digits.split_at_checked(length).unwrap_or((digits, &[]));
        let mut wide = 0_i128;
        for digit in digits {
            wide = wide.saturating_mul(10).saturating_add(i128::from(digit.wrapping_sub(b'0')));
        }
        let wide = if minus { wide.saturating_neg() } else { wide };
        let number = i64::try_from(wide).unwrap_or(if minus { i64::MIN } else { i64::MAX });
        if !after.is_empty() || digits.is_empty() || i128::from(number) != wide {
            let expected = "a whole number of 64 bits";
            self.wrong("manifest-number", word.at, Refused::Never, expected, quote(&word.text));
        }
        number
    }

    fn wrong(
        &mut self,
        kind: &'static str,
        at: u64,
        refused: Refused,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) {
        let flaw = Flaw::new(kind, "manifest", at, expected, found);
        self.flaws.push(ManifestFlaw { flaw, line: self.line, refused });
    }

    fn whole(&mut self, kind: &'static str, refused: Refused, expected: &str, found: &str) {
        self.line = 0;
        self.wrong(kind, 0, refused, expected, found);
    }
}

#[cfg(test)]
mod tests;
