//! The value types by their number, which means different things to different servers from 22 on.

use super::grammar::{self, Step};
use super::header::Magic;
use crate::keyspace::Type;

/// Whose numbers the file uses: 22, 23, 30 to 37, 242 and 243 differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Redis, and Valkey before 9.0, and KeyDB.
    Redis,
    /// Valkey from 9.0 on.
    Valkey,
    /// Dragonfly, which says `REDIS0009` and means its own.
    Dragonfly,
}

impl Dialect {
    /// What a magic says by itself; an AUX field may still say `df-ver`.
    pub fn of(magic: Magic) -> Self {
        match magic {
            Magic::Redis => Dialect::Redis,
            Magic::Valkey => Dialect::Valkey,
        }
    }
}

/// How a value's parts are put together again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the structure's own name")]
pub enum Family {
    /// One string.
    Text,
    /// Strings one after the other: lists, sets, sorted sets and hashes as hash tables, arrays, template hashes.
    Table,
    Ziplist,
    Listpack,
    Intset,
    Zipmap,
    Quicklist,
    Stream,
    Module,
    Cron,
}

/// One value type.
#[derive(Debug)]
pub struct ValueType {
    /// Its number in the file.
    pub id: u8,
    /// Its name in rdb.h, without the prefix.
    pub name: &'static str,
    /// What TYPE says of such a key.
    pub ty: Type,
    /// What it is made of, after the key.
    pub steps: &'static [Step],
    /// How its parts are decoded.
    pub family: Family,
}

macro_rules! value_types {
    ($name:ident: $($id:literal $label:literal $ty:ident $steps:ident $family:ident;)*) => {
        static $name: &[ValueType] = &[$(ValueType {
            id: $id, name: $label, ty: Type::$ty, steps: grammar::$steps, family: Family::$family,
        }),*];
    };
}

// Source: rdb.h of Redis 2.2–8.6 and Valkey 7.2–9.1; 27 to 32 from third-party descriptions and one file each.
value_types! { COMMON:
    0 "STRING" String STRING Text;
    1 "LIST" List LIST Table;
    2 "SET" Set SET Table;
    3 "ZSET" Zset ZSET Table;
    4 "HASH" Hash HASH Table;
    5 "ZSET_2" Zset ZSET_2 Table;
    7 "MODULE_2" Module MODULE_2 Module;
    9 "HASH_ZIPMAP" Hash PACKED Zipmap;
    10 "LIST_ZIPLIST" List PACKED Ziplist;
    11 "SET_INTSET" Set PACKED Intset;
    12 "ZSET_ZIPLIST" Zset PACKED Ziplist;
    13 "HASH_ZIPLIST" Hash PACKED Ziplist;
    14 "LIST_QUICKLIST" List QUICKLIST Quicklist;
    15 "STREAM_LISTPACKS" Stream STREAM Stream;
    16 "HASH_LISTPACK" Hash PACKED Listpack;
    17 "ZSET_LISTPACK" Zset PACKED Listpack;
    18 "LIST_QUICKLIST_2" List QUICKLIST_2 Quicklist;
    19 "STREAM_LISTPACKS_2" Stream STREAM_2 Stream;
    20 "SET_LISTPACK" Set PACKED Listpack;
    21 "STREAM_LISTPACKS_3" Stream STREAM_3 Stream;
}

value_types! { REDIS:
    22 "HASH_METADATA_PRE_GA" Hash HASH_METADATA_PRE_GA Table;
    23 "HASH_LISTPACK_EX_PRE_GA" Hash PACKED Listpack;
    24 "HASH_METADATA" Hash HASH_METADATA Table;
    25 "HASH_LISTPACK_EX" Hash HASH_LISTPACK_EX Listpack;
    26 "STREAM_LISTPACKS_4" Stream STREAM_4 Stream;
    27 "STREAM_LISTPACKS_5" Stream STREAM_5 Stream;
    28 "ARRAY" Array ARRAY Table;
    29 "HASH_TMPL_LP" Hash HASH_TMPL_LP Listpack;
    30 "HASH_TMPL_LP_REF" Hash HASH_TMPL_LP_REF Listpack;
    31 "HASH_TMPL_ARRAY" Hash HASH_TMPL_ARRAY Table;
    32 "HASH_TMPL_ARRAY_REF" Hash HASH_TMPL_ARRAY_REF Table;
    64 "CRON" Cron CRON Cron;
}

value_types! { VALKEY:
    22 "HASH_2" Hash HASH_2_VALKEY Table;
}

value_types! { DRAGONFLY:
    30 "JSON" Json STRING Text;
    31 "HASH_WITH_EXPIRY" Hash DF_HASH Table;
    32 "SET_WITH_EXPIRY" Set DF_SET Table;
}

/// The type of this number, if this dialect has it.
pub(super) fn lookup(dialect: Dialect, id: u8) -> Option<&'static ValueType> {
    let own = match dialect {
        Dialect::Redis => REDIS,
        Dialect::Valkey => VALKEY,
        Dialect::Dragonfly => DRAGONFLY,
    };
    COMMON.iter().chain(own).find(|ty| ty.id == id)
}
