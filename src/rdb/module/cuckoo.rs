//! Cuckoo filter of `RedisBloom`, `MBbloomCF` versions 0 to 4.
//!
//! ```text
//! U filters | U buckets | U items | v4: U deletes | U bucket size | U max iterations | U expansion
//! each filter:  v4: U buckets | S fingerprints: bucket size * buckets bytes
//! ```

use super::{Field, Fields, Flaw, Kept, Layout, Module, Step};

/// Fields as `CF.INFO` names them, less `size`, which is memory in the server.
#[derive(Debug)]
pub(super) struct Cuckoo {
    v4: bool,
    next: Next,
    header: Fields,
    filters_left: u64,
    items: u64,
    bucket_size: u64,
    buckets: u64,
    filters: Kept,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    Filters,
    Buckets,
    Items,
    Deletes,
    BucketSize,
    MaxIterations,
    Expansion,
    FilterBuckets,
    FilterData,
    End,
}

impl Cuckoo {
    pub(super) fn new(encver: u16) -> Self {
        Self {
            v4: encver >= 4,
            next: Next::Filters,
            header: Fields::default(),
            filters_left: 0,
            items: 0,
            bucket_size: 0,
            buckets: 0,
            filters: Kept::default(),
        }
    }

    fn filter_or_end(&self) -> Next {
        match (self.filters_left, self.v4) {
            (0, _) => Next::End,
            (_, true) => Next::FilterBuckets,
            (_, false) => Next::FilterData,
        }
    }
}

impl Layout for Cuckoo {
    fn wants(&self) -> Option<&'static str> {
        Some(match self.next {
            Next::Filters => "cuckoo number of filters",
            Next::Buckets => "cuckoo number of buckets",
            Next::Items => "cuckoo number of items",
            Next::Deletes => "cuckoo number of deletes",
            Next::BucketSize => "cuckoo bucket size",
            Next::MaxIterations => "cuckoo max iterations",
            Next::Expansion => "cuckoo expansion",
            Next::FilterBuckets => "cuckoo filter buckets",
            Next::FilterData => "cuckoo filter fingerprints",
            Next::End => return None,
        })
    }

    fn take(&mut self, step: &Step<'_>) -> Result<(), Flaw> {
        self.next = match self.next {
            Next::Filters => {
                self.filters_left = self.header.uint("number_of_filters", step)?;
                Next::Buckets
            }
            Next::Buckets => {
                self.header.uint("number_of_buckets", step)?;
                Next::Items
            }
            Next::Items => {
                self.items = self.header.uint("number_of_items_inserted", step)?;
                if self.v4 { Next::Deletes } else { self.filter_or_end() }
            }
            Next::Deletes => {
                self.header.uint("number_of_items_deleted", step)?;
                Next::BucketSize
            }
            Next::BucketSize => {
                self.bucket_size = self.header.uint("bucket_size", step)?;
                Next::MaxIterations
            }
            Next::MaxIterations => {
                self.header.uint("max_iterations", step)?;
                Next::Expansion
            }
            Next::Expansion => {
                self.header.uint("expansion_rate", step)?;
                self.filter_or_end()
            }
            Next::FilterBuckets => {
                self.buckets = step.uint()?;
                Next::FilterData
            }
            Next::FilterData => {
                let data = step.string()?;
                // Before version 4 the bucket size is not stored, so there is nothing to hold the length against.
                if self.v4 {
                    step.blob(self.buckets.checked_mul(self.bucket_size), "bucket size times buckets")?;
                }
                let (v4, buckets) = (self.v4, self.buckets);
                self.filters.push(|| {
                    let mut filter = Fields::default();
                    if v4 {
                        filter.put("number_of_buckets", Field::Uint(buckets));
                    }
                    filter.put("data_bytes", Field::Uint(data.len));
                    Field::Record(filter.0)
                });
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
        if self.filters.total > 0 {
            header.put("filters", self.filters.field());
        }
        module.header = header.0;
    }
}
