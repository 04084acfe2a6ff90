//! Rules: what is looked for in decoded texts.
//!
//! ```text
//! file       TOML to rules                         set      rules together            decode    texts inside texts
//! rule       what a rule says                      scanner  rules on texts: hits      validate  check digits, structure, entropy
//! prefilter  literals that a pattern cannot do     matcher  which rules, and where    window    texts that come in pieces
//!            without, its longest match            grams    hundreds of literals      judge     from a match to a hit
//! rarity     how often bytes are to be expected    class    runs of digits, base64 …  extra     matchers without patterns
//! hints      what speaks for a match, asked        quiet    short texts known to
//!            before its pattern is tried                    have nothing
//! builtin    the rules that come with the program      gitleaks, iocs, yara   rules and indicators of others
//! ```

mod class;
pub mod decode;
mod extra;
mod file;
pub mod gitleaks;
mod grams;
mod hints;
mod iocs;
mod judge;
mod matcher;
mod prefilter;
mod quiet;
mod rarity;
mod rule;
mod scanner;
mod set;
pub mod validate;
mod window;
#[cfg(feature = "yara")]
mod yara;

pub use extra::{Extra, ExtraMatch};
pub use iocs::Iocs;
pub use prefilter::Literal;
pub use rule::{Allow, AllowTarget, Candidates, Class, Example, LONGEST, Rule, Scope};
pub use scanner::{About, CONTEXT, Hit, Piece, SHOWN, ScanCounts, Scanner};
pub use set::{Broken, RuleSet, try_examples};
#[cfg(feature = "yara")]
pub use yara::Yara;
