//! What a module's value says about itself, from its tokens, in bounded memory.
//!
//! ```text
//! type 7:  LEN id | (LEN opcode, payload)* | opcode 0
//!          opcode  1 signed   2 unsigned   3 float   4 double   5 string
//! ```
//!
//! Whoever walks the framing pushes each token into a [`Decoder`]; here the tokens get their meaning, a file for each
//! module. A decoder never fails: what does not match the layout becomes a [`Flaw`] in the [`Module`], and whatever
//! was read before it stays. Nothing is allocated by a count from the file: of lists the first [`KEPT_ITEMS`] are
//! kept and the rest counted, of a text the first [`KEPT_TEXT_BYTES`], of JSON the first [`KEPT_JSON_BYTES`].

mod bloom;
mod cms;
mod cuckoo;
mod id;
mod rejson;
mod search;
mod tdigest;
#[cfg(test)]
mod tests;
mod timeseries;
mod topk;
mod valkey_bloom;
mod vectorset;

use std::fmt;

use crate::base::Flaw;

pub use id::ModuleId;

/// How many entries of a list are kept; the others are only counted.
pub const KEPT_ITEMS: usize = 64;

/// How many bytes of one text in the header are kept.
pub const KEPT_TEXT_BYTES: usize = 4096;

/// How many bytes of a JSON document are kept.
pub const KEPT_JSON_BYTES: usize = 1 << 20;

/// One item of a module's value, as its opcode framing gives it.
///
/// Source: RDB 9 and later, types 7 and opcode 247. Servers write signed numbers as unsigned ones with the same bits,
/// so `Sint` occurs in no file of theirs and is a flaw in every layout known here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Token<'a> {
    /// Opcode 1.
    Sint(i64),
    /// Opcode 2.
    Uint(u64),
    /// Opcode 3.
    Float(f32),
    /// Opcode 4.
    Double(f64),
    /// Opcode 5, after LZF and integer encodings are undone.
    String {
        /// The whole string when it is at most 1 MiB, else its beginning.
        head: &'a [u8],
        /// Bytes of the whole string.
        len: u64,
    },
}

impl Token<'_> {
    /// Bytes of what the token carries, without framing.
    fn payload_bytes(&self) -> u64 {
        match self {
            Self::Sint(_) | Self::Uint(_) | Self::Double(_) => 8,
            Self::Float(_) => 4,
            Self::String { len, .. } => *len,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Sint(v) => format!("the signed integer {v}"),
            Self::Uint(v) => format!("the integer {v}"),
            Self::Float(v) => format!("the float {v}"),
            Self::Double(v) => format!("the double {v}"),
            Self::String { len, .. } => format!("a string of {len} bytes"),
        }
    }
}

