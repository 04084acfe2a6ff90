//! The tree that is shown: beginnings that hold much, one below the other.
//!
//! Siblings that hold little become one, `{*}`, whose children are theirs together: of 50,000 `user:NAME:profile` stays
//! `user:{*}:profile`. A beginning whose keys all go on alike is shown with what they share.

use super::pattern::MARK;
use crate::analysis::tracked::{Example, Figures, Leaf, Sum, Tracked};
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
    let (prefixes, others) = tree.children(&[], groups(leaves), 0, &all, &whole);
    let sample = patterns
        .exact_depth()
        .map(|depth| PrefixSample { exact_depth: depth as u64, sampled_keys: patterns.sampled_keys() });
    PrefixTree { prefixes, others, sample }
}

struct Tree {
    exact_depth: usize,
    whole: Figures,
}

/// Leaves by their next piece, and whether they go on after it.
type Groups<'a> = BTreeMap<(&'a [u8], bool), Vec<Leaf<'a>>>;

/// Leaves by their next piece, which is taken from their paths. Those that end here are in no group.
fn groups(leaves: Vec<Leaf<'_>>) -> Groups<'_> {
    let mut groups = Groups::new();
    for mut leaf in leaves {
        let end = memchr::memchr(MARK, leaf.path);
        let (piece, rest) = leaf.path.split_at_checked(end.unwrap_or(leaf.path.len())).unwrap_or_default();
        if !piece.is_empty() {
            leaf.path = rest.get(1..).unwrap_or_default();
            groups.entry((piece, end.is_some())).or_default().push(leaf);
        }
    }
    groups
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

    /// What is shown below a beginning of so many pieces, largest first, and what is left of it. `known` is the sum of the
    /// longest beginning of which it is exact: of this one, or of one above.
    fn children(
        &self,
        prefix: &[u8],
        groups: Groups<'_>,
        depth: usize,
        known: &Sum,
        own: &Figures,
    ) -> (Vec<Prefix>, Option<OtherKeys>) {
        let is_leaf = groups.is_empty();
        let mut shown: Vec<Prefix> = self
            .choose(prefix, groups, depth + 1, known)
            .into_iter()
            .map(|(prefix, leaves)| self.node(&prefix, leaves, depth + 1, known))
            .collect();
        shown.sort_by(|a, b| {
            let rank = |prefix: &Prefix| Reverse((prefix.memory_bytes, prefix.keys));
            rank(a).cmp(&rank(b)).then_with(|| a.prefix.cmp(&b.prefix))
        });
        let left = |own: u64, part: &dyn Fn(&Prefix) -> u64| shown.iter().map(part).fold(own, u64::saturating_sub);
        let memory = |prefix: &Prefix| prefix.memory_bytes.unwrap_or_default();
        let others = OtherKeys {
            keys: left(own.share.keys, &|prefix| prefix.keys),
            memory_bytes: own.share.memory_bytes().map(|own| left(own, &memory)),
        };
        let others = (!is_leaf && others.keys > 0).then_some(others);
        (shown, others)
    }

    /// The groups that hold enough, each with its beginning; several that do not are one, if together they do.
    fn choose<'a>(
        &self,
        prefix: &[u8],
        groups: Groups<'a>,
        depth: usize,
        known: &Sum,
    ) -> Vec<(Vec<u8>, Vec<Leaf<'a>>)> {
        let mut chosen = Vec::new();
        let mut small: BTreeMap<Option<u8>, (u64, Vec<Leaf<'a>>)> = BTreeMap::new();
        for ((piece, goes_on), leaves) in groups {
            if self.is_shown(&self.figures(&leaves, depth, known)) {
                chosen.push(([prefix, piece].concat(), leaves));
            } else {
                // What goes on after a colon is not what goes on after a slash, or ends here.
                let (groups, all) = small.entry(piece.last().copied().filter(|_| goes_on)).or_default();
                *groups += 1;
                all.extend(leaves);
            }
        }
        for (separator, (groups, leaves)) in small {
            if groups > 1 && self.is_shown(&self.figures(&leaves, depth, known)) {
                chosen.push(([prefix, b"{*}", separator.as_slice()].concat(), leaves));
            }
        }
        chosen
    }

    /// The node of a beginning of so many pieces; where all its keys go on alike, that of what they share.
    fn node(&self, prefix: &[u8], leaves: Vec<Leaf<'_>>, depth: usize, known: &Sum) -> Prefix {
        let own = Sum::of(&leaves);
        let known = if self.is_exact(depth) { &own } else { known };
        let figures = self.figures(&leaves, depth, known);
        let example = leaves.iter().map(|leaf| leaf.example).min();
        let (mut children, others) = self.children(prefix, groups(leaves), depth, known, &figures);
        if let ([child], None) = (children.as_slice(), others)
            && (child.keys, child.keys_error) == (figures.share.keys, figures.keys_error)
        {
            return children.swap_remove(0);
        }
        let share = &figures.share;
        Prefix {
            prefix: KeyName::whole(prefix),
            keys: share.keys,
            keys_error: figures.keys_error,
            expires: share.expires,
            serialized_bytes: share.serialized_bytes,
            memory_bytes: share.memory_bytes(),
            bytes_error: figures.weight_error,
            persistent_memory_bytes: share.memory.map(|memory| memory.persistent_bytes),
            average_ttl_seconds: share.ttl_seconds.checked_div(share.ttls),
            average_idle_seconds: share.idle_seconds.checked_div(share.idles),
            example: example.map(Example::to_name),
            children,
            others,
        }
    }
}
