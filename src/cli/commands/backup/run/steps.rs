//! What is done with one instance, step by step. A step that fails keeps those after it from doing harm: nothing is removed
//! unless there is a new good backup, verified and copied.

use super::hooks::{self, Happened};
use super::{Common, Outcome, say};
use crate::cli::args::HashArgs;
use crate::cli::commands::backup::create::{Order, spool, take};
use crate::cli::config::{Instance, Reading};
use crate::cli::exit::{Code, Ending, Reason};
use crate::cli::repositories::{self, Kept};
use crate::cli::ui::{Level, Ui, now};
use rediscover::backup::prune::{PruneOptions, execute, plan_prune};
use rediscover::backup::{self, VerifyOptions};
use rediscover::base::{Error, ErrorKind, Result, UnixMs, size};
use rediscover::pipeline::RunOptions;
use rediscover::report::{CreatedBackup, InstanceRun, RunStep, SourceFacts, StepOutcome};
use rediscover::repository::{Backup, BackupName};

/// What came of a step: words for it, or nothing to say.
type Did = Result<String>;

struct Run<'a> {
    common: &'a Common<'a>,
    ui: &'a mut Ui,
    report: InstanceRun,
    ending: Ending,
    facts: Vec<SourceFacts>,
}

/// Does all that the configuration says of an instance.
pub(super) fn instance(name: &str, common: &Common<'_>, ui: &mut Ui) -> Outcome {
    let report = InstanceRun { instance: name.to_owned(), ..InstanceRun::default() };
    let mut run = Run { common, ui, report, ending: Ending::default(), facts: Vec::new() };
    match (common.config.broken().get(name), common.config.instances.get(name)) {
        (None, Some(instance)) => run.all(instance),
        (problem, _) => {
            let error = problem.map(|problem| common.config.error(problem));
            let error =
                error.unwrap_or_else(|| Error::new(ErrorKind::NothingToRead { what: "is not configured".into() }));
            run.step("config", |_| Err(error));
        }
    }
    run.report.code = run.code();
    run.report.problems = run.ending.reasons.iter().map(Reason::advised).collect();
    Outcome { report: run.report, ending: run.ending, facts: run.facts }
}

