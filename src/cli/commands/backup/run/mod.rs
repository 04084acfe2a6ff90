//! `backup run`: for each instance of the configuration create, verify, copy, prune; hooks and metrics beside. One that fails
//! stops no other.

mod copy;
mod hooks;
mod metrics;
mod steps;

use super::deliver;
use crate::cli::args::{RunArgs, StateArgs};
use crate::cli::config::{self, Config};
use crate::cli::exit::{Code, Ending, Reason};
use crate::cli::repositories;
use crate::cli::sources::shown;
use crate::cli::ui::{Level, Ui, now};
use metrics::{Attempt, Metrics};
use rediscover::backup::State;
use rediscover::base::Result;
use rediscover::render;
use rediscover::report::{BackupRunReport, InstanceRun, SourceFacts};
use rediscover::repository::{Signer, Trusted};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// What all instances have in common.
struct Common<'a> {
    args: &'a RunArgs,
    config: &'a Config,
    state: State,
    trusted: Trusted,
    signer: Signer,
}

/// What came of one instance.
struct Outcome {
    report: InstanceRun,
    ending: Ending,
    facts: Vec<SourceFacts>,
}

pub(crate) fn run(args: &RunArgs, ui: &mut Ui) -> Result<Ending> {
    let config = config::load(&args.config)?.usable()?;
    let names = config.resolve_names(&args.names)?;
    let state = StateArgs {
        state: args.state.state.clone().or_else(|| config.state.clone()),
        trusted_key: args.state.trusted_key.clone(),
    };
    let (state, mut trusted) = repositories::known(&state)?;
    let signer = repositories::signing_key(&state, &mut trusted, ui)?;
    let common = Common { args, config: &config, state, trusted, signer };
    let metrics = Mutex::new(Metrics::read(&config));
    let outcomes = Mutex::new(BTreeMap::new());
    let waiting = Mutex::new(names.iter().cloned().collect::<VecDeque<_>>());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = |ui: &Ui| {
        while let Some(name) = next() {
            let mut ui = ui.of_instance(&name);
            let started = now();
            let mut outcome = steps::instance(&name, &common, &mut ui);
            outcome.report.duration_ms = u64::try_from(now().0.saturating_sub(started.0)).unwrap_or_default();
            let attempt = Attempt::of(&outcome.report, started);
            let mut metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner);
            metrics.attempts.insert(name.clone(), attempt);
            drop(metrics);
            outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(name, outcome);
        }
    };
    let workers = usize::from(args.parallel).min(names.len());
    if workers <= 1 {
        work(ui);
    } else {
        let each: Vec<Ui> = (0..workers).map(|_| ui.of_instance("")).collect();
        std::thread::scope(|scope| each.iter().for_each(|ui| drop(scope.spawn(|| work(ui)))));
    }
    let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let metrics = metrics.into_inner().unwrap_or_else(PoisonError::into_inner);
    let written = metrics.write(&config, &common.trusted, ui);

    let mut ending = Ending::default();
    let (mut instances, mut facts) = (Vec::new(), Vec::new());
    for (name, outcome) in outcomes {
        ending.reasons.extend(folded(&name, &outcome.ending));
        instances.push(outcome.report);
        facts.extend(outcome.facts);
    }
    if let Err(error) = written {
        let next = error.hint().map(Into::into);
        let problem = error.to_string();
        ending.reasons.push(Reason { code: Code::Partial, source: Some("metrics".into()), problem, next, said: false });
    }
    let report = BackupRunReport {
        schema: "rediscover/backup-run/v1".into(),
        provenance: ui.provenance(facts),
        exit: ending.report(),
        config: shown(config.file.as_os_str()),
        instances,
    };
    if ui.signalled().is_none() {
        deliver(&report, &args.output, ui, render::text::backup_run)?;
    }
    Ok(ending)
}

/// All that is wrong with an instance as one line, the gravest first. By itself it may have failed altogether; among others it is
/// one that failed.
fn folded(name: &str, ending: &Ending) -> Option<Reason> {
    let code = match ending.code() {
        Code::Done => return None,
        Code::Failed => Code::Partial,
        code => code,
    };
    let mut reasons: Vec<&Reason> = ending.reasons.iter().collect();
    reasons.sort_by_key(|reason| reason.code != ending.code());
    let problem = reasons.iter().map(|reason| reason.problem.as_str()).collect::<Vec<_>>().join("; ");
    let next = reasons.iter().find_map(|reason| reason.next.clone());
    Some(Reason { code, source: Some(name.to_owned()), problem, next, said: reasons.iter().all(|reason| reason.said) })
}

/// Says what failed when it fails; at the end only where nothing else is said.
fn say(reason: &mut Reason, ui: &mut Ui) {
    if !ui.is_quiet() {
        ui.say(Level::Error, &reason.problem, reason.next.as_deref());
        reason.said = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_one_line_and_no_failure_of_all() {
        let mut ending = Ending::default();
        assert_eq!(folded("prod", &ending), None);
        ending.partial("x", "hook after: exit 1");
        ending.damaged("y", "kept as damaged", Some("look".into()));
        let reason = folded("prod", &ending).expect("a reason");
        assert_eq!(reason.line(), "prod: kept as damaged; hook after: exit 1 (look)");
        assert_eq!(reason.code, Code::Damaged);
        let failed = folded("prod", &Ending::of(Code::Failed, "cannot open")).expect("a reason");
        assert_eq!(failed.code, Code::Partial);
    }
}
