//! `backup fetch`, `copy` and `import`.

use super::create::{finished, recipients};
use super::deliver;
use crate::cli::args::{CopyArgs, FetchArgs, HashArgs, ImportArgs};
use crate::cli::exit::Ending;
use crate::cli::repositories::{self, Kept};
use crate::cli::sources;
use crate::cli::ui::{Level, Ui, now};
use rediscover::backup::{self, Adopted, CopyOptions, CreateOptions, FetchOptions, Fetched, Head, Spool, Taken};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::render;
use rediscover::report::{
    BackupCopyReport, BackupFetchReport, BackupImportReport, CopiedBackup, FetchedFile, ImportedFile,
};
use rediscover::repository::{Backup, Repository};
use rediscover::source::Origin;
use std::path::{Path, PathBuf};

pub(crate) fn fetch(args: &FetchArgs, ui: &mut Ui) -> Result<Ending> {
    let kept = repositories::open(&args.repo)?;
    let identities = repositories::identities(&args.identities)?;
    let which = &args.which;
    let found = backup::resolve(&kept.repository, &args.name, which.instance.as_deref(), which.before, &kept.trusted)?;
    let options = FetchOptions { identities, stored: args.stored, cancel: ui.cancel() };
    let to_stdout = args.output == Path::new("-");
    let files = if backup::is_set(&found) {
        if to_stdout {
            let what = format!("{} has several files, which are no one stream", found.name);
            return Err(Error::new(ErrorKind::Usage { option: "--output", what })
                .with_hint("-o DIR names a folder that is not there yet"));
        }
        let files = backup::fetch_folder(&kept.repository, &found, &options, &args.output)?;
        files.into_iter().map(|file| fetched(&args.output.join(&file.file), file)).collect()
    } else {
        let path = single(&args.output, &found, args.stored)?;
        let mut sheet = ui.data_sheet(&path)?;
        let mut files = Vec::new();
        for payload in &found.manifest.payloads {
            let file = backup::fetch_payload(&kept.repository, &found, payload, &options, &mut sheet)?;
            files.push(fetched(&path, file));
        }
        ui.finish_sheet(sheet)?;
        files
    };
    let ending = Ending::default();
    if to_stdout {
        ui.say(Level::Detail, &format!("all of {}, as its manifest says", found.name), None);
        return Ok(ending);
    }
    let report = BackupFetchReport {
        schema: "rediscover/backup-fetch/v1".into(),
        provenance: ui.provenance(Vec::new()),
        exit: ending.report(),
        repository: kept.repository.location(),
        backup: backup::row(&found),
        files,
    };
    deliver(&report, &args.form, ui, render::text::backup_fetch)?;
    Ok(ending)
}

fn fetched(path: &Path, file: Fetched) -> FetchedFile {
    FetchedFile { path: sources::shown(path.as_os_str()), bytes: file.bytes, sha256: file.sha256 }
}

/// Where the one file of a backup goes. A file that is named is replaced; one in a folder that is named is not.
fn single(output: &Path, backup: &Backup, stored: bool) -> Result<PathBuf> {
    if !output.is_dir() {
        return Ok(output.to_owned());
    }
    let payload = backup.manifest.payloads.first();
    let file = payload.map(|payload| if stored { &payload.file } else { &payload.raw_name });
    let path = output.join(file.map_or("", String::as_str));
    if path.symlink_metadata().is_ok() {
        let name = path.file_name().map(sources::shown).unwrap_or_default();
        return Err(Error::new(ErrorKind::Exists { name })
            .about(sources::shown(output.as_os_str()))
            .with_hint("-o FILE replaces a file; 'rediscover restore' puts a backup where a server finds it"));
    }
    Ok(path)
}

