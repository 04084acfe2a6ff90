//! Short texts that are known to have nothing: names of fields, flags and small numbers come again and again.

/// Bytes of the longest text that is remembered.
const SHORT: usize = 16;
/// Texts that are remembered; each has one place.
const PLACES: usize = 512;

/// The last short texts in which nothing was found that any rule could match.
#[derive(Debug)]
pub(super) struct Quiet {
    /// The bytes; their number and the set of rules.
    texts: Box<[(u128, u32); PLACES]>,
}

/// A short text, as it is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Short {
    place: usize,
    bytes: u128,
    about: u32,
}

impl Default for Quiet {
    fn default() -> Self {
        Self { texts: Box::new([(0, 0); PLACES]) }
    }
}

impl Short {
    /// A text that is put to a set of rules; none if it is too long, or empty.
    #[allow(clippy::cast_possible_truncation, reason = "half of the bytes by half; a place below their number")]
    #[inline]
    pub(super) fn of(text: &[u8], set: usize) -> Option<Self> {
        if text.is_empty() || text.len() > SHORT {
            return None;
        }
        let bytes = super::grams::padded(text);
        let about = u32::try_from(set << 8 | text.len()).ok()?;
        let mixed = (bytes as u64 ^ (bytes >> 64) as u64 ^ u64::from(about)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Some(Self { place: (mixed >> (u64::BITS - PLACES.trailing_zeros())) as usize, bytes, about })
    }
}

impl Quiet {
    /// Whether this text is among them.
    #[inline]
    pub(super) fn has(&self, text: Short) -> bool {
        self.texts.get(text.place) == Some(&(text.bytes, text.about))
    }

    /// Remembers it.
    pub(super) fn add(&mut self, text: Short) {
        if let Some(place) = self.texts.get_mut(text.place) {
            *place = (text.bytes, text.about);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn only_what_was_added_is_known(texts in prop::collection::vec("[ab\\x00]{0,18}", 1..40)) {
            let mut quiet = Quiet::default();
            let mut added = std::collections::HashSet::new();
            for (at, text) in texts.iter().enumerate() {
                let set = at % 2;
                let Some(short) = Short::of(text.as_bytes(), set) else {
                    prop_assert!(text.is_empty() || text.len() > SHORT);
                    continue;
                };
                prop_assert!(!quiet.has(short) || added.contains(&(set, text)));
                quiet.add(short);
                prop_assert!(quiet.has(short));
                added.insert((set, text));
            }
        }
    }
}
