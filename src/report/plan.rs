//! The script of `analyze --plan-script`, in its report.

use schemars::JsonSchema;
use serde::Serialize;

/// A script that `--plan-script` wrote. It names keys of the snapshot; nothing was run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlanScript {
    /// Where it is.
    pub file: String,
    /// What it does to each key once somebody runs it: `unlink`, `expire:300`.
    pub action: String,
    /// Whether it looks at type and expiry of each key before.
    pub checks: bool,
    /// Keys it names.
    pub keys: u64,
    /// Their bytes as stored.
    pub serialized_bytes: u64,
    /// Their estimated memory; null: no memory model was applied.
    pub memory_bytes: Option<u64>,
    /// Keys that the filters let through and that it does not name.
    pub left_out: LeftOut,
}

/// Keys that a script does not name, by the reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftOut {
    /// Their expiry had passed.
    pub expired: u64,
    /// They expire already, and the script would make keys expire.
    pub expiring: u64,
    /// Their names are over 64 KiB: of those the beginning and a hash are known, not the name.
    pub long_names: u64,
}