pub(crate) fn copy(args: &CopyArgs, ui: &mut Ui) -> Result<Ending> {
    let mut kept = repositories::open(&args.repo)?;
    let to = repositories::open_or_create_at(&args.to)?;
    if to.id() == kept.repository.id() {
        let what = "is the same repository, or a copy of its folder".to_owned();
        return Err(Error::new(ErrorKind::Usage { option: "--to", what }).about(to.location()));
    }
    let signer = repositories::signer(&mut kept, ui)?;
    let mut chosen: Vec<Backup> = Vec::new();
    let mut ending = Ending::default();
    let which = &args.which;
    if let Some(name) = &args.name {
        chosen.push(backup::resolve(&kept.repository, name, which.instance.as_deref(), which.before, &kept.trusted)?);
    } else {
        let instances = match &which.instance {
            Some(instance) => vec![instance.clone()],
            None => kept.repository.instances()?,
        };
        for instance in instances {
            let catalog = kept.repository.catalog(&instance, &kept.trusted)?;
            for (name, problem) in catalog.unreadable {
                ending.damaged(&name.to_string(), problem, None);
            }
            let older = |backup: &Backup| which.before.is_none_or(|before| backup.created_at() < before);
            chosen.extend(catalog.backups.into_iter().filter(older));
        }
    }
    let options = CopyOptions {
        run: args.resources.run(&HashArgs::none(), 1, ui.cancel(), ui.progress())?,
        signer: Some(&signer),
        trusted: &kept.trusted,
        clock: &now,
        salt: &repositories::salt,
    };
    let mut copies = Vec::new();
    for one in &chosen {
        match copy_one(&kept, one, &to, &options, args.all) {
            Ok(copied) => {
                if let Some(problem) = &copied.problem {
                    ending.damaged(&copied.name, problem.clone(), None);
                }
                copies.push(copied);
            }
            Err(error) if *error.kind() == ErrorKind::Interrupted || !args.all => return Err(error),
            Err(error) => {
                ui.unread(&error);
                let name = one.name.to_string();
                ending.unread(&name, &error, true);
                copies.push(CopiedBackup { problem: Some(error.to_string()), ..outcome(name, "failed") });
            }
        }
    }
    let report = BackupCopyReport {
        schema: "rediscover/backup-copy/v1".into(),
        provenance: ui.provenance(Vec::new()),
        exit: ending.report(),
        repository: kept.repository.location(),
        to: to.location(),
        copies,
    };
    deliver(&report, &args.output, ui, render::text::backup_copy)?;
    Ok(ending)
}

fn outcome(name: String, word: &str) -> CopiedBackup {
    CopiedBackup { name, outcome: word.into(), sent_objects: 0, sent_bytes: 0, there_objects: 0, problem: None }
}

fn copy_one(kept: &Kept, one: &Backup, to: &Repository, options: &CopyOptions<'_>, all: bool) -> Result<CopiedBackup> {
    let (name, instance) = (one.name.to_string(), one.name.instance());
    let _lock = kept.state.lock(to.id(), instance)?;
    // One that is asked for by its name is wanted, whatever was pruned.
    if all && backup::was_pruned(&to.catalog(instance, options.trusted)?, one) {
        return Ok(outcome(name, "pruned there"));
    }
    let copied = backup::copy(&kept.repository, one, to, options)?;
    let known = kept.state.head(to.id(), instance)?;
    if known.is_none_or(|known| known.name < one.name) {
        kept.state.keep_head(to.id(), &Head { name: one.name.clone(), sha256: one.manifest_sha256.clone() })?;
    }
    let word = match (&copied.verified.problem, copied.was_there) {
        (Some(_), _) => "failed",
        (None, true) => "there already",
        (None, false) => "copied",
    };
    Ok(CopiedBackup {
        sent_objects: copied.sent,
        sent_bytes: copied.sent_bytes,
        there_objects: copied.there,
        problem: copied.verified.problem,
        ..outcome(name, word)
    })
}

