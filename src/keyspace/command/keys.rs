//! Which arguments are keys: what COMMAND GETKEYSANDFLAGS says, and what is executed where servers say less.
//!
//! Most of it is the table's; here is what options decide.

use super::spec::{Access, Begin, Find, KeySpec, Spec, Touch};
use super::{Args, integer};

/// A key of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyAt {
    /// Which argument it is, 0 being the name.
    pub index: usize,
    /// How it is used.
    pub access: Access,
    /// What is done with its data.
    pub touch: Touch,
}

impl Spec {
    /// Puts into `keys`, instead of what is there, the keys of a command with these arguments, as far as they are held.
    /// None for a command that servers refuse for the number of its arguments, or of its keys.
    pub fn keys(&self, args: &Args<'_>, keys: &mut Vec<KeyAt>) {
        keys.clear();
        if self.takes(args.count()) && self.find_keys(args, keys).is_none() {
            keys.clear();
        }
    }

    fn find_keys(&self, args: &Args<'_>, keys: &mut Vec<KeyAt>) -> Option<()> {
        for spec in self.key_specs {
            let key = |index| KeyAt { index, access: spec.access, touch: spec.touch };
            match (spec.begin, spec.find) {
                (Begin::Index(1), Find::Range { last: 0, .. }) if spec.varies => keys.push(self.decided(args)),
                (Begin::Index(first), Find::Range { last: 0, .. }) => {
                    let index = usize::from(first);
                    if index < args.held() {
                        keys.push(key(index));
                    }
                }
                (Begin::Index(first), Find::Range { .. }) => range(spec, u64::from(first), args, keys),
                (Begin::Index(first), Find::KeyNum { at, first: offset, step }) => {
                    let number = integer(args.whole(usize::from(first.checked_add(at)?))?)?;
                    let steps = u64::try_from(number).ok()?.checked_sub(1)?;
                    let first = u64::from(first).checked_add(u64::from(offset))?;
                    let last = steps.checked_mul(u64::from(step))?.checked_add(first)?;
                    if last >= args.count() {
                        return None;
                    }
                    every(spec, first, last, u64::from(step), args, keys);
                }
                // STORE and STOREDIST are one option: the last of them holds.
                (Begin::Keyword("STORE", from), _) if spec.varies => keys.extend(geo_store(args, from).map(key)),
                (Begin::Keyword(..), _) if spec.varies => {}
                (Begin::Keyword(_, from), _) if from < 0 => migrated(spec, args, keys)?,
                (Begin::Keyword(word, from), Find::Range { .. }) => {
                    let from = usize::try_from(from).ok()?;
                    let at = (from..args.held()).find(|at| is(args, *at, word))?;
                    range(spec, (at as u64).checked_add(1)?, args, keys);
                }
                (Begin::Unknown, _) if spec.access == Access::Overwrite => keys.extend(sort_store(args).map(key)),
                // SORT's BY and GET make names of what the key holds.
                _ => {}
            }
        }
        Some(())
    }

    /// The first key of a command whose options decide what is done with it.
    fn decided(&self, args: &Args<'_>) -> KeyAt {
        let (access, touch) = match self.name {
            "set" if !(3..args.held()).any(|at| is(args, at, "get")) => (Access::Overwrite, Touch::UPDATE),
            "delex" if args.count() == 2 => (Access::Remove, Touch::DELETE),
            "delex" => (Access::Write, Touch::DELETE),
            "bitfield" if only_gets(args) => (Access::Read, Touch::ACCESS),
            _ => (Access::Write, Touch::ACCESS.or(Touch::UPDATE)),
        };
        KeyAt { index: 1, access, touch }
    }
}

/// Whether the argument at this place is this word, in upper or lower case.
fn is(args: &Args<'_>, at: usize, word: &str) -> bool {
    args.whole(at).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
}

/// The keys of a range that begins at `first`.
fn range(spec: &KeySpec, first: u64, args: &Args<'_>, keys: &mut Vec<KeyAt>) {
    let Find::Range { last, step, limit } = spec.find else { return };
    let left = args.count().saturating_sub(first);
    let part = left.checked_div(u64::from(limit)).unwrap_or(left);
    let part = if last == -1 { part } else { left };
    let last = match u64::try_from(last) {
        Ok(last) => first.checked_add(last),
        // −1 is the last of them.
        Err(_) => first.checked_add(part).and_then(|end| end.checked_sub(u64::from(last.unsigned_abs()))),
    };
    let Some(last) = last else { return };
    every(spec, first, last, u64::from(step), args, keys);
}

/// The keys from `first` to `last`, as far as they are held.
fn every(spec: &KeySpec, first: u64, last: u64, step: u64, args: &Args<'_>, keys: &mut Vec<KeyAt>) {
    let held = args.held() as u64;
    let mut at = first;
    while at <= last && at < held {
        let Ok(index) = usize::try_from(at) else { return };
        keys.push(KeyAt { index, access: spec.access, touch: spec.touch });
        at = at.saturating_add(step.max(1));
    }
}

