//! Types as TYPE names them and encodings as OBJECT ENCODING does.

/// What TYPE says of a key. A module's values have the module's own name there; here they are one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is the word itself")]
pub enum Type {
    String,
    List,
    Set,
    Zset,
    Hash,
    Stream,
    Module,
    /// Redis 8.8's sparse array.
    Array,
    /// KeyDB's scheduled script.
    Cron,
    /// Dragonfly's own JSON document.
    Json,
}

impl Type {
    /// Every type, in the order reports list them.
    pub const ALL: [Type; 10] = [
        Type::String,
        Type::List,
        Type::Set,
        Type::Zset,
        Type::Hash,
        Type::Stream,
        Type::Module,
        Type::Array,
        Type::Cron,
        Type::Json,
    ];

    /// The word: `string`, `zset`.
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::List => "list",
            Type::Set => "set",
            Type::Zset => "zset",
            Type::Hash => "hash",
            Type::Stream => "stream",
            Type::Module => "module",
            Type::Array => "array",
            Type::Cron => "cron",
            Type::Json => "json",
        }
    }

    /// The type of this name, upper or lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.name().eq_ignore_ascii_case(name))
    }
}

/// What OBJECT ENCODING says on the server that wrote the dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is the word itself")]
pub enum Encoding {
    Raw,
    Int,
    Embstr,
    Linkedlist,
    Quicklist,
    Ziplist,
    Listpack,
    Listpackex,
    Intset,
    Zipmap,
    Hashtable,
    Skiplist,
    Stream,
    /// An array of values whose field names stand in a template.
    Template,
    /// Not known.
    Unknown,
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Encoding; 15] = [
        Encoding::Raw,
        Encoding::Int,
        Encoding::Embstr,
        Encoding::Linkedlist,
        Encoding::Quicklist,
        Encoding::Ziplist,
        Encoding::Listpack,
        Encoding::Listpackex,
        Encoding::Intset,
        Encoding::Zipmap,
        Encoding::Hashtable,
        Encoding::Skiplist,
        Encoding::Stream,
        Encoding::Template,
        Encoding::Unknown,
    ];

    /// The word: `listpack`, `skiplist`.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Raw => "raw",
            Encoding::Int => "int",
            Encoding::Embstr => "embstr",
            Encoding::Linkedlist => "linkedlist",
            Encoding::Quicklist => "quicklist",
            Encoding::Ziplist => "ziplist",
            Encoding::Listpack => "listpack",
            Encoding::Listpackex => "listpackex",
            Encoding::Intset => "intset",
            Encoding::Zipmap => "zipmap",
            Encoding::Hashtable => "hashtable",
            Encoding::Skiplist => "skiplist",
            Encoding::Stream => "stream",
            Encoding::Template => "template",
            Encoding::Unknown => "unknown",
        }
    }
}
