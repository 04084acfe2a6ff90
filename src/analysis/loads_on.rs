//! Which servers load a file, under their default configuration.
//!
//! A server reads a file from the front and stops at the first thing it does not know, so the rules stand in that order:
//! magic, version, then types, opcodes and modules, then what the configuration must allow. Last comes what a server that
//! starts leaves out.

use super::loads_log;
use super::needs::{Need, Needed};
use super::parts::FileRead;
use crate::rdb::{Header, Magic, Opcode};
use crate::report::{Basis, First, Integrity, LoadVerdict, LoadsOn, LogTotals, ServerLoads, Severity, Verdict};

/// Whose rules a server follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Redis,
    Valkey,
    KeyDb,
}

/// What one server loads.
pub(super) struct Server {
    pub(super) name: &'static str,
    family: Family,
    /// The newest RDB version with the `REDIS` magic.
    newest: u16,
    /// The newest with the `VALKEY` magic; 0 for none.
    newest_valkey: u16,
    /// The highest type number of its family's own.
    types: u8,
    /// A module type that is part of the server.
    built_in: &'static [&'static str],
    basis: Basis,
}

macro_rules! servers {
    ($($name:literal $family:ident $newest:literal $valkey:literal $types:literal $built_in:expr, $basis:ident;)*) => {
        static TABLE: &[Server] = &[$(Server {
            name: $name, family: Family::$family, newest: $newest, newest_valkey: $valkey, types: $types,
            built_in: $built_in, basis: Basis::$basis,
        }),*];
        /// The servers that `loads_on` judges and `--target` takes, oldest first of each family.
        pub const SERVERS: &[&str] = &[$($name),*];
    };
}

// Verified: tests/it/loads_matrix.tsv. The others from their version numbers and type lists.
servers! {
    "redis-4.0" Redis 8 0 14 &[], Documented;
    "redis-5.0" Redis 9 0 15 &[], Documented;
    "redis-6.2" Redis 9 0 15 &[], Documented;
    "redis-7.0" Redis 10 0 19 &[], Verified;
    "redis-7.2" Redis 11 0 21 &[], Documented;
    "redis-7.4" Redis 12 0 25 &[], Verified;
    "redis-8.0" Redis 12 0 25 &["vectorset"], Verified;
    "redis-8.2" Redis 12 0 25 &["vectorset"], Assumed;
    "redis-8.4" Redis 12 0 25 &["vectorset"], Assumed;
    "redis-8.6" Redis 13 0 26 &["vectorset"], Verified;
    "valkey-7.2" Valkey 11 0 21 &[], Documented;
    "valkey-8.0" Valkey 11 0 21 &[], Documented;
    "valkey-8.1" Valkey 11 11 21 &[], Verified;
    "valkey-9.0" Valkey 11 80 22 &[], Documented;
    "valkey-9.1" Valkey 11 80 22 &[], Verified;
    "keydb-6.3" KeyDb 9 0 15 &[], Documented;
    "elasticache-redis-7.1" Redis 10 0 19 &[], Assumed;
}

/// A verdict with its reason.
pub(super) struct Judged {
    pub(super) verdict: LoadVerdict,
    reason: String,
    first: Option<First>,
    needs: Vec<String>,
}

impl Judged {
    pub(super) fn no(reason: impl Into<String>, first: Option<&First>) -> Self {
        Self { verdict: LoadVerdict::No, reason: reason.into(), first: first.cloned(), needs: Vec::new() }
    }

    pub(super) fn yes() -> Self {
        Self { verdict: LoadVerdict::Yes, reason: String::new(), first: None, needs: Vec::new() }
    }

    pub(super) fn lossy(reason: impl Into<String>) -> Self {
        Self { verdict: LoadVerdict::Lossy, ..Self::no(reason, None) }
    }

    pub(super) fn unknown(reason: impl Into<String>) -> Self {
        Self { verdict: LoadVerdict::Unknown, ..Self::no(reason, None) }
    }

    pub(super) fn with(reason: impl Into<String>, need: String) -> Self {
        Self { verdict: LoadVerdict::WithSetting, needs: vec![need], ..Self::no(reason, None) }
    }
}

/// What every server does with a file.
pub(super) fn loads_on(
    header: Option<Header>,
    verdict: Option<Verdict>,
    integrity: &Integrity,
    needed: &Needed,
) -> Vec<LoadsOn> {
    each_server(|server| match header {
        None => Judged::no("it is no RDB", None),
        Some(header) => server.judge(header, verdict, integrity, needed),
    })
}

