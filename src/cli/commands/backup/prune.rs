//! `backup prune` and `backup unlock`.

use super::deliver;
use crate::cli::args::{ForgetArgs, FormArgs, PruneArgs, UnlockArgs};
use crate::cli::exit::{Code, Ending, Reason};
use crate::cli::repositories::{self, Kept};
use crate::cli::ui::{Level, Ui, now};
use rediscover::backup;
use rediscover::backup::prune::{PruneDone, PruneOptions, PrunePlan, execute, plan_forget, plan_prune};
use rediscover::backup::retention::Limit;
use rediscover::base::{Error, ErrorKind, Result, size};
use rediscover::render;
use rediscover::report::{NotGone, PruneReport, RemovedLock, Swept, UnlockReport};
use rediscover::repository::{BackupName, Signer};

pub(crate) fn run(args: &PruneArgs, ui: &mut Ui) -> Result<Ending> {
    let keep = args.keep.retention();
    keep.check()?;
    let mut kept = repositories::open(&args.repo)?;
    let instances = instances(args, &kept)?;
    let mut failures = Vec::new();
    let mut plans = Vec::new();
    for instance in instances {
        match plan_prune(&kept.repository, &instance, &keep, &kept.trusted, now()) {
            Ok(plan) => plans.push(plan),
            Err(error) => failures.push((instance, error)),
        }
    }
    let how = How { apply: args.apply, max_remove: args.max_remove, output: &args.output };
    carry_out(plans, failures, &how, &mut kept, ui)
}

/// One backup goes by its name.
pub(crate) fn forget(args: &ForgetArgs, ui: &mut Ui) -> Result<Ending> {
    let Some(name) = BackupName::parse(&args.name) else {
        let what = format!("`{}` is no whole name of a backup", args.name.escape_default());
        let hint = "INSTANCE/20261123T030000.123Z-3f9a1c, as 'rediscover backup list' shows it";
        return Err(Error::new(ErrorKind::Usage { option: "NAME", what }).with_hint(hint));
    };
    let mut kept = repositories::open(&args.repo)?;
    let plan = plan_forget(&kept.repository, &name, args.force, &kept.trusted, now())?;
    let how = How { apply: args.apply, max_remove: None, output: &args.output };
    carry_out(vec![plan], Vec::new(), &how, &mut kept, ui)
}

/// What was asked for.
struct How<'a> {
    apply: bool,
    max_remove: Option<Limit>,
    output: &'a FormArgs,
}

fn carry_out(
    plans: Vec<PrunePlan>,
    mut failures: Vec<(String, Error)>,
    args: &How<'_>,
    kept: &mut Kept,
    ui: &mut Ui,
) -> Result<Ending> {
    let removes = args.apply && plans.iter().any(|plan| !plan.removed.is_empty());
    let signer = removes.then(|| repositories::signer(kept, ui)).transpose()?;
    let mut report = PruneReport {
        schema: "rediscover/backup-prune/v1".into(),
        provenance: ui.provenance(Vec::new()),
        exit: Ending::default().report(),
        repository: kept.repository.location(),
        applied: args.apply,
        kept: Vec::new(),
        removed: Vec::new(),
        failed: Vec::new(),
        locked: Vec::new(),
        swept: Swept::default(),
        warnings: Vec::new(),
    };
    let mut worked = false;
    for plan in plans {
        report.warnings.extend(plan.warnings.iter().cloned());
        let refused = refused(&plan, args);
        let mut done = match (&refused, args.apply) {
            (_, false) => would_do(&plan),
            (Some(error), true) => untouched(&plan, error),
            (None, true) => apply(&plan, kept, signer.as_ref(), ui)
                .unwrap_or_else(|error| PruneDone { stopped: Some(error), ..PruneDone::default() }),
        };
        let error = refused.or(done.stopped.take());
        worked |= error.is_none() || args.apply && !done.removed.is_empty();
        failures.extend(error.map(|error| (plan.instance.clone(), error)));
        add(&mut report, plan, done);
    }
    let ending = ending(&report, failures, worked, ui);
    report.exit = ending.report();
    deliver(&report, args.output, ui, render::text::prune)?;
    if !args.apply {
        warn_that_nothing_was_removed(&report, ui);
    }
    Ok(ending)
}

/// Those that are asked for, or all.
fn instances(args: &PruneArgs, kept: &Kept) -> Result<Vec<String>> {
    let all = kept.repository.instances()?;
    let Some(unknown) = args.instance.iter().find(|instance| !all.contains(instance)) else {
        return Ok(if args.instance.is_empty() { all } else { args.instance.clone() });
    };
    let what = format!("there is no backup of {}", unknown.escape_default());
    let error = Error::new(ErrorKind::NothingToRead { what }).about(kept.repository.location());
    Err(if all.is_empty() { error } else { error.with_hint(format!("there are backups of {}", all.join(", "))) })
}

