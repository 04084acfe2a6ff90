//! Cluster slots and hash tags.

use crate::base::Result;
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::Item;
use crate::report::Cluster;

/// Cluster slots and hash tags.
#[derive(Debug, Clone)]
pub struct Slots {
    top: usize,
}

impl Slots {
    /// `top` is the length of each list.
    pub fn new(top: usize) -> Self {
        Self { top }
    }
}

impl Analyzer for Slots {
    type Output = Option<Cluster>;

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
        Ok(None)
    }
}
