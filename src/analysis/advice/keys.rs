//! What holds memory.

use super::percent;
use super::scope::{Scope, shown};
use crate::base::size;
use crate::render::text::count;
use crate::report::{Advice, Prefix, Severity};

/// Nothing is worth an advice below this much memory.
pub(super) const LEAST_BYTES: u64 = 1 << 20;
/// `no-ttl`: keys without an expiry under one prefix hold at least this share of all memory…
const NO_TTL_PERCENT: u64 = 10;
/// …and at least this share of the keys under it, or of all keys, expires: then expiring is the rule here…
const USUALLY_EXPIRE_PERCENT: u64 = 50;
/// …or the prefix itself says that what it holds is there for a while.
const TEMPORARY_WORDS: [&str; 7] = ["cache", "session", "sess", "tmp", "temp", "lock", "ratelimit"];
/// `big-keys`: one key holds at least this share of all memory…
const BIG_KEY_PERCENT: u64 = 10;
/// …or at least this much.
const BIG_KEY_BYTES: u64 = 100 << 20;
/// `expired`: keys whose expiry had passed hold at least this share of all memory.
const EXPIRED_PERCENT: u64 = 5;

/// Seconds where nothing in the dump suggests any.
const A_DAY: u64 = 86_400;
/// A prefix may expire in fewer seconds on average; nobody reviews a script in that time.
const A_MINUTE: u64 = 60;

/// Prefixes whose keys stay although keys like them expire.
pub(super) fn no_ttl(scope: &Scope<'_>) -> Vec<Advice> {
    let Some(all) = scope.memory_bytes() else { return Vec::new() };
    let keyspace = &scope.analysis.keyspace;
    let usual = percent(keyspace.expires, keyspace.keys) >= USUALLY_EXPIRE_PERCENT;
    let mut found = Vec::new();
    let mut open: Vec<&Prefix> = scope.analysis.prefixes.iter().collect();
    while let Some(prefix) = open.pop() {
        match stays(scope, prefix, all, usual) {
            // What is below it is part of it.
            Some(advice) => found.push(advice),
            None => open.extend(&prefix.children),
        }
    }
    found
}

fn stays(scope: &Scope<'_>, prefix: &Prefix, all: u64, usual: bool) -> Option<Advice> {
    // An estimate is no ground for a script.
    let exact = prefix.keys_error == 0;
    let bytes = prefix.persistent_memory_bytes.filter(|bytes| exact && *bytes >= LEAST_BYTES)?;
    let (keys, share) = (prefix.keys.saturating_sub(prefix.expires), percent(bytes, all));
    let glob = glob(prefix)?;
    let says_so = TEMPORARY_WORDS.iter().any(|word| glob.to_ascii_lowercase().contains(word));
    let siblings = percent(prefix.expires, prefix.keys);
    if share < NO_TTL_PERCENT || !(usual || says_so || siblings >= USUALLY_EXPIRE_PERCENT) {
        return None;
    }
    let seconds = prefix.average_ttl_seconds.map_or(A_DAY, |seconds| seconds.clamp(A_MINUTE, u64::from(u32::MAX)));
    let name = shown(&prefix.prefix);
    Some(Advice {
        kind: "no-ttl".into(),
        severity: Severity::Warning,
        message: scope.sentence(&format!(
            "{} in {} keys under {name} never expire: let them, if that is an oversight",
            size::human(bytes),
            count(keys)
        )),
        evidence: format!(
            "{share}% of all memory; {siblings}% of the keys under {name} expire, {}% of all keys do",
            percent(scope.analysis.keyspace.expires, scope.analysis.keyspace.keys)
        ),
        frees_bytes: Some(bytes),
        command: scope.plan(&format!("--match '{glob}' --expiry none"), &format!("expire:{seconds}")),
        destructive: true,
    })
}

/// The glob of exactly the keys that count under a prefix; none where that cannot be written as one: names with patterns in
/// them, whole names, bytes that a glob or a shell gives a meaning.
fn glob(prefix: &Prefix) -> Option<String> {
    let text = std::str::from_utf8(prefix.prefix.head()).ok().filter(|_| prefix.prefix.is_whole())?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/|#@+,;=~".contains(c);
    let ends = text.chars().last().is_some_and(|c| !c.is_ascii_alphanumeric());
    (ends && text.chars().all(plain)).then(|| format!("{text}*"))
}

/// Single keys that hold much.
pub(super) fn big_keys(scope: &Scope<'_>) -> Option<Advice> {
    let all = scope.memory_bytes()?;
    let big = |bytes: u64| bytes >= BIG_KEY_BYTES || (bytes >= LEAST_BYTES && percent(bytes, all) >= BIG_KEY_PERCENT);
    let ranking = &scope.analysis.big_keys.by_memory;
    let found: Vec<_> = ranking.iter().filter(|key| key.memory_bytes.is_some_and(big)).collect();
    let first = found.first()?;
    let sizes = || found.iter().filter_map(|key| key.memory_bytes);
    let (bytes, least) = (sizes().fold(0, u64::saturating_add), sizes().min()?);
    let (held, them) = match found.len() {
        1 => (format!("one key holds {}", size::human(bytes)), "it"),
        n => (format!("{n} keys hold {}", size::human(bytes)), "them"),
    };
    Some(Advice {
        kind: "big-keys".into(),
        severity: Severity::Warning,
        message: scope.sentence(&format!(
            "{held}: split {them}; or, if {them} can go, UNLINK frees the memory in the background, where DEL would block",
        )),
        evidence: format!(
            "{}% of all memory; the largest is db {} {}, {} of {} elements",
            percent(bytes, all),
            first.db,
            shown(&first.key),
            first.ty,
            count(first.elements)
        ),
        frees_bytes: Some(bytes),
        command: scope.plan(&format!("--min-memory {least}"), "unlink"),
        destructive: true,
    })
}

/// Keys that are still there although their time has passed.
pub(super) fn expired(scope: &Scope<'_>) -> Option<Advice> {
    let ttl = &scope.analysis.ttl;
    let bytes = ttl.expired_memory_bytes.filter(|bytes| *bytes >= LEAST_BYTES)?;
    let share = percent(bytes, scope.memory_bytes()?);
    // Seen from a later moment it is no wonder that they have expired.
    if share < EXPIRED_PERCENT || ttl.as_of.as_deref() != scope.created_at {
        return None;
    }
    let databases: Vec<_> = scope.analysis.keyspace.databases.iter().map(|database| database.db.to_string()).collect();
    let command = match databases.as_slice() {
        [db] => format!("redis-cli -n {db} --scan | wc -l"),
        many => format!("for db in {}; do redis-cli -n $db --scan; done | wc -l", many.join(" ")),
    };
    Some(Advice {
        kind: "expired".into(),
        severity: Severity::Note,
        message: scope.sentence(&format!(
            "{} in {} keys had expired and was not freed: expiry falls behind; touching each key frees it, and \
             active-expire-effort keeps up",
            size::human(bytes),
            count(ttl.expired)
        )),
        evidence: format!("{share}% of all memory when the snapshot was taken"),
        frees_bytes: Some(bytes),
        command: Some(command).filter(|_| databases.len() <= 64),
        destructive: true,
    })
}