/// What every server does with an append-only file.
pub(super) fn log_loads_on(
    files: &[FileRead],
    totals: &LogTotals,
    loads: &ServerLoads,
    needed: &Needed,
) -> Vec<LoadsOn> {
    each_server(|server| {
        let base = files.first().and_then(|file| Some((file, file.scope.prologue.header?)));
        // What is wrong in its log is no damage of the RDB before it.
        let in_log =
            |file: &FileRead| file.scope.tally.log_at.is_some() && file.examined.verdict != Some(Verdict::Intact);
        let base = base.map(|(file, header)| {
            let verdict = if in_log(file) { Some(Verdict::Intact) } else { file.examined.verdict };
            server.judge(header, verdict, &file.examined.integrity, needed)
        });
        loads_log::judge(server, files, totals, loads, base)
    })
}

fn each_server(judge: impl Fn(&Server) -> Judged) -> Vec<LoadsOn> {
    let row = |server: &Server| {
        let judged = judge(server);
        // Whatever no server could load is known of all of them.
        let basis = if judged.verdict == LoadVerdict::Unknown { Basis::Assumed } else { server.basis };
        LoadsOn {
            server: server.name.to_owned(),
            verdict: judged.verdict,
            basis,
            reason: judged.reason,
            first: judged.first,
            needs: judged.needs,
        }
    };
    TABLE.iter().map(row).collect()
}

impl Server {
    /// Append-only files have manifests since Redis 7.0.
    pub(super) fn is_before_manifests(&self) -> bool {
        self.newest < 10
    }

    fn judge(&self, header: Header, verdict: Option<Verdict>, integrity: &Integrity, needed: &Needed) -> Judged {
        let mut needs = Vec::new();
        if let Some(refused) = self.version(header, &mut needs) {
            return refused;
        }
        let broken = self.damage(verdict, integrity);
        if broken.as_ref().is_some_and(|broken| broken.verdict == LoadVerdict::No) {
            return broken.unwrap_or_else(|| Judged::no("the file is damaged", None));
        }
        let foreign = !needs.is_empty();
        for (need, first) in &needed.first {
            if let Some(reason) = self.refuses(header.magic, foreign, need) {
                return Judged::no(reason, Some(first));
            }
        }
        let mut first_need: Option<&First> = None;
        for (need, first) in &needed.first {
            let missing = match need {
                Need::Module(name) | Need::ModuleAux(name) if !self.built_in.contains(&name.as_str()) => {
                    format!("module {name}")
                }
                Need::Database => format!("databases {}", needed.highest_db.saturating_add(1)),
                // Source: Valkey 9.1, which crashes at it outside a cluster.
                Need::Opcode(Opcode::SlotImport) => "cluster-enabled yes".to_owned(),
                _ => continue,
            };
            first_need =
                Some(first_need.map_or(first, |known| if known.offset <= first.offset { known } else { first }));
            if !needs.contains(&missing) {
                needs.push(missing);
            }
        }
        if let Some(broken) = broken {
            if needs.is_empty() {
                return broken;
            }
            // Without the setting it is refused; what comes of it with the setting depends on the damage.
            let reason = format!("needs {}, and the file is damaged", needs.join(", "));
            return Judged::no(reason, first_need.or(broken.first.as_ref()));
        }
        if !needs.is_empty() {
            let reason = format!("needs {}", needs.join(", "));
            return Judged { verdict: LoadVerdict::WithSetting, reason, first: first_need.cloned(), needs };
        }
        let lost = needed.first.iter().filter_map(|(need, first)| self.loses(need).map(|what| (first, what)));
        if let Some((first, what)) = lost.min_by_key(|(first, _)| first.offset) {
            return Judged { verdict: LoadVerdict::Lossy, reason: what.into(), first: Some(first.clone()), needs };
        }
        Judged { verdict: LoadVerdict::Yes, reason: String::new(), first: None, needs }
    }

    /// Refuses the magic or the version, or notes the setting that lets it through.
    fn version(&self, header: Header, needs: &mut Vec<String>) -> Option<Judged> {
        let version = header.version;
        match header.magic {
            Magic::Valkey if self.newest_valkey == 0 => {
                Some(Judged::no(format!("does not know the magic VALKEY (RDB {version})"), None))
            }
            Magic::Valkey if self.newest_valkey >= 80 && version < 80 => {
                Some(Judged::no(format!("RDB version {version} does not go with the magic VALKEY"), None))
            }
            Magic::Valkey if version <= self.newest_valkey => None,
            // Source: both relaxations measured on Valkey 9.1.
            Magic::Valkey if self.newest_valkey >= 80 => {
                needs.push("rdb-version-check relaxed".to_owned());
                None
            }
            Magic::Valkey => {
                Some(Judged::no(format!("RDB version {version} is newer than its own, {}", self.newest_valkey), None))
            }
            Magic::Redis if version <= self.newest => None,
            Magic::Redis if self.newest_valkey >= 80 && version < 80 => {
                needs.push("rdb-version-check relaxed".to_owned());
                None
            }
            Magic::Redis if self.name.starts_with("elasticache") && version == 11 => Some(Judged {
                verdict: LoadVerdict::Unknown,
                reason: "whether it takes RDB version 11 is not known".into(),
                first: None,
                needs: Vec::new(),
            }),
            Magic::Redis => {
                Some(Judged::no(format!("RDB version {version} is newer than its own, {}", self.newest), None))
            }
        }
    }

