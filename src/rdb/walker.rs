//! Follows the steps of one record over bytes that may end anywhere, and goes on when more come.
//!
//! The walker never allocates and never looks back. It either hands over each part ([`Walker::next`]) or passes over
//! them as fast as their lengths allow ([`Walker::skip`]); the two may be mixed at any part of a record.

use super::grammar::{Role, Step};
use super::template::Templates;
use crate::base::Flaw;
use crate::encoding::{listpack, lzf};

/// A part of a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Atom<'a> {
    /// A LEN, or the count of a repetition.
    Len(u64),
    /// Bytes as they are; of an ASCII double its characters, or nothing and the special value.
    Bytes(&'a [u8]),
    /// A plain string that lies in the input.
    Raw(&'a [u8]),
    /// A string that is stored as an integer: logically its decimal digits.
    Int(i32),
    /// A string compressed by LZF that lies in the input.
    Lzf {
        /// The compressed bytes.
        packed: &'a [u8],
        /// The length after unpacking, as stated.
        unpacked: u64,
    },
    /// A score without digits: NaN or an infinity.
    Special(f64),
    /// A string too long to be handed over: so many bytes of the input follow, to be taken as they come.
    Long {
        /// Bytes in the input.
        stored: u64,
        /// The length after LZF unpacking, if it is compressed.
        unpacked: Option<u64>,
    },
}

/// What a step brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Next<'a> {
    /// A part, and how many bytes of the input it took.
    Part(Role, Atom<'a>, usize),
    /// The input ends inside the part; it wants at least so many bytes.
    More(usize),
    /// The record is complete.
    Done,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    steps: &'static [Step],
    at: usize,
    left: u64,
    /// All steps are strings: nearly all collections.
    strings: bool,
}

impl Frame {
    fn new(steps: &'static [Step], left: u64) -> Self {
        let strings = steps.iter().all(|step| matches!(step, Step::Str(role) if *role != Role::TemplateNames));
        Self { steps, at: 0, left, strings }
    }
}

const NOWHERE: Frame = Frame { steps: &[], at: 0, left: 0, strings: false };

/// No record nests deeper: value, groups, consumers, their pending entries.
const MAX_DEPTH: usize = 8;

/// The place in a record's steps.
#[derive(Debug, Clone)]
pub(super) struct Walker {
    /// The steps in progress, and those around them.
    top: Frame,
    stack: [Frame; MAX_DEPTH],
    depth: usize,
    /// A step to take before the one on the stack.
    inject: Option<Step>,
    /// Bytes of a string that are passed over before the next step.
    passing: u64,
    /// How often [`Step::Again`] repeats.
    times: u64,
    /// The longest string handed over whole, in stored or unpacked bytes.
    longest: u64,
    /// The longest packed structure handed over, in unpacked bytes; stored bytes stay under `longest`.
    longest_packed: u64,
}

impl Walker {
    /// A walker that hands over strings up to `longest` bytes.
    pub(super) fn new(longest: usize, longest_packed: usize) -> Self {
        Self {
            top: NOWHERE,
            stack: [NOWHERE; MAX_DEPTH],
            depth: 0,
            inject: None,
            passing: 0,
            times: 0,
            longest: longest as u64,
            longest_packed: longest_packed as u64,
        }
    }

    /// Begins a record of these steps, whatever was before.
    pub(super) fn begin(&mut self, steps: &'static [Step]) {
        self.depth = 0;
        self.inject = None;
        self.passing = 0;
        self.times = 0;
        self.top = Frame::new(steps, 1);
    }

    /// Begins a record of the first steps and then the others.
    pub(super) fn begin_two(&mut self, first: &'static [Step], then: &'static [Step]) {
        self.begin(then);
        self.push(first, 1);
    }

    fn push(&mut self, steps: &'static [Step], left: u64) {
        if left == 0 || steps.is_empty() {
            return;
        }
        // MAX_DEPTH holds every grammar: a test walks them all.
        if let Some(below) = self.stack.get_mut(self.depth) {
            *below = self.top;
            self.depth = self.depth.saturating_add(1);
            self.top = Frame::new(steps, left);
        }
    }

    #[inline]
    fn current(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.top.steps.get(self.top.at) {
                return Some(*step);
            }
            self.top.left = self.top.left.saturating_sub(1);
            if self.top.left == 0 {
                self.depth = self.depth.checked_sub(1)?;
                self.top = *self.stack.get(self.depth)?;
            } else {
                self.top.at = 0;
            }
        }
    }

    #[inline]
    fn advance(&mut self) {
        if self.inject.take().is_none() {
            self.top.at = self.top.at.saturating_add(1);
        }
    }

    /// The next part, from the beginning of `input`. After [`Atom::Long`] the caller takes the string's bytes itself.
    ///
    /// # Errors
    /// A flaw in the framing, `at` bytes into `input`: nothing after it can be read.
    #[inline]
    pub(super) fn next<'a>(&mut self, input: &'a [u8], templates: &Templates) -> Result<Next<'a>, Flaw> {
        // Nearly every part is a short plain string.
        if self.inject.is_none()
            && let (Some(Step::Str(role)), [first @ 0..=0x3f, rest @ ..]) = (self.current(), input)
        {
            let length = usize::from(*first);
            if let (Some(bytes), true) = (rest.get(..length), role != Role::TemplateNames) {
                self.top.at = self.top.at.saturating_add(1);
                return Ok(Next::Part(role, Atom::Raw(bytes), length.saturating_add(1)));
            }
        }
        self.next_part(input, templates)
    }

    fn next_part<'a>(&mut self, input: &'a [u8], templates: &Templates) -> Result<Next<'a>, Flaw> {
        loop {
            let Some(step) = self.inject.or_else(|| self.current()) else { return Ok(Next::Done) };
            let (role, atom, used) = match step {
                Step::Str(role) => match read_string(input, role)? {
                    None => return Ok(Next::More(input.len().saturating_add(1))),
                    Some(head) => {
                        let longest_out = if is_packed(role) { self.longest_packed } else { self.longest };
                        if head.stored > self.longest || head.unpacked.is_some_and(|bytes| bytes > longest_out) {
                            let atom = Atom::Long { stored: head.stored, unpacked: head.unpacked };
                            (role, atom, head.header)
                        } else {
                            // `stored` is at most `longest`, which is a usize.
                            let whole = head.header.saturating_add(usize::try_from(head.stored).unwrap_or(usize::MAX));
                            let Some(body) = input.get(head.header..whole) else { return Ok(Next::More(whole)) };
                            let atom = match (head.unpacked, head.int) {
                                (Some(unpacked), _) => Atom::Lzf { packed: body, unpacked },
                                (None, Some(int)) => Atom::Int(int),
                                (None, None) => Atom::Raw(body),
                            };
                            if role == Role::TemplateNames {
                                self.times = names_in(atom)?;
                            }
                            (role, atom, whole)
                        }
                    }
                },
                Step::Len(role) => match read_len(input, role)? {
                    None => return Ok(Next::More(input.len().saturating_add(1))),
                    Some((value, used)) => {
                        if role == Role::TemplateRef {
                            let Some(fields) = templates.get(value) else {
                                let expected = "the id of a template that came before";
                                return Err(Flaw::new(
                                    "template-unknown",
                                    "template id",
                                    0,
                                    expected,
                                    value.to_string(),
                                ));
                            };
                            self.times = fields.len() as u64;
                        } else if role == Role::Count {
                            self.times = value;
                        }
                        (role, Atom::Len(value), used)
                    }
                },
                Step::Bytes(role, count) => {
                    let count = usize::from(count);
                    let Some(bytes) = input.get(..count) else { return Ok(Next::More(count)) };
                    (role, Atom::Bytes(bytes), count)
                }
                Step::AsciiDouble(role) => {
                    let Some((length, rest)) = input.split_first() else { return Ok(Next::More(1)) };
                    let count = usize::from(*length);
                    let special = match length {
                        253 => Some(f64::NAN),
                        254 => Some(f64::INFINITY),
                        255 => Some(f64::NEG_INFINITY),
                        _ => None,
                    };
                    if let Some(special) = special {
                        (role, Atom::Special(special), 1)
                    } else {
                        let whole = count.saturating_add(1);
                        let Some(bytes) = rest.get(..count) else { return Ok(Next::More(whole)) };
                        (role, Atom::Bytes(bytes), whole)
                    }
                }
                Step::Repeat(role, steps) => match read_len(input, role)? {
                    None => return Ok(Next::More(input.len().saturating_add(1))),
                    Some((count, used)) => {
                        if role == Role::Count {
                            self.times = count;
                        }
                        self.advance();
                        self.push(steps, count);
                        return Ok(Next::Part(role, Atom::Len(count), used));
                    }
                },
                Step::All(steps) => {
                    self.advance();
                    self.push(steps, 1);
                    continue;
                }
                Step::Again(steps) => {
                    self.advance();
                    let times = self.times;
                    self.push(steps, times);
                    continue;
                }
                Step::ModuleOps => match read_len(input, Role::ModuleOp)? {
                    None => return Ok(Next::More(input.len().saturating_add(1))),
                    Some((op, used)) => {
                        self.inject = match op {
                            0 => None,
                            1 => Some(Step::Len(Role::ModuleSint)),
                            2 => Some(Step::Len(Role::ModuleUint)),
                            3 => Some(Step::Bytes(Role::ModuleFloat, 4)),
                            4 => Some(Step::Bytes(Role::ModuleDouble, 8)),
                            5 => Some(Step::Str(Role::ModuleString)),
                            _ => {
                                return Err(Flaw::new("module-opcode", "module opcode", 0, "0 to 5", op.to_string()));
                            }
                        };
                        if op == 0 {
                            self.advance();
                        }
                        return Ok(Next::Part(Role::ModuleOp, Atom::Len(op), used));
                    }
                },
                Step::Tagged => match read_len(input, Role::ArrayTag)? {
                    None => return Ok(Next::More(input.len().saturating_add(1))),
                    Some((tag, used)) => {
                        let payload = match tag {
                            0 | 3 => Step::Str(Role::Item),
                            1 | 2 => Step::Bytes(Role::ArrayNumber, 8),
                            _ => return Err(Flaw::new("array-tag", "array element tag", 0, "0 to 3", tag.to_string())),
                        };
                        self.advance();
                        self.inject = Some(payload);
                        return Ok(Next::Part(Role::ArrayTag, Atom::Len(tag), used));
                    }
                },
                Step::InlineTemplate => match read_len(input, Role::TemplateFields)? {
                    None => return Ok(Next::More(input.len().saturating_add(1))),
                    Some((form, used)) => {
                        self.inject = match form {
                            0 => Some(Step::Str(Role::TemplateNames)),
                            1 => Some(Step::Repeat(Role::Count, &[Step::Str(Role::TemplateField)])),
                            _ => {
                                return Err(Flaw::new(
                                    "template-form",
                                    "template fields",
                                    0,
                                    "0 or 1",
                                    form.to_string(),
                                ));
                            }
                        };
                        self.top.at = self.top.at.saturating_add(1);
                        return Ok(Next::Part(Role::TemplateFields, Atom::Len(form), used));
                    }
                },
            };
            self.advance();
            return Ok(Next::Part(role, atom, used));
        }
    }

    /// Passes over whole rounds of strings while their lengths are short and they lie in `input`: the new place.
    #[inline]
    fn skip_strings(&mut self, input: &[u8], mut at: usize) -> usize {
        let strings = self.top.steps.len();
        while self.top.at == 0 && self.top.left > 0 {
            let mut end = at;
            for _ in 0..strings {
                let used = match input.get(end..).unwrap_or_default() {
                    [first @ 0..=0x3f, ..] => usize::from(*first).saturating_add(1),
                    [first @ 0x40..=0x7f, low, ..] => {
                        usize::from(u16::from_be_bytes([first & 0x3f, *low])).saturating_add(2)
                    }
                    [0xc0, ..] => 2,
                    [0xc1, ..] => 3,
                    [0xc2, ..] => 5,
                    _ => return at,
                };
                end = end.saturating_add(used);
            }
            if end > input.len() {
                return at;
            }
            at = end;
            self.top.left = self.top.left.saturating_sub(1);
            if self.top.left == 0 {
                // As if the last step of the last round had been taken.
                self.top.at = strings;
                self.top.left = 1;
                return at;
            }
        }
        at
    }

    /// Passes over the rest of the record, or as much of it as lies in `input`: how many bytes, and whether the
    /// record is complete.
    ///
    /// # Errors
    /// As [`Walker::next`].
    pub(super) fn skip(&mut self, input: &[u8], templates: &Templates) -> Result<(usize, bool), Flaw> {
        let mut at = 0usize;
        loop {
            let rest = input.get(at..).unwrap_or_default();
            if self.passing > 0 {
                let here = usize::try_from(self.passing).unwrap_or(usize::MAX).min(rest.len());
                self.passing = self.passing.saturating_sub(here as u64);
                at = at.saturating_add(here);
                if self.passing > 0 {
                    return Ok((at, false));
                }
                continue;
            }
            if self.top.strings && self.inject.is_none() {
                at = self.skip_strings(input, at);
            }
            let rest = input.get(at..).unwrap_or_default();
            // The steps that make up nearly all of a file, without the detour of a part.
            let step = self.inject.or_else(|| self.current());
            if let (Some(Step::Str(role)), [first @ 0..=0x3f, ..]) = (step, rest) {
                let end = at.saturating_add(usize::from(*first)).saturating_add(1);
                if end <= input.len() && role != Role::TemplateNames {
                    at = end;
                    self.advance();
                    continue;
                }
            }
            match step {
                None => return Ok((at, true)),
                Some(Step::Str(role)) if role != Role::TemplateNames => {
                    match read_string(rest, role).map_err(|flaw| flaw.moved(at as u64))? {
                        None => return Ok((at, false)),
                        Some(head) => {
                            at = at.saturating_add(head.header);
                            self.passing = head.stored;
                            self.advance();
                        }
                    }
                }
                Some(Step::Bytes(_, count)) => {
                    self.passing = u64::from(count);
                    self.advance();
                }
                Some(_) => match self.next(rest, templates).map_err(|flaw| flaw.moved(at as u64))? {
                    Next::Part(_, Atom::Long { stored, .. }, used) => {
                        at = at.saturating_add(used);
                        self.passing = stored;
                    }
                    Next::Part(_, _, used) => at = at.saturating_add(used),
                    Next::More(_) => return Ok((at, false)),
                    Next::Done => return Ok((at, true)),
                },
            }
        }
    }
}

