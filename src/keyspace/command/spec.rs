//! What is known of a command, as data: the rows of the table.

use super::table::TABLE;
use crate::keyspace::Type;

/// What is known of a command.
#[derive(Debug)]
pub struct Spec {
    /// Its name in lower case; a subcommand's is `xgroup|create`.
    pub name: &'static str,
    /// Arguments, the name included: so many, or, negative, at least so many. The newest server's, where they differ.
    pub arity: i16,
    /// The servers that have it.
    pub servers: Servers,
    /// Whether it is marked as a write: only such commands are appended to a file, with MULTI, EXEC and SELECT.
    pub write: bool,
    /// What it is for, as a timeline groups by it.
    pub effect: Effect,
    /// Of a write, the type of the value it works on, where the name alone says it.
    pub ty: Option<Type>,
    /// Where its keys stand.
    pub key_specs: &'static [KeySpec],
    /// Where what it writes stands.
    pub values: Values,
    /// Where it says when something expires.
    pub expires: Expires,
    /// Whether its first argument names a subcommand.
    pub is_container: bool,
    index: u16,
    /// Of a subcommand, its container's place and one; else 0.
    inside: u16,
    /// Where its own name begins in `name`: of a subcommand after the `|`.
    own_at: u8,
}

impl Spec {
    /// Every command of every server, in the order of their names.
    pub fn all() -> &'static [Spec] {
        &TABLE
    }

    /// Its place in [`Spec::all`].
    pub fn index(&self) -> u16 {
        self.index
    }

    /// Its name without its container's.
    pub(super) const fn own_name(&self) -> &'static [u8] {
        match self.name.as_bytes().split_at_checked(self.own_at as usize) {
            Some((_, own)) => own,
            None => &[],
        }
    }

    /// What is the same for all subcommands of one container, and for all that are none.
    pub(super) const fn inside(&self) -> u16 {
        self.inside
    }

    /// What [`Spec::inside`] is of this container's subcommands.
    pub(super) const fn as_container(&self) -> u16 {
        self.index + 1
    }

    /// Whether servers take so many arguments, the name included.
    pub fn takes(&self, argc: u64) -> bool {
        let named = u64::from(self.arity.unsigned_abs());
        if self.arity < 0 { argc >= named } else { argc == named }
    }

    /// Whether one of `servers` has it.
    pub fn known_to(&self, servers: Servers) -> bool {
        self.servers.0 & servers.0 != 0
    }
}

/// Which of the measured servers have a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Servers(u16);

#[allow(missing_docs, reason = "each is the server's own name")]
impl Servers {
    pub const REDIS_7_0: Servers = Servers(1);
    pub const REDIS_7_4: Servers = Servers(1 << 1);
    pub const REDIS_8_0: Servers = Servers(1 << 2);
    pub const REDIS_8_6: Servers = Servers(1 << 3);
    pub const VALKEY_8_1: Servers = Servers(1 << 4);
    pub const VALKEY_9_1: Servers = Servers(1 << 5);
    /// Redis 7.4 with the modules JSON, Search, `TimeSeries` and Bloom.
    pub const REDIS_STACK_7_4: Servers = Servers(1 << 6);
}

impl Servers {
    /// Every measured server with its name, older releases of a vendor first.
    pub const NAMED: [(&'static str, Servers); 7] = [
        ("redis-7.0", Servers::REDIS_7_0),
        ("redis-7.4", Servers::REDIS_7_4),
        ("redis-stack-7.4", Servers::REDIS_STACK_7_4),
        ("redis-8.0", Servers::REDIS_8_0),
        ("redis-8.6", Servers::REDIS_8_6),
        ("valkey-8.1", Servers::VALKEY_8_1),
        ("valkey-9.1", Servers::VALKEY_9_1),
    ];

    /// These and the others.
    #[must_use]
    pub const fn or(self, others: Servers) -> Servers {
        Servers(self.0 | others.0)
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMED.into_iter().filter(move |(_, server)| self.0 & server.0 != 0).map(|(name, _)| name)
    }
}

/// What a command is for. What the servers tell is only whether it writes; the rest is decided here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Reads keys.
    Read,
    /// Creates or changes values.
    Write,
    /// Takes elements out of a value, which goes with its last one.
    Remove,
    /// Deletes keys.
    Delete,
    /// Empties a database, all of them, or slots.
    Flush,
    /// Says when keys or fields expire.
    Expire,
    /// Lets keys or fields not expire.
    Persist,
    /// Gives a key another name.
    Rename,
    /// Copies a key.
    Copy,
    /// Moves keys to another database or server.
    Move,
    /// Makes a key of what DUMP gave.
    Restore,
    /// Keeps the books of a stream: groups, consumers, pending entries, ids.
    Group,
    /// Exchanges two databases.
    SwapDb,
    /// Selects a database.
    Select,
    /// Begins a transaction.
    Multi,
    /// Ends a transaction.
    Exec,
    /// Gives a transaction up.
    Discard,
    /// Runs a script or a function.
    Script,
    /// Changes the function libraries.
    Function,
    /// Creates, changes or drops a search index or dictionary.
    Index,
    /// Publishes or subscribes.
    Pubsub,
    /// Concerns the connection alone.
    Connection,
    /// Runs the server.
    Admin,
    /// Anything else.
    Other,
}

