//! What stands in logs: commands by name, transactions, times.

use crate::base::{Result, UnixMs};
use crate::keyspace::Command;
use crate::keyspace::command::{Effect, Spec};
use crate::pipeline::{Analyzer, Scope};
use crate::rdb::Item;
use crate::report::{LogTotals, Stretch};
use std::collections::BTreeMap;

/// Counts commands.
#[derive(Debug, Clone, Default)]
pub struct Commands {
    all: Stretch,
    after_damage: Stretch,
    /// By [`Spec::index`].
    by_spec: Vec<u64>,
    unknown: u64,
    transactions: u64,
    deletes: u64,
    flushes: u64,
    first: Option<UnixMs>,
    last: Option<UnixMs>,
}

fn add(stretch: &mut Stretch, commands: u64, bytes: u64) {
    stretch.commands = stretch.commands.saturating_add(commands);
    stretch.bytes = stretch.bytes.saturating_add(bytes);
}

impl Commands {
    #[inline]
    fn see(&mut self, command: &Command<'_>) {
        add(&mut self.all, 1, command.bytes);
        if command.after_damage {
            add(&mut self.after_damage, 1, command.bytes);
        }
        match command.spec {
            Some(spec) => {
                if self.by_spec.is_empty() {
                    self.by_spec.resize(Spec::all().len(), 0);
                }
                if let Some(count) = self.by_spec.get_mut(usize::from(spec.index())) {
                    *count = count.saturating_add(1);
                }
                let of = |effect| u64::from(spec.effect == effect);
                self.transactions = self.transactions.saturating_add(of(Effect::Exec));
                self.deletes = self.deletes.saturating_add(of(Effect::Delete));
                self.flushes = self.flushes.saturating_add(of(Effect::Flush));
            }
            None => self.unknown = self.unknown.saturating_add(1),
        }
        if let Some(time) = command.time {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
    }
}

impl Analyzer for Commands {
    type Output = LogTotals;

    fn wants_writes(&self) -> bool {
        false
    }

    fn fork(&self) -> Self {
        Self::default()
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        if let Item::Command(command) = item {
            self.see(command);
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        add(&mut self.all, other.all.commands, other.all.bytes);
        add(&mut self.after_damage, other.after_damage.commands, other.after_damage.bytes);
        if self.by_spec.is_empty() {
            self.by_spec = other.by_spec;
        } else {
            for (own, more) in self.by_spec.iter_mut().zip(other.by_spec) {
                *own = own.saturating_add(more);
            }
        }
        self.unknown = self.unknown.saturating_add(other.unknown);
        self.transactions = self.transactions.saturating_add(other.transactions);
        self.deletes = self.deletes.saturating_add(other.deletes);
        self.flushes = self.flushes.saturating_add(other.flushes);
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.into_iter().chain(other.last).max();
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<LogTotals> {
        let by_spec = Spec::all().iter().zip(&self.by_spec).filter(|(_, count)| **count > 0);
        let mut by_command: BTreeMap<String, u64> =
            by_spec.map(|(spec, count)| (spec.name.to_owned(), *count)).collect();
        if self.unknown > 0 {
            by_command.insert("(unknown)".to_owned(), self.unknown);
        }
        Ok(LogTotals {
            commands: self.all.commands,
            bytes: self.all.bytes,
            transactions: self.transactions,
            deletes: self.deletes,
            flushes: self.flushes,
            by_command,
            first_time: self.first.and_then(UnixMs::rfc3339),
            last_time: self.last.and_then(UnixMs::rfc3339),
            after_damage: self.after_damage,
        })
    }
}
