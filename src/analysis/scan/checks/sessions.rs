//! Sessions that stand out among those of their prefix: many of one user, without an expiry, or with a late one.
//!
//! Users are counted by hash in a table of fixed size, so that memory does not depend on how many there are; a count may
//! hold others that fall on the same line of the table, which the threshold allows for.

use super::Say;
use super::keyspace::name_of;
use super::place::Place;
use crate::analysis::histogram::Histogram;
use crate::analysis::scan::told::{Told, shown};
use crate::base::UnixMs;
use crate::keyspace::{KeyName, Type};
use crate::rdb::{Element, Entry, Head};
use crate::report::{Finding, escape};
use regex::bytes::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Prefixes that are told apart: the first by their bytes.
const MOST_PREFIXES: usize = 256;
/// Of a longer prefix this much is kept.
const PREFIX_BYTES: usize = 128;
/// Lines of the table of users.
const USERS: u64 = 1 << 15;
/// Sessions of one user that stand out.
const MANY: u64 = 1_000;
/// Sessions of a prefix from which on some can stand out.
const LEAST: u64 = 100;
/// Keys that are kept of those that stand out.
const KEPT: usize = 8;
/// Of a session so many bytes are looked at for its user.
const LOOKED_AT: usize = 16 << 10;
const DAY_MS: u64 = 86_400_000;

static SESSION: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r"(?i-u)(?:sess(?:ion)?s?|(?:^|[:._/-])sid)[:._/-]"));
/// A user in JSON or in what PHP serializes: a name, then a value.
static USER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(concat!(
        r"(?i-u)\b(?:_auth_)?(?:user_?id|user_?name|uid|user|login|e-?mail|account_?id|member_?id)",
        r#"(?:"\s*:\s*"?|"?[;|](?:s:[0-9]+:"|i:))([^"',;}\s\[{]{1,128})"#
    ))
});

fn regex(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// What the names of a site's sessions have in common, if the key is named as one: `app:session:`.
pub(super) fn prefix(key: &[u8]) -> Option<&[u8]> {
    let end = SESSION.as_ref()?.find_iter(key.get(..512).unwrap_or(key)).last()?.end();
    let (prefix, id) = key.split_at_checked(end)?;
    // `session:index` is no session.
    let is_id = id.len() >= 4 && id.iter().any(u8::is_ascii_digit);
    is_id.then(|| prefix.get(..PREFIX_BYTES).unwrap_or(prefix))
}

#[derive(Debug, Clone, Default)]
struct Group {
    with_expiry: u64,
    without: u64,
    /// The first of those without.
    forever: BTreeMap<Place, (u64, KeyName)>,
    left_ms: Histogram,
    /// The latest expiries.
    latest: BTreeSet<(i64, Place, u64, KeyName)>,
}

/// The sessions of whom falls on one line of the table.
#[derive(Debug, Clone)]
struct User {
    sessions: u64,
    first: Place,
    db: u64,
    key: KeyName,
}

/// What is seen of sessions.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions {
    now: Option<UnixMs>,
    groups: BTreeMap<(u64, Vec<u8>), Group>,
    users: Vec<Option<User>>,
    counted: u64,
    open: Open,
}

/// The key in progress.
#[derive(Debug, Clone, Copy, Default)]
enum Open {
    #[default]
    Other,
    Session,
    /// A session of the user with this hash.
    Of(u64),
}

impl Sessions {
    pub(super) fn seen_from(&mut self, now: Option<UnixMs>) {
        self.now = now;
    }

    pub(super) fn fork(&self) -> Self {
        Self { now: self.now, ..Self::default() }
    }

    #[inline]
    pub(super) fn begin(&mut self, head: &Head<'_>) {
        let may_be = matches!(head.value_type.ty, Type::String | Type::Hash);
        let is_session = may_be && prefix(head.key.head).is_some();
        self.open = if is_session { Open::Session } else { Open::Other };
    }

    #[inline]
    pub(super) fn element(&mut self, element: &Element<'_>) {
        let Open::Session = self.open else { return };
        let found = match element {
            Element::Item(text) => user_in(text),
            Element::Field { field, value, .. } if is_user_field(field) => Some(*value),
            Element::Field { value, .. } => user_in(value),
            _ => None,
        };
        if let Some(user) = found.filter(|value| is_somebody(value)) {
            self.open = Open::Of(xxhash_rust::xxh3::xxh3_64(user));
        }
    }

    pub(super) fn dropped(&mut self) {
        self.open = Open::Other;
    }

