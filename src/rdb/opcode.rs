//! The opcodes by their number.

use super::grammar::{self, Step};
use super::types::Dialect;

/// What stands between the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is the opcode's own name")]
pub enum Opcode {
    Eof,
    SelectDb,
    ExpireTime,
    ExpireTimeMs,
    ResizeDb,
    Aux,
    Freq,
    Idle,
    ModuleAux,
    FunctionPreGa,
    Function2,
    SlotInfo,
    KeyMeta,
    SlotImport,
    HashTemplate,
    RamLru,
    /// Dragonfly's marks that carry no data: end of full sync, journal offset.
    Mark,
}

impl Opcode {
    /// The opcode's name in rdb.h.
    pub fn name(self) -> &'static str {
        match self {
            Opcode::Eof => "EOF",
            Opcode::SelectDb => "SELECTDB",
            Opcode::ExpireTime => "EXPIRETIME",
            Opcode::ExpireTimeMs => "EXPIRETIME_MS",
            Opcode::ResizeDb => "RESIZEDB",
            Opcode::Aux => "AUX",
            Opcode::Freq => "FREQ",
            Opcode::Idle => "IDLE",
            Opcode::ModuleAux => "MODULE_AUX",
            Opcode::FunctionPreGa => "FUNCTION_PRE_GA",
            Opcode::Function2 => "FUNCTION2",
            Opcode::SlotInfo => "SLOT_INFO",
            Opcode::KeyMeta => "KEY_META",
            Opcode::SlotImport => "SLOT_IMPORT",
            Opcode::HashTemplate => "HASH_TEMPLATE",
            Opcode::RamLru => "RAM_LRU",
            Opcode::Mark => "MARK",
        }
    }

    /// What follows the opcode.
    pub(super) fn steps(self) -> &'static [Step] {
        match self {
            Opcode::Eof => &[],
            Opcode::SelectDb => grammar::SELECTDB,
            Opcode::ExpireTime => grammar::EXPIRETIME,
            Opcode::ExpireTimeMs => grammar::EXPIRETIME_MS,
            Opcode::ResizeDb => grammar::RESIZEDB,
            Opcode::Aux => grammar::AUX,
            Opcode::Freq => grammar::FREQ,
            Opcode::Idle => grammar::IDLE,
            Opcode::ModuleAux => grammar::MODULE_AUX,
            Opcode::FunctionPreGa => grammar::FUNCTION_PRE_GA,
            Opcode::Function2 => grammar::FUNCTION2,
            Opcode::SlotInfo => grammar::SLOT_INFO,
            Opcode::KeyMeta => grammar::KEY_META,
            Opcode::SlotImport => grammar::SLOT_IMPORT,
            Opcode::HashTemplate => grammar::HASH_TEMPLATE,
            Opcode::RamLru => grammar::RAM_LRU,
            Opcode::Mark => grammar::EIGHT_BYTES,
        }
    }

    /// Whether it says something of the key that follows.
    pub fn is_attribute(self) -> bool {
        matches!(
            self,
            Opcode::ExpireTime | Opcode::ExpireTimeMs | Opcode::Freq | Opcode::Idle | Opcode::KeyMeta | Opcode::RamLru
        )
    }
}

/// The opcode of this byte, if this dialect has it. Source: rdb.h of Redis 2.2–8.6 and Valkey 9.1; 242 from third-party
/// descriptions of Redis 8.10; 107 from a file of Redis Enterprise; 200 and 211 from Dragonfly's.
pub(super) fn lookup(dialect: Dialect, byte: u8) -> Option<Opcode> {
    Some(match (byte, dialect) {
        (255, _) => Opcode::Eof,
        (254, _) => Opcode::SelectDb,
        (253, _) => Opcode::ExpireTime,
        (252, _) => Opcode::ExpireTimeMs,
        (251, _) => Opcode::ResizeDb,
        (250, _) => Opcode::Aux,
        (249, _) => Opcode::Freq,
        (248, _) => Opcode::Idle,
        (247, _) => Opcode::ModuleAux,
        (246, _) => Opcode::FunctionPreGa,
        (245, _) => Opcode::Function2,
        (244, _) => Opcode::SlotInfo,
        (243, Dialect::Redis) => Opcode::KeyMeta,
        (243, Dialect::Valkey) => Opcode::SlotImport,
        (242, Dialect::Redis) => Opcode::HashTemplate,
        (107, Dialect::Redis) => Opcode::RamLru,
        (200 | 211, Dialect::Dragonfly) => Opcode::Mark,
        _ => return None,
    })
}
