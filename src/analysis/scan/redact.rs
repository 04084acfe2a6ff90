//! What of a match is shown.
//!
//! ```text
//! a trace of an attack   the match with some bytes around it; what a rule for secrets or personal data matches in it is masked
//! a secret               the match alone, and of the secret its shape: AK****LQ, or <40 bytes>
//! personal data          its length
//! ```

use crate::report::{Category, escape};
use crate::rules::validate::{Candidate, entropy};
use crate::rules::{CONTEXT, Class, Hit, Rule, SHOWN};

/// Bits per byte from which on the ends of a secret are shown: of words they would say too much.
const LEAST_ENTROPY: f64 = 3.0;
/// Shortest secret whose ends are shown.
const LEAST_SHAPED: usize = 16;
/// Longest run without a blank that is shown of a text in which something is encoded that must not be shown.
const MOST_ENCODED: usize = 12;

/// What is shown of a match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) text: String,
    /// Whether some of the match itself had to be masked for the sake of another rule.
    pub(super) masked: bool,
}

/// Says what is shown of `hit`, all hits in the same text being `all`. Nothing is kept back with `reveal`.
pub(super) fn show(rules: &[Rule], hit: &Hit, all: &[Hit], reveal: bool) -> Shown {
    let category = rules.get(hit.rule).map_or(Category::Secret, |rule| rule.category);
    let window = Window::of(hit);
    if reveal {
        return Shown { text: window.write(&vec![Mark::Shown; window.bytes.len()], &[]), masked: false };
    }
    if category == Category::Personal {
        return Shown { text: length(hit.bytes), masked: false };
    }
    let mut marks = vec![Mark::Shown; window.bytes.len()];
    if category == Category::Secret {
        window.mask_secret(&hit.secret, &mut marks);
    } else {
        window.drop_cut_words(&mut marks);
    }
    let before = marks.clone();
    window.mask_others(rules, hit, all, &mut marks);
    let masked = category != Category::Secret && marks.get(window.matched()) != before.get(window.matched());
    Shown { text: window.write(&marks, &hit.secret), masked }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Shown,
    /// Left out: the rest of a word that is cut.
    Cut,
    /// Not to be shown.
    Masked,
    /// The secret that was found.
    Secret,
}

/// What stands around the match, as the engine cut it.
struct Window<'h> {
    bytes: &'h [u8],
    hit: &'h Hit,
    /// The match is longer than what is shown of it.
    is_cut: bool,
}

impl<'h> Window<'h> {
    fn of(hit: &'h Hit) -> Self {
        Self { bytes: &hit.excerpt, hit, is_cut: hit.bytes > SHOWN as u64 }
    }

    fn matched(&self) -> std::ops::Range<usize> {
        let end = self.hit.matched.end.min(self.bytes.len());
        self.hit.matched.start.min(end)..end
    }

    /// Where a byte of the window stands in the text.
    fn place(&self, at: usize) -> u64 {
        let matched = self.matched();
        match at.checked_sub(matched.end) {
            Some(after) => self.hit.at.saturating_add(self.hit.bytes).saturating_add(after as u64),
            None => self.hit.at.saturating_add(at as u64).saturating_sub(matched.start as u64),
        }
    }

    /// Of a secret nothing is shown but the match it is in, and that not if the secret is not in it as a whole.
    fn mask_secret(&self, secret: &[u8], marks: &mut [Mark]) {
        let matched = self.matched();
        marks.fill(Mark::Cut);
        let Some(marks) = marks.get_mut(matched.clone()) else { return };
        let bytes = self.bytes.get(matched).unwrap_or_default();
        let mut found = false;
        if !secret.is_empty() && !self.is_cut {
            marks.fill(Mark::Shown);
            for at in memchr::memmem::find_iter(bytes, secret) {
                found = true;
                fill(marks, at..at.saturating_add(secret.len()), Mark::Secret);
            }
        }
        if !found {
            marks.fill(Mark::Masked);
        }
    }

    /// The words at both ends may be the rest of something longer.
    fn drop_cut_words(&self, marks: &mut [Mark]) {
        let matched = self.matched();
        let before = self.bytes.get(..matched.start).unwrap_or_default();
        if self.hit.at > matched.start as u64 {
            let word = before.iter().take_while(|byte| !is_blank(**byte)).count();
            fill(marks, 0..word, Mark::Cut);
        }
        let after = self.bytes.get(matched.end..).unwrap_or_default();
        if after.len() >= CONTEXT {
            let word = after.iter().rev().take_while(|byte| !is_blank(**byte)).count();
            fill(marks, self.bytes.len().saturating_sub(word)..self.bytes.len(), Mark::Cut);
        }
    }

