//! How sizes are spread, per type.

use crate::base::Result;
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::Item;
use crate::report::Sizes;
use std::collections::BTreeMap;

/// How sizes are spread, per type.
#[derive(Debug, Clone)]
pub struct KeySizes {
    top: usize,
}

impl KeySizes {
    /// `top` is the length of each list.
    pub fn new(top: usize) -> Self {
        Self { top }
    }
}

impl Analyzer for KeySizes {
    type Output = BTreeMap<String, Sizes>;

    fn fork(&self) -> Self {
        Self::new(self.top)
    }

    fn observe(&mut self, _: &Item<'_>) -> Result<()> {
        Ok(())
    }

    fn merge(&mut self, _: Self) -> Result<()> {
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<Self::Output> {
        Ok(BTreeMap::new())
    }
}