/// A value in a module's header.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// What the module's own command prints as nil.
    Null,
    /// A number that may be negative.
    Int(i64),
    /// A number.
    Uint(u64),
    /// A number with a fraction; not a number and the infinities are possible.
    Float(f64),
    /// Bytes as the module stored them, at most [`KEPT_TEXT_BYTES`] of them.
    Text(Vec<u8>),
    /// The first [`KEPT_ITEMS`] entries, and how many were there.
    List {
        /// The first entries.
        first: Vec<Field>,
        /// How many entries the payload had.
        total: u64,
    },
    /// Named values that belong together.
    Record(Vec<(&'static str, Field)>),
}

/// What was learnt about one module value.
#[derive(Debug, Clone, PartialEq)]
pub struct Module {
    /// Name and version of the type.
    pub id: ModuleId,
    /// Whether the layout of this type and version is known here; if not, its tokens were only counted.
    pub known: bool,
    /// How many things the value says it holds: items of a filter, centroids of a t-digest, samples of a series,
    /// elements of a vector set, members of the outermost JSON container. `None` where the type does not say so, or
    /// where there is a flaw. A claim of the file: add it up with care.
    pub elements: Option<u64>,
    /// What the payload says of itself, named in `snake_case` as the module's own INFO command names it.
    pub header: Vec<(&'static str, Field)>,
    /// The document, if it is one: the stored text byte for byte, or the tree of old versions written as JSON.
    pub json: Option<Vec<u8>>,
    /// Whether `json` is only the beginning.
    pub json_truncated: bool,
    /// How many tokens were pushed.
    pub tokens: u64,
    /// Bytes that the tokens carry: 8 for a number, 4 for a float, the decoded length of a string.
    pub payload_bytes: u64,
    /// The first thing that does not match the layout. Kind `module-payload`; `at` is the index of the token.
    pub flaw: Option<Flaw>,
}

impl Module {
    /// The header field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.header.iter().find(|(n, _)| *n == name).map(|(_, field)| field)
    }
}

/// Reads one module value token by token. Holds at most about 2 MiB, whatever is pushed.
#[derive(Debug)]
pub struct Decoder {
    id: ModuleId,
    layout: Option<Box<dyn Layout>>,
    tokens: u64,
    payload_bytes: u64,
    flaw: Option<Flaw>,
}

impl Decoder {
    /// A decoder of values of this type. Types and versions that are not known are counted.
    pub fn new(id: ModuleId) -> Self {
        Self { id, layout: layout(id), tokens: 0, payload_bytes: 0, flaw: None }
    }

    /// Takes the next token. After the first flaw tokens are only counted.
    pub fn push(&mut self, token: Token<'_>) {
        let at = self.tokens;
        self.tokens = self.tokens.saturating_add(1);
        self.payload_bytes = self.payload_bytes.saturating_add(token.payload_bytes());
        if self.flaw.is_some() {
            return;
        }
        if let Some(layout) = &mut self.layout {
            let result = match layout.wants() {
                Some(what) => layout.take(&Step { at, what, token }),
                None => Err(Step { at, what: "module value", token }.unlike("the end of the value")),
            };
            self.flaw = result.err();
        }
    }

    /// What was learnt, once the last token has been pushed.
    pub fn finish(self) -> Module {
        let mut module = Module {
            id: self.id,
            known: self.layout.is_some(),
            elements: None,
            header: Vec::new(),
            json: None,
            json_truncated: false,
            tokens: self.tokens,
            payload_bytes: self.payload_bytes,
            flaw: self.flaw,
        };
        let Some(layout) = self.layout else { return module };
        if module.flaw.is_none() && !layout.complete() {
            let what = layout.wants().unwrap_or("module value");
            module.flaw = Some(Flaw::new(KIND, what, self.tokens, "another token", "the end of the value"));
        }
        layout.report(&mut module);
        if module.flaw.is_some() {
            module.elements = None;
        }
        module
    }
}

/// The layout of this type and version, if it is known.
fn layout(id: ModuleId) -> Option<Box<dyn Layout>> {
    let encver = id.encver();
    Some(match (&id.name(), encver) {
        (b"ReJSON-RL", 0) => Box::new(rejson::Tree::default()),
        (b"ReJSON-RL", 2 | 3) => Box::new(rejson::Document::new(encver)),
        (b"MBbloom--", 0..=4) => Box::new(bloom::Bloom::new(encver)),
        (b"MBbloomCF", 0..=4) => Box::new(cuckoo::Cuckoo::new(encver)),
        (b"CMSk-TYPE", 0) => Box::new(cms::CountMin::default()),
        (b"TopK-TYPE", 0) => Box::new(topk::TopK::default()),
        (b"TDIS-TYPE", 0) => Box::new(tdigest::TDigest::default()),
        (b"TSDB-TYPE", 5..=9) => Box::new(timeseries::Series::new(encver)),
        (b"vectorset", 0) => Box::new(vectorset::VectorSet::default()),
        (b"trietype0", 1) => Box::new(search::Trie::default()),
        (b"bloomfltr", 0) => Box::new(valkey_bloom::ValkeyBloom::default()),
        _ => return None,
    })
}

/// The kind of every flaw here.
const KIND: &str = "module-payload";

/// The order of tokens of one type, as a machine that remembers where it is.
trait Layout: fmt::Debug + Send {
    /// What the next token is; `None` when the value is complete and no token may follow.
    fn wants(&self) -> Option<&'static str>;

    /// Whether the value may end here.
    fn complete(&self) -> bool {
        self.wants().is_none()
    }

    /// Takes the token that `wants` named. Not called again after a flaw, or when nothing is wanted.
    fn take(&mut self, step: &Step<'_>) -> Result<(), Flaw>;

    /// Writes down what was learnt. `module.flaw` says whether the whole value was read; totals which need all of it
    /// are left out if not.
    fn report(self: Box<Self>, module: &mut Module);
}

/// One token, and what the layout was waiting for when it came.
struct Step<'a> {
    at: u64,
    what: &'static str,
    token: Token<'a>,
}

impl<'a> Step<'a> {
    fn uint(&self) -> Result<u64, Flaw> {
        match self.token {
            Token::Uint(value) => Ok(value),
            _ => Err(self.unlike("an unsigned integer")),
        }
    }

    fn float(&self) -> Result<f32, Flaw> {
        match self.token {
            Token::Float(value) => Ok(value),
            _ => Err(self.unlike("a float")),
        }
    }

    fn double(&self) -> Result<f64, Flaw> {
        match self.token {
            Token::Double(value) => Ok(value),
            _ => Err(self.unlike("a double")),
        }
    }

    fn string(&self) -> Result<Text<'a>, Flaw> {
        match self.token {
            Token::String { head, len } => Ok(Text { head, len }),
            _ => Err(self.unlike("a string")),
        }
    }

    /// A string of exactly so many bytes. `None`: the product of the sizes overflows, so no string can match.
    fn blob(&self, bytes: Option<u64>, because: &str) -> Result<(), Flaw> {
        let text = self.string()?;
        match bytes {
            Some(bytes) if bytes == text.len => Ok(()),
            Some(bytes) => Err(self.unlike(format!("{bytes} bytes ({because})"))),
            None => Err(self.unlike(format!("more than 2^64 bytes ({because})"))),
        }
    }

    /// The flaw that this token is not what it should be.
    fn unlike(&self, expected: impl Into<String>) -> Flaw {
        Flaw::new(KIND, self.what, self.at, expected, self.token.describe())
    }
}

