//! Does a server hold what a backup holds? Keys per database less those that have expired, and a sample of keys by type and
//! elements.

use crate::base::{Error, ErrorKind, Result, UnixMs};
use crate::keyspace::{Type, slot};
use crate::pipeline::{Analyzer, RunOptions, Scope, Selection, run};
use crate::rdb::{Depth, Head, Item};
use crate::report::KeyName;
use crate::source::{Hashes, Origin, open_part};
use crate::wire::{Address, ConnectOptions, Connection, Reply, Route, primary, topology};
use std::collections::BTreeMap;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What expires within so many milliseconds after the start may be there or not when it is looked at.
const MARGIN_MS: i64 = 15 * 60_000;
/// Names of keys that differ, in a problem.
const NAMED: usize = 3;

/// What a server has to hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expected {
    /// Per database.
    pub databases: BTreeMap<u64, ExpectedKeys>,
    /// Some of the keys, always the same ones.
    pub sample: Vec<SampleKey>,
    /// There are commands after the keys: what they come to is not known here.
    pub has_commands: bool,
}

/// Keys of one database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpectedKeys {
    /// In the file.
    pub keys: u64,
    /// Of them expired at the start.
    pub expired: u64,
    /// Of them expiring soon after it.
    pub expiring: u64,
}

/// One key that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleKey {
    rank: u64,
    db: u64,
    key: Vec<u8>,
    ty: Type,
    elements: u64,
    expire_at: Option<UnixMs>,
}

/// Reads what a server has to hold that is started on these sources at this moment.
///
/// # Errors
/// A source cannot be read, or the run was cancelled.
pub fn expected(origins: &[Origin], options: &RunOptions, at: UnixMs, sample: usize) -> Result<Expected> {
    let mut all = Fold { at, most: sample, found: Expected::default() };
    for origin in origins {
        for part in origin.parts() {
            let mut stream = open_part(origin, &part, Hashes::default(), Arc::clone(&options.progress))?;
            let (fold, _) = run(&mut stream, all, &Selection::default(), options)?;
            all = fold;
        }
    }
    let mut found = all.found;
    found.sample.sort_by_key(|key| key.rank);
    Ok(found)
}

struct Fold {
    at: UnixMs,
    most: usize,
    found: Expected,
}

impl Fold {
    fn shorten(&mut self) {
        if self.found.sample.len() > self.most.saturating_mul(2) {
            self.found.sample.sort_by_key(|key| key.rank);
            self.found.sample.truncate(self.most);
        }
    }
}

impl Analyzer for Fold {
    type Output = Expected;

    fn depth(&self, _: &Head<'_>) -> Depth {
        Depth::Shape
    }

    fn wants_writes(&self) -> bool {
        false
    }

    fn fork(&self) -> Self {
        Self { at: self.at, most: self.most, found: Expected::default() }
    }

    fn observe(&mut self, item: &Item<'_>) -> Result<()> {
        match item {
            Item::Entry(entry) if entry.written_by.is_none() => {
                let head = &entry.head;
                let count = self.found.databases.entry(head.db).or_default();
                count.keys = count.keys.saturating_add(1);
                match head.expire_at {
                    Some(at) if at <= self.at => count.expired = count.expired.saturating_add(1),
                    Some(at) if at.0 <= self.at.0.saturating_add(MARGIN_MS) => {
                        count.expiring = count.expiring.saturating_add(1);
                    }
                    _ => {}
                }
                let lives = head.expire_at.is_none_or(|at| at.0 > self.at.0.saturating_add(MARGIN_MS));
                // Fields that expire by themselves may be gone.
                if let (true, Some(shape), None, 0) = (lives, entry.shape, head.key.sha256, entry.expiring_fields) {
                    let rank = xxh3_64_with_seed(head.key.head, head.db);
                    self.found.sample.push(SampleKey {
                        rank,
                        db: head.db,
                        key: head.key.head.to_vec(),
                        ty: head.value_type.ty,
                        elements: shape.elements,
                        expire_at: head.expire_at,
                    });
                    self.shorten();
                }
            }
            Item::Command(_) => self.found.has_commands = true,
            _ => {}
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        for (db, count) in other.found.databases {
            let own = self.found.databases.entry(db).or_default();
            own.keys = own.keys.saturating_add(count.keys);
            own.expired = own.expired.saturating_add(count.expired);
            own.expiring = own.expiring.saturating_add(count.expiring);
        }
        self.found.sample.extend(other.found.sample);
        self.found.has_commands |= other.found.has_commands;
        self.shorten();
        Ok(())
    }

    fn finish(self, _: &Scope) -> Result<Expected> {
        Ok(self.found)
    }
}

/// What a server says, against what it has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Keys it has.
    pub keys: u64,
    /// Keys of the sample that were looked at.
    pub sampled: u64,
    /// What differs.
    pub problems: Vec<String>,
    /// There are commands after the keys: nothing was compared.
    pub has_commands: bool,
}

/// Asks a server whether it holds what it has to.
///
/// # Errors
/// The server goes away, or refuses INFO.
pub fn compare(connection: &mut Connection, expected: &Expected, sample: usize) -> Result<Compared> {
    compare_all(std::slice::from_mut(connection), &|_| Some(0), expected, sample)
}

