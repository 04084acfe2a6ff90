//! The RDB format as data: what each opcode and each value type is made of, as steps that a walker follows.
//!
//! One walker serves every reader: the framer follows the steps to find where a record ends, the parser to hand each
//! part to a decoder. A part has a role, so that a decoder needs no state of its own to know what it was given.
//!
//! ```text
//! LEN   1, 2, 5 or 9 bytes, multi-byte forms big-endian          Source: RDB 1–13 as redis-server 2.2–8.6 writes it;
//! STR   LEN and so many bytes, or an 8/16/32-bit integer,        the 64-bit LEN since version 8
//!       or LZF: LEN packed, LEN unpacked, the packed bytes
//! ```

/// What a part of a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the word of the format reference")]
pub enum Role {
    // Opcodes.
    ExpireSecs,
    ExpireMs,
    Freq,
    Idle,
    Db,
    HintKeys,
    HintExpires,
    AuxName,
    AuxValue,
    FunctionCode,
    FunctionDetail,
    Slot,
    SlotDetail,
    MetaClass,
    MetaClasses,
    TemplateId,
    TemplateRef,
    TemplateNames,
    TemplateFields,
    TemplateField,
    Ignored,
    // Values.
    Key,
    Text,
    Count,
    Item,
    Member,
    ScoreText,
    Score,
    Field,
    FieldValue,
    FieldExpire,
    FieldExpireMs,
    MinExpire,
    Packed,
    Container,
    Node,
    ArrayIndex,
    ArrayTag,
    ArrayNumber,
    ArrayInsert,
    CronMs,
    CronArg,
    // Streams.
    NodeId,
    NodeListpack,
    StreamLength,
    LastMs,
    LastSeq,
    FirstMs,
    FirstSeq,
    MaxDeletedMs,
    MaxDeletedSeq,
    EntriesAdded,
    Groups,
    GroupName,
    GroupLastMs,
    GroupLastSeq,
    GroupRead,
    PelCount,
    PelId,
    PelTime,
    PelDeliveries,
    Consumers,
    ConsumerName,
    SeenTime,
    ActiveTime,
    OwnedCount,
    OwnedId,
    NackCount,
    NackId,
    IdmpDuration,
    IdmpMax,
    Producers,
    ProducerId,
    ProducerEntries,
    ProducerIid,
    ProducerMs,
    ProducerSeq,
    IidsAdded,
    IidsDuplicates,
    // Modules.
    ModuleId,
    ModuleWhen,
    ModuleOp,
    ModuleSint,
    ModuleUint,
    ModuleFloat,
    ModuleDouble,
    ModuleString,
}

