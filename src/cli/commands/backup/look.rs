//! `backup list`, `show`, `verify` and `status`.

use super::deliver;
use crate::cli::args::{HashArgs, ListArgs, ShowArgs, VerifyArgs};
use crate::cli::exit::Ending;
use crate::cli::repositories::{self, Kept};
use crate::cli::ui::{Ui, now};
use rediscover::backup::{self, Head, VerifyOptions};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::render;
use rediscover::report::{
    AgainstResult, BackupListReport, BackupShowReport, BackupVerifyReport, Unreadable, VerifyResult,
};
use rediscover::repository::{Backup, Catalog};
use rediscover::wire::Address;
use std::ffi::OsString;

pub(crate) fn list(args: &ListArgs, ui: &mut Ui) -> Result<Ending> {
    let kept = repositories::open(&args.repo)?;
    let instances = match &args.instance {
        Some(instance) => vec![instance.clone()],
        None => kept.repository.instances()?,
    };
    let mut ending = Ending::default();
    let mut report = BackupListReport {
        schema: "rediscover/backup-list/v1".into(),
        provenance: ui.provenance(Vec::new()),
        exit: ending.report(),
        repository: kept.repository.location(),
        backups: Vec::new(),
        unreadable: Vec::new(),
        remnants: 0,
        remnant_bytes: 0,
    };
    for instance in instances {
        let catalog = kept.repository.catalog(&instance, &kept.trusted)?;
        report.backups.extend(catalog.backups.iter().map(backup::row));
        let unreadable = catalog.unreadable.iter();
        report
            .unreadable
            .extend(unreadable.map(|(name, problem)| Unreadable { name: name.to_string(), problem: problem.clone() }));
        report.remnants += catalog.remnants.len() as u64;
        report.remnant_bytes += catalog.remnants.iter().map(|object| object.bytes).sum::<u64>();
    }
    for unreadable in &report.unreadable {
        ending.damaged(&unreadable.name, unreadable.problem.clone(), None);
    }
    report.exit = ending.report();
    deliver(&report, &args.output, ui, render::text::backup_list)?;
    Ok(ending)
}

pub(crate) fn show(args: &ShowArgs, ui: &mut Ui) -> Result<Ending> {
    let kept = repositories::open(&args.repo)?;
    let which = &args.which;
    let found = backup::resolve(&kept.repository, &args.name, which.instance.as_deref(), which.before, &kept.trusted)?;
    let manifest =
        serde_json::to_value(&found.manifest).map_err(|error| Error::io("show the manifest", error.into()))?;
    let sidecars =
        found.sidecars.iter().filter_map(|noted| serde_json::to_value(noted.sidecar.as_ref()?).ok()).collect();
    let ending = Ending::default();
    let report = BackupShowReport {
        schema: "rediscover/backup-show/v1".into(),
        provenance: ui.provenance(Vec::new()),
        exit: ending.report(),
        repository: kept.repository.location(),
        backup: backup::row(&found),
        manifest_sha256: found.manifest_sha256.clone(),
        manifest,
        sidecars,
    };
    deliver(&report, &args.output, ui, render::text::backup_show)?;
    Ok(ending)
}

/// The backups to be read again, and the catalogs they are in.
fn chosen(args: &VerifyArgs, kept: &Kept) -> Result<Vec<(String, Catalog, Vec<Backup>)>> {
    let named = args.name.as_deref();
    let of =
        |instance: String, pick: &dyn Fn(&Catalog) -> Result<Vec<Backup>>| -> Result<(String, Catalog, Vec<Backup>)> {
            let catalog = kept.repository.catalog(&instance, &kept.trusted)?;
            let backups = pick(&catalog)?;
            Ok((instance, catalog, backups))
        };
    if let Some(name) = named {
        let which = &args.which;
        let found = backup::resolve(&kept.repository, name, which.instance.as_deref(), which.before, &kept.trusted)?;
        return Ok(vec![of(found.name.instance().to_owned(), &|_| Ok(vec![found.clone()]))?]);
    }
    let instances = match &args.which.instance {
        Some(instance) => vec![instance.clone()],
        None => kept.repository.instances()?,
    };
    let pick = |catalog: &Catalog| -> Result<Vec<Backup>> {
        if !args.all {
            return Ok(catalog
                .backups
                .iter()
                .rev()
                .find(|backup| backup.is_restorable())
                .cloned()
                .into_iter()
                .collect());
        }
        // Those first that were not read for longest.
        let mut all = catalog.backups.clone();
        all.sort_by_key(|backup| (backup.verified().map(|(at, _)| at), backup.created_at()));
        all.truncate(args.sample.unwrap_or(usize::MAX));
        Ok(all)
    };
    instances.into_iter().map(|instance| of(instance, &pick)).collect()
}