/// Asks a running server, or all primaries of a cluster together.
///
/// # Errors
/// It cannot be reached, refuses to say, or no node serves some slots.
pub fn compare_live(
    address: &Address,
    connect: &ConnectOptions,
    expected: &Expected,
    sample: usize,
) -> Result<Compared> {
    if !matches!(address.route, Route::Cluster(_)) {
        let mut pick = primary(address, connect)?;
        return compare(&mut pick.connection, expected, sample);
    }
    let topology = topology(address, connect)?;
    let (mut connections, mut ids) = (Vec::new(), Vec::new());
    for node in topology.serving() {
        let own = Address { user: address.user.clone(), ..Address::of_host(node.host.clone(), address.tls) };
        connections.push(primary(&own, connect)?.connection);
        ids.push(node.id.clone());
    }
    let owner = |key: &[u8]| {
        let node = topology.owner(slot(key))?;
        ids.iter().position(|id| *id == node.id)
    };
    compare_all(&mut connections, &owner, expected, sample)
}

fn compare_all(
    connections: &mut [Connection],
    owner: &dyn Fn(&[u8]) -> Option<usize>,
    expected: &Expected,
    sample: usize,
) -> Result<Compared> {
    let mut compared = Compared { has_commands: expected.has_commands, ..Compared::default() };
    let mut there: BTreeMap<u64, u64> = BTreeMap::new();
    for connection in connections.iter_mut() {
        for db in connection.info()?.databases() {
            let sum = there.entry(u64::from(db.db)).or_default();
            *sum = sum.saturating_add(db.keys);
        }
    }
    compared.keys = there.values().fold(0, |sum, keys| sum.saturating_add(*keys));
    if !expected.has_commands {
        let dbs: std::collections::BTreeSet<u64> = there.keys().chain(expected.databases.keys()).copied().collect();
        for db in dbs {
            let want = expected.databases.get(&db).copied().unwrap_or_default();
            let has = there.get(&db).copied().unwrap_or_default();
            // A replica keeps what has expired.
            let least = want.keys.saturating_sub(want.expired).saturating_sub(want.expiring);
            if !(least..=want.keys).contains(&has) {
                let range = if least == want.keys { format!("{least}") } else { format!("{least} to {}", want.keys) };
                compared.problems.push(format!("db {db} has {has} keys instead of {range}"));
            }
        }
        samples(connections, owner, expected, sample, &mut compared)?;
    }
    Ok(compared)
}

fn samples(
    connections: &mut [Connection],
    owner: &dyn Fn(&[u8]) -> Option<usize>,
    expected: &Expected,
    sample: usize,
    compared: &mut Compared,
) -> Result<()> {
    let mut selected = vec![None; connections.len()];
    let mut wrong: Vec<String> = Vec::new();
    let mut differ = 0u64;
    for key in expected.sample.iter().take(sample) {
        let index = owner(&key.key).unwrap_or_default();
        let (Some(connection), Some(selected)) = (connections.get_mut(index), selected.get_mut(index)) else {
            continue;
        };
        // A cluster has database 0 alone, and no SELECT of another.
        if *selected != Some(key.db) {
            connection.call(&[b"SELECT", key.db.to_string().as_bytes()])?;
            *selected = Some(key.db);
        }
        let found = look(connection, key)?;
        compared.sampled = compared.sampled.saturating_add(1);
        if let Some(problem) = found {
            differ = differ.saturating_add(1);
            if wrong.len() < NAMED {
                wrong.push(format!(
                    "db {} \"{}\" {problem}",
                    key.db,
                    KeyName::cut(&key.key, key.key.len() as u64).escaped()
                ));
            }
        }
    }
    if differ > 0 {
        compared.problems.push(format!("{differ} of {} keys looked at differ: {}", compared.sampled, wrong.join("; ")));
    }
    Ok(())
}

/// What is wrong with one key.
fn look(connection: &mut Connection, key: &SampleKey) -> Result<Option<String>> {
    let answer = connection.call(&[b"TYPE", &key.key])?;
    let ty = answer.text().unwrap_or_default().to_owned();
    if ty == "none" {
        return Ok(Some("is not there".into()));
    }
    let length: &[u8] = match key.ty {
        Type::List => b"LLEN",
        Type::Set => b"SCARD",
        Type::Zset => b"ZCARD",
        Type::Hash => b"HLEN",
        Type::Stream => b"XLEN",
        Type::String => return Ok((ty != "string").then(|| format!("is a {ty}, not a string"))),
        _ => return Ok(None),
    };
    if ty != key.ty.name() {
        return Ok(Some(format!("is a {ty}, not a {}", key.ty.name())));
    }
    match connection.command(&[length, &key.key])? {
        Reply::Int(found) if u64::try_from(found).ok() == Some(key.elements) => Ok(None),
        Reply::Int(found) => Ok(Some(format!("has {found} elements instead of {}", key.elements))),
        Reply::Refused(refusal) => Err(refusal.error()),
        _ => Err(Error::new(ErrorKind::Server { what: "answered something else than a number".into() })),
    }
}
