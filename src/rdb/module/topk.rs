//! Top-k, `TopK-TYPE` version 0.
//!
//! ```text
//! U k | U width | U depth | D decay
//! S buckets: width * depth of (u32 fingerprint, u32 count)
//! S heap: k raw structures of 24 bytes, stale pointers and all
//! k * S item, ends in NUL; a lone NUL is an empty slot
//! ```

use super::{Fields, Flaw, Kept, Layout, Module, Step};

const BUCKET_BYTES: u64 = 8;
const HEAP_ENTRY_BYTES: u64 = 24;

/// Fields as `TOPK.INFO` names them, and `items` as `TOPK.LIST` has them, but in the order of the heap.
#[derive(Debug, Default)]
pub(super) struct TopK {
    next: Next,
    header: Fields,
    k: u64,
    width: u64,
    depth: u64,
    items_left: u64,
    items: Kept,
}

#[derive(Debug, Default, Clone, Copy)]
enum Next {
    #[default]
    K,
    Width,
    Depth,
    Decay,
    Buckets,
    Heap,
    Item,
    End,
}

impl TopK {
    fn item_or_end(&self) -> Next {
        if self.items_left == 0 { Next::End } else { Next::Item }
    }
}

impl Layout for TopK {
    fn wants(&self) -> Option<&'static str> {
        Some(match self.next {
            Next::K => "top-k k",
            Next::Width => "top-k width",
            Next::Depth => "top-k depth",
            Next::Decay => "top-k decay",
            Next::Buckets => "top-k buckets",
            Next::Heap => "top-k heap",
            Next::Item => "top-k item",
            Next::End => return None,
        })
    }

    fn take(&mut self, step: &Step<'_>) -> Result<(), Flaw> {
        self.next = match self.next {
            Next::K => {
                self.k = self.header.uint("k", step)?;
                Next::Width
            }
            Next::Width => {
                self.width = self.header.uint("width", step)?;
                Next::Depth
            }
            Next::Depth => {
                self.depth = self.header.uint("depth", step)?;
                Next::Decay
            }
            Next::Decay => {
                self.header.double("decay", step)?;
                Next::Buckets
            }
            Next::Buckets => {
                let bytes = self.width.checked_mul(self.depth).and_then(|n| n.checked_mul(BUCKET_BYTES));
                step.blob(bytes, "8 for each bucket")?;
                Next::Heap
            }
            Next::Heap => {
                step.blob(self.k.checked_mul(HEAP_ENTRY_BYTES), "24 for each of k")?;
                self.items_left = self.k;
                self.item_or_end()
            }
            Next::Item => {
                let item = step.string()?.without_nul(step)?;
                if item.len > 0 {
                    self.items.push(|| item.field());
                }
                self.items_left = self.items_left.saturating_sub(1);
                self.item_or_end()
            }
            Next::End => Next::End,
        };
        Ok(())
    }

    fn report(self: Box<Self>, module: &mut Module) {
        let mut header = self.header;
        module.elements = Some(self.items.total);
        if self.items.total > 0 {
            header.put("items", self.items.field());
        }
        module.header = header.0;
    }
}
