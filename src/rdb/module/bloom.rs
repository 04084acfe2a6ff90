//! Bloom filter of `RedisBloom`, `MBbloom--` versions 0 to 4.
//!
//! ```text
//! U items | U filters | v2: U options | v4: U growth, else 2
//! each filter:  U capacity | D error rate | U hashes | D bits per entry | v1: U bits, U n2
//!               S bit array | U items in this filter
//! ```
//!
//! `n2` is the logarithm of the bits if they are a power of two, else 0.

use std::mem;

use super::{Field, Fields, Flaw, Kept, Layout, Module, Step};

/// The option bit of a filter that never grows.
const NO_SCALING: u64 = 8;

/// What grows is doubled, in versions that do not store by how much.
const DEFAULT_GROWTH: u64 = 2;

/// Fields as `BF.INFO` names them, less `size`, which is memory in the server.
#[derive(Debug)]
pub(super) struct Bloom {
    encver: u16,
    next: Next,
    header: Fields,
    items: u64,
    options: u64,
    growth: u64,
    filters_left: u64,
    capacity: u64,
    bits: u64,
    filter: Fields,
    filters: Kept,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    Items,
    Filters,
    Options,
    Growth,
    Capacity,
    ErrorRate,
    Hashes,
    BitsPerEntry,
    Bits,
    Log2Bits,
    BitArray,
    FilterItems,
    End,
}

impl Bloom {
    pub(super) fn new(encver: u16) -> Self {
        Self {
            encver,
            next: Next::Items,
            header: Fields::default(),
            items: 0,
            options: 0,
            growth: DEFAULT_GROWTH,
            filters_left: 0,
            capacity: 0,
            bits: 0,
            filter: Fields::default(),
            filters: Kept::default(),
        }
    }

    fn filter_or_end(&self) -> Next {
        if self.filters_left == 0 { Next::End } else { Next::Capacity }
    }

    /// A bit array is as long as its bits need, in whole bytes or in whole words of 64 bits.
    fn fits(&self, bytes: u64) -> bool {
        bytes == self.bits.div_ceil(8) || bytes == self.bits.div_ceil(64).saturating_mul(8)
    }
}

impl Layout for Bloom {
    fn wants(&self) -> Option<&'static str> {
        Some(match self.next {
            Next::Items => "bloom number of items",
            Next::Filters => "bloom number of filters",
            Next::Options => "bloom options",
            Next::Growth => "bloom growth",
            Next::Capacity => "bloom filter capacity",
            Next::ErrorRate => "bloom filter error rate",
            Next::Hashes => "bloom filter hashes",
            Next::BitsPerEntry => "bloom filter bits per entry",
            Next::Bits => "bloom filter bits",
            Next::Log2Bits => "bloom filter log2 of bits",
            Next::BitArray => "bloom filter bit array",
            Next::FilterItems => "bloom filter items",
            Next::End => return None,
        })
    }

    fn take(&mut self, step: &Step<'_>) -> Result<(), Flaw> {
        self.next = match self.next {
            Next::Items => {
                self.items = self.header.uint("number_of_items_inserted", step)?;
                Next::Filters
            }
            Next::Filters => {
                self.filters_left = self.header.uint("number_of_filters", step)?;
                if self.encver >= 2 { Next::Options } else { self.filter_or_end() }
            }
            Next::Options => {
                self.options = self.header.uint("options", step)?;
                if self.encver >= 4 { Next::Growth } else { self.filter_or_end() }
            }
            Next::Growth => {
                self.growth = step.uint()?;
                self.filter_or_end()
            }
            Next::Capacity => {
                let capacity = self.filter.uint("capacity", step)?;
                self.capacity = self.capacity.saturating_add(capacity);
                Next::ErrorRate
            }
            Next::ErrorRate => {
                self.filter.double("error_rate", step)?;
                Next::Hashes
            }
            Next::Hashes => {
                self.filter.uint("hashes", step)?;
                Next::BitsPerEntry
            }
            Next::BitsPerEntry => {
                self.filter.double("bits_per_entry", step)?;
                if self.encver >= 1 { Next::Bits } else { Next::BitArray }
            }
            Next::Bits => {
                self.bits = self.filter.uint("bits", step)?;
                Next::Log2Bits
            }
            Next::Log2Bits => {
                let n2 = step.uint()?;
                // A server which trusts it reads at bit 2^n2 - 1.
                let span = u32::try_from(n2).ok().and_then(|n2| 1u64.checked_shl(n2));
                if n2 > 0 && span.is_none_or(|span| span > self.bits) {
                    return Err(step.unlike(format!("at most the logarithm of {} bits", self.bits)));
                }
                Next::BitArray
            }
            Next::BitArray => {
                let array = step.string()?;
                if self.encver == 0 {
                    self.filter.put("bits", Field::Uint(array.len.saturating_mul(8)));
                } else if !self.fits(array.len) {
                    return Err(step.unlike(format!("bytes for {} bits", self.bits)));
                }
                Next::FilterItems
            }
            Next::FilterItems => {
                self.filter.uint("number_of_items_inserted", step)?;
                let filter = mem::take(&mut self.filter);
                self.filters.push(|| Field::Record(filter.0));
                self.filters_left = self.filters_left.saturating_sub(1);
                self.filter_or_end()
            }
            Next::End => Next::End,
        };
        Ok(())
    }

    fn report(self: Box<Self>, module: &mut Module) {
        let mut header = self.header;
        module.elements = Some(self.items);
        if module.flaw.is_none() {
            header.put("capacity", Field::Uint(self.capacity));
            let grows = self.options & NO_SCALING == 0;
            header.put("expansion_rate", if grows { Field::Uint(self.growth) } else { Field::Null });
        }
        if self.filters.total > 0 {
            header.put("filters", self.filters.field());
        }
        module.header = header.0;
    }
}
