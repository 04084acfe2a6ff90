//! Several analyzers in one pass.

use super::big_elements::BigElements;
use super::big_keys::Rankings;
use super::cluster::Slots;
use super::commands::Commands;
use super::duplicates::{Overlap, Twins};
use super::idle::Usage;
use super::integrity::Examiner;
use super::keyspace::Totals;
use super::needs::Needs;
use super::prefixes::Prefixes;
use super::scan::{DumpChecks, ScanFold};
use super::sizes::KeySizes;
use super::streams::Streams;
use super::ttl::Expiries;
use crate::base::{Result, UnixMs};
use crate::pipeline::{Analyzer, Prologue, Scope};
use crate::rdb::{Depth, Head, Item, Part};

macro_rules! analyzer_set {
    ($($field:ident: $analyzer:ty, $what:literal;)*) => {
        /// Analyzers that run together; those that are `None` cost nothing.
        #[derive(Default)]
        pub struct AnalyzerSet {
            $(#[doc = $what] pub $field: Option<$analyzer>,)*
        }

        impl Analyzer for AnalyzerSet {
            type Output = Self;

            fn depth(&self, head: &Head<'_>) -> Depth {
                let mut deepest = Depth::Keys;
                $(if let Some(one) = &self.$field { deepest = deepest.max(one.depth(head)); })*
                deepest
            }

            fn wants_writes(&self) -> bool {
                false $(|| self.$field.as_ref().is_some_and(Analyzer::wants_writes))*
            }

            #[inline]
            fn part(&mut self, part: &Part<'_>) {
                $(if let Some(one) = &mut self.$field { one.part(part); })*
            }

            fn begin(&mut self, prologue: &Prologue, as_of: Option<UnixMs>) {
                $(if let Some(one) = &mut self.$field { one.begin(prologue, as_of); })*
            }

            fn fork(&self) -> Self {
                Self { $($field: self.$field.as_ref().map(Analyzer::fork),)* }
            }

            #[inline]
            fn observe(&mut self, item: &Item<'_>) -> Result<()> {
                $(if let Some(one) = &mut self.$field { one.observe(item)?; })*
                Ok(())
            }

            fn merge(&mut self, other: Self) -> Result<()> {
                $(if let (Some(one), Some(other)) = (&mut self.$field, other.$field) { one.merge(other)?; })*
                Ok(())
            }

            /// The set itself: its caller finishes each analyzer and knows which it asked for.
            fn finish(self, _: &Scope) -> Result<Self> {
                Ok(self)
            }
        }
    };
}

analyzer_set! {
    examiner: Examiner, "Integrity.";
    needs: Needs, "What a server must know.";
    commands: Commands, "What stands in logs.";
    twins: Twins, "Duplicate keys.";
    overlap: Overlap, "Keys of more than one source.";
    totals: Totals, "Totals.";
    rankings: Rankings, "The largest keys.";
    prefixes: Prefixes, "Beginnings of names.";
    expiries: Expiries, "Expiries.";
    big_elements: BigElements, "The largest elements.";
    sizes: KeySizes, "How sizes are spread.";
    usage: Usage, "Idle time and use.";
    streams: Streams, "Streams and their groups.";
    slots: Slots, "Cluster slots.";
    scan: ScanFold, "Rules on what was stored.";
    checks: DumpChecks, "What the whole dump says.";
}
