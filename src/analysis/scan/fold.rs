//! Items to texts, texts through the rules.
//!
//! Every text of every record goes to the scanner once, under a tag that says where it stands ([`Texts`]). Its hits come back
//! later, at the latest when the worker ends; the [`Judge`] makes findings of them.

use super::ScanOptions;
use super::accept::HiddenCounts;
use super::collect::{Collected, Sourced};
use super::elements::Elements;
use super::exposure::Exposed;
use super::judge::{FileFacts, Judge};
use super::lines;
use super::population::Patterned;
use super::reveal::Secrets;
use super::texts::{Name, State, Stood, Texts};
use crate::base::{Error, Result, UnixMs};
use crate::keyspace::Command;
use crate::pipeline::{Analyzer, Prologue, Scope};
use crate::rdb::{Damage, Depth, Entry, Head, Item, Writer};
use crate::report::{Scan, ScanSummary, Where};
use crate::rules::{About, RuleSet, ScanCounts, Scanner};
use std::sync::Arc;

/// Scans what passes: the files of one source, one after the other.
///
/// Memory, beside what the rules take: twice the findings that are listed, 2 KB for each pattern of key names that is told
/// apart (`limits.tracked_prefixes`), 1 MiB of texts; of what is revealed `limits.sort_bytes`, the rest in the scratch folder.
pub struct ScanFold {
    source: Arc<str>,
    options: ScanOptions,
    scanner: Scanner,
    texts: Texts,
    elements: Elements,
    judge: Judge,
    /// The last record, and the next place in it: what one command leads to is one record.
    record: (Option<u64>, u64),
    line: lines::Line,
    keys: u64,
    not_scanned: u64,
    /// What other workers did.
    others: ScanCounts,
    /// What went wrong where it could not be said.
    error: Option<Error>,
}

impl ScanFold {
    /// A scan of one source.
    pub fn new(source: &str, options: &ScanOptions) -> Self {
        let source: Arc<str> = source.into();
        let limits = options.run.limits;
        let secrets = || Secrets::new(&source, options.run.scratch.clone(), limits.sort_bytes);
        let secrets = options.keep_secrets.then(secrets);
        let collected = Collected::new(options.findings_per_rule, limits.tracked_prefixes);
        Self {
            judge: Judge::new(Arc::clone(&source), options, collected, secrets),
            source,
            options: options.clone(),
            scanner: Scanner::new(Arc::clone(&options.rules)),
            texts: Texts::default(),
            elements: Elements::default(),
            record: (None, 0),
            line: lines::Line::default(),
            keys: 0,
            not_scanned: 0,
            others: ScanCounts::default(),
            error: None,
        }
    }

    /// What it came to: nothing of it changes any more, but for what is proven.
    ///
    /// # Errors
    /// The scratch folder cannot be written.
    pub fn close(mut self) -> Result<ScanFindings> {
        self.drain()?;
        let counts = self.counts();
        let tried = counts.tried.iter().zip(self.options.rules.rules()).filter(|(tried, _)| **tried > 0);
        let summary = ScanSummary {
            candidates: tried.map(|(tried, rule)| (rule.id.clone(), *tried)).collect(),
            rules: self.options.rules.rules().len() as u64,
            keys: self.keys,
            texts: counts.texts,
            bytes: counts.bytes,
            decoded_bytes: counts.decoded_bytes,
            decodings_cut: counts.decodings_cut,
            not_scanned: self.not_scanned,
            ..ScanSummary::default()
        };
        let Judge { collected, exposed, hidden, secrets, .. } = self.judge;
        let rules = self.options.rules;
        let is_redacted = |rule: usize| rules.rules().get(rule).is_some_and(|rule| rule.category.is_redacted());
        let prefixes = collected.population.patterned(is_redacted);
        let found = collected.finish();
        Ok(ScanFindings { rules, summary, found, exposed, prefixes, hidden, secrets })
    }

    /// What was done by this worker and those that were merged.
    fn counts(&self) -> ScanCounts {
        sum(&self.others, self.scanner.counts())
    }

    /// Begins a record at this place: where its texts begin, after those of another one at the same place.
    fn begin_record(&mut self, offset: u64) -> u64 {
        let after = self.elements.next_ordinal();
        self.record = (Some(offset), if self.record.0 == Some(offset) { after } else { 0 });
        self.record.1
    }

    fn begin_key(&mut self, head: &Head<'_>) -> Result<()> {
        self.relieve()?;
        let ordinal = self.begin_record(head.offset);
        self.texts.key(head);
        let mut stood = Stood::at(Where::Key, ordinal);
        if head.key.sha256.is_some() {
            self.not_scanned = self.not_scanned.saturating_add(1);
            stood = stood.what("of the key's name only the beginning was scanned");
        }
        self.elements.begin(head.value_type.ty, ordinal.saturating_add(2));
        self.text(stood, None, head.key.head);
        Ok(())
    }