/// How a command uses a key. Names in brackets are the servers' flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads it (`RO`).
    Read,
    /// Changes what is there (`RW`).
    Write,
    /// Puts something else in its place, whatever it was (`OW`).
    Overwrite,
    /// Deletes it, whatever it is (`RM`).
    Remove,
}

/// What a command does with the data that a key holds: any of the four. Names in brackets are the servers' flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch(u8);

impl Touch {
    /// None of them: what it asks is not the data, as EXISTS does.
    pub const NOTHING: Touch = Touch(0);
    /// Hands the data out, copies it, or computes something of it (`access`).
    pub const ACCESS: Touch = Touch(1);
    /// Adds data and changes none (`insert`).
    pub const INSERT: Touch = Touch(2);
    /// Changes or replaces data (`update`).
    pub const UPDATE: Touch = Touch(4);
    /// Removes data and changes none (`delete`).
    pub const DELETE: Touch = Touch(8);

    /// These and the others.
    #[must_use]
    pub const fn or(self, others: Touch) -> Touch {
        Touch(self.0 | others.0)
    }

    /// Whether all of these are among them.
    pub fn has(self, these: Touch) -> bool {
        self.0 & these.0 == these.0
    }
}

/// Where some of a command's keys stand, and what happens to them.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// How they are used.
    pub access: Access,
    /// What is done with their data.
    pub touch: Touch,
    /// Whether options decide what is done.
    pub varies: bool,
    /// Where to begin.
    pub begin: Begin,
    /// Which arguments from there on.
    pub find: Find,
}

/// Where to look for keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At this argument.
    Index(u16),
    /// After this word, looked for from this argument on; negative: from so many before the end, backwards.
    Keyword(&'static str, i16),
    /// Options decide.
    Unknown,
}

/// Which arguments are keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// Every `step`th.
    Range {
        /// The last one, counted from the first; negative: from the end, −1 being the last argument.
        last: i16,
        /// From one to the next.
        step: u16,
        /// Where `last` is −1: of the arguments that are left, one part in so many; 0 and 1: all.
        limit: u16,
    },
    /// As many as one of them says.
    KeyNum {
        /// Which says it, counted from the beginning.
        at: u16,
        /// The first key, counted from the beginning.
        first: u16,
        /// From one to the next.
        step: u16,
    },
    /// Options decide.
    Unknown,
}

/// Where in a command the values stand that it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Nowhere: it writes none, or none that is known here.
    None,
    /// This argument is written to the first key: `SET key value`.
    One(u8),
    /// Every argument from this on: `RPUSH key element …`.
    Each(u8),
    /// Fields with their values from this argument on: `HSET key field value …`.
    Fields(u8),
    /// Options, `FIELDS`, their number, then fields with their values: `HSETEX`.
    CountedFields,
    /// Options, then scores with members: `ZADD`.
    Scored,
    /// Options, then longitude, latitude and member: `GEOADD`.
    Geo,
    /// Options, an id, then fields with their values: `XADD`.
    StreamEntry,
    /// Keys with their values: `MSET`.
    Pairs,
    /// A number, so many keys with their values, options: `MSETEX`.
    CountedPairs,
    /// Keys, each with a path and a value: `JSON.MSET`.
    Triples,
}

