//! `backup create`.

use super::deliver;
use crate::cli::args::{CreateArgs, HashArgs};
use crate::cli::exit::Ending;
use crate::cli::repositories::{self, Kept};
use crate::cli::sources::{self, Take};
use crate::cli::ui::{Level, Ui, now};
use rediscover::backup::{self, CreateOptions, Created, Head, Spool, Taken};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::codec::{Packing, Recipients};
use rediscover::pipeline::RunOptions;
use rediscover::render;
use rediscover::report::{BackupCreateReport, CreatedBackup, SourceFacts};
use rediscover::repository::{BackupName, BackupStatus, Signer};
use rediscover::wire::Address;
use std::path::PathBuf;

pub(crate) fn run(args: &CreateArgs, ui: &mut Ui) -> Result<Ending> {
    // Before anything is read: who could open it again?
    let recipients = recipients(&args.taking.recipient, &args.taking.recipients_file)?;
    let (source, taken) = taken(args, ui)?;
    let mut kept = repositories::open_or_create(&args.repo)?;
    let signer = if args.taking.no_sign { None } else { Some(repositories::signer(&mut kept, ui)?) };
    let _lock = kept.state.lock(kept.repository.id(), &args.taking.instance)?;
    let order = Order {
        source,
        taken,
        instance: &args.taking.instance,
        run: args.resources.run(&HashArgs::none(), 1, ui.cancel(), ui.progress())?,
        packing: args.taking.compression,
        recipients,
        tags: args.taking.tag.clone(),
        spool: spool(args.stream.then_some(args.stream_buffer)),
        max_shrink_percent: args.taking.max_shrink,
    };
    let mut ending = Ending::default();
    let (row, facts) = take(order, &kept, signer.as_ref(), &mut ending, ui)?;
    let report = BackupCreateReport {
        schema: "rediscover/backup-create/v1".into(),
        provenance: ui.provenance(facts),
        exit: ending.report(),
        repository: kept.repository.location(),
        backups: vec![row],
    };
    deliver(&report, &args.output, ui, render::text::backup_create)?;
    Ok(ending)
}

/// A backup that is to be taken.
pub(super) struct Order<'a> {
    pub(super) taken: Taken,
    /// What messages call it.
    pub(super) source: String,
    pub(super) instance: &'a str,
    pub(super) run: RunOptions,
    pub(super) packing: Packing,
    pub(super) recipients: Option<Recipients>,
    pub(super) tags: Vec<String>,
    pub(super) spool: Spool,
    pub(super) max_shrink_percent: u8,
}

/// Where bytes wait: in the scratch folder, or so many in memory.
pub(super) fn spool(stream_bytes: Option<u64>) -> Spool {
    stream_bytes.map_or(Spool::Disk, |bytes| Spool::Memory(usize::try_from(bytes).unwrap_or(usize::MAX)))
}

/// Takes a backup, under the lock of its instance that the caller holds. What is wrong with it is in the ending.
pub(super) fn take(
    order: Order<'_>,
    kept: &Kept,
    signer: Option<&Signer>,
    ending: &mut Ending,
    ui: &mut Ui,
) -> Result<(CreatedBackup, Vec<SourceFacts>)> {
    let options = CreateOptions {
        run: order.run,
        packing: order.packing,
        recipients: order.recipients,
        tags: order.tags,
        spool: order.spool,
        max_shrink_percent: order.max_shrink_percent,
        signer,
        trusted: &kept.trusted,
        clock: &now,
        created_at: None,
        salt: repositories::salt(),
    };
    let started = now();
    let created = backup::create(&order.taken, &kept.repository, order.instance, &options)
        .map_err(|error| error.about(&order.source))?;
    let duration_ms = u64::try_from(now().0.saturating_sub(started.0)).unwrap_or_default();
    let row = finished(&created, kept, &order.source, duration_ms, ending, ui)?;
    Ok((row, created.facts))
}

/// What is to be taken: one source, or a cluster shard by shard.
fn taken(args: &CreateArgs, ui: &mut Ui) -> Result<(String, Taken)> {
    if let [source] = args.source.sources.as_slice()
        && let text = source.to_string_lossy()
        && Address::is_one(&text)
    {
        let place = args.server.place(Address::parse(&text, "SOURCE")?, &args.resources, ui.cancel())?;
        if place.is_cluster() {
            return Ok((place.address.to_string(), backup::cluster_of(&place)?));
        }
    }
    let mut origins = sources::expand(&args.source, Take::Loaded, Some((&args.server, &args.resources)), ui)?;
    let (Some(origin), true) = (origins.pop(), origins.is_empty()) else {
        let what = "one source makes one backup".to_owned();
        return Err(
            Error::new(ErrorKind::Usage { option: "SOURCE", what }).with_hint("name one file, folder or server")
        );
    };
    Ok((origin.name.clone(), Taken::One(Box::new(origin))))
}

/// Whom it is encrypted to, or nobody.
pub(crate) fn recipients(keys: &[String], files: &[PathBuf]) -> Result<Option<Recipients>> {
    if keys.is_empty() && files.is_empty() {
        return Ok(None);
    }
    let mut all = files.iter().map(|file| Recipients::read(file)).collect::<Result<Vec<_>>>()?;
    if !keys.is_empty() {
        all.push(Recipients::parse(keys.iter().map(String::as_str))?);
    }
    Recipients::joined(all).map(Some)
}

/// Remembers the head, and says what is not as it should be.
pub(super) fn finished(
    created: &Created,
    kept: &Kept,
    source: &str,
    duration_ms: u64,
    ending: &mut Ending,
    ui: &mut Ui,
) -> Result<CreatedBackup> {
    let manifest = &created.manifest;
    let name = BackupName::parse(&manifest.name)
        .ok_or_else(|| Error::new(ErrorKind::Unsupported { what: format!("{} is no name", manifest.name) }))?;
    let head = Head { name: name.clone(), sha256: created.manifest_sha256.clone() };
    if let Err(error) = kept.state.keep_head(kept.repository.id(), &head) {
        ui.say(Level::Warning, &error.to_string(), error.hint());
    }
    for note in &created.notes {
        ui.say(Level::Detail, note, None);
    }
    for warning in &created.warnings {
        ui.say(Level::Warning, warning, None);
    }
    let what = manifest.problems.join("; ");
    match manifest.status {
        BackupStatus::Good => {}
        BackupStatus::Damaged => {
            let next = format!("rediscover check {source} says what; the newest good backup stays `latest`");
            ending.damaged(&manifest.name, format!("kept as damaged: {what}"), Some(next));
        }
        BackupStatus::Suspect => ui.say(
            Level::Warning,
            &format!("{}: suspect: {what}", manifest.name),
            Some(
                "it is kept, and `latest` goes on to mean the one before; --max-shrink says how much less is expected",
            ),
        ),
        BackupStatus::Incomplete => ending.partial(&manifest.name, format!("incomplete: {what}")),
    }
    let backup = kept.repository.read(&name, &kept.trusted)?;
    Ok(CreatedBackup {
        backup: backup::row(&backup),
        source: source.to_owned(),
        manifest_sha256: created.manifest_sha256.clone(),
        head: head.to_string(),
        signed_by: manifest.signed_by.clone(),
        change_percent: manifest.change.and_then(|change| change.keys_percent),
        notes: created.notes.iter().chain(&created.warnings).cloned().collect(),
        duration_ms,
    })
}
