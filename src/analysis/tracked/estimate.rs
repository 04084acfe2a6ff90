//! What keys add up to by what is known of some of them.

use super::share::Memory;
use super::{Leaf, Share};

/// Sums of leaves: of those that are exact, and an estimate by those that are sampled.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::analysis) struct Sum {
    pub(in crate::analysis) exact: Share,
    sampled: Sampled,
}

/// Estimated sums, with the variances of two of them.
#[derive(Debug, Clone, Copy, Default)]
struct Sampled {
    keys: f64,
    expires: f64,
    serialized_bytes: f64,
    memory_bytes: f64,
    persistent_memory_bytes: f64,
    ttls: f64,
    ttl_seconds: f64,
    idles: f64,
    idle_seconds: f64,
    /// Of [`Share::weight`].
    weight: f64,
    keys_variance: f64,
    weight_variance: f64,
    /// Sampled keys.
    units: f64,
}

/// Sums with their standard errors: 0 where they are exact.
#[derive(Debug, Clone, Copy)]
pub(in crate::analysis) struct Figures {
    pub(in crate::analysis) share: Share,
    pub(in crate::analysis) keys_error: u64,
    /// Of the memory, or of the bytes as stored where no memory is known.
    pub(in crate::analysis) weight_error: u64,
}

impl Sum {
    /// Of these leaves. The order matters to the last digit: floats are added.
    pub(in crate::analysis) fn of<'l>(leaves: impl IntoIterator<Item = &'l Leaf<'l>>) -> Self {
        let mut sum = Self::default();
        for leaf in leaves {
            match leaf.stands_for {
                None => sum.exact.add(leaf.share),
                Some(times) => sum.sampled.add(leaf.share, times),
            }
        }
        sum
    }

    /// The exact sums.
    pub(in crate::analysis) fn known(&self) -> Figures {
        Figures { share: self.exact, keys_error: 0, weight_error: 0 }
    }

    /// The estimate for a part of `all`, of which the exact sums are known: as large a part of them as in the sample.
    pub(in crate::analysis) fn part_of(&self, all: &Self) -> Figures {
        let (exact, part, whole) = (&all.exact, &self.sampled, &all.sampled);
        let memory = exact.memory.map(|exact| Memory {
            bytes: scaled(exact.bytes, part.memory_bytes, whole.memory_bytes),
            persistent_bytes: scaled(
                exact.persistent_bytes,
                part.persistent_memory_bytes,
                whole.persistent_memory_bytes,
            ),
        });
        let share = Share {
            // It was seen, so there is one.
            keys: scaled(exact.keys, part.keys, whole.keys).max(1),
            expires: scaled(exact.expires, part.expires, whole.expires),
            serialized_bytes: scaled(exact.serialized_bytes, part.serialized_bytes, whole.serialized_bytes),
            memory,
            ttls: scaled(exact.ttls, part.ttls, whole.ttls),
            ttl_seconds: scaled(exact.ttl_seconds, part.ttl_seconds, whole.ttl_seconds),
            idles: scaled(exact.idles, part.idles, whole.idles),
            idle_seconds: scaled(exact.idle_seconds, part.idle_seconds, whole.idle_seconds),
        };
        Figures {
            share,
            keys_error: error(exact.keys, part.of_keys(), whole.of_keys(), whole.units),
            weight_error: error(exact.weight(), part.of_weight(), whole.of_weight(), whole.units),
        }
    }
}

impl Sampled {
    /// Keys with their variance.
    fn of_keys(&self) -> (f64, f64) {
        (self.keys, self.keys_variance)
    }

    /// What [`Share::weight`] comes to, with its variance.
    fn of_weight(&self) -> (f64, f64) {
        (self.weight, self.weight_variance)
    }

    /// Adds one key that stands for so many.
    fn add(&mut self, share: &Share, times: f64) {
        self.keys += number(share.keys) * times;
        self.expires += number(share.expires) * times;
        self.serialized_bytes += number(share.serialized_bytes) * times;
        if let Some(memory) = share.memory {
            self.memory_bytes += number(memory.bytes) * times;
            self.persistent_memory_bytes += number(memory.persistent_bytes) * times;
        }
        self.ttls += number(share.ttls) * times;
        self.ttl_seconds += number(share.ttl_seconds) * times;
        self.idles += number(share.idles) * times;
        self.idle_seconds += number(share.idle_seconds) * times;
        // Of a value that is kept with the chance 1/t and then counts t times: t(t - 1) times its square.
        let spread = times * (times - 1.0);
        self.keys_variance += number(share.keys).powi(2) * spread;
        self.weight_variance += number(share.weight()).powi(2) * spread;
        self.weight += number(share.weight()) * times;
        self.units += 1.0;
    }
}

/// As large a part of `exact` as `part` is of `whole`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float stops at both ends")]
fn scaled(exact: u64, part: f64, whole: f64) -> u64 {
    if whole > 0.0 { (number(exact) * (part / whole)).round() as u64 } else { 0 }
}

/// The standard error of [`scaled`], rounded up, of sums with their variances: what is in the part varies by as much as it is
/// not all of the whole, and the rest by as much as the part is of it. To the rest one key is added that was not seen, so that
/// a part that is all of the sample is not said to be certain.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float stops at both ends")]
fn error(exact: u64, part: (f64, f64), whole: (f64, f64), units: f64) -> u64 {
    if whole.0 <= 0.0 {
        return 0;
    }
    let ratio = (part.0 / whole.0).min(1.0);
    let rest = (whole.1 - part.1).max(0.0) + whole.1 / units.max(1.0);
    let variance = (1.0 - ratio).powi(2) * part.1 + ratio.powi(2) * rest;
    (variance.sqrt() * number(exact) / whole.0).ceil() as u64
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn number(whole: u64) -> f64 {
    whole as f64
}
