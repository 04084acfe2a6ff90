//! What `backup create`, `list`, `show`, `verify` and `status` say.

use super::{Exit, Provenance};
use schemars::JsonSchema;
use serde::Serialize;

/// One backup of a repository.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BackupRow {
    /// `INSTANCE/STAMP`.
    pub name: String,
    /// Whose it is.
    pub instance: String,
    /// When it was taken, RFC 3339 in UTC.
    pub created_at: String,
    /// `rdb`, `aof` or `scan`.
    pub kind: String,
    /// Whether it is the keyspace at one moment.
    pub consistent: bool,
    /// Keys in it; of an append-only file those of its base.
    pub keys: u64,
    /// Bytes before compression.
    pub raw_bytes: u64,
    /// Bytes in the store.
    pub stored_bytes: u64,
    /// `zstd`, `gzip` or `none`.
    pub compression: String,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// SHA-256 of its bytes before compression; null where it has several payloads.
    pub sha256: Option<String>,
    /// `good`, `damaged`, `suspect` or `incomplete`.
    pub status: String,
    /// What is wrong with it, or to be known of it.
    pub problems: Vec<String>,
    /// Whether prune has to keep it.
    pub pinned: bool,
    /// When it was last read again and found whole; null: never.
    pub verified_at: Option<String>,
    /// How deep, then.
    pub verified_level: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// `good`, `unknown key`, `missing` or `bad`.
    pub signature: String,
}

/// The document of `backup list`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BackupListReport {
    /// `rediscover/backup-list/v1`
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// Where the repository is, without credentials.
    pub repository: String,
    /// The backups, by instance, the oldest first.
    pub backups: Vec<BackupRow>,
    /// Backups whose manifest cannot be read, with the reason.
    pub unreadable: Vec<Unreadable>,
    /// Objects that belong to no backup: of one that is being made, or was broken off.
    pub remnants: u64,
    /// Their bytes.
    pub remnant_bytes: u64,
}

/// A backup whose manifest cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unreadable {
    /// Its name.
    pub name: String,
    /// Why.
    pub problem: String,
}

/// The document of `backup create`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BackupCreateReport {
    /// `rediscover/backup-create/v1`
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// Where the repository is, without credentials.
    pub repository: String,
    /// What was made.
    pub backups: Vec<CreatedBackup>,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CreatedBackup {
    /// The backup.
    #[serde(flatten)]
    pub backup: BackupRow,
    /// What it was made of.
    pub source: String,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// The head of its chain now: `NAME SHA256`, as `backup verify --head` takes it.
    pub head: String,
    /// The key that signed it; null: nobody did.
    pub signed_by: Option<String>,
    /// Change against the backup before, in percent of its keys.
    pub change_percent: Option<f64>,
    /// What was noticed on the way.
    pub notes: Vec<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// The document of `backup import`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BackupImportReport {
    /// `rediscover/backup-import/v1`
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// Where the repository is, without credentials.
    pub repository: String,
    /// What came of each file, the oldest dump first.
    pub files: Vec<ImportedFile>,
}

/// What came of one file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ImportedFile {
    /// The file.
    pub source: String,
    /// `imported`, `there already` or `failed`.
    pub outcome: String,
    /// When the snapshot was taken, RFC 3339 in UTC.
    pub taken_at: Option<String>,
    /// How that is known: `ctime`, the clock of its server, or `mtime`, when the file was changed.
    pub dated_by: Option<String>,
    /// The backup it is now; null where none was made.
    pub backup: Option<CreatedBackup>,
    /// What to know of it: which backup holds its bytes already, why it failed.
    pub note: Option<String>,
}

/// The document of `backup fetch`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BackupFetchReport {
    /// `rediscover/backup-fetch/v1`
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// Where the repository is, without credentials.
    pub repository: String,
    /// The backup.
    pub backup: BackupRow,
    /// What was written.
    pub files: Vec<FetchedFile>,
}

/// A file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FetchedFile {
    /// Where it is.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
    /// SHA-256 of them, as the manifest has it.
    pub sha256: String,
}

/// The document of `backup copy`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BackupCopyReport {
    /// `rediscover/backup-copy/v1`
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// Where the repository is, without credentials.
    pub repository: String,
    /// Where the other one is, without credentials.
    pub to: String,
    /// What came of each backup, the oldest of each instance first.
    pub copies: Vec<CopiedBackup>,
}

/// What came of copying one backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CopiedBackup {
    /// Its name.
    pub name: String,
    /// `copied`, `there already`, `pruned there` or `failed`.
    pub outcome: String,
    /// Objects that were sent.
    pub sent_objects: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Payloads that were there already.
    pub there_objects: u64,
    /// Why it failed.
    pub problem: Option<String>,
}

/// The document of `backup show`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BackupShowReport {
    /// `rediscover/backup-show/v1`
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// Where the repository is, without credentials.
    pub repository: String,
    /// The backup.
    pub backup: BackupRow,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// Its manifest as it lies there.
    pub manifest: serde_json::Value,
    /// What was said of it since, the oldest first.
    pub sidecars: Vec<serde_json::Value>,
}