/// How many names a listpack of field names has.
fn names_in(atom: Atom<'_>) -> Result<u64, Flaw> {
    let mut unpacked_bytes = Vec::new();
    let blob = match atom {
        Atom::Raw(blob) => blob,
        Atom::Lzf { packed, unpacked } => {
            lzf::decompress(packed, usize::try_from(unpacked).unwrap_or(usize::MAX), &mut unpacked_bytes)?;
            &unpacked_bytes
        }
        _ => return Err(Flaw::new("template-form", "template fields", 0, "a listpack of names", "another string")),
    };
    listpack::deep(blob, |_| Ok(())).map(u64::from)
}

/// Whether a string of this role holds a structure that must be unpacked whole.
pub(super) fn is_packed(role: Role) -> bool {
    matches!(role, Role::Packed | Role::Node | Role::NodeListpack | Role::TemplateNames)
}

struct StringHead {
    header: usize,
    stored: u64,
    unpacked: Option<u64>,
    int: Option<i32>,
}

/// The head of a STR; `None` if the input ends inside it. Integers are all head.
#[inline]
fn read_string(input: &[u8], role: Role) -> Result<Option<StringHead>, Flaw> {
    let Some(first) = input.first() else { return Ok(None) };
    if *first < 0xc0 {
        let head = read_len(input, role)?;
        return Ok(head.map(|(stored, header)| StringHead { header, stored, unpacked: None, int: None }));
    }
    let int = |header, int| Ok(Some(StringHead { header, stored: 0, unpacked: None, int: Some(int) }));
    match (*first, input) {
        (0xc0, [_, a, ..]) => int(2, i32::from(i8::from_le_bytes([*a]))),
        (0xc1, [_, a, b, ..]) => int(3, i32::from(i16::from_le_bytes([*a, *b]))),
        (0xc2, [_, a, b, c, d, ..]) => int(5, i32::from_le_bytes([*a, *b, *c, *d])),
        (0xc0..=0xc2, _) => Ok(None),
        (0xc3, [_, rest @ ..]) => {
            let Some((stored, used)) = read_len(rest, role)? else { return Ok(None) };
            let Some((unpacked, used_2)) = read_len(rest.get(used..).unwrap_or_default(), role)? else {
                return Ok(None);
            };
            let header = used.saturating_add(used_2).saturating_add(1);
            Ok(Some(StringHead { header, stored, unpacked: Some(unpacked), int: None }))
        }
        _ => Err(Flaw::new(
            "string-encoding",
            role.name(),
            0,
            "a length, or string encoding 0xc0 to 0xc3",
            format!("0x{first:02x}"),
        )),
    }
}

/// A LEN and the bytes it took; `None` if the input ends inside it.
#[inline]
fn read_len(input: &[u8], role: Role) -> Result<Option<(u64, usize)>, Flaw> {
    let Some(first) = input.first() else { return Ok(None) };
    Ok(match (*first, input) {
        (0..=0x3f, _) => Some((u64::from(*first), 1)),
        (0x40..=0x7f, [_, low, ..]) => Some((u64::from(u16::from_be_bytes([first & 0x3f, *low])), 2)),
        (0x80, [_, rest @ ..]) => rest.first_chunk().map(|bytes| (u64::from(u32::from_be_bytes(*bytes)), 5)),
        (0x81, [_, rest @ ..]) => rest.first_chunk().map(|bytes| (u64::from_be_bytes(*bytes), 9)),
        (0x40..=0x7f, _) => None,
        _ => {
            return Err(Flaw::new(
                "length-encoding",
                role.name(),
                0,
                "a length (0x00 to 0x81)",
                format!("0x{first:02x}"),
            ));
        }
    })
}
