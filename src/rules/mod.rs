//! Rules: what is looked for in decoded texts.
//!
//! ```text
//! file     TOML to rules           set       rules together            decode    texts inside texts
//! rule     what a rule says        scanner   rules on texts: hits      validate  check digits, structure, entropy
//! builtin  the rules that come with the program
//! ```

pub mod decode;
mod extra;
mod file;
mod rule;
mod scanner;
mod set;
pub mod validate;

pub use extra::{Extra, ExtraMatch};
pub use rule::{Class, Example, LONGEST, Rule, Scope};
pub use scanner::{About, CONTEXT, Hit, Piece, SHOWN, ScanCounts, Scanner};
pub use set::{Broken, RuleSet, try_examples};