impl Role {
    /// What the part is called in a message.
    pub fn name(self) -> &'static str {
        match self {
            Role::ExpireSecs | Role::ExpireMs => "expiry",
            Role::Freq => "LFU counter",
            Role::Idle => "idle time",
            Role::Db => "database number",
            Role::HintKeys | Role::HintExpires => "RESIZEDB hint",
            Role::AuxName => "AUX name",
            Role::AuxValue => "AUX value",
            Role::FunctionCode => "function code",
            Role::FunctionDetail => "function detail",
            Role::Slot | Role::SlotDetail => "slot",
            Role::MetaClass | Role::MetaClasses => "key metadata",
            Role::TemplateId | Role::TemplateRef => "template id",
            Role::TemplateFields | Role::TemplateField | Role::TemplateNames => "template field",
            Role::Ignored => "opcode payload",
            Role::Key => "key",
            Role::Text => "string",
            Role::Count => "element count",
            Role::Item => "list element",
            Role::Member => "member",
            Role::ScoreText | Role::Score => "score",
            Role::Field => "field",
            Role::FieldValue => "field value",
            Role::FieldExpire | Role::FieldExpireMs => "field expiry",
            Role::MinExpire => "smallest field expiry",
            Role::Packed => "packed value",
            Role::Container => "node container",
            Role::Node => "quicklist node",
            Role::ArrayIndex => "array index",
            Role::ArrayTag => "array element tag",
            Role::ArrayNumber => "array number",
            Role::ArrayInsert => "array insert index",
            Role::CronMs => "cron time",
            Role::CronArg => "cron argument",
            Role::NodeId => "stream node id",
            Role::NodeListpack => "stream node",
            Role::StreamLength => "stream length",
            Role::LastMs | Role::LastSeq => "last stream id",
            Role::FirstMs | Role::FirstSeq => "first stream id",
            Role::MaxDeletedMs | Role::MaxDeletedSeq => "highest deleted stream id",
            Role::EntriesAdded => "entries added",
            Role::Groups => "group count",
            Role::GroupName => "group name",
            Role::GroupLastMs | Role::GroupLastSeq => "last id of a group",
            Role::GroupRead => "entries read by a group",
            Role::PelCount => "pending count",
            Role::PelId => "pending id",
            Role::PelTime => "delivery time",
            Role::PelDeliveries => "delivery count",
            Role::Consumers => "consumer count",
            Role::ConsumerName => "consumer name",
            Role::SeenTime => "seen time",
            Role::ActiveTime => "active time",
            Role::OwnedCount => "consumer's pending count",
            Role::OwnedId => "consumer's pending id",
            Role::NackCount | Role::NackId => "released pending id",
            Role::IdmpDuration | Role::IdmpMax => "producer settings",
            Role::Producers | Role::ProducerId | Role::ProducerEntries => "producer",
            Role::ProducerIid | Role::ProducerMs | Role::ProducerSeq => "producer entry",
            Role::IidsAdded | Role::IidsDuplicates => "producer counters",
            Role::ModuleId => "module id",
            Role::ModuleWhen => "module aux moment",
            Role::ModuleOp => "module opcode",
            Role::ModuleSint | Role::ModuleUint => "module integer",
            Role::ModuleFloat | Role::ModuleDouble => "module number",
            Role::ModuleString => "module string",
        }
    }
}