    #[inline]
    pub(super) fn entry(&mut self, place: Place, entry: &Entry<'_>) {
        let open = std::mem::take(&mut self.open);
        if matches!(open, Open::Other) {
            return;
        }
        // A log writes one session over and over.
        let (Some(prefix), None) = (prefix(entry.head.key.head), entry.written_by) else { return };
        let db = entry.head.db;
        if let Open::Of(user) = open {
            self.add_user(xxhash_rust::xxh3::xxh3_64_with_seed(prefix, user ^ db), place, &entry.head);
        }
        let group = self.groups.entry((db, prefix.to_vec())).or_default();
        match entry.head.expire_at {
            None => {
                group.without = group.without.saturating_add(1);
                let first = || (db, name_of(entry.head.key));
                if group.forever.len() < KEPT || group.forever.last_key_value().is_some_and(|(last, _)| place < *last) {
                    group.forever.insert(place, first());
                }
            }
            Some(at) => {
                group.with_expiry = group.with_expiry.saturating_add(1);
                let left = self.now.map_or(0, |now| at.0.saturating_sub(now.0));
                group.left_ms.add(u64::try_from(left).unwrap_or(0));
                if group.latest.len() < KEPT || group.latest.first().is_some_and(|(first, ..)| at.0 >= *first) {
                    group.latest.insert((at.0, place, db, name_of(entry.head.key)));
                }
            }
        }
        group.cut();
        if self.groups.len() > MOST_PREFIXES {
            self.groups.pop_last();
        }
    }

    fn add_user(&mut self, hash: u64, place: Place, head: &Head<'_>) {
        self.counted = self.counted.saturating_add(1);
        let one = User { sessions: 1, first: place, db: head.db, key: name_of(head.key) };
        self.line(hash % USERS, one);
    }

    fn line(&mut self, line: u64, user: User) {
        if self.users.is_empty() {
            self.users.resize_with(usize::try_from(USERS).unwrap_or(0), || None);
        }
        let Some(own) = usize::try_from(line).ok().and_then(|line| self.users.get_mut(line)) else { return };
        match own {
            None => *own = Some(user),
            Some(own) => {
                let sessions = own.sessions.saturating_add(user.sessions);
                if user.first < own.first {
                    *own = user;
                }
                own.sessions = sessions;
            }
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (name, group) in other.groups {
            self.groups.entry(name).or_default().merge(group);
        }
        while self.groups.len() > MOST_PREFIXES {
            self.groups.pop_last();
        }
        self.counted = self.counted.saturating_add(other.counted);
        for (line, user) in other.users.into_iter().enumerate() {
            if let Some(user) = user {
                self.line(line as u64, user);
            }
        }
    }

    pub(super) fn tell(self, say: &Say<'_>, told: &mut Told) {
        let mean = self.counted / USERS;
        let mut many: Vec<_> =
            self.users.into_iter().flatten().filter(|user| user.sessions >= MANY.max(mean.saturating_mul(8))).collect();
        many.sort_by_key(|user| user.first);
        for user in many {
            let Some(mut finding) = say.at("sessions", user.first) else { return };
            let of = user.sessions.saturating_sub(mean);
            finding.excerpt = format!("about {of} sessions of one user");
            finding.matches = of;
            finding.notes.push("this key is the first of them; the user is not shown".into());
            key(&mut finding, user.db, user.key);
            told.add(finding);
        }
        for ((db, prefix), group) in self.groups {
            group.tell(db, &prefix, self.now, say, told);
        }
    }
}

impl Group {
    fn cut(&mut self) {
        while self.forever.len() > KEPT {
            self.forever.pop_last();
        }
        while self.latest.len() > KEPT {
            self.latest.pop_first();
        }
    }

    fn merge(&mut self, other: Self) {
        self.with_expiry = self.with_expiry.saturating_add(other.with_expiry);
        self.without = self.without.saturating_add(other.without);
        self.forever.extend(other.forever);
        self.latest.extend(other.latest);
        self.left_ms.merge(&other.left_ms);
        self.cut();
    }