pub(crate) fn import(args: &ImportArgs, ui: &mut Ui) -> Result<Ending> {
    let recipients = recipients(&args.taking.recipient, &args.taking.recipients_file)?;
    let origins = sources::files(&args.files, ui)?;
    let run = args.resources.run(&HashArgs::none(), 1, ui.cancel(), ui.progress())?;
    let mut ending = Ending::default();
    let (mut files, mut failed) = (Vec::new(), Vec::new());
    for origin in origins {
        match backup::adopt(&origin, now(), &run) {
            Ok(adopted) => files.push((adopted, origin)),
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::Usage { .. }) => {
                return Err(error);
            }
            Err(error) => failed.push((origin.name.clone(), error.about(&origin.name))),
        }
    }
    // The oldest first: each is compared with the one before it.
    files.sort_by(|a, b| (a.0.taken_at, &a.1.name).cmp(&(b.0.taken_at, &b.1.name)));
    let mut kept = repositories::open_or_create(&args.repo)?;
    let signer = if args.taking.no_sign { None } else { Some(repositories::signer(&mut kept, ui)?) };
    let _lock = kept.state.lock(kept.repository.id(), &args.taking.instance)?;
    let mut reports = Vec::new();
    let mut facts = Vec::new();
    for (adopted, origin) in files {
        let options = CreateOptions {
            run: run.clone(),
            packing: args.taking.compression,
            recipients: recipients.clone(),
            tags: args.taking.tag.clone(),
            spool: Spool::Disk,
            max_shrink_percent: args.taking.max_shrink,
            signer: signer.as_ref(),
            trusted: &kept.trusted,
            clock: &now,
            created_at: Some(adopted.taken_at),
            salt: repositories::salt(),
        };
        match import_one(&adopted, &origin, &kept, &args.taking.instance, &options, &mut ending, ui) {
            Ok((report, mut read)) => {
                facts.append(&mut read);
                reports.push(report);
            }
            Err(error) if *error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => failed.push((origin.name.clone(), error.about(&origin.name))),
        }
    }
    for (name, error) in failed {
        ui.unread(&error);
        ending.unread(&name, &error, !reports.is_empty());
        let note = Some(error.to_string());
        let outcome = "failed".to_owned();
        reports.push(ImportedFile { source: name, outcome, taken_at: None, dated_by: None, backup: None, note });
    }
    let report = BackupImportReport {
        schema: "rediscover/backup-import/v1".into(),
        provenance: ui.provenance(facts),
        exit: ending.report(),
        repository: kept.repository.location(),
        files: reports,
    };
    deliver(&report, &args.output, ui, render::text::backup_import)?;
    Ok(ending)
}

fn import_one(
    adopted: &Adopted,
    origin: &Origin,
    kept: &Kept,
    instance: &str,
    options: &CreateOptions<'_>,
    ending: &mut Ending,
    ui: &mut Ui,
) -> Result<(ImportedFile, Vec<rediscover::report::SourceFacts>)> {
    let catalog = kept.repository.catalog(instance, options.trusted)?;
    let mut report = ImportedFile {
        source: origin.name.clone(),
        outcome: "there already".into(),
        taken_at: Some(adopted.taken_at.to_string()),
        dated_by: Some(adopted.dated_by.word().into()),
        backup: None,
        note: None,
    };
    if let Some(holder) = backup::already_there(&catalog, &adopted.raw_sha256) {
        report.note = Some(format!("{holder} holds the same bytes"));
        return Ok((report, Vec::new()));
    }
    let started = now();
    let created = backup::create(&Taken::One(Box::new(origin.clone())), &kept.repository, instance, options)?;
    let duration_ms = u64::try_from(now().0.saturating_sub(started.0)).unwrap_or_default();
    if adopted.dated_by == backup::DatedBy::Modified {
        report.note = Some("it says of itself no time that can be believed: dated by when the file was changed".into());
    }
    report.backup = Some(finished(&created, kept, &origin.name, duration_ms, ending, ui)?);
    report.outcome = "imported".into();
    Ok((report, created.facts))
}
