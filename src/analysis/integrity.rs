//! Is it whole: problems with their places, counts, the checksum, the verdict.

use crate::base::{Flaw, Result, UnixMs};
use crate::pipeline::{Analyzer, Ended, Prologue, Scope};
use crate::rdb::{Damage, Depth, Head, Item};
use crate::report::{Checksum, ChecksumState, DatabaseCount, Integrity, Problem, Severity, Validated, Verdict};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Databases whose counts are kept: the lowest numbers.
const MOST_DATABASES: usize = 1 << 16;
/// Names of modules that are kept.
const MOST_MODULES: usize = 64;

/// Collects problems and counts.
#[derive(Debug, Clone)]
pub struct Examiner {
    most: usize,
    file: Option<Arc<str>>,
    problems: Vec<Problem>,
    counts: BTreeMap<String, u64>,
    errors: u64,
    total: DatabaseCount,
    databases: BTreeMap<u64, DatabaseCount>,
    hints: BTreeMap<u64, (u64, DatabaseCount)>,
    recent: Option<(u64, DatabaseCount)>,
    functions: u64,
    modules: BTreeMap<String, u64>,
    /// Damage after which nothing could be read, and why.
    unsupported: bool,
}

/// What the examiner comes to.
#[derive(Debug, Clone)]
pub struct Examined {
    /// The judgement; `None` where not everything was validated and nothing wrong was seen.
    pub verdict: Option<Verdict>,
    /// Validation, checksum, problems.
    pub integrity: Integrity,
    /// Keys read whole.
    pub keys: u64,
    /// Keys with an expiry.
    pub expires: u64,
    /// Counts per database.
    pub databases: BTreeMap<u64, DatabaseCount>,
    /// Function libraries.
    pub functions: u64,
    /// Modules with data in the input.
    pub modules: Vec<String>,
}