    fn tell(self, db: u64, prefix: &[u8], now: Option<UnixMs>, say: &Say<'_>, told: &mut Told) {
        let named = escape(prefix);
        // A few, of many.
        let few = |part: u64, of: u64| part > 0 && of >= LEAST && part.saturating_mul(100) <= of;
        if few(self.without, self.with_expiry)
            && let Some((place, (_, name))) = self.forever.first_key_value()
            && let Some(mut finding) = say.at("sessions", *place)
        {
            finding.excerpt =
                format!("{} sessions under {named} never expire, {} others do", self.without, self.with_expiry);
            finding.matches = self.without;
            others(&mut finding, self.forever.values().map(|(_, name)| name).skip(1));
            key(&mut finding, db, name.clone());
            told.add(finding);
        }
        let (Some(p99), Some(now)) = (self.left_ms.percentile(99), now) else { return };
        let far = p99.saturating_mul(4).max(p99.saturating_add(DAY_MS));
        let late = |at: i64| u64::try_from(at.saturating_sub(now.0)).is_ok_and(|left| left > far);
        let late: Vec<_> = self.latest.into_iter().rev().filter(|(at, ..)| late(*at)).collect();
        if self.with_expiry < LEAST {
            return;
        }
        let Some((at, place, _, name)) = late.first() else { return };
        let Some(mut finding) = say.at("sessions", *place) else { return };
        let days = |ms: u64| ms / DAY_MS;
        finding.excerpt = format!(
            "a session under {named} lives for {} days, 99 of 100 for {} at most",
            days(u64::try_from(at.saturating_sub(now.0)).unwrap_or(0)),
            days(p99).saturating_add(1)
        );
        finding.matches = late.len() as u64;
        others(&mut finding, late.iter().map(|(.., name)| name).skip(1));
        finding.expire_at = UnixMs(*at).rfc3339();
        key(&mut finding, db, name.clone());
        told.add(finding);
    }
}

fn key(finding: &mut Finding, db: u64, name: KeyName) {
    (finding.db, finding.key) = (Some(db), Some(name));
}

fn others<'k>(finding: &mut Finding, names: impl Iterator<Item = &'k KeyName>) {
    let names: Vec<_> = names.map(|name| shown(name.head())).collect();
    if !names.is_empty() {
        finding.notes.push(format!("also {}", names.join(", ")));
    }
}

fn user_in(text: &[u8]) -> Option<&[u8]> {
    let text = text.get(..LOOKED_AT).unwrap_or(text);
    Some(USER.as_ref()?.captures(text)?.get(1)?.as_bytes())
}

fn is_user_field(field: &[u8]) -> bool {
    let names = ["user_id", "userid", "user", "uid", "username", "user_name", "login", "email", "account_id"];
    let own = field.strip_prefix(b"sessionAttr:").unwrap_or(field);
    names.iter().any(|name| own.eq_ignore_ascii_case(name.as_bytes()))
}

/// Not what stands there for visitors who are not logged in.
fn is_somebody(value: &[u8]) -> bool {
    let nobody = ["", "0", "-1", "null", "none", "nil", "false", "n", "guest", "anonymous", "undefined"];
    !nobody.iter().any(|name| value.eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sessions() {
        let of = |key: &'static str| prefix(key.as_bytes()).map(|prefix| std::str::from_utf8(prefix).unwrap_or(""));
        assert_eq!(of("sess:8f3a11"), Some("sess:"));
        assert_eq!(of("app:session:8f3a-11"), Some("app:session:"));
        assert_eq!(of("PHPREDIS_SESSION:k3j4h5"), Some("PHPREDIS_SESSION:"));
        assert_eq!(of("spring:session:sessions:0a1b2c"), Some("spring:session:sessions:"));
        assert_eq!(of("sid:0a1b2c"), Some("sid:"));
        for other in ["session:index", "session", "president:1234", "user:1234", "sessions:", "inside:12345"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn users_in_what_frameworks_write() {
        let of = |text: &'static str| {
            user_in(text.as_bytes())
                .filter(|value| is_somebody(value))
                .map(|value| String::from_utf8_lossy(value).into_owned())
        };
        assert_eq!(of(r#"{"cookie":{},"user_id":42,"x":1}"#).as_deref(), Some("42"));
        assert_eq!(of(r#"{"a":1,"userId" : "u-7"}"#).as_deref(), Some("u-7"));
        assert_eq!(of(r#"{"_auth_user_id":"5"}"#).as_deref(), Some("5"));
        assert_eq!(of(r#"a:1:{s:7:"user_id";i:42;}"#).as_deref(), Some("42"));
        assert_eq!(of(r#"a:1:{s:8:"username";s:3:"bob";}"#).as_deref(), Some("bob"));
        assert_eq!(of("x|i:1;user_id|s:2:\"42\";").as_deref(), Some("42"));
        assert_eq!(of(r#"{"user_id":null}"#), None);
        assert_eq!(of(r#"{"user":{"id":1}}"#), None);
        assert_eq!(of("nothing of the sort"), None);
    }
}
