//! Bloom filter of valkey-bloom, `bloomfltr` version 0 as the development tree of October 2024 wrote it.
//!
//! ```text
//! U filters | U expansion | FLOAT false positive rate
//! each filter:  S bitmap | U bits | U hashes | U capacity | the last one: U items
//! ```
//!
//! Filters before the last are full. Later trees write a double as the rate and other fields after it; that layout is
//! not known here and is no flaw.

use std::mem;

use super::{Field, Fields, Flaw, Kept, Layout, Module, Step, Token};

/// Fields as the module's `BF.INFO` names them, less `size`, which is memory in the server.
#[derive(Debug, Default)]
pub(super) struct ValkeyBloom {
    next: Next,
    header: Fields,
    expansion: u64,
    filters_left: u64,
    bitmap_bytes: u64,
    capacity: u64,
    items: u64,
    filter: Fields,
    filters: Kept,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Next {
    #[default]
    Filters,
    Expansion,
    Rate,
    Bitmap,
    Bits,
    Hashes,
    Capacity,
    Items,
    End,
    /// A layout that is not known: anything may follow.
    Unknown,
}

impl Layout for ValkeyBloom {
    fn wants(&self) -> Option<&'static str> {
        Some(match self.next {
            Next::Filters => "valkey-bloom number of filters",
            Next::Expansion => "valkey-bloom expansion",
            Next::Rate => "valkey-bloom false positive rate",
            Next::Bitmap => "valkey-bloom filter bitmap",
            Next::Bits => "valkey-bloom filter bits",
            Next::Hashes => "valkey-bloom filter hashes",
            Next::Capacity => "valkey-bloom filter capacity",
            Next::Items => "valkey-bloom items in the last filter",
            Next::Unknown => "valkey-bloom value",
            Next::End => return None,
        })
    }

    fn complete(&self) -> bool {
        matches!(self.next, Next::End | Next::Unknown)
    }

    fn take(&mut self, step: &Step<'_>) -> Result<(), Flaw> {
        self.next = match self.next {
            Next::Filters => {
                self.filters_left = self.header.uint("number_of_filters", step)?;
                Next::Expansion
            }
            Next::Expansion => {
                self.expansion = step.uint()?;
                let rate = if self.expansion == 0 { Field::Null } else { Field::Uint(self.expansion) };
                self.header.put("expansion_rate", rate);
                Next::Rate
            }
            Next::Rate if matches!(step.token, Token::Double(_)) => Next::Unknown,
            Next::Rate => {
                self.header.put("error_rate", Field::Float(step.float()?.into()));
                if self.filters_left == 0 { Next::End } else { Next::Bitmap }
            }
            Next::Bitmap => {
                self.bitmap_bytes = step.string()?.len;
                Next::Bits
            }
            Next::Bits => {
                let bits = self.filter.uint("bits", step)?;
                if bits.div_ceil(8) != self.bitmap_bytes {
                    return Err(step.unlike(format!("the bits of a bitmap of {} bytes", self.bitmap_bytes)));
                }
                Next::Hashes
            }
            Next::Hashes => {
                self.filter.uint("hashes", step)?;
                Next::Capacity
            }
            Next::Capacity => {
                let capacity = self.filter.uint("capacity", step)?;
                self.capacity = self.capacity.saturating_add(capacity);
                let filter = mem::take(&mut self.filter);
                self.filters.push(|| Field::Record(filter.0));
                self.filters_left = self.filters_left.saturating_sub(1);
                if self.filters_left == 0 {
                    Next::Items
                } else {
                    self.items = self.items.saturating_add(capacity);
                    Next::Bitmap
                }
            }
            Next::Items => {
                self.items = self.items.saturating_add(step.uint()?);
                Next::End
            }
            same @ (Next::End | Next::Unknown) => same,
        };
        Ok(())
    }

    fn report(self: Box<Self>, module: &mut Module) {
        if self.next == Next::Unknown {
            module.known = false;
            return;
        }
        let mut header = self.header;
        module.elements = Some(self.items);
        if module.flaw.is_none() {
            header.put("capacity", Field::Uint(self.capacity));
            header.put("number_of_items_inserted", Field::Uint(self.items));
        }
        if self.filters.total > 0 {
            header.put("filters", self.filters.field());
        }
        module.header = header.0;
    }
}