impl Run<'_> {
    fn code(&self) -> u8 {
        self.ui.signalled().unwrap_or_else(|| self.ending.code()).number()
    }

    fn all(&mut self, instance: &Instance) {
        let hooks = &self.common.config.hooks;
        if !hooks.before.is_empty() && !self.hook("before", &hooks.before, "starting") {
            return self.end();
        }
        self.backup(instance);
        self.end();
    }

    /// The hook that fits what happened. None where the command is being ended: there is no time left.
    fn end(&mut self) {
        let hooks = &self.common.config.hooks;
        if self.ui.cancel().is_cancelled() {
            return;
        }
        let status = match (self.ending.code(), &self.report.backup) {
            (Code::Done, Some(created)) => created.backup.status.clone(),
            (_, Some(created)) if created.backup.status != "good" => created.backup.status.clone(),
            _ => "failed".to_owned(),
        };
        if self.ending.code() == Code::Done {
            if !hooks.after.is_empty() {
                self.hook("after", &hooks.after, &status);
            }
        } else if !hooks.on_failure.is_empty() {
            self.hook("on_failure", &hooks.on_failure, &status);
        }
    }

    fn hook(&mut self, step: &'static str, words: &[String], status: &str) -> bool {
        let backup = self.report.backup.as_ref().map_or("", |created| created.backup.name.as_str()).to_owned();
        let problems: Vec<&str> = self.ending.reasons.iter().map(|reason| reason.problem.as_str()).collect();
        let reason = problems.join("; ");
        let instance = self.report.instance.clone();
        let happened = Happened { instance: &instance, status, backup: &backup, reason: &reason };
        let config = self.common.config;
        self.step(step, |run| {
            let said = hooks::run(words, &happened, config, &run.ui.cancel())?;
            if !said.is_empty() {
                run.ui.say(Level::Detail, &format!("hook {step}: {said}"), None);
            }
            Ok(String::new())
        })
    }

    /// Runs a step and writes down what came of it. Says whether it did what it should.
    fn step(&mut self, step: &'static str, act: impl FnOnce(&mut Self) -> Did) -> bool {
        self.ui.step(step);
        let started = now();
        let did = act(self);
        let duration_ms = u64::try_from(now().0.saturating_sub(started.0)).unwrap_or_default();
        let (outcome, detail, next) = match did {
            Ok(detail) => {
                self.ui.say(
                    Level::Detail,
                    &format!("{step}: done{}{detail}", if detail.is_empty() { "" } else { ": " }),
                    None,
                );
                (StepOutcome::Done, detail, None)
            }
            Err(error) => {
                let (detail, next) = (error.to_string(), error.hint().map(str::to_owned));
                self.fail(step, &error);
                (StepOutcome::Failed, detail, next)
            }
        };
        let done = outcome == StepOutcome::Done;
        self.report.steps.push(RunStep { step: step.into(), outcome, detail, next, duration_ms });
        done
    }

    fn fail(&mut self, step: &str, error: &Error) {
        let later = !matches!(step, "config" | "before" | "create");
        let code = match Code::of(error) {
            Code::Failed if later => Code::Partial,
            // The configuration was right; what it leads to is not.
            Code::Usage if step != "config" => {
                if later {
                    Code::Partial
                } else {
                    Code::Failed
                }
            }
            code => code,
        };
        let text = error.to_string();
        let problem = match step {
            "create" | "config" => text,
            "before" | "after" | "on_failure" => format!("hook {step}: {text}"),
            _ => format!("{step}: {text}"),
        };
        let source = Some(self.report.instance.clone());
        let mut reason = Reason { code, source, problem, next: error.hint().map(Into::into), said: false };
        say(&mut reason, self.ui);
        self.ending.reasons.push(reason);
    }

    fn skip(&mut self, steps: &[&str], why: &str) {
        for step in steps {
            self.report.steps.push(RunStep {
                step: (*step).to_owned(),
                outcome: StepOutcome::Skipped,
                detail: why.to_owned(),
                next: None,
                duration_ms: 0,
            });
        }
    }

    fn backup(&mut self, instance: &Instance) {
        let mut wanted: Vec<&str> = Vec::new();
        if !instance.verify.is_empty() {
            wanted.push("verify");
        }
        wanted.extend(instance.copies.iter().map(|_| "copy"));
        if instance.retention.is_some() {
            wanted.push("prune");
        }
        let mut open = None;
        let created = self.step("create", |run| {
            let kept = run.open(instance)?;
            run.report.repository = Some(kept.repository.location());
            // Two runs of one instance do not meet in any step.
            let lock = run.common.state.lock(kept.repository.id(), &instance.name)?;
            let (kept, _) = open.insert((kept, lock));
            run.chain(instance, kept)?;
            run.create(instance, kept)
        });
        let Some((kept, _lock)) = open.filter(|_| created) else {
            return self.skip(&wanted, "there is no new backup");
        };
        let status = self.report.backup.as_ref().map_or_else(String::new, |created| created.backup.status.clone());
        if status == "damaged" {
            return self.skip(&wanted, "the new backup is damaged");
        }
        if !instance.verify.is_empty() && !self.step("verify", |run| run.verify(instance, &kept)) {
            return self.skip(wanted.get(1..).unwrap_or_default(), "the new backup could not be verified");
        }
        let mut copied = true;
        for (name, place) in &instance.copies {
            copied &= self.step("copy", |run| run.copy(&kept, name, place));
        }
        match &instance.retention {
            Some(_) if !copied => self.skip(&["prune"], "a copy is missing"),
            Some(_) if status != "good" => self.skip(&["prune"], &format!("the new backup is {status}")),
            Some(keep) => drop(self.step("prune", |run| run.prune(instance, keep, &kept))),
            None => {}
        }
    }

    fn open(&self, instance: &Instance) -> Result<Kept> {
        let repository = repositories::open_or_create_at(&instance.repository.1)?;
        Ok(Kept { repository, state: self.common.state.clone(), trusted: self.common.trusted.clone() })
    }

    /// How to run, beside the others.
    fn options(&self) -> Result<RunOptions> {
        let at_once = usize::from(self.common.args.parallel);
        let progress = if at_once > 1 { self.ui.progress_in_words() } else { self.ui.progress() };
        let mut run = self.common.args.resources.run(&HashArgs::none(), 1, self.ui.cancel(), progress)?;
        if self.common.args.resources.threads.is_none() {
            run.threads = (run.threads / at_once).max(1);
        }
        Ok(run)
    }

    /// Before the head moves on: whether it still stands, and everything before it. What is gone stops no backup.
    fn chain(&mut self, instance: &Instance, kept: &Kept) -> Result<()> {
        let head = kept.state.head(kept.repository.id(), &instance.name)?;
        let catalog = kept.repository.catalog(&instance.name, &kept.trusted)?;
        let chain = backup::chain(&instance.name, &catalog, head.as_ref());
        let next = "look for who removed it; restore from a copy";
        for problem in chain.problems {
            self.fail("chain", &Error::new(ErrorKind::Damaged { what: problem }).with_hint(next));
        }
        Ok(())
    }

    fn create(&mut self, instance: &Instance, kept: &Kept) -> Did {
        // Before anything is read: who could open it again?
        let recipients = instance.recipients()?;
        let run = self.options()?;
        let (taken, source) = instance.taken(&run.scratch, self.ui)?;
        let order = Order {
            taken,
            source,
            instance: &instance.name,
            run,
            packing: instance.packing,
            recipients,
            tags: instance.tags.clone(),
            spool: spool(instance.stream_bytes),
            max_shrink_percent: instance.max_shrink_percent,
        };
        let mut ending = Ending::default();
        let (row, facts) = take(order, kept, Some(&self.common.signer), &mut ending, self.ui)?;
        self.facts.extend(facts);
        for mut reason in ending.reasons {
            say(&mut reason, self.ui);
            self.ending.reasons.push(reason);
        }
        let words =
            format!("{}, {} keys, {} stored", row.backup.status, row.backup.keys, size::human(row.backup.stored_bytes));
        self.report.backup = Some(row);
        Ok(words)
    }

    /// The backup that was just made, as the repository has it now.
    fn fresh(&self, kept: &Kept) -> Result<Backup> {
        let row: Option<&CreatedBackup> = self.report.backup.as_ref();
        let name = row.and_then(|row| BackupName::parse(&row.backup.name));
        let name =
            name.ok_or_else(|| Error::new(ErrorKind::NothingToRead { what: "there is no new backup".into() }))?;
        kept.repository.read(&name, &kept.trusted)
    }

    fn verify(&mut self, instance: &Instance, kept: &Kept) -> Did {
        let catalog = kept.repository.catalog(&instance.name, &kept.trusted)?;
        let Some(reading) = due(&instance.verify, &catalog.backups, now()) else {
            return Ok("nothing is due to be verified".to_owned());
        };
        let options = VerifyOptions {
            level: reading.level.level(),
            identities: instance.identities()?,
            run: self.options()?,
            signer: Some(&self.common.signer),
            record: true,
            clock: &now,
            salt: repositories::salt(),
        };
        let result = backup::verify(&kept.repository, &self.fresh(kept)?, &options)?;
        match result.problem {
            None => Ok(format!("verified ({})", result.level)),
            Some(problem) => Err(Error::new(ErrorKind::Damaged { what: problem })
                .about(result.name)
                .with_hint("look at the disk of the repository; the next run takes another one")),
        }
    }

    fn copy(&mut self, kept: &Kept, name: &str, place: &std::ffi::OsStr) -> Did {
        let run = self.options()?;
        super::copy::copy(kept, &self.fresh(kept)?, (name, place), &self.common.signer, run)
            .map_err(|error| error.about(format!("to {name}")))
    }

    fn prune(&mut self, instance: &Instance, keep: &crate::cli::config::Keep, kept: &Kept) -> Did {
        let plan = plan_prune(&kept.repository, &instance.name, &keep.policy, &kept.trusted, now())?;
        for warning in &plan.warnings {
            self.ui.say(Level::Warning, warning, None);
        }
        let owner = format!("backup run, process {}", std::process::id());
        let options = PruneOptions {
            trusted: &kept.trusted,
            signer: Some(&self.common.signer),
            owner: &owner,
            salt: repositories::salt(),
            clock: &now,
            max_remove: keep.max_remove,
            cancel: self.ui.cancel(),
        };
        let done = execute(&kept.repository, &plan, &options)?;
        if let Some(stopped) = done.stopped {
            return Err(stopped);
        }
        if let Some(first) = done.failed.first() {
            let what = format!("{} of {} could not go: {}", done.failed.len(), plan.removed.len(), first.problem);
            return Err(Error::new(ErrorKind::Refused { what }).about(first.name.clone()));
        }
        Ok(format!("{} pruned", done.removed.len()))
    }
}

/// The deepest reading that is due: every run, or when no backup was read so deep for so long.
fn due<'r>(schedule: &'r [Reading], backups: &[Backup], now: UnixMs) -> Option<&'r Reading> {
    let is_due = |reading: &&Reading| {
        let Some(every) = reading.every_ms else { return true };
        let last = backups.iter().filter_map(|backup| backup.verified_at(reading.level.level())).max();
        last.is_none_or(|last| now.0.saturating_sub(last.0) >= every || last > now)
    };
    schedule.iter().filter(is_due).max_by_key(|reading| reading.level.level())
}