    /// Adds a text of the last record; `name` is what it is told by.
    fn text(&mut self, stood: Stood, name: Option<Name<'_>>, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let tag = match name {
            Some(name) => self.texts.add_name(stood, name),
            None => self.texts.add(stood),
        };
        let ty = self.texts.last_record().and_then(|record| record.ty);
        let about = About { place: stood.place, ty, key: self.texts.last_key(), field: b"" };
        self.scanner.text(tag, &about, bytes);
    }

    /// A text that stands in no key.
    fn alone(&mut self, db: Option<u64>, offset: u64, place: Where, name: Name<'_>, bytes: &[u8]) -> Result<()> {
        let goes_on = self.record.0 == Some(offset);
        if !goes_on {
            self.relieve()?;
            self.texts.record(db, offset, None);
        }
        // A library is in the record of the command that loads it.
        let ordinal = self.begin_record(offset);
        self.elements.begin_at(ordinal.saturating_add(2));
        self.text(Stood::at(place, ordinal), Some(name), bytes);
        // Its own limit is that of strings: what is as long was cut there.
        if bytes.len() >= self.options.run.limits.string_bytes {
            self.not_scanned = self.not_scanned.saturating_add(1);
        }
        Ok(())
    }

    fn command(&mut self, command: &Command<'_>) -> Result<()> {
        match self.line.take(command) {
            lines::Told::Elsewhere => Ok(()),
            lines::Told::Nowhere => {
                self.not_scanned = self.not_scanned.saturating_add(1);
                Ok(())
            }
            lines::Told::Here { cut } => {
                self.relieve()?;
                let ordinal = self.begin_record(command.offset);
                self.texts.record(command.db, command.offset, command.time);
                self.elements.begin_at(ordinal.saturating_add(2));
                self.not_scanned = self.not_scanned.saturating_add(u64::from(cut));
                let tag = self.texts.add_line(Stood::at(Where::Command, ordinal), self.line.arguments());
                let about = About { place: Where::Command, ty: None, key: b"", field: b"" };
                self.scanner.text(tag, &about, self.line.bytes());
                Ok(())
            }
        }
    }

    fn entry(&mut self, entry: &Entry<'_>) {
        if entry.module.is_some_and(|module| !module.known) {
            self.not_scanned = self.not_scanned.saturating_add(1);
        }
        self.end(State::Whole);
        if let Some(record) = self.texts.last_record() {
            record.expire_at = entry.head.expire_at;
        }
    }

    /// The key that was begun ends.
    fn end(&mut self, state: State) {
        self.elements.end(&mut self.scanner, &mut self.texts);
        let Some(record) = self.texts.last_record().filter(|record| record.state == State::Open) else { return };
        record.state = state;
        if state != State::Rejected {
            self.keys = self.keys.saturating_add(1);
            self.judge.collected.population.key(self.texts.last_key());
        }
    }

    fn dropped(&mut self) {
        // A filter on its size rejects it; without one, its record breaks off, and what was seen of it stays.
        let filter = &self.options.filter;
        let by_size = filter.min_serialized > 0 || filter.min_elements > 0 || filter.min_memory > 0;
        self.end(if by_size { State::Rejected } else { State::Broken });
    }

    fn damage(&mut self, damage: &Damage<'_>) {
        if damage.flaw.kind().0 == "not-looked-into" {
            self.not_scanned = self.not_scanned.saturating_add(1);
        }
    }

    /// Asks the scanner for its hits if there is much to be had. Not while a text in pieces is open, nor between an element's
    /// parts, nor between a command and what it carries.
    #[inline]
    fn relieve(&mut self) -> Result<()> {
        if self.scanner.is_full() || self.texts.is_full() { self.drain() } else { Ok(()) }
    }

    fn drain(&mut self) -> Result<()> {
        let hits: Vec<_> = self.scanner.drain().collect();
        let outcome = self.judge.take(&self.texts, hits);
        self.texts.clear();
        outcome
    }
}

impl Analyzer for ScanFold {
    type Output = ScanFindings;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Content
    }

    fn begin(&mut self, prologue: &Prologue, as_of: Option<UnixMs>) {
        if let Err(error) = self.drain() {
            self.error.get_or_insert(error);
        }
        self.record = (None, 0);
        let before = std::mem::take(&mut self.judge.file);
        self.judge.file = FileFacts {
            // The first file is number 1.
            number: before.number.saturating_add(1),
            name: prologue.part.clone(),
            guarded_by: guarded_by(prologue, before.guarded_by),
            as_of: as_of.or(before.as_of),
        };
    }

    fn fork(&self) -> Self {
        let mut fork = Self::new(&self.source, &self.options);
        fork.judge.file = self.judge.file.clone();
        fork
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        match item {
            Item::Element(element) => {
                if !self.elements.is_open() {
                    self.relieve()?;
                }
                self.elements.take(element, &mut self.scanner, &mut self.texts);
            }
            Item::Begin(head) => self.begin_key(head)?,
            Item::Entry(entry) => self.entry(entry),
            Item::Dropped => self.dropped(),
            Item::Command(command) => self.command(command)?,
            Item::Function { code, offset } => {
                self.alone(None, *offset, Where::Function, lines::library(code), code)?;
            }
            Item::Aux { name, value, offset } => {
                let text = self.line.pair(name, value).to_vec();
                self.alone(None, *offset, Where::Aux, Name::of(name), &text)?;
            }
            Item::ModuleAux { module, .. } if !module.known => {
                self.not_scanned = self.not_scanned.saturating_add(1);
            }
            Item::Damage(damage) => self.damage(damage),
            _ => {}
        }
        self.error.take().map_or(Ok(()), Err)
    }

    fn merge(&mut self, mut other: Self) -> Result<()> {
        self.drain()?;
        other.drain()?;
        self.others = sum(&self.others, other.counts());
        self.judge.collected.merge(other.judge.collected);
        self.judge.exposed.merge(other.judge.exposed);
        self.judge.hidden.merge(&other.judge.hidden);
        if let (Some(own), Some(other)) = (&mut self.judge.secrets, other.judge.secrets) {
            own.merge(other)?;
        }
        self.keys = self.keys.saturating_add(other.keys);
        self.not_scanned = self.not_scanned.saturating_add(other.not_scanned);
        self.error = self.error.take().or(other.error);
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<ScanFindings> {
        self.close()
    }
}

