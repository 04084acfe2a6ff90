//! `schema`: what the JSON documents look like, from the types that make them.

use crate::cli::args::{Document, SchemaArgs};
use crate::cli::exit::Ending;
use crate::cli::ui::Ui;
use rediscover::base::{Error, Result};
use rediscover::report::{
    AnalyzeReport, BackupCopyReport, BackupCreateReport, BackupDrillReport, BackupFetchReport, BackupImportReport,
    BackupListReport, BackupRunReport, BackupShowReport, BackupStatusReport, BackupVerifyReport, CheckReport,
    ConfigCheckReport, ConfigReport, CutReport, KeyRow, PruneReport, RepairReport, RestoreReport, ScanReport,
    TimelineLine, UnlockReport,
};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

pub(crate) fn run(args: &SchemaArgs, ui: &mut Ui) -> Result<Ending> {
    let schema = match args.command {
        Some(command) => of(command).1,
        None => Value::Object(Document::ALL.iter().copied().map(of).collect()),
    };
    let mut text = serde_json::to_vec_pretty(&schema).map_err(|error| Error::io("write the schema", error.into()))?;
    text.push(b'\n');
    ui.deliver(args.output.as_deref(), &text)?;
    Ok(Ending::default())
}

/// The command's name and its document's schema.
fn of(document: Document) -> (String, Value) {
    let (name, mut schema) = match document {
        Document::Analyze => ("analyze", schemars::schema_for!(AnalyzeReport)),
        Document::AofCut => ("aof-cut", schemars::schema_for!(CutReport)),
        Document::AofRepair => ("aof-repair", schemars::schema_for!(RepairReport)),
        Document::AofSplit => ("aof-split", schemars::schema_for!(CutReport)),
        Document::BackupCopy => ("backup-copy", schemars::schema_for!(BackupCopyReport)),
        Document::BackupCreate => ("backup-create", schemars::schema_for!(BackupCreateReport)),
        Document::BackupDrill => ("backup-drill", schemars::schema_for!(BackupDrillReport)),
        Document::BackupFetch => ("backup-fetch", schemars::schema_for!(BackupFetchReport)),
        Document::BackupImport => ("backup-import", schemars::schema_for!(BackupImportReport)),
        Document::BackupList => ("backup-list", schemars::schema_for!(BackupListReport)),
        Document::BackupPrune => ("backup-prune", schemars::schema_for!(PruneReport)),
        Document::BackupRun => ("backup-run", schemars::schema_for!(BackupRunReport)),
        Document::BackupShow => ("backup-show", schemars::schema_for!(BackupShowReport)),
        Document::BackupStatus => ("backup-status", schemars::schema_for!(BackupStatusReport)),
        Document::BackupTag => ("backup-tag", schemars::schema_for!(BackupListReport)),
        Document::BackupUnlock => ("backup-unlock", schemars::schema_for!(UnlockReport)),
        Document::BackupVerify => ("backup-verify", schemars::schema_for!(BackupVerifyReport)),
        Document::Check => ("check", schemars::schema_for!(CheckReport)),
        Document::Config => ("config", schemars::schema_for!(ConfigReport)),
        Document::ConfigCheck => ("config-check", schemars::schema_for!(ConfigCheckReport)),
        Document::Keys => {
            let mut schema = line::<KeyRow>();
            // With --columns it has only those.
            schema.remove("required");
            ("keys", schema)
        }
        Document::Restore => ("restore", schemars::schema_for!(RestoreReport)),
        Document::Scan => ("scan", schemars::schema_for!(ScanReport)),
        Document::Timeline => ("timeline", line::<TimelineLine>()),
    };
    schema.insert("$id".into(), format!("rediscover/{name}/v1").into());
    (name.into(), schema.to_value())
}

/// Of one line of a document that is streamed.
fn line<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}