/// Where GEORADIUS and GEORADIUSBYMEMBER store what they find.
fn geo_store(args: &Args<'_>, from: i16) -> Option<usize> {
    let mut at = usize::try_from(from).ok()?;
    let mut found = None;
    while at < args.held() {
        if is(args, at, "store") || is(args, at, "storedist") {
            at = at.checked_add(1)?;
            found = (at < args.held()).then_some(at).or(found);
        }
        at = at.checked_add(1)?;
    }
    found
}

/// Where SORT stores what it sorts.
fn sort_store(args: &Args<'_>) -> Option<usize> {
    let mut at = 2_usize;
    let mut found = None;
    while at < args.held() {
        let words = if is(args, at, "limit") {
            2
        } else if is(args, at, "by") || is(args, at, "get") {
            1
        } else if is(args, at, "store") && at.checked_add(1)? < args.held() {
            found = at.checked_add(1);
            1
        } else {
            0
        };
        at = at.checked_add(words)?.checked_add(1)?;
    }
    found
}

/// The keys after MIGRATE's KEYS, which take the place of the one that is named, and must be empty then.
fn migrated(spec: &KeySpec, args: &Args<'_>, keys: &mut Vec<KeyAt>) -> Option<()> {
    let mut at = 6_usize;
    while at < args.held() {
        if is(args, at, "keys") && (at as u64).checked_add(1)? < args.count() {
            if !args.whole(3)?.is_empty() {
                return None;
            }
            keys.clear();
            range(spec, (at as u64).checked_add(1)?, args, keys);
            return Some(());
        }
        let words = if is(args, at, "auth2") { 3 } else { 1 + usize::from(is(args, at, "auth")) };
        at = at.checked_add(words)?;
    }
    Some(())
}

/// Whether all that a BITFIELD does is GET.
fn only_gets(args: &Args<'_>) -> bool {
    let mut at = 2_u64;
    while at < args.count() {
        let Ok(index) = usize::try_from(at) else { return false };
        let words = if is(args, index, "get") {
            2
        } else if is(args, index, "overflow") {
            1
        } else {
            return false;
        };
        at = at.saturating_add(words).saturating_add(1);
        if at > args.count() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::lay_out;
    use super::*;

    fn keys_of(words: &[&str], count: u64) -> Vec<usize> {
        let (bytes, spans) = lay_out(words);
        let args = Args::new(&bytes, &spans, count);
        let mut keys = vec![KeyAt { index: 0, access: Access::Read, touch: Touch::NOTHING }];
        Spec::lookup(&args).expect("a command").keys(&args, &mut keys);
        keys.into_iter().map(|key| key.index).collect()
    }

    /// What live servers cannot be asked: commands of which only the beginning is held.
    #[test]
    fn stays_within_what_is_held() {
        assert_eq!(keys_of(&["del", "a", "b"], u64::MAX), [1, 2]);
        assert_eq!(keys_of(&["mset", "a", "1", "b"], 5), [1, 3]);
        assert_eq!(keys_of(&["blpop", "a", "b"], 4), [1, 2]);
        assert_eq!(keys_of(&["blpop", "a", "b"], 3), [1]);
        assert_eq!(keys_of(&["zunionstore", "d", "18446744073709551615", "a"], u64::MAX), [0; 0]);
        assert_eq!(keys_of(&["zunionstore", "d", "9223372036854775807", "a"], u64::MAX), [1, 3]);
        assert_eq!(keys_of(&["msetex", "9223372036854775807", "a", "1"], 1 << 63), [0; 0]);
        assert_eq!(keys_of(&["msetex", "3", "a", "1", "b"], 8), [2, 4]);
        assert_eq!(keys_of(&["eval", "s", "3", "a"], 6), [3]);
        assert_eq!(keys_of(&["eval", "s"], 6), [0; 0]);
        assert_eq!(keys_of(&["xread", "streams", "a"], u64::MAX), [2]);
        assert_eq!(keys_of(&["sort", "k", "store"], 4), [1]);
        assert_eq!(keys_of(&["get"], 2), [0; 0]);
    }

    #[test]
    fn reads_numbers_as_servers_do() {
        for (word, number) in [("0", Some(0)), ("-1", Some(-1)), ("9223372036854775807", Some(i64::MAX))] {
            assert_eq!(integer(word.as_bytes()), number);
        }
        assert_eq!(integer(b"-9223372036854775808"), Some(i64::MIN));
        for word in ["", "-", "-0", "+1", "01", " 1", "1 ", "1a", "9223372036854775808", "-9223372036854775809"] {
            assert_eq!(integer(word.as_bytes()), None, "{word}");
        }
    }
}
