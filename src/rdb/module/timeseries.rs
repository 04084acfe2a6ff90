//! Time series, `TSDB-TYPE` versions 5 to 9.
//!
//! ```text
//! S key | U retention | U chunk size | U options | U last timestamp | D last value | U samples | U duplicate policy
//! U has source [S source] | v8: U ignore max time diff, D ignore max value diff
//! U labels | labels * (S name, S value)
//! U rules  | rules * (S destination | U bucket | v6: U alignment | U aggregation | U bucket start | context)
//! U chunks | chunks * chunk
//! uncompressed chunk: U base time | U samples | U bytes | S samples of 16 bytes
//! compressed chunk:   U bytes | U samples | U bits used | U base value | U base time | U previous time
//!                     U previous delta | U previous value | U leading | U trailing | S data
//! ```
//!
//! The context of a rule depends on its aggregation and version, and holds numbers only where it is known. So it is
//! skipped: a string ends it, which is either the next rule's destination or the data of the first chunk, whose
//! numbers are then the last ones before the string. If these do not fit together, the rest is not looked at; that is
//! no flaw, because the context may be one that is not known.

use super::{Field, Fields, Flaw, Kept, Layout, Module, Step, Text, Token};

const UNCOMPRESSED: u64 = 1;
const SAMPLE_BYTES: u64 = 16;
/// Numbers before the data of a chunk.
const UNCOMPRESSED_HEAD: usize = 3;
const COMPRESSED_HEAD: usize = 10;
/// The longest run of numbers that must be remembered: the count of chunks and the first chunk's own.
const RUN: usize = COMPRESSED_HEAD + 1;

/// Fields as `TS.INFO` names them, less `memoryUsage`, and the name and last value that the payload has besides.
#[derive(Debug)]
pub(super) struct Series {
    encver: u16,
    next: Next,
    header: Fields,
    compressed: bool,
    samples: u64,
    labels_left: u64,
    label: Option<Field>,
    labels: Kept,
    rules_left: u64,
    rule: Fields,
    rules: Kept,
    /// The last numbers in a row, at most [`RUN`].
    run: Vec<u64>,
    chunks: u64,
    chunks_left: u64,
    chunk_samples: u64,
    first_timestamp: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Next {
    Key,
    Retention,
    ChunkSize,
    Options,
    LastTimestamp,
    LastValue,
    Samples,
    DuplicatePolicy,
    HasSource,
    Source,
    IgnoreTime,
    IgnoreValue,
    Labels,
    LabelName,
    LabelValue,
    Rules,
    Destination,
    Bucket,
    Alignment,
    Aggregation,
    BucketStart,
    Context,
    Chunks,
    Chunk,
    End,
    /// A context that is not known: anything may follow.
    Unknown,
}

impl Series {
    pub(super) fn new(encver: u16) -> Self {
        Self {
            encver,
            next: Next::Key,
            header: Fields::default(),
            compressed: false,
            samples: 0,
            labels_left: 0,
            label: None,
            labels: Kept::default(),
            rules_left: 0,
            rule: Fields::default(),
            rules: Kept::default(),
            run: Vec::new(),
            chunks: 0,
            chunks_left: 0,
            chunk_samples: 0,
            first_timestamp: None,
        }
    }

    fn after_source(&self) -> Next {
        if self.encver >= 8 { Next::IgnoreTime } else { Next::Labels }
    }

    fn label_or_rules(&self) -> Next {
        if self.labels_left == 0 { Next::Rules } else { Next::LabelName }
    }

    fn chunk_or_end(&self) -> Next {
        if self.chunks_left == 0 { Next::End } else { Next::Chunk }
    }

    fn head(&self) -> usize {
        if self.compressed { COMPRESSED_HEAD } else { UNCOMPRESSED_HEAD }
    }

    /// Remembers a number, and forgets the oldest when there are too many.
    fn remember(&mut self, value: u64) {
        if self.run.len() >= RUN {
            self.run.remove(0);
        }
        self.run.push(value);
    }