impl Examiner {
    /// Keeps `most` problems with their places; the rest are counted.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            file: None,
            problems: Vec::new(),
            counts: BTreeMap::new(),
            errors: 0,
            total: DatabaseCount::default(),
            databases: BTreeMap::new(),
            hints: BTreeMap::new(),
            recent: None,
            functions: 0,
            modules: BTreeMap::new(),
            unsupported: false,
        }
    }

    #[cold]
    fn damage(&mut self, damage: &Damage<'_>) {
        let kind = damage.flaw.kind().0;
        self.unsupported |= kind == "unsupported-type";
        self.add(Problem {
            severity: severity(kind),
            file: self.file(),
            offset: damage.offset,
            line: damage.line,
            db: damage.db,
            key: damage.key.map(crate::rdb::Key::to_name),
            kind: kind.to_owned(),
            doing: damage.doing.to_owned(),
            expected: Some(damage.flaw.expected().to_owned()),
            found: Some(damage.flaw.found().to_owned()),
            message: damage.flaw.to_string(),
        });
    }

    fn add(&mut self, problem: Problem) {
        if problem.severity == Severity::Error {
            self.errors = self.errors.saturating_add(1);
        }
        let count = self.counts.entry(problem.kind.clone()).or_default();
        *count = count.saturating_add(1);
        self.problems.push(problem);
        if self.problems.len() > self.most.saturating_mul(2) {
            self.trim();
        }
    }

    fn file(&self) -> Option<String> {
        self.file.as_deref().map(str::to_owned)
    }

    /// The first problems stay, whoever saw them.
    fn trim(&mut self) {
        self.problems.sort_by(|a, b| (a.offset, &a.kind, &a.message).cmp(&(b.offset, &b.kind, &b.message)));
        self.problems.truncate(self.most);
    }

    /// Adds something wrong with the whole input.
    pub fn add_outside(&mut self, flaw: &Flaw) {
        self.flaw(Severity::Error, "start", 0, flaw);
    }

    fn settle(&mut self) {
        if let Some((db, count)) = self.recent.take() {
            add(&mut self.total, count);
            self.add_database(db, count);
        }
    }

    fn add_database(&mut self, db: u64, count: DatabaseCount) {
        add(self.databases.entry(db).or_default(), count);
        if self.databases.len() > MOST_DATABASES {
            self.databases.pop_last();
        }
    }

    fn add_hint(&mut self, db: u64, offset: u64, keys: u64, expires: u64) {
        let (first, hint) = self.hints.entry(db).or_insert((offset, DatabaseCount::default()));
        *first = (*first).min(offset);
        hint.keys = hint.keys.saturating_add(keys);
        hint.expires = hint.expires.saturating_add(expires);
        if self.hints.len() > MOST_DATABASES {
            self.hints.pop_last();
        }
    }

    fn outside(
        &mut self,
        severity: Severity,
        kind: &str,
        offset: u64,
        doing: &str,
        flaw: (String, String),
        message: String,
    ) {
        let (expected, found) = flaw;
        self.add(Problem {
            severity,
            file: self.file(),
            offset,
            line: None,
            db: None,
            key: None,
            kind: kind.into(),
            doing: doing.into(),
            expected: Some(expected),
            found: Some(found),
            message,
        });
    }

    fn flaw(&mut self, severity: Severity, doing: &str, offset: u64, flaw: &Flaw) {
        let parts = (flaw.expected().to_owned(), flaw.found().to_owned());
        self.outside(severity, flaw.kind().0, offset, doing, parts, flaw.to_string());
    }

    /// What the run found outside the records.
    fn see(&mut self, scope: &Scope) -> Checksum {
        let tally = &scope.tally;
        if let Some(flaw) = &tally.header_flaw {
            self.flaw(Severity::Error, "start", 0, flaw);
        }
        if let Some(flaw) = &tally.unpack_flaw {
            self.flaw(Severity::Error, "unpack", flaw.at(), flaw);
        }
        if let Some(header) = scope.prologue.header.filter(|header| !header.is_known()) {
            let found = format!("{}{}", header.magic.name(), header.version);
            let message =
                format!("version {found} is not known here: what could be read was read as the newest that is");
            let expected = "REDIS 1 to 16 or VALKEY 80 to 81".to_owned();
            self.outside(Severity::Warning, "version-unknown", 0, "start", (expected, found), message);
        }
        let end = tally.log_at.unwrap_or(tally.bytes.saturating_sub(tally.trailing_bytes));
        let checksum = self.checksum(scope, end.saturating_sub(8));
        if tally.trailing_bytes > 0 {
            let (severity, what) = trailing(&tally.trailing_head, tally.trailing_bytes);
            let message = format!("{} bytes after the end of the dump: {what}", tally.trailing_bytes);
            let parts = ("the end of the input".to_owned(), what.to_owned());
            self.outside(severity, "trailing-bytes", end, "check-sum", parts, message);
        }
        if tally.ended == Ended::Complete && !scope.filtered {
            self.check_hints();
        }
        checksum
    }

    fn checksum(&mut self, scope: &Scope, offset: u64) -> Checksum {
        let tally = &scope.tally;
        let hex = |value: u64| format!("{value:016x}");
        if let Ended::NoChecksum { have } = tally.ended {
            let flaw = Flaw::new("truncated", "checksum", 0, "8 bytes", format!("{have} remain"));
            self.flaw(Severity::Error, "check-sum", tally.bytes.saturating_sub(have), &flaw);
        }
        let state = match (tally.stored, tally.computed) {
            (Some(0), _) => ChecksumState::Disabled,
            (Some(stored), Some(computed)) if stored == computed => ChecksumState::Verified,
            (Some(stored), Some(computed)) => {
                let message = format!("the bytes have checksum {}, not {} as stored", hex(computed), hex(stored));
                let parts = (hex(stored), hex(computed));
                self.outside(Severity::Error, "checksum-mismatch", offset, "check-sum", parts, message);
                ChecksumState::Mismatch
            }
            _ => ChecksumState::Absent,
        };
        Checksum { state, stored: tally.stored.map(hex), computed: tally.computed.map(hex) }
    }

    /// RESIZEDB is a hint: servers do not mind, but a real one is right.
    fn check_hints(&mut self) {
        let hints = std::mem::take(&mut self.hints);
        // Of so many databases the highest were not counted apart.
        let full = self.databases.len() >= MOST_DATABASES;
        let counted = self.databases.last_key_value().map_or(u64::MAX, |(last, _)| if full { *last } else { u64::MAX });
        for (db, (offset, hint)) in hints.into_iter().take_while(|(db, _)| *db <= counted) {
            let real = self.databases.get(&db).copied().unwrap_or_default();
            if hint != real {
                let say = |count: DatabaseCount| format!("{} keys, {} with an expiry", count.keys, count.expires);
                let message = format!("RESIZEDB of db {db} announces {}; there are {}", say(hint), say(real));
                let parts = (say(real), say(hint));
                self.outside(Severity::Warning, "size-hint", offset, "read-len", parts, message);
            }
        }
    }
}

