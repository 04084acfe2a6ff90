//! How long keys have not been used, and how often they are.

use crate::base::Result;
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::Item;
use crate::report::{Frequency, Idle};

use std::sync::Arc;

/// How long keys have not been used, and how often they are.
#[derive(Debug, Clone)]
pub struct Usage {
    source: Arc<str>,
    top: usize,
}

impl Usage {
    /// For one source; `top` is the length of each list.
    pub fn new(source: &str, top: usize) -> Self {
        Self { source: source.into(), top }
    }
}

impl Analyzer for Usage {
    type Output = (Option<Idle>, Option<Frequency>);

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
        Ok((None, None))
    }
}