    /// Masks what rules for secrets and personal data match: in the text, where their first match stands, and in the window.
    fn mask_others(&self, rules: &[Rule], hit: &Hit, all: &[Hit], marks: &mut [Mark]) {
        let is_redacted = |rule: usize| rules.get(rule).is_none_or(|rule| rule.category.is_redacted());
        let (mut others, mut encoded) = (false, false);
        for other in all.iter().filter(|other| other.rule != hit.rule && is_redacted(other.rule)) {
            others = true;
            if other.decoded == hit.decoded {
                let range = other.at..other.at.saturating_add(other.bytes);
                for (at, mark) in marks.iter_mut().enumerate() {
                    if range.contains(&self.place(at)) && *mark == Mark::Shown {
                        *mark = Mark::Masked;
                    }
                }
            } else {
                encoded = true;
            }
        }
        // What is a secret by the name of its field alone looks like any other word; where it is one, it is a hit.
        let is_told_by_text = |rule: &Rule| rule.category.is_redacted() && rule.prefilter != Some(Class::Field);
        for (_, rule) in rules.iter().enumerate().filter(|(at, rule)| *at != hit.rule && is_told_by_text(rule)) {
            self.mask_matches(rule, marks);
        }
        if encoded {
            self.mask_words(marks, MOST_ENCODED);
        } else if others && self.is_cut {
            let shown = self.bytes.get(self.matched()).unwrap_or_default();
            let word = shown.iter().rev().take_while(|byte| !is_blank(**byte)).count();
            let end = self.matched().end;
            mask(marks, end.saturating_sub(word)..end);
        }
    }

    /// Masks what a rule matches in the window, whatever it asks of the key or of what stands around.
    fn mask_matches(&self, rule: &Rule, marks: &mut [Mark]) {
        let Some(pattern) = &rule.pattern else { return };
        for captures in pattern.captures_iter(self.bytes) {
            let Some(all) = captures.get(0) else { continue };
            let secret = captures.name("secret").or_else(|| captures.get(1)).unwrap_or(all);
            let secret = rule.secret_group.and_then(|group| captures.get(group)).unwrap_or(secret);
            let (matched, secret) = (all.as_bytes(), secret.as_bytes());
            let candidate = Candidate { text: self.bytes, at: all.start(), matched, secret };
            if rule.validators.iter().all(|validator| validator.check(&candidate).is_some()) {
                mask(marks, all.range());
            }
        }
    }

    /// Masks whatever is longer without a blank.
    fn mask_words(&self, marks: &mut [Mark], most: usize) {
        let mut start = 0;
        for word in self.bytes.split(|byte| is_blank(*byte)) {
            let end = start + word.len();
            if word.len() > most {
                mask(marks, start..end);
            }
            start = end + 1;
        }
    }

    fn write(&self, marks: &[Mark], secret: &[u8]) -> String {
        let mut out = String::new();
        let end_of_match = self.matched().end;
        let mut at = 0;
        for run in marks.chunk_by(|a, b| a == b) {
            let end = at + run.len();
            match run.first() {
                Some(Mark::Shown) => {
                    // What follows the match does not follow what is shown of it.
                    let cut = if self.is_cut { end_of_match.clamp(at, end) } else { end };
                    out.push_str(&escape(self.bytes.get(at..cut).unwrap_or_default()));
                    if self.is_cut && (at + 1..=end).contains(&end_of_match) {
                        out.push('…');
                    }
                    out.push_str(&escape(self.bytes.get(cut..end).unwrap_or_default()));
                }
                Some(Mark::Masked) => {
                    let reaches_end = self.is_cut && end == end_of_match;
                    let first = self.place(at);
                    let past = if reaches_end { self.hit.at.saturating_add(self.hit.bytes) } else { self.place(end) };
                    out.push_str(&length(past.saturating_sub(first)));
                }
                Some(Mark::Secret) => {
                    let times = run.len().checked_div(secret.len()).unwrap_or(1).max(1);
                    out.push_str(&shape(secret).repeat(times));
                }
                Some(Mark::Cut) | None => {}
            }
            at = end;
        }
        out
    }
}

fn fill(marks: &mut [Mark], range: std::ops::Range<usize>, mark: Mark) {
    if let Some(marks) = marks.get_mut(range) {
        marks.fill(mark);
    }
}

/// Masks what would be shown.
fn mask(marks: &mut [Mark], range: std::ops::Range<usize>) {
    let marks = marks.get_mut(range).unwrap_or_default();
    marks.iter_mut().filter(|mark| **mark == Mark::Shown).for_each(|mark| *mark = Mark::Masked);
}

/// What ends a word: no secret goes on past it.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(byte, b'"' | b'\'' | b',' | b';' | b'<' | b'>' | b'(' | b')' | b'{' | b'}' | 0)
}

fn length(bytes: u64) -> String {
    format!("<{bytes} bytes>")
}