fn add(to: &mut DatabaseCount, count: DatabaseCount) {
    to.keys = to.keys.saturating_add(count.keys);
    to.expires = to.expires.saturating_add(count.expires);
}

/// How bad a flaw of this kind is. Servers pass over empty collections with a notice; what is too large to be held may be
/// sound.
fn severity(kind: &str) -> Severity {
    match kind {
        "empty-collection" | "not-looked-into" | "stream-length" | "stream-last-id" | "loose-line"
        | "module-command" | "bad-time" | "time-backwards" => Severity::Warning,
        _ => Severity::Error,
    }
}

fn trailing(head: &[u8], bytes: u64) -> (Severity, &'static str) {
    match head {
        [b'*', b'0'..=b'9', ..] | [b'#', b'T', b'S', b':', ..] => (Severity::Note, "commands of an append-only file"),
        _ if bytes == 40 && head.iter().all(u8::is_ascii_hexdigit) => {
            (Severity::Note, "the end mark of a replication stream")
        }
        [b'R', b'E', b'D', b'I', b'S', ..] | [b'V', b'A', b'L', b'K', b'E', b'Y', ..] => {
            (Severity::Warning, "another dump")
        }
        _ if head.iter().all(|byte| *byte == 0) => (Severity::Warning, "zero bytes"),
        _ => (Severity::Warning, "bytes of another kind"),
    }
}

