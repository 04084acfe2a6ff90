//! One value for each type of key.

use crate::keyspace::Type;

/// One value per type, made when the type is first met.
#[derive(Debug, Clone, Default)]
pub(super) struct PerType<T>([Option<Box<T>>; Type::ALL.len()]);

impl<T: Default> PerType<T> {
    /// The value of this type.
    #[inline]
    pub(super) fn of(&mut self, ty: Type) -> &mut T {
        // The array has a place for every variant.
        self.0[ty as usize].get_or_insert_default()
    }

    /// The types that were met, with their values, in the order of [`Type::ALL`].
    pub(super) fn iter(&self) -> impl Iterator<Item = (Type, &T)> {
        Type::ALL.into_iter().zip(&self.0).filter_map(|(ty, value)| Some((ty, value.as_deref()?)))
    }

    /// Adds what another one holds.
    pub(super) fn merge(&mut self, other: &Self, add: impl Fn(&mut T, &T)) {
        for (ty, value) in other.iter() {
            add(self.of(ty), value);
        }
    }
}
