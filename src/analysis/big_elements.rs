//! The largest elements inside keys.

use crate::base::Result;
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::Item;
use crate::report::BigElement;

use std::sync::Arc;

/// The largest elements inside keys.
#[derive(Debug, Clone)]
pub struct BigElements {
    source: Arc<str>,
    top: usize,
}

impl BigElements {
    /// For one source; `top` is the length of each list.
    pub fn new(source: &str, top: usize) -> Self {
        Self { source: source.into(), top }
    }
}

impl Analyzer for BigElements {
    type Output = Vec<BigElement>;

    fn fork(&self) -> Self {
        Self::new(&self.source, self.top)
    }

    fn observe(&mut self, _: &Item<'_>) -> Result<()> {
        Ok(())
    }

    fn merge(&mut self, _: Self) -> Result<()> {
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<Self::Output> {
        Ok(Vec::new())
    }
}
