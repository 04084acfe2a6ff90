//! T-digest, `TDIS-TYPE` version 0.
//!
//! ```text
//! D compression | D min | D max | U capacity | U merged | U unmerged | U total compressions
//! D merged weight | D unmerged weight | merged * D mean | merged * D weight
//! ```

use super::{Field, Fields, Flaw, Layout, Module, Step};

/// Fields as `TDIGEST.INFO` names them, and `min` and `max`; weights and compression are doubles as stored.
/// `elements` counts the centroids.
#[derive(Debug, Default)]
pub(super) struct TDigest {
    next: Next,
    header: Fields,
    capacity: u64,
    merged: u64,
    merged_weight: f64,
    left: u64,
}

#[derive(Debug, Default, Clone, Copy)]
enum Next {
    #[default]
    Compression,
    Min,
    Max,
    Capacity,
    Merged,
    Unmerged,
    TotalCompressions,
    MergedWeight,
    UnmergedWeight,
    Mean,
    Weight,
    End,
}

impl TDigest {
    /// The state after one of `merged` values of a kind: the same, or the first of the next kind.
    fn again(&mut self, same: Next, then: Next) -> Next {
        self.left = self.left.saturating_sub(1);
        if self.left > 0 {
            return same;
        }
        self.left = self.merged;
        then
    }
}

impl Layout for TDigest {
    fn wants(&self) -> Option<&'static str> {
        Some(match self.next {
            Next::Compression => "t-digest compression",
            Next::Min => "t-digest min",
            Next::Max => "t-digest max",
            Next::Capacity => "t-digest capacity",
            Next::Merged => "t-digest merged nodes",
            Next::Unmerged => "t-digest unmerged nodes",
            Next::TotalCompressions => "t-digest total compressions",
            Next::MergedWeight => "t-digest merged weight",
            Next::UnmergedWeight => "t-digest unmerged weight",
            Next::Mean => "t-digest mean",
            Next::Weight => "t-digest weight",
            Next::End => return None,
        })
    }

    fn take(&mut self, step: &Step<'_>) -> Result<(), Flaw> {
        self.next = match self.next {
            Next::Compression => {
                self.header.double("compression", step)?;
                Next::Min
            }
            Next::Min => {
                self.header.double("min", step)?;
                Next::Max
            }
            Next::Max => {
                self.header.double("max", step)?;
                Next::Capacity
            }
            Next::Capacity => {
                self.capacity = self.header.uint("capacity", step)?;
                Next::Merged
            }
            Next::Merged => {
                self.merged = self.header.uint("merged_nodes", step)?;
                if self.merged > self.capacity {
                    return Err(step.unlike(format!("at most the capacity of {}", self.capacity)));
                }
                Next::Unmerged
            }
            Next::Unmerged => {
                let unmerged = self.header.uint("unmerged_nodes", step)?;
                if unmerged > self.capacity.saturating_sub(self.merged) {
                    let room = self.capacity.saturating_sub(self.merged);
                    return Err(step.unlike(format!("at most the {room} that the capacity has left")));
                }
                Next::TotalCompressions
            }
            Next::TotalCompressions => {
                let bits = step.uint()?;
                self.header.put("total_compressions", Field::Int(bits.cast_signed()));
                Next::MergedWeight
            }
            Next::MergedWeight => {
                self.merged_weight = self.header.double("merged_weight", step)?;
                Next::UnmergedWeight
            }
            Next::UnmergedWeight => {
                let unmerged = self.header.double("unmerged_weight", step)?;
                self.header.put("observations", Field::Float(self.merged_weight + unmerged));
                self.left = self.merged;
                if self.merged == 0 { Next::End } else { Next::Mean }
            }
            Next::Mean => {
                step.double()?;
                self.again(Next::Mean, Next::Weight)
            }
            Next::Weight => {
                step.double()?;
                self.again(Next::Weight, Next::End)
            }
            Next::End => Next::End,
        };
        Ok(())
    }

    fn report(self: Box<Self>, module: &mut Module) {
        module.elements = Some(self.merged);
        module.header = self.header.0;
    }
}