fn sum(one: &ScanCounts, other: ScanCounts) -> ScanCounts {
    let mut tried = other.tried;
    tried.resize(tried.len().max(one.tried.len()), 0);
    tried.iter_mut().zip(&one.tried).for_each(|(sum, more)| *sum = sum.saturating_add(*more));
    ScanCounts {
        tried,
        texts: one.texts.saturating_add(other.texts),
        bytes: one.bytes.saturating_add(other.bytes),
        decoded_bytes: one.decoded_bytes.saturating_add(other.decoded_bytes),
        decodings_cut: one.decodings_cut.saturating_add(other.decodings_cut),
    }
}

/// The version of the server that wrote this, if it is one that does not let clients write files elsewhere by default. Where the
/// file does not say what wrote it, that is what is known from the files of the source before it.
fn guarded_by(prologue: &Prologue, before: Option<Arc<str>>) -> Option<Arc<str>> {
    // Its versions are none of Redis, whatever it says.
    if prologue.aux(b"df-ver").is_some() {
        return None;
    }
    let said = [&b"valkey-ver"[..], b"redis-ver"].into_iter().find_map(|name| Some((name, prologue.aux(name)?)));
    let Some((name, version)) = said else {
        // Only servers from 7.0 on keep a log in several files.
        return before.or_else(|| prologue.part.as_ref().map(|_| "7.0 or later".into()));
    };
    let is_guarded = match Writer::of_aux(name, version) {
        Some(Writer::Redis(major, _)) => major >= 7,
        Some(Writer::Valkey(..)) => true,
        None => false,
    };
    is_guarded.then(|| crate::keyspace::escape(version.get(..32).unwrap_or(version)).into())
}

/// What scans of sources came to.
pub struct ScanFindings {
    rules: Arc<RuleSet>,
    summary: ScanSummary,
    found: Sourced,
    exposed: Exposed,
    prefixes: Patterned,
    /// What was not told, and why.
    pub(super) hidden: HiddenCounts,
    secrets: Option<Secrets>,
}

impl ScanFindings {
    /// Adds those of another source, scanned with the same rules.
    ///
    /// # Errors
    /// The scratch folder cannot be written.
    pub fn merge(&mut self, other: Self) -> Result<()> {
        let (own, other_summary) = (&mut self.summary, other.summary);
        for (own, other) in [
            (&mut own.keys, other_summary.keys),
            (&mut own.texts, other_summary.texts),
            (&mut own.bytes, other_summary.bytes),
            (&mut own.decoded_bytes, other_summary.decoded_bytes),
            (&mut own.decodings_cut, other_summary.decodings_cut),
            (&mut own.not_scanned, other_summary.not_scanned),
        ] {
            *own = own.saturating_add(other);
        }
        for (rule, tried) in other_summary.candidates {
            let sum = own.candidates.entry(rule).or_default();
            *sum = sum.saturating_add(tried);
        }
        self.found.merge(other.found);
        self.exposed.merge(other.exposed);
        self.prefixes.merge(other.prefixes);
        self.hidden.merge(&other.hidden);
        match (&mut self.secrets, other.secrets) {
            (Some(own), Some(other)) => own.merge(other),
            _ => Ok(()),
        }
    }

    /// The report, and the secrets if they were to be kept. `proven`: something else, as a file where it has no business or a
    /// line of a server's log, shows that a server was made to write files; then what is critical is not capped.
    pub fn tell(self, proven: bool) -> (Scan, Option<Secrets>) {
        let mut scan = Scan { summary: self.summary, ..Scan::default() };
        scan.summary.by_severity = crate::report::Threat::ALL.into_iter().map(|severity| (severity, 0)).collect();
        let rules = self.rules.rules();
        self.found.tell(rules, proven, &mut scan);
        scan.exposure = self.exposed.tell(rules, &self.prefixes);
        (scan, self.secrets)
    }
}