/// Heads of `--head`: texts, or files with a line for each instance.
fn heads(args: &[OsString]) -> Result<Vec<Head>> {
    let mut heads = Vec::new();
    for arg in args {
        let text = arg.to_string_lossy().into_owned();
        if let Some(head) = Head::parse(&text) {
            heads.push(head);
            continue;
        }
        let shown = crate::cli::sources::shown(arg);
        let text = std::fs::read_to_string(arg).map_err(|error| Error::io("read the head", error).about(&shown))?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let wrong = || {
                Error::new(ErrorKind::Usage {
                    option: "--head",
                    what: format!("{shown} has a line that is not NAME SHA256"),
                })
            };
            heads.push(Head::parse(line).ok_or_else(wrong)?);
        }
    }
    Ok(heads)
}

pub(crate) fn verify(args: &VerifyArgs, ui: &mut Ui) -> Result<Ending> {
    let mut kept = repositories::open(&args.repo)?;
    let identities = repositories::identities(&args.identities)?;
    let given = heads(&args.head)?;
    let chosen = chosen(args, &kept)?;
    // Who never signs anything here makes no key.
    let signer = if args.no_record { None } else { Some(repositories::signer(&mut kept, ui)?) };
    let options = VerifyOptions {
        level: args.level.level(),
        identities,
        run: args.resources.run(&HashArgs::none(), 1, ui.cancel(), ui.progress())?,
        signer: signer.as_ref(),
        record: !args.no_record,
        clock: &now,
        salt: repositories::salt(),
    };
    let mut ending = Ending::default();
    let (mut results, mut chains) = (Vec::new(), Vec::new());
    for (instance, catalog, backups) in chosen {
        let head = match given.iter().find(|head| head.name.instance() == instance) {
            Some(head) => Some(head.clone()),
            None => kept.state.head(kept.repository.id(), &instance)?,
        };
        let chain = backup::chain(&instance, &catalog, head.as_ref());
        for problem in &chain.problems {
            ending.damaged(&instance, problem.clone(), Some("look for who removed it; restore from a copy".into()));
        }
        chains.push(chain);
        for one in &backups {
            let result = backup::verify(&kept.repository, one, &options)?;
            if let Some(problem) = &result.problem {
                ending.damaged(
                    &result.name,
                    problem.clone(),
                    Some("take another backup, and keep this one to look at".into()),
                );
            }
            results.push(result);
        }
    }
    if results.is_empty() && ending.reasons.is_empty() {
        let what = "there is no backup to verify".to_owned();
        return Err(Error::new(ErrorKind::NothingToRead { what }).about(kept.repository.location()));
    }
    let against = match &args.against {
        Some(url) => Some(against(args, &kept, url, &options, &results, ui)?),
        None => None,
    };
    if let Some(against) = against.as_ref().filter(|against| against.verdict == "different") {
        let next = format!("restore {} again, or look at what has written there since", against.name);
        for problem in &against.problems {
            ending.damaged(&against.target, problem.clone(), Some(next.clone()));
        }
    }
    let report = BackupVerifyReport {
        schema: "rediscover/backup-verify/v1".into(),
        provenance: ui.provenance(Vec::new()),
        exit: ending.report(),
        repository: kept.repository.location(),
        results,
        chains,
        against,
    };
    deliver(&report, &args.output, ui, render::text::backup_verify)?;
    Ok(ending)
}

/// Does that server hold what the one backup holds that was read?
fn against(
    args: &VerifyArgs,
    kept: &Kept,
    url: &str,
    options: &VerifyOptions<'_>,
    results: &[VerifyResult],
    ui: &Ui,
) -> Result<AgainstResult> {
    let [one] = results else {
        let what = "needs the name of one backup, or --instance".to_owned();
        return Err(Error::new(ErrorKind::Usage { option: "--against", what }));
    };
    let address = Address::parse(url, "--against")?;
    let connect = args.login.options(ui.cancel())?;
    let found = backup::resolve(&kept.repository, &one.name, None, None, &kept.trusted)?;
    let origins = backup::origins(&kept.repository, &found, options.identities.as_ref())?;
    let expected = backup::expected(&origins, &options.run, now(), args.sample_keys)?;
    let compared = backup::compare_live(&address, &connect, &expected, args.sample_keys)?;
    let verdict = match (compared.has_commands, compared.problems.is_empty()) {
        (true, _) => "unknown",
        (false, true) => "equal",
        (false, false) => "different",
    };
    Ok(AgainstResult {
        target: address.to_string(),
        name: one.name.clone(),
        verdict: verdict.into(),
        keys: compared.keys,
        sampled: compared.sampled,
        problems: compared.problems,
    })
}