    /// Counts one chunk: its head is the last numbers remembered.
    fn chunk(&mut self, step: &Step<'_>, data: Text<'_>) -> Result<(), Flaw> {
        let from = self.run.len().saturating_sub(self.head());
        let (base, samples) = match (self.compressed, self.run.get(from..)) {
            (false, Some(&[base, samples, bytes])) => {
                let used = samples.checked_mul(SAMPLE_BYTES);
                if used.is_none_or(|used| used > data.len || (data.len != bytes && data.len != used)) {
                    return Err(step.unlike(format!("{bytes} bytes for {samples} samples")));
                }
                (base, samples)
            }
            (true, Some(&[bytes, samples, bits, _, base, _, _, _, _, _])) => {
                if data.len != bytes || bits.div_ceil(8) > bytes {
                    return Err(step.unlike(format!("{bytes} bytes, of which {bits} bits are used")));
                }
                (base, samples)
            }
            _ => return Err(step.unlike("the numbers of a chunk before its data")),
        };
        if samples > 0 {
            self.first_timestamp.get_or_insert(base);
        }
        self.chunk_samples = self.chunk_samples.saturating_add(samples);
        self.chunks_left = self.chunks_left.saturating_sub(1);
        self.run.clear();
        Ok(())
    }

    /// A token of a rule's context, or the first string after it.
    fn context(&mut self, step: &Step<'_>) -> Result<Next, Flaw> {
        match step.token {
            Token::Uint(value) => self.remember(value),
            Token::Sint(_) | Token::Float(_) | Token::Double(_) => self.run.clear(),
            Token::String { .. } if self.rules_left > 0 => {
                self.rule.put("compaction_key", step.string()?.field());
                return Ok(Next::Bucket);
            }
            Token::String { .. } => {
                let first = self.run.len().checked_sub(self.head());
                let chunks = first.and_then(|n| n.checked_sub(1)).and_then(|n| self.run.get(n)).copied();
                self.chunks = chunks.unwrap_or(0);
                self.chunks_left = self.chunks;
                if self.chunks == 0 {
                    return Err(step.unlike("a number of chunks, then the numbers of the first"));
                }
                self.chunk(step, step.string()?)?;
                return Ok(self.chunk_or_end());
            }
        }
        Ok(Next::Context)
    }

    /// Whether the place in the layout rests on where the context of a rule was taken to end.
    fn uncertain(&self) -> bool {
        match self.next {
            Next::Context => true,
            Next::Bucket | Next::Alignment | Next::Aggregation | Next::BucketStart => self.rules.total > 0,
            _ => false,
        }
    }

    /// The state after this token.
    fn advance(&mut self, step: &Step<'_>) -> Result<Next, Flaw> {
        Ok(match self.next {
            Next::Key => {
                self.header.put("key_self_name", step.string()?.field());
                Next::Retention
            }
            Next::Retention => {
                self.header.uint("retention_time", step)?;
                Next::ChunkSize
            }
            Next::ChunkSize => {
                self.header.uint("chunk_size", step)?;
                Next::Options
            }
            Next::Options => {
                self.compressed = step.uint()? & UNCOMPRESSED == 0;
                let name = if self.compressed { "compressed" } else { "uncompressed" };
                self.header.put("chunk_type", Field::Text(name.into()));
                Next::LastTimestamp
            }
            Next::LastTimestamp => {
                self.header.uint("last_timestamp", step)?;
                Next::LastValue
            }
            Next::LastValue => {
                self.header.double("last_value", step)?;
                Next::Samples
            }
            Next::Samples => {
                self.samples = self.header.uint("total_samples", step)?;
                Next::DuplicatePolicy
            }
            Next::DuplicatePolicy => {
                self.header.put("duplicate_policy", duplicate_policy(step.uint()?));
                Next::HasSource
            }
            Next::HasSource => {
                if step.uint()? == 0 {
                    self.header.put("source_key", Field::Null);
                    self.after_source()
                } else {
                    Next::Source
                }
            }
            Next::Source => {
                self.header.put("source_key", step.string()?.field());
                self.after_source()
            }
            Next::IgnoreTime => {
                self.header.uint("ignore_max_time_diff", step)?;
                Next::IgnoreValue
            }
            Next::IgnoreValue => {
                self.header.double("ignore_max_val_diff", step)?;
                Next::Labels
            }
            Next::Labels => {
                self.labels_left = step.uint()?;
                self.label_or_rules()
            }
            Next::LabelName => {
                self.label = Some(step.string()?.field());
                Next::LabelValue
            }
            Next::LabelValue => {
                let value = step.string()?;
                let name = self.label.take().unwrap_or(Field::Null);
                self.labels.push(|| Field::Record(vec![("name", name), ("value", value.field())]));
                self.labels_left = self.labels_left.saturating_sub(1);
                self.label_or_rules()
            }
            Next::Rules => {
                self.rules_left = step.uint()?;
                if self.rules_left == 0 { Next::Chunks } else { Next::Destination }
            }
            Next::Destination => {
                self.rule.put("compaction_key", step.string()?.field());
                Next::Bucket
            }
            Next::Bucket => {
                self.rule.uint("bucket_duration", step)?;
                if self.encver >= 6 { Next::Alignment } else { Next::Aggregation }
            }
            Next::Alignment => {
                self.rule.uint("alignment", step)?;
                Next::Aggregation
            }
            Next::Aggregation => {
                self.rule.put("aggregation_type", aggregation(step.uint()?));
                Next::BucketStart
            }
            Next::BucketStart => {
                self.rule.uint("current_bucket_start", step)?;
                self.rule_done();
                Next::Context
            }
            Next::Context => self.context(step)?,
            Next::Chunks => {
                self.chunks = step.uint()?;
                self.chunks_left = self.chunks;
                self.chunk_or_end()
            }
            Next::Chunk => {
                if self.run.len() < self.head() {
                    let value = step.uint()?;
                    self.remember(value);
                    Next::Chunk
                } else {
                    self.chunk(step, step.string()?)?;
                    self.chunk_or_end()
                }
            }
            same @ (Next::End | Next::Unknown) => same,
        })
    }

