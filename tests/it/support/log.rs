//! Append-only files made by hand, and the commands that are read of one.

use super::dumps::How;
use rediscover::base::UnixMs;
use rediscover::keyspace::command::Spec;
use rediscover::keyspace::{ArgSpan, Args};
use rediscover::pipeline::{RowSource, Selection, rows};
use rediscover::rdb::{Depth, Head, Item};
use rediscover::source::Stream;

/// A command as servers write it.
pub(crate) fn command<W: AsRef<[u8]>>(words: &[W]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words.iter().map(AsRef::as_ref) {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// A command whose words have no blanks in them.
pub(crate) fn line(text: &str) -> Vec<u8> {
    command(&text.split(' ').collect::<Vec<_>>())
}

/// One command as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) offset: u64,
    pub(crate) line: u64,
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
    pub(crate) db: Option<u64>,
    pub(crate) time: Option<UnixMs>,
    pub(crate) transaction: Option<u64>,
    pub(crate) after_damage: bool,
    /// How many arguments it has with its name.
    pub(crate) count: u64,
    /// Those that are held, each with its full length.
    pub(crate) args: Vec<(Vec<u8>, u64)>,
    pub(crate) name: Option<&'static str>,
}

impl Row {
    /// Its arguments, all of which must be held.
    pub(crate) fn words(&self) -> Vec<&[u8]> {
        assert_eq!(self.count, self.args.len() as u64, "{}", self.offset);
        let whole = |(bytes, length): &'_ (Vec<u8>, u64)| bytes.len() as u64 == *length;
        assert!(self.args.iter().all(whole), "{}", self.offset);
        self.args.iter().map(|(bytes, _)| bytes.as_slice()).collect()
    }
}

/// Every command of a stream, in the order of the file.
pub(crate) fn read(stream: &mut Stream, how: How) -> Vec<Row> {
    let mut all = Vec::new();
    let mut deliver = |rows: Vec<Row>| {
        all.extend(rows);
        Ok(())
    };
    let selection = Selection::default();
    rows(stream, |_, _| Reading::default(), &selection, &how.options(), &mut deliver).expect("it can be read");
    all
}

#[derive(Default)]
struct Reading(Vec<Row>);

impl RowSource for Reading {
    type Rows = Vec<Row>;

    fn wants_writes(&self) -> bool {
        false
    }

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Keys
    }

    fn observe(&mut self, item: &Item<'_>) {
        let Item::Command(command) = item else { return };
        self.0.push(Row {
            offset: command.offset,
            line: command.line,
            bytes: command.bytes,
            lines: command.lines,
            db: command.db,
            time: command.time,
            transaction: command.transaction,
            after_damage: command.after_damage,
            count: command.args.count(),
            args: command.args.iter().map(|arg| (arg.head.to_vec(), arg.len)).collect(),
            name: command.spec.map(|spec| spec.name),
        });
    }

    fn take(&mut self) -> Vec<Row> {
        std::mem::take(&mut self.0)
    }
}

/// The arguments of the command that bytes begin with, and its length: by a second reader, which takes nothing but what
/// servers write.
pub(crate) fn strict(bytes: &[u8]) -> Option<(Vec<ArgSpan>, usize)> {
    fn number(bytes: &[u8], at: &mut usize, mark: u8) -> Option<usize> {
        let rest = bytes.get(*at..)?;
        let end = rest.windows(2).take(14).position(|pair| pair == b"\r\n")?;
        *at += end + 2;
        let digits = rest[..end].strip_prefix(&[mark])?;
        let number = digits.iter().all(u8::is_ascii_digit).then(|| str::from_utf8(digits).ok())??;
        number.parse().ok()
    }
    let mut at = 0;
    let count = number(bytes, &mut at, b'*').filter(|count| *count > 0)?;
    let mut spans = Vec::new();
    for _ in 0..count {
        let len = number(bytes, &mut at, b'$')?;
        bytes.get(at + len..)?.strip_prefix(b"\r\n")?;
        spans.push(ArgSpan { at, held: len, len: len as u64 });
        at += len + 2;
    }
    Some((spans, at))
}

/// Whether these bytes are a sound log: commands that servers know, as they write them, and annotations.
pub(crate) fn is_sound(bytes: &[u8]) -> bool {
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest[0] == b'#' {
            let Some(end) = rest.iter().take(1023).position(|byte| *byte == b'\n') else { return false };
            at += end + 1;
            continue;
        }
        let Some((spans, used)) = strict(rest) else { return false };
        let args = Args::new(rest, &spans, spans.len() as u64);
        if !Spec::lookup(&args).is_some_and(|spec| spec.takes(args.count())) {
            return false;
        }
        at += used;
    }
    true
}

/// The bytes of a command that are no argument: its lines and their ends.
pub(crate) fn framing(command: &[u8]) -> Vec<usize> {
    let (spans, used) = strict(command).expect("a command");
    let inside = |at: &usize| spans.iter().any(|span| (span.at..span.at + span.held).contains(at));
    (0..used).filter(|at| !inside(at)).collect()
}

/// splitmix64: seeded, the same everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % sides.max(1) as u64).expect("fewer than usize")
    }

    pub(crate) fn byte(&mut self) -> u8 {
        u8::try_from(self.roll(256)).expect("a byte")
    }

    /// So many letters and digits.
    pub(crate) fn text(&mut self, length: usize) -> Vec<u8> {
        const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        (0..length).map(|_| LETTERS[self.roll(36)]).collect()
    }
}

/// A log of about so many bytes: every kind of value, databases, transactions, annotations, expiries, bytes of all sorts.
pub(crate) fn mixed(seed: u64, bytes: usize) -> Vec<u8> {
    let mut dice = Dice(seed);
    let mut log = line("SELECT 0");
    let mut seconds = 1_795_380_560;
    let mut number = 0;
    while log.len() < bytes {
        number += 1;
        let key = format!("{}:{}", ["user", "session", "q", "cache"][dice.roll(4)], dice.roll(100_000));
        let length = 20 + dice.roll(120);
        let value = dice.text(length);
        match dice.roll(14) {
            0 => log.extend(command(&[b"HSET", key.as_bytes(), b"name", &value, b"mail", &value[..10]])),
            1 => log.extend(command(&[b"RPUSH", key.as_bytes(), &value, &value[..20]])),
            2 => log.extend(command(&[b"ZADD", key.as_bytes(), b"1.5", &value[..15], b"2", b"second"])),
            3 => log.extend(command(&[b"XADD", key.as_bytes(), format!("{number}-0").as_bytes(), b"f", &value])),
            4 => {
                log.extend(line("MULTI"));
                log.extend(command(&[b"SADD", key.as_bytes(), &value]));
                log.extend(line("INCR hits"));
                log.extend(line("EXEC"));
            }
            5 => log.extend(command(&[b"DEL", key.as_bytes()])),
            6 => {
                let noise: Vec<_> = (0..dice.roll(60)).map(|_| dice.byte()).collect();
                log.extend(command(&[b"APPEND", key.as_bytes(), &noise]));
            }
            7 => log.extend(command(&[b"SET", key.as_bytes(), b"*1\r\n$4\r\nEXEC\r\n\r\n"])),
            8 if dice.roll(4) == 0 => log.extend(line(&format!("SELECT {}", dice.roll(12)))),
            9 if dice.roll(4) == 0 => {
                seconds += dice.roll(3);
                log.extend(format!("#TS:{seconds}\r\n").as_bytes());
            }
            _ => log.extend(command(&[b"SET", key.as_bytes(), &value, b"PXAT", b"4102444800000"])),
        }
    }
    log
}