/// Why nothing of an instance may go.
fn refused(plan: &PrunePlan, args: &How<'_>) -> Option<Error> {
    if plan.keeps_none {
        let what = "these rules would keep none of its good backups, so none goes".to_owned();
        let error = Error::new(ErrorKind::Refused { what }).about(plan.instance.clone());
        return Some(
            error.with_hint("is the tag of --keep-tag one that any backup has? 'rediscover backup list' shows them"),
        );
    }
    args.max_remove.and_then(|limit| plan.check(limit).err())
}

fn apply(plan: &PrunePlan, kept: &Kept, signer: Option<&Signer>, ui: &Ui) -> Result<PruneDone> {
    // Only to tell whoever meets the lock whose it is.
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let owner = format!("{} process {}", host.trim(), std::process::id());
    let how = PruneOptions {
        trusted: &kept.trusted,
        signer,
        owner: &owner,
        salt: repositories::salt(),
        clock: &now,
        max_remove: None,
        cancel: ui.cancel(),
    };
    execute(&kept.repository, plan, &how)
}

/// What would be done.
fn would_do(plan: &PrunePlan) -> PruneDone {
    let removed = plan.removed.iter().map(backup::prune::Removal::report).collect();
    PruneDone { removed, swept: plan.swept, ..PruneDone::default() }
}

/// What was to go is all there.
fn untouched(plan: &PrunePlan, why: &Error) -> PruneDone {
    let prefix = format!("{}: ", plan.instance);
    let why = why.to_string();
    let problem = why.strip_prefix(&prefix).unwrap_or(&why);
    let not_gone = |name: String| NotGone { name, problem: problem.to_owned(), locked_until: None };
    let failed = plan.removed.iter().map(|removal| not_gone(removal.name.to_string())).collect();
    PruneDone { failed, ..PruneDone::default() }
}

fn add(report: &mut PruneReport, plan: PrunePlan, mut done: PruneDone) {
    // As they are kept: the newest first.
    done.removed.sort_by(|a, b| b.name.cmp(&a.name));
    let there =
        |name: &str| done.removed.iter().any(|one| one.name == name) || done.failed.iter().any(|one| one.name == name);
    let left: Vec<_> =
        plan.removed.iter().map(|removal| removal.name.to_string()).filter(|name| !there(name)).collect();
    let not_reached =
        left.into_iter().map(|name| NotGone { name, problem: "it was not reached".into(), locked_until: None });
    report.failed.extend(not_reached);
    report.kept.extend(plan.kept);
    report.removed.extend(done.removed);
    report.failed.extend(done.failed);
    report.locked.extend(done.locked);
    report.swept.objects = report.swept.objects.saturating_add(done.swept.objects);
    report.swept.bytes = report.swept.bytes.saturating_add(done.swept.bytes);
    report.swept.too_young = report.swept.too_young.saturating_add(done.swept.too_young);
}

fn ending(report: &PruneReport, failures: Vec<(String, Error)>, worked: bool, ui: &mut Ui) -> Ending {
    let mut ending = Ending::default();
    let mut partial = |source: &str, problem: String, next: &str| {
        let (source, next) = (Some(source.to_owned()), Some(next.to_owned()));
        ending.reasons.push(Reason { code: Code::Partial, source, problem, next, said: false });
    };
    let until = |until: &Option<String>| until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
    if failures.is_empty() {
        for one in &report.failed {
            partial(&one.name, format!("{}{}", one.problem, until(&one.locked_until)), "a later prune removes it");
        }
    }
    for one in &report.locked {
        partial(&one.object, format!("the store keeps it{}", until(&one.until)), "a later prune removes it");
    }
    for (instance, error) in failures {
        ui.unread(&error);
        ending.unread(&instance, &error, worked);
    }
    ending
}

/// In a cron job nobody looks at stdout, and whoever forgot --apply finds out when the disk is full. So it is said even with -q.
fn warn_that_nothing_was_removed(report: &PruneReport, ui: &mut Ui) {
    if report.removed.is_empty() && report.swept.objects == 0 || ui.is_watched() {
        return;
    }
    let bytes = report.removed.iter().fold(report.swept.bytes, |sum, one| sum.saturating_add(one.bytes));
    let plural = if report.removed.len() == 1 { "" } else { "s" };
    let text = format!(
        "NOTHING WAS REMOVED: this was a plan; {} backup{plural} would go ({})",
        report.removed.len(),
        size::human(bytes)
    );
    ui.say(Level::Error, &text, Some("--apply removes them"));
}

pub(crate) fn unlock(args: &UnlockArgs, ui: &mut Ui) -> Result<Ending> {
    let kept = repositories::open(&args.repo)?;
    let at = now();
    let removed = backup::unlock(&kept.repository)?.into_iter().map(|one| RemovedLock {
        held: one.holds(at),
        object: one.object,
        owner: one.owner,
        expires_at: one.expires_at.map(|end| end.to_string()),
    });
    let report = UnlockReport {
        schema: "rediscover/backup-unlock/v1".into(),
        provenance: ui.provenance(Vec::new()),
        exit: Ending::default().report(),
        repository: kept.repository.location(),
        removed: removed.collect(),
    };
    deliver(&report, &args.output, ui, render::text::unlock)?;
    Ok(Ending::default())
}