/// A string token: all of it up to 1 MiB, else its beginning.
#[derive(Clone, Copy)]
struct Text<'a> {
    head: &'a [u8],
    len: u64,
}

impl<'a> Text<'a> {
    /// Whether `head` is all of it.
    fn whole(&self) -> bool {
        u64::try_from(self.head.len()).is_ok_and(|have| have >= self.len)
    }

    /// At most so many bytes from the start.
    fn first(&self, bytes: usize) -> &'a [u8] {
        self.head.get(..bytes).unwrap_or(self.head)
    }

    fn field(&self) -> Field {
        Field::Text(self.first(KEPT_TEXT_BYTES).to_vec())
    }

    /// Without the NUL that C strings end in; the flaw if it is not there.
    fn without_nul(&self, step: &Step<'_>) -> Result<Text<'a>, Flaw> {
        let Some(len) = self.len.checked_sub(1) else { return Err(step.unlike("a NUL at its end")) };
        if !self.whole() {
            return Ok(Text { head: self.head, len });
        }
        match self.head.split_last() {
            Some((0, head)) => Ok(Text { head, len }),
            _ => Err(step.unlike("a NUL at its end")),
        }
    }
}

/// Named fields in the order in which they were read.
#[derive(Debug, Default)]
struct Fields(Vec<(&'static str, Field)>);

impl Fields {
    fn put(&mut self, name: &'static str, field: Field) {
        self.0.push((name, field));
    }

    /// Reads an unsigned integer and keeps it under this name.
    fn uint(&mut self, name: &'static str, step: &Step<'_>) -> Result<u64, Flaw> {
        let value = step.uint()?;
        self.put(name, Field::Uint(value));
        Ok(value)
    }

    /// Reads a double and keeps it under this name.
    fn double(&mut self, name: &'static str, step: &Step<'_>) -> Result<f64, Flaw> {
        let value = step.double()?;
        self.put(name, Field::Float(value));
        Ok(value)
    }
}

/// The first entries of a list, and the count of all.
#[derive(Debug, Default)]
struct Kept {
    first: Vec<Field>,
    total: u64,
}

impl Kept {
    /// Counts an entry, and keeps it while there is room.
    fn push(&mut self, entry: impl FnOnce() -> Field) {
        self.total = self.total.saturating_add(1);
        if self.first.len() < KEPT_ITEMS {
            self.first.push(entry());
        }
    }

    fn field(self) -> Field {
        Field::List { first: self.first, total: self.total }
    }
}