/// Of a long token of high entropy both ends, together a quarter of it at most; of anything else its length.
fn shape(secret: &[u8]) -> String {
    let ends = (secret.len() / 8).min(4);
    let is_token = secret.len() >= LEAST_SHAPED && secret.iter().all(u8::is_ascii_graphic);
    if !is_token || entropy(secret) < LEAST_ENTROPY {
        return length(secret.len() as u64);
    }
    let (first, last) = (secret.get(..ends), secret.get(secret.len().saturating_sub(ends)..));
    format!("{}****{}", escape(first.unwrap_or_default()), escape(last.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Where;
    use crate::rules::{About, RuleSet, Scanner};
    use std::path::Path;
    use std::sync::Arc;

    const RULES: &str = r#"
        [[rule]]
        id = "A-1"
        title = "attack"
        severity = "high"
        story = "s"
        why = "w"
        advice = "a"
        regex = 'EVIL[a-z /:@.A-Z0-9-]*'
        [[rule]]
        id = "S-1"
        title = "token"
        severity = "high"
        category = "secret"
        story = "s"
        why = "w"
        advice = "a"
        regex = 'tok_[A-Za-z0-9]{16}'
        [[rule]]
        id = "S-2"
        title = "password"
        severity = "high"
        category = "secret"
        story = "s"
        why = "w"
        advice = "a"
        regex = '://[a-z]+:([^@\s]+)@[a-z.]+'
        [[rule]]
        id = "P-1"
        title = "person"
        severity = "low"
        category = "personal"
        story = "s"
        why = "w"
        advice = "a"
        regex = '[a-z]+@[a-z]+\.test'
        [[rule]]
        id = "S-3"
        title = "password of a field"
        severity = "high"
        category = "secret"
        story = "s"
        why = "w"
        advice = "a"
        field = 'password'
        prefilter = "field"
        regex = '\A\S{4,64}\z'
    "#;

    fn shown(text: &str) -> Vec<(String, Shown)> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("rules.toml");
        std::fs::write(&file, RULES).expect("a file");
        let mut set = RuleSet::default();
        set.add_path(Path::new(&file)).expect("rules");
        let set = Arc::new(set);
        let mut scanner = Scanner::new(Arc::clone(&set));
        scanner.text(0, &About { place: Where::Value, ty: None, key: b"k", field: b"" }, text.as_bytes());
        let hits: Vec<_> = scanner.drain().collect();
        let all = hits.clone();
        hits.iter().map(|hit| (set.rules()[hit.rule].id.clone(), show(set.rules(), hit, &all, false))).collect()
    }

    fn of(text: &str, rule: &str) -> Shown {
        shown(text).into_iter().find(|(id, _)| id == rule).unwrap_or_default().1
    }

    #[test]
    fn an_attack_is_shown_with_what_stands_around_it() {
        assert_eq!(of("\n\nEVIL curl\n\n", "A-1"), Shown { text: "\\n\\nEVIL curl\\n\\n".into(), masked: false });
        let long = format!("{} and then EVIL x| and {}", "before ".repeat(9), "after ".repeat(9));
        assert_eq!(of(&long, "A-1").text, " before  and then EVIL x| and after after after ");
        // A word that would be a password elsewhere is a word here.
        assert_eq!(of("EVILword", "A-1").text, "EVILword");
    }

    #[test]
    fn a_secret_beside_an_attack_is_masked() {
        let text = "EVIL x\ntok_abcdefgh12345678";
        assert_eq!(of(text, "A-1").text, "EVIL x\\n<20 bytes>");
        assert!(!of(text, "A-1").masked);
        // Inside the match too, and by the way it looks where it is not the first of its rule.
        let text = format!("tok_{}\n{}\nEVIL http://example.com/tok_abcdefgh12345678", "1".repeat(16), "x".repeat(80));
        assert_eq!(of(&text, "A-1"), Shown { text: "\\nEVIL http://example.com/<20 bytes>".into(), masked: true });
    }

    #[test]
    fn the_rest_of_a_word_that_is_cut_is_left_out() {
        let text = format!("tok_{} EVIL x", "Zz9".repeat(20));
        assert_eq!(of(&text, "A-1").text, " EVIL x");
        let text = format!("EVIL x| {}", "Zz9".repeat(20));
        assert_eq!(of(&text, "A-1").text, "EVIL x| ");
    }

    #[test]
    fn of_a_secret_its_shape_is_shown() {
        assert_eq!(of("x tok_aZ3kQ9mB7pL2xW5v y", "S-1").text, "to****5v");
        // A word in place of a token, and one that is too short.
        assert_eq!(of("tok_aaaaaaaaaaaaaaaa", "S-1").text, "<20 bytes>");
        assert_eq!(of("db://bob:hunter2@db.example.com/x", "S-2").text, "://bob:<7 bytes>@db.example.com");
        // As often as it stands there.
        assert_eq!(of("://bob:bob@x", "S-2").text, "://<3 bytes>:<3 bytes>@x");
    }

    #[test]
    fn of_a_person_nothing_is_shown() {
        assert_eq!(of("mail alice@example.test now", "P-1").text, "<18 bytes>");
        assert_eq!(of("EVIL alice@example.test", "A-1").text, "EVIL <18 bytes>");
    }

    #[test]
    fn a_match_that_is_cut_says_so() {
        let text = format!("EVIL {}|{}", "a ".repeat(200), " rest");
        let shown = of(&text, "A-1").text;
        assert!(shown.ends_with("a…| rest"), "{shown}");
        // Of a secret that is not in what is shown of its match nothing is.
        let long = format!("://{}:pass@x", "u".repeat(300));
        assert_eq!(of(&long, "S-2").text, format!("<{} bytes>", long.len()));
    }
}