/// The document of `backup verify`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BackupVerifyReport {
    /// `rediscover/backup-verify/v1`
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// Where the repository is, without credentials.
    pub repository: String,
    /// What came of each backup.
    pub results: Vec<VerifyResult>,
    /// What is wrong with the chains: backups that are gone, or were replaced.
    pub chains: Vec<ChainResult>,
    /// How it compares with the server of `--against`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<AgainstResult>,
}

/// A running server compared with a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AgainstResult {
    /// Where the server is, without credentials.
    pub target: String,
    /// The backup.
    pub name: String,
    /// `equal`, `different`, or `unknown` of a backup whose log has to be replayed first.
    pub verdict: String,
    /// Keys the server has, in all databases.
    pub keys: u64,
    /// Keys of the backup that were looked at one by one, by type and number of elements.
    pub sampled: u64,
    /// What differs.
    pub problems: Vec<String>,
}

/// What came of one backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VerifyResult {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub instance: String,
    /// How deep it was read.
    pub level: String,
    /// `good`, `damaged` or `unreadable`.
    pub verdict: String,
    /// The first thing that is wrong.
    pub problem: Option<String>,
    /// All that is wrong, and what could not be known.
    pub notes: Vec<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// What came of the chain of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChainResult {
    /// Whose.
    pub instance: String,
    /// Whether nothing is missing that something names.
    pub whole: bool,
    /// Whether a head was compared: without one, nobody can know whether the newest backups are gone.
    pub head_checked: bool,
    /// What is wrong.
    pub problems: Vec<String>,
}

/// The document of `backup status`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BackupStatusReport {
    /// `rediscover/backup-status/v1`
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// A row an instance, the worst first.
    pub instances: Vec<InstanceStatus>,
}

/// Whether one instance could be restored right now.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct InstanceStatus {
    /// The instance.
    pub instance: String,
    /// Its repository.
    pub repository: Option<String>,
    /// What to make of it.
    pub state: InstanceState,
    /// The newest backup that could be restored.
    pub newest: Option<NewestBackup>,
    /// When its newest verification was, and how deep.
    pub verified: Option<VerifiedAt>,
    /// When a server was last started on one.
    pub drilled: Option<DrilledAt>,
    /// Where else the newest lies.
    pub copies: Vec<String>,
    /// Until when the store keeps the newest from being deleted.
    pub locked_until: Option<String>,
    /// Good backups in all.
    pub good: u64,
    /// What is wrong.
    pub problems: Vec<String>,
}

/// What to make of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InstanceState {
    /// Its newest backup is damaged, or its chain is broken.
    Damaged,
    /// It was never backed up.
    Never,
    /// Its newest good backup is too old.
    Stale,
    /// No backup of it was verified lately.
    Unverified,
    /// It is in the repository and not in the configuration.
    Unconfigured,
    /// Nothing is wrong.
    Ok,
}

impl InstanceState {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            InstanceState::Damaged => "damaged",
            InstanceState::Never => "never",
            InstanceState::Stale => "stale",
            InstanceState::Unverified => "unverified",
            InstanceState::Unconfigured => "unconfigured",
            InstanceState::Ok => "ok",
        }
    }
}

/// The newest backup of an instance.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct NewestBackup {
    /// Its name.
    pub name: String,
    /// When it was taken.
    pub created_at: String,
    /// How long ago, in seconds.
    pub age_seconds: u64,
    /// Its keys.
    pub keys: u64,
    /// By how many percent its keys changed against the one before.
    pub change_percent: Option<f64>,
}

/// When something was verified, and how deep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VerifiedAt {
    /// When.
    pub at: String,
    /// `captured`, `stored` or `full`.
    pub level: String,
}

/// When a server was started on a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DrilledAt {
    /// When.
    pub at: String,
    /// Seconds until it answered, rounded up.
    pub seconds: u64,
}

/// The document of `backup drill`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BackupDrillReport {
    /// `rediscover/backup-drill/v1`
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// Where the repository is, without credentials.
    pub repository: String,
    /// What came of each backup.
    pub results: Vec<DrillResult>,
}

/// What came of the drill of one backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DrillResult {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub instance: String,
    /// `good` or `damaged`.
    pub verdict: String,
    /// The server that was started; null where it did not start.
    pub server: Option<String>,
    /// From the first byte read to a server that answers, in milliseconds.
    pub restore_ms: u64,
    /// Of it until the files were there, in milliseconds.
    pub fetch_ms: u64,
    /// Keys it had.
    pub keys: u64,
    /// Keys that were looked at one by one.
    pub sampled: u64,
    /// What is wrong.
    pub problems: Vec<String>,
}

/// The document of `restore --to-server`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LoadReport {
    /// `rediscover/restore-to-server/v1`
    pub schema: String,
    /// What was read, by what, when.
    pub provenance: Provenance,
    /// How the command ended.
    pub exit: Exit,
    /// The server, without credentials.
    pub target: String,
    /// Keys it took.
    pub keys: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Keys that stayed as they were.
    pub skipped: u64,
    /// Keys that had expired, and were not sent.
    pub expired: u64,
    /// Function libraries it took.
    pub functions: u64,
    /// Keys it refused.
    pub failed: u64,
    /// The first of them, with what it said.
    pub failures: Vec<String>,
}
