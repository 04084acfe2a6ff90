//! Count-min sketch, `CMSk-TYPE` version 0.
//!
//! ```text
//! U width | U depth | U count | S counters: depth rows of width u32 LE
//! ```

use super::{Fields, Flaw, Layout, Module, Step};

/// Fields as `CMS.INFO` names them. The sum of counts is no count of elements, so `elements` stays empty.
#[derive(Debug, Default)]
pub(super) struct CountMin {
    next: Next,
    header: Fields,
    width: u64,
    depth: u64,
}

#[derive(Debug, Default, Clone, Copy)]
enum Next {
    #[default]
    Width,
    Depth,
    Count,
    Counters,
    End,
}

impl Layout for CountMin {
    fn wants(&self) -> Option<&'static str> {
        Some(match self.next {
            Next::Width => "count-min width",
            Next::Depth => "count-min depth",
            Next::Count => "count-min count",
            Next::Counters => "count-min counters",
            Next::End => return None,
        })
    }

    fn take(&mut self, step: &Step<'_>) -> Result<(), Flaw> {
        self.next = match self.next {
            Next::Width => {
                self.width = self.header.uint("width", step)?;
                Next::Depth
            }
            Next::Depth => {
                self.depth = self.header.uint("depth", step)?;
                Next::Count
            }
            Next::Count => {
                self.header.uint("count", step)?;
                Next::Counters
            }
            Next::Counters => {
                let bytes = self.width.checked_mul(self.depth).and_then(|n| n.checked_mul(4));
                step.blob(bytes, "4 for each counter")?;
                Next::End
            }
            Next::End => Next::End,
        };
        Ok(())
    }

    fn report(self: Box<Self>, module: &mut Module) {
        module.header = self.header.0;
    }
}
