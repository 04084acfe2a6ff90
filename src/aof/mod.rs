//! The append-only file: commands one after the other, as RESP arrays of bulk strings.
//!
//! ```text
//! log   = { command | annotation }
//! command    = "*" count CRLF count × ( "$" length CRLF bytes CRLF )
//! annotation = "#" text CRLF            #TS:1795380560 is the Unix time of what follows
//!
//! resp    lines and whole commands          parser    commands of a batch to items
//! framer  where commands end: cuts batches  resync    the next command after damage
//! explain what a stretch of damage was      manifest  the parts of a log in several files
//! ```

mod explain;
mod framer;
mod long;
pub mod manifest;
mod parser;
mod resp;
mod resync;
pub(crate) mod words;
mod writes;

pub use explain::{Explained, LONGEST_EXPLAINED, annotations_around, each_command, explain, rewritten, written};
pub use framer::{Framer, Start, annotation, database};
pub use manifest::{Entry, Manifest, ManifestFlaw, Refused, Role};
pub use parser::Parser;
pub use resync::{Resync, may_hide_select, resync};