impl Analyzer for Examiner {
    type Output = Examined;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Keys
    }

    fn wants_writes(&self) -> bool {
        false
    }

    fn begin(&mut self, prologue: &Prologue, _: Option<UnixMs>) {
        self.file.clone_from(&prologue.part);
    }

    fn fork(&self) -> Self {
        Self { file: self.file.clone(), ..Self::new(self.most) }
    }

    #[inline]
    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        match item {
            Item::Entry(entry) if entry.written_by.is_none() => {
                if self.recent.as_ref().is_none_or(|(db, _)| *db != entry.head.db) {
                    self.settle();
                    self.recent = Some((entry.head.db, DatabaseCount::default()));
                }
                if let Some((_, count)) = &mut self.recent {
                    count.keys = count.keys.saturating_add(1);
                    count.expires = count.expires.saturating_add(u64::from(entry.head.expire_at.is_some()));
                }
                if let Some(module) = entry.module {
                    self.module(module.id);
                }
            }
            Item::Damage(damage) => self.damage(damage),
            Item::Function { .. } => self.functions = self.functions.saturating_add(1),
            Item::ModuleAux { module, .. } => self.module(module.id),
            Item::SizeHint { db, keys, expires, offset } => self.add_hint(*db, *offset, *keys, *expires),
            _ => {}
        }
        Ok(())
    }

    fn merge(&mut self, mut other: Self) -> Result<()> {
        self.settle();
        other.settle();
        add(&mut self.total, other.total);
        for (db, count) in other.databases {
            self.add_database(db, count);
        }
        for (db, (offset, hint)) in other.hints {
            self.add_hint(db, offset, hint.keys, hint.expires);
        }
        for (kind, count) in other.counts {
            let own = self.counts.entry(kind).or_default();
            *own = own.saturating_add(count);
        }
        for (name, count) in other.modules {
            self.add_module(name, count);
        }
        self.errors = self.errors.saturating_add(other.errors);
        self.functions = self.functions.saturating_add(other.functions);
        self.unsupported |= other.unsupported;
        self.problems.extend(other.problems);
        self.trim();
        Ok(())
    }

    fn finish(mut self, scope: &Scope) -> Result<Examined> {
        self.settle();
        let checksum = self.see(scope);
        self.trim();
        let tally = &scope.tally;
        let looked_into_all = scope.validated && tally.counters.not_looked_into == 0;
        let validated = match (looked_into_all, scope.filtered) {
            _ if tally.ended == Ended::NotAnRdb => Validated::Framing,
            (true, false) => Validated::All,
            (true, true) => Validated::Selected,
            (false, _) if scope.validated => Validated::Selected,
            (false, _) => Validated::Framing,
        };
        let unknown_version = scope.prologue.header.is_some_and(|header| !header.is_known());
        let unsupported = self.unsupported || (unknown_version && tally.ended == Ended::Broken);
        // An input that only ends too early is truncated; if something was wrong before that, the end is a consequence.
        let cut_short = matches!(tally.ended, Ended::Truncated | Ended::NoChecksum { .. })
            && tally.skipped.is_empty()
            && self.errors <= self.ends();
        let verdict = if tally.ended == Ended::NotAnRdb || unsupported {
            Some(Verdict::Unsupported)
        } else if cut_short {
            Some(Verdict::Truncated)
        } else if self.errors > 0 {
            Some(Verdict::Damaged)
        } else {
            (validated == Validated::All).then_some(Verdict::Intact)
        };
        Ok(Examined {
            verdict,
            keys: self.total.keys,
            expires: self.total.expires,
            databases: self.databases,
            functions: self.functions,
            modules: self.modules.into_keys().collect(),
            integrity: Integrity {
                validated,
                checksum,
                problems: self.problems,
                problem_counts: self.counts,
                trailing_bytes: tally.trailing_bytes,
            },
        })
    }
}

impl Examined {
    /// Adds errors of one kind, of which there are `count` in all, to what was found.
    pub fn add_errors(&mut self, problems: Vec<Problem>, count: u64) {
        let Some(first) = problems.first() else { return };
        let own = self.integrity.problem_counts.entry(first.kind.clone()).or_default();
        *own = own.saturating_add(count);
        self.integrity.problems.extend(problems);
        if matches!(self.verdict, Some(Verdict::Intact | Verdict::Truncated)) {
            self.verdict = Some(Verdict::Damaged);
        }
    }
}

impl Examiner {
    /// What is wrong so far with an input that is not read to its end; none if nothing is.
    pub(super) fn so_far(mut self) -> Option<(Verdict, Integrity)> {
        if self.errors == 0 {
            return None;
        }
        self.trim();
        let integrity = Integrity {
            validated: Validated::Framing,
            checksum: Checksum { state: ChecksumState::Absent, stored: None, computed: None },
            problems: self.problems,
            problem_counts: self.counts,
            trailing_bytes: 0,
        };
        Some((if self.unsupported { Verdict::Unsupported } else { Verdict::Damaged }, integrity))
    }

    /// Errors that only say that the input ends too early.
    fn ends(&self) -> u64 {
        const ENDS: [&str; 5] = ["truncated", "open-transaction", "compressed-truncated", "shrunk", "empty"];
        ENDS.iter().filter_map(|kind| self.counts.get(*kind)).sum()
    }

    fn module(&mut self, id: crate::rdb::module::ModuleId) {
        if id.0 != 0 {
            self.add_module(id.to_string(), 1);
        }
    }

    fn add_module(&mut self, name: String, count: u64) {
        let own = self.modules.entry(name).or_default();
        *own = own.saturating_add(count);
        if self.modules.len() > MOST_MODULES {
            self.modules.pop_last();
        }
    }
}
