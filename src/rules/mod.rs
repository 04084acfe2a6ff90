//! Rules: what is looked for in decoded texts.
//!
//! ```text
//! file     TOML to rules           set       rules together            decode    texts inside texts
//! rule     what a rule says        scanner   rules on texts: hits      validate  check digits, structure, entropy
//! builtin  the rules that come with the program        gitleaks, iocs, yara   rules and indicators of others
//! ```

pub mod decode;
mod extra;
mod file;
pub mod gitleaks;
mod iocs;
mod rule;
mod scanner;
mod set;
pub mod validate;
#[cfg(feature = "yara")]
mod yara;

pub use extra::{Extra, ExtraMatch};
pub use iocs::Iocs;
pub use rule::{Allow, AllowTarget, Class, Example, LONGEST, Rule, Scope};
pub use scanner::{About, CONTEXT, Hit, Piece, SHOWN, ScanCounts, Scanner};
pub use set::{Broken, RuleSet, try_examples};
#[cfg(feature = "yara")]
pub use yara::Yara;
