//! Text as HTML: what came from the input is text there, and nothing else.

use crate::report::printable;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The text for the inside of an element or of a quoted attribute. What cannot be seen, or would turn the text around it, is
/// escaped first.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(8));
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            c => out.push(c),
        }
    }
    out
}

/// How a Content-Security-Policy names an inline style or script: `'sha256-…'`.
pub(super) fn policy_hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup_or_turns_the_text_around_it() {
        assert_eq!(escaped("<a href='x\">&`"), "&lt;a href=&#39;x&quot;&gt;&amp;&#96;");
        assert_eq!(escaped("a\u{202e}b\u{1b}"), "a\\xe2\\x80\\xaeb\\x1b");
    }
}
