//! Streams with their groups.

use crate::base::Result;
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::Item;
use crate::report::Stream;

use std::sync::Arc;

/// Streams with their groups.
#[derive(Debug, Clone)]
pub struct Streams {
    source: Arc<str>,
    top: usize,
}

impl Streams {
    /// For one source; `top` is the length of each list.
    pub fn new(source: &str, top: usize) -> Self {
        Self { source: source.into(), top }
    }
}

impl Analyzer for Streams {
    type Output = Vec<Stream>;

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
