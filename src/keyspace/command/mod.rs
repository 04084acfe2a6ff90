//! Commands as an append-only file holds them, and what each is known to do.
//!
//! ```text
//! table   every command of the servers known here, as COMMAND describes it     keys    which arguments are keys
//! spec    what a line of the table says                                        expiry  when it lets a key expire
//! lookup  a name to its line in the table
//! ```

mod expiry;
mod keys;
mod lookup;
mod spec;
mod table;

pub use expiry::Expiry;
pub use keys::KeyAt;
pub use spec::{Access, Begin, Clock, Effect, Expires, Find, KeySpec, Servers, Spec, Touch, Values};

use crate::base::UnixMs;

/// The number that `word` spells as servers take one: decimal, without a plus sign, leading zeros or blanks.
pub fn integer(word: &[u8]) -> Option<i64> {
    let (negative, digits) = match word {
        [b'-', digits @ ..] => (true, digits),
        _ => (false, word),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    digits.iter().try_fold(0_i64, |number, byte| {
        let digit = i64::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
        let number = number.checked_mul(10)?;
        if negative { number.checked_sub(digit) } else { number.checked_add(digit) }
    })
}

/// One argument: all of it, or the beginning of one that is too long to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arg<'a> {
    /// The bytes, or their beginning.
    pub head: &'a [u8],
    /// The full length in bytes.
    pub len: u64,
}

impl<'a> Arg<'a> {
    /// The bytes, if all of them are held.
    pub fn whole(self) -> Option<&'a [u8]> {
        (self.head.len() as u64 == self.len).then_some(self.head)
    }
}

/// Where an argument stands in the bytes that [`Args`] borrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgSpan {
    /// Its first byte.
    pub at: usize,
    /// Bytes that are held.
    pub held: usize,
    /// Its full length.
    pub len: u64,
}

/// Words laid out one after the other, as [`Args`] borrows them: for who has a command as words.
pub fn lay_out<W: AsRef<[u8]>>(words: &[W]) -> (Vec<u8>, Vec<ArgSpan>) {
    let mut bytes = Vec::new();
    let mut spans = Vec::with_capacity(words.len());
    for word in words.iter().map(AsRef::as_ref) {
        spans.push(ArgSpan { at: bytes.len(), held: word.len(), len: word.len() as u64 });
        bytes.extend_from_slice(word);
    }
    (bytes, spans)
}

/// The arguments of a command, its name first.
#[derive(Debug, Clone, Copy)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [ArgSpan],
    count: u64,
}

impl<'a> Args<'a> {
    /// Arguments that stand in `bytes`; of a command with very many, `spans` may have only the first of `count`.
    pub fn new(bytes: &'a [u8], spans: &'a [ArgSpan], count: u64) -> Self {
        Self { bytes, spans, count }
    }

    /// How many the command has, its name included.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many are held: the first of them. Fewer than [`Args::count`] only in commands of megabytes.
    pub fn held(&self) -> usize {
        self.spans.len()
    }

    /// The argument at this place, 0 being the name; none if it is not there or not held.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Arg<'a>> {
        let span = self.spans.get(index)?;
        Some(Arg { head: self.bytes.get(span.at..span.at.checked_add(span.held)?)?, len: span.len })
    }

    /// The bytes at this place, if they are held whole.
    #[inline]
    pub fn whole(&self, index: usize) -> Option<&'a [u8]> {
        self.get(index)?.whole()
    }

    /// Where the argument at this index begins, from the `*`, in a command that is held whole.
    pub fn place(&self, index: usize) -> Option<usize> {
        self.spans.get(index).map(|span| span.at)
    }

    /// The name; empty if there is none.
    pub fn name(&self) -> &'a [u8] {
        self.get(0).map_or(&[], |name| name.head)
    }

    /// Those that are held, in order.
    pub fn iter(&self) -> impl Iterator<Item = Arg<'a>> {
        let all = *self;
        (0..all.held()).filter_map(move |index| all.get(index))
    }
}

/// One command of an append-only file, after all of it was read.
#[derive(Debug, Clone, Copy)]
pub struct Command<'a> {
    /// Where its `*` stands in the uncompressed stream of its file.
    pub offset: u64,
    /// The line that `*` begins, from 1, as an editor counts them.
    pub line: u64,
    /// From the `*` to the end of its last argument's line.
    pub bytes: u64,
    /// Ends of lines among them.
    pub lines: u64,
    /// The database that is selected; none if that is not known, after damage.
    pub db: Option<u64>,
    /// The last `#TS:` annotation before it.
    pub time: Option<UnixMs>,
    /// Where the MULTI stands that it is queued under.
    pub transaction: Option<u64>,
    /// Whether something before it in the log could not be read: a server does not come this far.
    pub after_damage: bool,
    /// Its arguments, the name first.
    pub args: Args<'a>,
    /// What is known of it; none for a name that no server known here has.
    pub spec: Option<&'static Spec>,
}