    fn rule_done(&mut self) {
        let rule = std::mem::take(&mut self.rule);
        self.rules.push(|| Field::Record(rule.0));
        self.rules_left = self.rules_left.saturating_sub(1);
        self.run.clear();
    }
}

/// The word for a duplicate policy, as `TS.INFO` prints it; nil where the series has none of its own.
fn duplicate_policy(code: u64) -> Field {
    let name = match code {
        0 => return Field::Null,
        1 => "block",
        2 => "last",
        3 => "first",
        4 => "min",
        5 => "max",
        6 => "sum",
        _ => return Field::Uint(code),
    };
    Field::Text(name.into())
}

/// The word for an aggregation, as `TS.INFO` prints it.
fn aggregation(code: u64) -> Field {
    let name = match code {
        1 => "MIN",
        2 => "MAX",
        3 => "SUM",
        4 => "AVG",
        5 => "COUNT",
        6 => "FIRST",
        7 => "LAST",
        8 => "RANGE",
        9 => "STD.P",
        10 => "STD.S",
        11 => "VAR.P",
        12 => "VAR.S",
        13 => "TWA",
        _ => return Field::Uint(code),
    };
    Field::Text(name.into())
}

impl Layout for Series {
    fn wants(&self) -> Option<&'static str> {
        Some(match self.next {
            Next::Key => "time series key name",
            Next::Retention => "time series retention",
            Next::ChunkSize => "time series chunk size",
            Next::Options => "time series options",
            Next::LastTimestamp => "time series last timestamp",
            Next::LastValue => "time series last value",
            Next::Samples => "time series total samples",
            Next::DuplicatePolicy => "time series duplicate policy",
            Next::HasSource => "time series source flag",
            Next::Source => "time series source key",
            Next::IgnoreTime => "time series ignore max time diff",
            Next::IgnoreValue => "time series ignore max value diff",
            Next::Labels => "time series number of labels",
            Next::LabelName => "time series label name",
            Next::LabelValue => "time series label value",
            Next::Rules => "time series number of rules",
            Next::Destination => "time series rule destination",
            Next::Bucket => "time series rule bucket duration",
            Next::Alignment => "time series rule alignment",
            Next::Aggregation => "time series rule aggregation",
            Next::BucketStart => "time series rule bucket start",
            Next::Context => "time series rule context or chunks",
            Next::Chunks => "time series number of chunks",
            Next::Chunk => "time series chunk",
            Next::Unknown => "time series value",
            Next::End => return None,
        })
    }

    fn complete(&self) -> bool {
        match self.next {
            Next::End | Next::Unknown => true,
            // The last number would be the count of chunks: none.
            Next::Context => self.rules_left == 0 && self.run.last() == Some(&0),
            _ => false,
        }
    }

    fn take(&mut self, step: &Step<'_>) -> Result<(), Flaw> {
        self.next = match self.advance(step) {
            Err(_) if self.uncertain() => Next::Unknown,
            next => next?,
        };
        Ok(())
    }

    fn report(self: Box<Self>, module: &mut Module) {
        let mut header = self.header;
        module.elements = Some(self.samples);
        let read = module.flaw.is_none();
        if read || self.labels.total > 0 {
            header.put("labels", self.labels.field());
        }
        if read || self.rules.total > 0 {
            header.put("rules", self.rules.field());
        }
        if read && self.next != Next::Unknown {
            header.put("chunk_count", Field::Uint(self.chunks));
            header.put("chunk_samples", Field::Uint(self.chunk_samples));
            header.put("first_timestamp", Field::Uint(self.first_timestamp.unwrap_or(0)));
        }
        module.header = header.0;
    }
}
