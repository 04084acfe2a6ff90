//! The tree that is shown: beginnings that hold much, one below the other.
//!
//! Siblings that hold little become one, `{*}`, whose children are theirs together: of 50,000 `user:NAME:profile` stays
//! `user:{*}:profile`. A beginning whose keys all go on alike is shown with what they share.

use super::pattern::MARK;
use crate::analysis::tracked::{Figures, Leaf, Sum, Tracked};
use crate::report::{KeyName, OtherKeys, Prefix, PrefixSample, PrefixTree};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What holds less than one in so many of all keys, and of all bytes, is not shown by itself.
const LEAST_SHARE: u64 = 1000;
/// The same for a name that is one key: no prefix, and among the largest keys if it is large.
const LEAST_KEY: u64 = 100;

/// The tree of all that was tracked.
pub(super) fn grow(patterns: &Tracked) -> PrefixTree {
    let leaves = patterns.leaves();
    let all = Sum::of(&leaves);
    let whole = all.known();
    let tree = Tree { exact_depth: patterns.exact_depth().unwrap_or(usize::MAX), whole };
    let (prefixes, others) = tree.children(&[], &Branch { depth: 0, groups: groups(leaves).0, known: all }, &whole);
    let sample = patterns
        .exact_depth()
        .map(|depth| PrefixSample { exact_depth: depth as u64, sampled_keys: patterns.sampled_keys() });
    PrefixTree { prefixes, others, sample }
}

struct Tree {
    exact_depth: usize,
    whole: Figures,
}

/// The keys below one beginning.
struct Branch<'a> {
    /// Pieces that the beginning has.
    depth: usize,
    groups: Groups<'a>,
    /// Of the longest beginning of which the sums are exact: itself, or one above.
    known: Sum,
}

/// Leaves by their next piece, and whether they go on after it.
type Groups<'a> = BTreeMap<(&'a [u8], bool), Vec<Leaf<'a>>>;

/// Leaves by their next piece, which is taken from their paths, and whether there are some that end here.
fn groups(leaves: Vec<Leaf<'_>>) -> (Groups<'_>, bool) {
    let mut groups = Groups::new();
    let mut ends = false;
    for mut leaf in leaves {
        let end = memchr::memchr(MARK, leaf.path);
        let (piece, rest) = leaf.path.split_at_checked(end.unwrap_or(leaf.path.len())).unwrap_or_default();
        if piece.is_empty() {
            ends = true;
            continue;
        }
        leaf.path = rest.get(1..).unwrap_or_default();
        groups.entry((piece, end.is_some())).or_default().push(leaf);
    }
    (groups, ends)
}

impl Tree {
    fn is_exact(&self, depth: usize) -> bool {
        depth <= self.exact_depth
    }

    /// What leaves at a depth add up to.
    fn figures(&self, leaves: &[Leaf<'_>], depth: usize, known: &Sum) -> Figures {
        let sum = Sum::of(leaves);
        if self.is_exact(depth) { sum.known() } else { sum.part_of(known) }
    }

    fn is_shown(&self, part: &Figures) -> bool {
        let least = if part.share.keys == 1 { LEAST_KEY } else { LEAST_SHARE };
        let holds = |part: u64, whole: u64| u128::from(part) * u128::from(least) >= u128::from(whole);
        let (part, whole) = (&part.share, &self.whole.share);
        holds(part.keys, whole.keys) || holds(part.weight(), whole.weight())
    }

    /// What is shown below a beginning, largest first, and what is left of it.
    fn children(&self, prefix: &[u8], branch: &Branch<'_>, own: &Figures) -> (Vec<Prefix>, Option<OtherKeys>) {
        let depth = branch.depth + 1;
        let mut shown = Vec::new();
        let mut small: BTreeMap<Option<u8>, Vec<&Vec<Leaf<'_>>>> = BTreeMap::new();
        for ((piece, goes_on), leaves) in &branch.groups {
            if self.is_shown(&self.figures(leaves, depth, &branch.known)) {
                shown.push(self.node([prefix, piece].concat(), leaves.clone(), depth, branch.known));
            } else {
                // What goes on after a colon is not what goes on after a slash, or ends here.
                small.entry(piece.last().copied().filter(|_| *goes_on)).or_default().push(leaves);
            }
        }
        for (separator, several) in small {
            let leaves: Vec<_> = several.iter().copied().flatten().copied().collect();
            if several.len() > 1 && self.is_shown(&self.figures(&leaves, depth, &branch.known)) {
                let prefix = [prefix, b"{*}", separator.as_slice()].concat();
                shown.push(self.node(prefix, leaves, depth, branch.known));
            }
        }
        shown.sort_by(|a: &Prefix, b| {
            let rank = |prefix: &Prefix| Reverse((prefix.memory_bytes, prefix.keys));
            rank(a).cmp(&rank(b)).then_with(|| a.prefix.cmp(&b.prefix))
        });
        let left = |own: u64, part: &dyn Fn(&Prefix) -> u64| shown.iter().map(part).fold(own, u64::saturating_sub);
        let memory = |prefix: &Prefix| prefix.memory_bytes.unwrap_or_default();
        let others = OtherKeys {
            keys: left(own.share.keys, &|prefix| prefix.keys),
            memory_bytes: own.share.memory_bytes.map(|own| left(own, &memory)),
        };
        let others = (!branch.groups.is_empty() && others.keys > 0).then_some(others);
        (shown, others)
    }

    /// The node of a beginning, with what all its keys go on with.
    fn node(&self, mut prefix: Vec<u8>, leaves: Vec<Leaf<'_>>, mut depth: usize, mut known: Sum) -> Prefix {
        if self.is_exact(depth) {
            known = Sum::of(&leaves);
        }
        let figures = self.figures(&leaves, depth, &known);
        let example = leaves.iter().map(|leaf| leaf.example).min();
        let (mut groups, mut ends) = self::groups(leaves);
        // Where the next piece is only known from a sample, what is exact is shown without it.
        while !ends && groups.len() == 1 && (self.is_exact(depth) == self.is_exact(depth + 1)) {
            let Some(((piece, _), leaves)) = groups.pop_first() else { break };
            prefix.extend_from_slice(piece);
            depth += 1;
            (groups, ends) = self::groups(leaves);
        }
        let (children, others) = self.children(&prefix, &Branch { depth, groups, known }, &figures);
        let share = &figures.share;
        let average = |sum: u128, of: u64| u64::try_from(sum.checked_div(of.into())?).ok();
        Prefix {
            prefix: KeyName::whole(&prefix),
            keys: share.keys,
            keys_error: figures.keys_error,
            expires: share.expires,
            serialized_bytes: share.serialized_bytes,
            memory_bytes: share.memory_bytes,
            bytes_error: figures.weight_error,
            persistent_memory_bytes: share.persistent_memory_bytes,
            average_ttl_seconds: average(share.ttl_seconds, share.ttls),
            average_idle_seconds: average(share.idle_seconds, share.idles),
            example: example.map(crate::analysis::tracked::Example::to_name),
            children,
            others,
        }
    }
}
