//! The RDB format: header, framing, records, values.
//!
//! ```text
//! header   what the first nine bytes say            grammar  what each record is made of, as data
//! framer   where records end: cuts batches          walker   follows the grammar over bytes
//! parser   bytes of a batch to items                object   puts the parts of a value together
//! opcode, types   the numbers, by dialect           module   what modules store
//! payload  what DUMP gives and RESTORE takes
//! ```

mod framer;
mod grammar;
mod header;
mod item;
pub mod module;
mod object;
mod opcode;
mod parser;
mod payload;
mod template;
mod types;
mod walker;

pub use framer::{Found, Framer};
pub use header::{HEADER_BYTES, Header, Magic};
pub use item::{
    Damage, Depth, Element, Entry, Half, Head, Item, Key, Measured, Packing, Part, Shape, Sink, StreamInfo,
};
pub use object::Writer;
pub use opcode::Opcode;
pub use parser::{Config, Counters, Parser, Start};
pub use payload::Payload;
pub use template::Templates;
pub use types::{Dialect, Family, ValueType};
