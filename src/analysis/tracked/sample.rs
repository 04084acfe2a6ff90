//! A sample of keys that does not depend on the order in which they come or on who sees them.
//!
//! Every key has a number of chance, the hash of its name. It is kept while that number is below a threshold, or below a
//! second threshold times its bytes; so no large key is missing. If too many are below one of them, that threshold falls.
//! Both end where all keys together push them, because whoever sees a part of them only never lets go of more.
//! A kept key stands for as many keys as the inverse of its chance to be kept says (Horvitz and Thompson's estimate of a sum).

use super::share::{Example, Share};

/// 2^64 as a number of chance sees it: certainty.
const CERTAIN: f64 = 18_446_744_073_709_551_616.0;

#[derive(Debug, Clone)]
pub(super) struct Sample {
    most: usize,
    units: Vec<Unit>,
    by_key: Threshold,
    by_byte: Threshold,
}

/// A key that is kept.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    chance: u64,
    pub(super) path: Box<[u8]>,
    pub(super) share: Share,
    pub(super) example: Example,
}

/// Keys are kept below it.
#[derive(Debug, Clone, Copy)]
struct Threshold {
    at: u64,
    /// How many are.
    kept: usize,
}

impl Threshold {
    /// Whether a key of this weight is below.
    #[inline]
    fn keeps(self, chance: u64, weight: u64) -> bool {
        u128::from(chance) < u128::from(self.at).saturating_mul(u128::from(weight))
    }
}

impl Sample {
    /// At most so many keys are below each threshold.
    pub(super) fn new(most: usize) -> Self {
        let open = Threshold { at: u64::MAX, kept: 0 };
        Self { most: most.max(1), units: Vec::new(), by_key: open, by_byte: open }
    }

    /// Whether the chance of a key lets it be kept.
    #[inline]
    pub(super) fn keeps(&self, chance: u64, share: &Share) -> bool {
        self.by_key.keeps(chance, 1) || self.by_byte.keeps(chance, weight(share))
    }

    /// Keeps a key if its chance lets it.
    #[inline]
    pub(super) fn offer(&mut self, chance: u64, share: &Share, unit: impl FnOnce() -> (Box<[u8]>, Example)) {
        if self.keeps(chance, share) {
            let (path, example) = unit();
            self.keep(Unit { chance, path, share: *share, example });
        }
    }

    fn keep(&mut self, unit: Unit) {
        let weight = weight(&unit.share);
        let (by_key, by_byte) = (self.by_key.keeps(unit.chance, 1), self.by_byte.keeps(unit.chance, weight));
        self.by_key.kept = self.by_key.kept.saturating_add(usize::from(by_key));
        self.by_byte.kept = self.by_byte.kept.saturating_add(usize::from(by_byte));
        if by_key || by_byte {
            self.units.push(unit);
        }
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.by_key.kept > self.most || self.by_byte.kept > self.most {
            for threshold in [&mut self.by_key, &mut self.by_byte] {
                if threshold.kept > self.most {
                    threshold.at = threshold.at.saturating_sub(threshold.at.div_ceil(8));
                }
            }
            self.settle();
        }
    }

    /// Lets go of what is below neither threshold.
    fn settle(&mut self) {
        let (mut by_key, mut by_byte) = (self.by_key, self.by_byte);
        (by_key.kept, by_byte.kept) = (0, 0);
        self.units.retain(|unit| {
            let key = by_key.keeps(unit.chance, 1);
            let byte = by_byte.keeps(unit.chance, weight(&unit.share));
            by_key.kept = by_key.kept.saturating_add(usize::from(key));
            by_byte.kept = by_byte.kept.saturating_add(usize::from(byte));
            key || byte
        });
        (self.by_key, self.by_byte) = (by_key, by_byte);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.by_key.at = self.by_key.at.min(other.by_key.at);
        self.by_byte.at = self.by_byte.at.min(other.by_byte.at);
        self.settle();
        other.units.into_iter().for_each(|unit| self.keep(unit));
    }

    /// The keys with the number of keys that each stands for, at least 1. In no order.
    pub(super) fn units(&self) -> impl Iterator<Item = (&Unit, f64)> {
        self.units.iter().map(|unit| {
            #[expect(clippy::cast_precision_loss, reason = "an estimate")]
            let chance = (self.by_key.at as f64).max(self.by_byte.at as f64 * weight(&unit.share) as f64);
            (unit, (CERTAIN / chance).max(1.0))
        })
    }

    /// Keys that are kept.
    pub(super) fn len(&self) -> usize {
        self.units.len()
    }
}

#[inline]
fn weight(share: &Share) -> u64 {
    share.weight().max(1)
}
