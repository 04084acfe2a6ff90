//! `backup drill`.

use super::deliver;
use crate::cli::args::{DrillArgs, HashArgs};
use crate::cli::exit::Ending;
use crate::cli::repositories::{self, Kept};
use crate::cli::ui::{Ui, now};
use rediscover::backup::{self, DrillOptions};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::render;
use rediscover::report::{BackupDrillReport, DrillResult};
use rediscover::repository::Backup;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) fn run(args: &DrillArgs, ui: &mut Ui) -> Result<Ending> {
    let mut kept = repositories::open(&args.repo)?;
    let identities = repositories::identities(&args.identities)?;
    let backups = chosen(args, &kept)?;
    let signer = if args.no_record { None } else { Some(repositories::signer(&mut kept, ui)?) };
    let mut ending = Ending::default();
    let mut results = Vec::new();
    for one in &backups {
        let options = DrillOptions {
            server: program(args, one)?,
            modules: args.loadmodule.iter().map(|module| module.clone().into_os_string()).collect(),
            identities: identities.clone(),
            run: args.resources.run(&HashArgs::none(), 1, ui.cancel(), ui.progress())?,
            sample: args.sample_keys,
            patience: Duration::from_millis(u64::try_from(args.patience).unwrap_or_default()),
            signer: signer.as_ref(),
            record: !args.no_record,
            clock: &now,
            salt: repositories::salt(),
        };
        let drilled = backup::drill(&kept.repository, one, &options)?;
        if let Some(problem) = drilled.problems.first() {
            let next = format!("rediscover backup verify {} --level full says whether its bytes are whole", one.name);
            ending.damaged(&one.name.to_string(), problem.clone(), Some(next));
        }
        results.push(DrillResult {
            name: one.name.to_string(),
            instance: one.name.instance().to_owned(),
            verdict: if drilled.problems.is_empty() { "good" } else { "damaged" }.into(),
            server: Some(drilled.server).filter(|server| !server.is_empty()),
            restore_ms: drilled.restore_ms,
            fetch_ms: drilled.fetch_ms,
            keys: drilled.keys,
            sampled: drilled.sampled,
            problems: drilled.problems,
        });
    }
    let report = BackupDrillReport {
        schema: "rediscover/backup-drill/v1".into(),
        provenance: ui.provenance(Vec::new()),
        exit: ending.report(),
        repository: kept.repository.location(),
        results,
    };
    deliver(&report, &args.output, ui, render::text::backup_drill)?;
    Ok(ending)
}

fn chosen(args: &DrillArgs, kept: &Kept) -> Result<Vec<Backup>> {
    let which = &args.which;
    let resolve =
        |text: &str| backup::resolve(&kept.repository, text, which.instance.as_deref(), which.before, &kept.trusted);
    if let Some(name) = &args.name {
        return Ok(vec![resolve(name)?]);
    }
    let instances = match &which.instance {
        Some(instance) => vec![instance.clone()],
        None => kept.repository.instances()?,
    };
    if instances.is_empty() {
        return backup::only_instance(&kept.repository).map(|_| Vec::new());
    }
    instances.iter().map(|instance| resolve(&format!("{instance}/latest"))).collect()
}

/// The program that was named, or the one of the family that the backup was taken from.
fn program(args: &DrillArgs, backup: &Backup) -> Result<PathBuf> {
    if let Some(program) = &args.server {
        return Ok(program.clone());
    }
    let manifest = &backup.manifest;
    let of_server = manifest.server.as_ref().is_some_and(|server| server.family == "valkey");
    let written = manifest.payloads.iter().filter_map(|payload| payload.server_version.as_deref());
    let is_valkey = of_server || written.clone().any(|version| version.starts_with("valkey"));
    let names = if is_valkey { ["valkey-server", "redis-server"] } else { ["redis-server", "valkey-server"] };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found =
        names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file());
    found.ok_or_else(|| {
        let what = format!("neither {} nor {} is in PATH", names[0], names[1]);
        Error::new(ErrorKind::NothingToRead { what }).with_hint("--server PROGRAM names one")
    })
}