/// One step through a record.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// A LEN.
    Len(Role),
    /// A STR.
    Str(Role),
    /// So many bytes as they are.
    Bytes(Role, u8),
    /// A length byte and so many ASCII characters; 253, 254 and 255 are NaN, +inf and -inf.
    AsciiDouble(Role),
    /// A LEN, then the steps so many times.
    Repeat(Role, &'static [Step]),
    /// Other steps, once.
    All(&'static [Step]),
    /// The steps once for each unit of the last [`Role::Count`], or for each field of the template named last.
    Again(&'static [Step]),
    /// A LEN that says how field names follow, and the names (DUMP payloads of template hashes).
    InlineTemplate,
    /// A LEN tag and what it says: an element of an array.
    Tagged,
    /// Module opcodes with their payloads, up to opcode 0.
    ModuleOps,
}

use Step::{Again, All, AsciiDouble, Bytes, InlineTemplate, Len, ModuleOps, Repeat, Str, Tagged};

// Opcodes. Source: rdb.h's names; versions in opcode.rs.
pub(super) const EXPIRETIME: &[Step] = &[Bytes(Role::ExpireSecs, 4)];
pub(super) const EXPIRETIME_MS: &[Step] = &[Bytes(Role::ExpireMs, 8)];
pub(super) const FREQ: &[Step] = &[Bytes(Role::Freq, 1)];
pub(super) const IDLE: &[Step] = &[Len(Role::Idle)];
pub(super) const SELECTDB: &[Step] = &[Len(Role::Db)];
pub(super) const RESIZEDB: &[Step] = &[Len(Role::HintKeys), Len(Role::HintExpires)];
pub(super) const AUX: &[Step] = &[Str(Role::AuxName), Str(Role::AuxValue)];
pub(super) const FUNCTION2: &[Step] = &[Str(Role::FunctionCode)];
pub(super) const FUNCTION_PRE_GA: &[Step] = &[
    Str(Role::FunctionDetail),
    Str(Role::FunctionDetail),
    Repeat(Role::FunctionDetail, &[Str(Role::FunctionDetail)]),
    Str(Role::FunctionCode),
];
pub(super) const MODULE_AUX: &[Step] = &[Len(Role::ModuleId), Len(Role::ModuleWhen), Len(Role::ModuleWhen), ModuleOps];
pub(super) const SLOT_INFO: &[Step] = &[Len(Role::Slot), Len(Role::SlotDetail), Len(Role::SlotDetail)];
pub(super) const KEY_META: &[Step] = &[Repeat(Role::MetaClasses, &[Bytes(Role::MetaClass, 4), ModuleOps])];
pub(super) const SLOT_IMPORT: &[Step] =
    &[Str(Role::Ignored), Repeat(Role::Ignored, &[Len(Role::Ignored), Len(Role::Ignored)])];
pub(super) const HASH_TEMPLATE: &[Step] =
    &[Len(Role::TemplateId), Repeat(Role::TemplateFields, &[Str(Role::TemplateField)])];
pub(super) const RAM_LRU: &[Step] = &[Len(Role::Ignored)];
// Dragonfly.
pub(super) const EIGHT_BYTES: &[Step] = &[Bytes(Role::Ignored, 8)];

// Values. Every one is preceded by its key.
pub(super) const KEY: &[Step] = &[Str(Role::Key)];
pub(super) const STRING: &[Step] = &[Str(Role::Text)];
pub(super) const LIST: &[Step] = &[Repeat(Role::Count, &[Str(Role::Item)])];
pub(super) const SET: &[Step] = &[Repeat(Role::Count, &[Str(Role::Member)])];
pub(super) const ZSET: &[Step] = &[Repeat(Role::Count, &[Str(Role::Member), AsciiDouble(Role::ScoreText)])];
pub(super) const ZSET_2: &[Step] = &[Repeat(Role::Count, &[Str(Role::Member), Bytes(Role::Score, 8)])];
pub(super) const HASH: &[Step] = &[Repeat(Role::Count, &[Str(Role::Field), Str(Role::FieldValue)])];
pub(super) const PACKED: &[Step] = &[Str(Role::Packed)];
pub(super) const QUICKLIST: &[Step] = &[Repeat(Role::Count, &[Str(Role::Node)])];
pub(super) const QUICKLIST_2: &[Step] = &[Repeat(Role::Count, &[Len(Role::Container), Str(Role::Node)])];
pub(super) const HASH_METADATA_PRE_GA: &[Step] =
    &[Repeat(Role::Count, &[Len(Role::FieldExpire), Str(Role::Field), Str(Role::FieldValue)])];
pub(super) const HASH_METADATA: &[Step] = &[
    Bytes(Role::MinExpire, 8),
    Repeat(Role::Count, &[Len(Role::FieldExpire), Str(Role::Field), Str(Role::FieldValue)]),
];
pub(super) const HASH_LISTPACK_EX: &[Step] = &[Bytes(Role::MinExpire, 8), Str(Role::Packed)];
pub(super) const HASH_2_VALKEY: &[Step] =
    &[Repeat(Role::Count, &[Str(Role::Field), Str(Role::FieldValue), Bytes(Role::FieldExpireMs, 8)])];
pub(super) const MODULE_2: &[Step] = &[Len(Role::ModuleId), ModuleOps];
pub(super) const ARRAY: &[Step] = &[
    // The count stands before the optional insert index, so the elements are no plain Repeat.
    Len(Role::Count),
    Repeat(Role::ArrayInsert, &[Len(Role::ArrayInsert)]),
    Again(&[Len(Role::ArrayIndex), Tagged]),
];
pub(super) const HASH_TMPL_LP: &[Step] = &[InlineTemplate, Str(Role::Packed)];
pub(super) const HASH_TMPL_LP_REF: &[Step] = &[Str(Role::Packed)];
pub(super) const HASH_TMPL_ARRAY: &[Step] = &[InlineTemplate, Again(&[Str(Role::FieldValue)])];
pub(super) const HASH_TMPL_ARRAY_REF: &[Step] = &[Len(Role::TemplateRef), Again(&[Str(Role::FieldValue)])];
pub(super) const CRON: &[Step] = &[
    Str(Role::Text),
    Bytes(Role::CronMs, 8),
    Bytes(Role::CronMs, 8),
    Repeat(Role::Count, &[Str(Role::CronArg)]),
    Repeat(Role::Count, &[Str(Role::CronArg)]),
];
// Dragonfly's hash and set with expiries: the expiry is a decimal string of Unix seconds, or -1.
pub(super) const DF_HASH: &[Step] =
    &[Repeat(Role::Count, &[Str(Role::Field), Str(Role::FieldValue), Str(Role::FieldExpire)])];
pub(super) const DF_SET: &[Step] = &[Repeat(Role::Count, &[Str(Role::Member), Str(Role::FieldExpire)])];

// Streams: what each version adds.
const STREAM_BODY: &[Step] = &[
    Repeat(Role::Count, &[Str(Role::NodeId), Str(Role::NodeListpack)]),
    Len(Role::StreamLength),
    Len(Role::LastMs),
    Len(Role::LastSeq),
];
const STREAM_COUNTERS: &[Step] = &[
    Len(Role::FirstMs),
    Len(Role::FirstSeq),
    Len(Role::MaxDeletedMs),
    Len(Role::MaxDeletedSeq),
    Len(Role::EntriesAdded),
];
const GROUP_HEAD: &[Step] = &[Str(Role::GroupName), Len(Role::GroupLastMs), Len(Role::GroupLastSeq)];
const PEL: Step = Repeat(Role::PelCount, &[Bytes(Role::PelId, 16), Bytes(Role::PelTime, 8), Len(Role::PelDeliveries)]);
const OWNED: Step = Repeat(Role::OwnedCount, &[Bytes(Role::OwnedId, 16)]);
const CONSUMERS: Step = Repeat(Role::Consumers, &[Str(Role::ConsumerName), Bytes(Role::SeenTime, 8), OWNED]);
const CONSUMERS_3: Step =
    Repeat(Role::Consumers, &[Str(Role::ConsumerName), Bytes(Role::SeenTime, 8), Bytes(Role::ActiveTime, 8), OWNED]);
const GROUPS_3: Step = Repeat(Role::Groups, &[All(GROUP_HEAD), Len(Role::GroupRead), PEL, CONSUMERS_3]);
const IDEMPOTENCE: &[Step] = &[
    Len(Role::IdmpDuration),
    Len(Role::IdmpMax),
    Repeat(
        Role::Producers,
        &[
            Str(Role::ProducerId),
            Repeat(Role::ProducerEntries, &[Str(Role::ProducerIid), Len(Role::ProducerMs), Len(Role::ProducerSeq)]),
        ],
    ),
    Len(Role::IidsAdded),
    Len(Role::IidsDuplicates),
];
pub(super) const STREAM: &[Step] = &[All(STREAM_BODY), Repeat(Role::Groups, &[All(GROUP_HEAD), PEL, CONSUMERS])];
pub(super) const STREAM_2: &[Step] = &[
    All(STREAM_BODY),
    All(STREAM_COUNTERS),
    Repeat(Role::Groups, &[All(GROUP_HEAD), Len(Role::GroupRead), PEL, CONSUMERS]),
];
pub(super) const STREAM_3: &[Step] = &[All(STREAM_BODY), All(STREAM_COUNTERS), GROUPS_3];
pub(super) const STREAM_4: &[Step] = &[All(STREAM_BODY), All(STREAM_COUNTERS), GROUPS_3, All(IDEMPOTENCE)];
pub(super) const STREAM_5: &[Step] = &[
    All(STREAM_BODY),
    All(STREAM_COUNTERS),
    Repeat(
        Role::Groups,
        &[All(GROUP_HEAD), Len(Role::GroupRead), PEL, CONSUMERS_3, Repeat(Role::NackCount, &[Bytes(Role::NackId, 16)])],
    ),
    All(IDEMPOTENCE),
];
