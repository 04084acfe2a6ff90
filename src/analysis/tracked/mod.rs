//! Sums of keys by a path each, in bounded memory: exact while the paths are few, and from a sample where they are not.
//!
//! A path has pieces. Sums are exact down to a depth: at first that of whole paths; if there are more distinct ones than may
//! be held, the depth falls and those that are now the same are added up. How far it falls depends on the paths alone, not on
//! their order or on who sees which. Sums of deeper paths are estimated from [`sample`].

mod estimate;
mod sample;
mod share;

use crate::rdb::Key;
pub(super) use estimate::{Figures, Sum};
use hashbrown::HashMap;
use sample::Sample;
pub(super) use share::{Example, Share};

/// Keys by their paths. Memory: some 2 KB times `most`, if names are long.
#[derive(Debug, Clone)]
pub(super) struct Tracked {
    most: usize,
    /// The depth of whole paths.
    whole: usize,
    /// The depth down to which sums are exact.
    depth: usize,
    mark: u8,
    exact: HashMap<Box<[u8]>, Group>,
    sample: Sample,
}

/// The keys of one path.
#[derive(Debug, Clone)]
struct Group {
    share: Share,
    example: Example,
}

/// A path with what is known of its keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf<'a> {
    pub(super) path: &'a [u8],
    pub(super) share: &'a Share,
    pub(super) example: &'a Example,
    /// None: the share is a sum. Else it is one sampled key, and this is how many it stands for.
    pub(super) stands_for: Option<f64>,
}

impl Tracked {
    /// `most` distinct paths are told apart exactly. A path has up to `whole` pieces, and `mark` after each but the last.
    pub(super) fn new(most: usize, whole: usize, mark: u8) -> Self {
        let most = most.max(1);
        Self { most, whole, depth: whole, mark, exact: HashMap::default(), sample: Sample::new(most) }
    }

    /// The same limits with nothing in it.
    pub(super) fn fork(&self) -> Self {
        Self::new(self.most, self.whole, self.mark)
    }

    /// How deep a path has to go: all the way for a key that is sampled.
    #[inline]
    pub(super) fn depth_of(&self, chance: u64, share: &Share) -> usize {
        if self.sample.keeps(chance, share) { self.whole } else { self.depth }
    }

    /// Adds a key with its path, at least down to [`Tracked::depth_of`] it. `chance` is a hash of what makes it another than all others.
    #[inline]
    pub(super) fn add(&mut self, path: &[u8], chance: u64, share: &Share, key: &Key<'_>) {
        let known = self.cut(path);
        if let Some(group) = self.exact.get_mut(known) {
            group.share.add(share);
            group.example.offer(key);
        } else {
            self.exact.insert(known.into(), Group { share: *share, example: Example::of(key) });
            self.fall();
        }
        self.sample.offer(chance, share, || (path.into(), Example::of(key)));
    }

    /// The path down to the exact depth.
    #[inline]
    fn cut<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        cut(path, self.depth, self.whole, self.mark)
    }

    /// Adds up what is the same one piece less deep, until there are few enough.
    fn fall(&mut self) {
        while self.exact.len() > self.most && self.depth > 0 {
            self.fall_to(self.depth.saturating_sub(1));
        }
    }

    fn fall_to(&mut self, depth: usize) {
        self.depth = depth;
        for (path, group) in std::mem::take(&mut self.exact) {
            self.join(&path, group);
        }
    }

    fn join(&mut self, path: &[u8], group: Group) {
        let path = self.cut(path);
        if let Some(own) = self.exact.get_mut(path) {
            own.share.add(&group.share);
            own.example.merge(group.example);
        } else {
            self.exact.insert(path.into(), group);
        }
    }

    /// Adds what another one was told.
    pub(super) fn merge(&mut self, other: Self) {
        if other.depth < self.depth {
            self.fall_to(other.depth);
        }
        for (path, group) in other.exact {
            self.join(&path, group);
            self.fall();
        }
        self.sample.merge(other.sample);
    }

    /// The depth down to which sums are exact; none if all are.
    pub(super) fn exact_depth(&self) -> Option<usize> {
        (self.depth < self.whole).then_some(self.depth)
    }

    /// Sampled keys, where sums are estimated from them.
    pub(super) fn sampled_keys(&self) -> u64 {
        if self.depth < self.whole { self.sample.len() as u64 } else { 0 }
    }

    /// The sums by path down to the exact depth, and, if that is not all, the sampled keys. In an order that is always the same.
    pub(super) fn leaves(&self) -> Vec<Leaf<'_>> {
        let exact = self.exact.iter();
        let exact = exact.map(|(path, Group { share, example })| Leaf { path, share, example, stands_for: None });
        let mut leaves: Vec<_> = exact.collect();
        if self.depth < self.whole {
            leaves.extend(self.sample.units().map(|(unit, stands_for)| Leaf {
                path: &unit.path,
                share: &unit.share,
                example: &unit.example,
                stands_for: Some(stands_for),
            }));
        }
        // Floats are added in this order.
        leaves.sort_unstable_by_key(|leaf| (leaf.path, leaf.example, leaf.stands_for.is_some(), *leaf.share));
        leaves
    }
}

/// A path down to a depth: all of it where it is not so deep.
#[inline]
pub(super) fn cut(path: &[u8], depth: usize, whole: usize, mark: u8) -> &[u8] {
    if depth >= whole {
        return path;
    }
    let end = match depth {
        0 => 0,
        _ => memchr::memchr_iter(mark, path).nth(depth.saturating_sub(1)).map_or(path.len(), |at| at.saturating_add(1)),
    };
    path.get(..end).unwrap_or(path)
}