/// Where in a command it stands when something expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expires {
    /// Nowhere.
    Never,
    /// The key's, by this argument.
    At(u8, Clock),
    /// The key's, by options such as `PXAT ms` from this argument on.
    Options(u8),
    /// As [`Expires::Options`], after a number and so many keys with their values.
    AfterPairs,
    /// The key's, by milliseconds from now or, with `ABSTTL`, a moment: `RESTORE`; 0 is none.
    Restored,
    /// Not at all any more.
    Persist,
    /// Its fields', by this argument.
    FieldsAt(u8, Clock),
    /// Its fields', by options from this argument on, before or after `FIELDS`, a number, and so many times so many words.
    FieldOptions(u8, u8),
    /// Its fields', not at all any more.
    PersistFields,
}

/// What a time in a command counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Seconds from when the command runs.
    Secs,
    /// Milliseconds from when the command runs.
    Ms,
    /// Unix seconds.
    UnixSecs,
    /// Unix milliseconds.
    UnixMs,
}

// What follows is what the table is written in.

impl Spec {
    pub(super) const fn value(mut self, ty: Type, values: Values) -> Spec {
        self.ty = Some(ty);
        self.values = values;
        self
    }

    pub(super) const fn expires(mut self, expires: Expires) -> Spec {
        self.expires = expires;
        self
    }

    pub(super) const fn container(mut self) -> Spec {
        self.is_container = true;
        self
    }
}

pub(super) const fn spec(
    name: &'static str,
    arity: i16,
    servers: Servers,
    effect: Effect,
    keys: &'static [KeySpec],
) -> Spec {
    Spec {
        name,
        arity,
        servers,
        write: false,
        effect,
        ty: None,
        key_specs: keys,
        values: Values::None,
        expires: Expires::Never,
        is_container: false,
        index: 0,
        inside: 0,
        own_at: 0,
    }
}

pub(super) const fn write(
    name: &'static str,
    arity: i16,
    servers: Servers,
    effect: Effect,
    keys: &'static [KeySpec],
) -> Spec {
    let mut spec = spec(name, arity, servers, effect, keys);
    spec.write = true;
    spec
}

/// The specs with their places in the table, and those of their containers, which stand before them.
pub(super) const fn numbered<const N: usize>(mut table: [Spec; N]) -> [Spec; N] {
    let mut at: u16 = 0;
    while (at as usize) < N {
        table[at as usize].index = at;
        if let Some(bar) = bar(table[at as usize].name.as_bytes()) {
            table[at as usize].own_at = bar + 1;
            let mut before = at;
            while table[at as usize].inside == 0 {
                before -= 1;
                let (container, _) = table[at as usize].name.as_bytes().split_at(bar as usize);
                if same(table[before as usize].name.as_bytes(), container) {
                    table[at as usize].inside = table[before as usize].as_container();
                }
            }
        }
        at += 1;
    }
    table
}

/// Where the `|` stands.
const fn bar(name: &[u8]) -> Option<u8> {
    let mut at: u8 = 0;
    while (at as usize) < name.len() {
        if name[at as usize] == b'|' {
            return Some(at);
        }
        at += 1;
    }
    None
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

const fn key_spec(does: Does, begin: Begin, find: Find) -> KeySpec {
    KeySpec { access: does.0, touch: does.1, varies: false, begin, find }
}

/// What is done with a key, as the table says it.
#[derive(Clone, Copy)]
pub(super) struct Does(pub(super) Access, pub(super) Touch);

/// The key at this argument.
pub(super) const fn at(index: u16, does: Does) -> KeySpec {
    key_spec(does, Begin::Index(index), Find::Range { last: 0, step: 1, limit: 0 })
}

/// The keys from this argument to `last`, every `step`th.
pub(super) const fn range(index: u16, last: i16, step: u16, does: Does) -> KeySpec {
    key_spec(does, Begin::Index(index), Find::Range { last, step, limit: 0 })
}

/// A number at this argument, and so many keys after it, every `step`th.
pub(super) const fn counted(index: u16, step: u16, does: Does) -> KeySpec {
    key_spec(does, Begin::Index(index), Find::KeyNum { at: 0, first: 1, step })
}

/// The keys after this word, to `last`; with a limit, one part in so many of what is left.
pub(super) const fn after(word: &'static str, from: i16, last: i16, limit: u16, does: Does) -> KeySpec {
    key_spec(does, Begin::Keyword(word, from), Find::Range { last, step: 1, limit })
}

/// Keys whose place options decide.
pub(super) const fn unknown(does: Does) -> KeySpec {
    key_spec(does, Begin::Unknown, Find::Unknown)
}

impl KeySpec {
    pub(super) const fn varying(mut self) -> KeySpec {
        self.varies = true;
        self
    }
}