    /// Why it stops at this, if it does.
    fn refuses(&self, magic: Magic, foreign: bool, need: &Need) -> Option<String> {
        match need {
            Need::Type(id, name) => {
                let knows = match (magic, self.family) {
                    (_, Family::KeyDb) => *id <= self.types || *id == 64,
                    // Of a foreign version only what both families share.
                    (Magic::Redis, Family::Valkey) => *id <= self.types.min(21),
                    (_, Family::Redis | Family::Valkey) => *id <= self.types,
                };
                let stopped = if foreign && !knows { " (even with rdb-version-check relaxed)" } else { "" };
                (!knows).then(|| format!("does not know type {id} ({name}){stopped}"))
            }
            Need::Opcode(opcode) => {
                let knows = match opcode {
                    // Redis 7.0.15 still takes what its own release candidates wrote.
                    Opcode::FunctionPreGa => self.family == Family::Redis && self.newest == 10,
                    Opcode::KeyMeta => self.family == Family::Redis && self.newest >= 13,
                    Opcode::HashTemplate => self.family == Family::Redis && self.newest >= 15,
                    Opcode::SlotImport => self.newest_valkey >= 80,
                    Opcode::SlotInfo => match self.family {
                        Family::Redis => self.newest >= 12,
                        Family::Valkey => self.newest_valkey >= 80,
                        Family::KeyDb => false,
                    },
                    Opcode::Function2 => self.newest >= 10,
                    Opcode::RamLru | Opcode::Mark => false,
                    Opcode::ModuleAux | Opcode::Idle | Opcode::Freq => self.newest >= 9,
                    _ => true,
                };
                (!knows).then(|| format!("does not know opcode {}", opcode.name()))
            }
            Need::KeyMeta(class) => Some(format!("does not know key metadata of class {class}")),
            Need::ServerApi if self.family != Family::Valkey => {
                Some("has no `server` in function code, only `redis`".to_owned())
            }
            Need::Engine(name) => Some(format!("has no function engine `{name}`")),
            Need::SameLibrary(name) => Some(format!("the function library `{name}` occurs twice")),
            Need::StreamLength if self.newest_valkey >= 80 => {
                Some("refuses a stream whose length is not the number of its entries".to_owned())
            }
            _ => None,
        }
    }

    /// What is not there after it has started.
    fn loses(&self, need: &Need) -> Option<&'static str> {
        match need {
            Need::Script if self.newest >= 10 => Some("cached scripts are not loaded from 7.0 on"),
            Need::SubkeyExpiry if self.family != Family::KeyDb => Some("KeyDB's expiries of members are lost"),
            Need::EmptyCollection => Some("passes over collections without elements"),
            Need::OptionalKeyMeta(_) => Some("passes over key metadata of a class it does not know"),
            _ => None,
        }
    }

    /// What damage means for a server: a broken end or checksum stops it; damage inside a value may or may not.
    fn damage(&self, verdict: Option<Verdict>, integrity: &Integrity) -> Option<Judged> {
        let first_error = integrity.problems.iter().find(|problem| problem.severity == Severity::Error);
        let first =
            first_error.map(|problem| First { db: problem.db, key: problem.key.clone(), offset: problem.offset });
        let is = |kind: &str| integrity.problem_counts.contains_key(kind);
        match verdict {
            Some(Verdict::Truncated) => Some(Judged::no("the file is truncated", first.as_ref())),
            Some(Verdict::Unsupported) => Some(Judged::no("the file cannot be read to its end", first.as_ref())),
            Some(Verdict::Damaged) if is("checksum-mismatch") => {
                Some(Judged::no("the checksum is wrong", first.as_ref()))
            }
            Some(Verdict::Damaged) if is("unknown-type") => Some(Judged::no("the file is damaged", first.as_ref())),
            Some(Verdict::Damaged) if is("length-encoding") || is("string-encoding") => {
                Some(Judged::no("a length or a string is encoded in no known way", first.as_ref()))
            }
            Some(Verdict::Damaged) if is("database-number") => {
                Some(Judged::no("a database number is out of range", first.as_ref()))
            }
            Some(Verdict::Damaged) if is("intset-empty") && self.newest >= 10 => {
                Some(Judged::no("an intset has no elements", first.as_ref()))
            }
            Some(Verdict::Damaged) if is("duplicate-key") => Some(Judged::no("a key occurs twice", first.as_ref())),
            Some(Verdict::Damaged) => Some(Judged {
                verdict: LoadVerdict::Unknown,
                reason: "the file is damaged: what a server does with it depends on the place".into(),
                first,
                needs: Vec::new(),
            }),
            _ => None,
        }
    }
}
