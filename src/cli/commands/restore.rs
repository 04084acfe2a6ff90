//! `restore`: the library plans and carries out; here is where things come from, and what is said.

use crate::cli::args::{Format, HashArgs, RestoreArgs, SourceArgs, YesNo};
use crate::cli::exit::{Code, Ending, Reason};
use crate::cli::sources::{self, Take};
use crate::cli::ui::{self, Level, Ui};
use rediscover::backup::restore::{
    Incoming, Known, Recovered, RestoreOptions, RestorePlan, execute, inspect, plan, recover, stage, undo, would_load,
};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::mend;
use rediscover::render;
use rediscover::report::{Exit, RestoreOutcome, RestoreRefusal, RestoreReport, RestoreStep, SourceFacts, argument};
use rediscover::repository::BackupName;
use rediscover::source::{Origin, Place, ServerConfig, capture};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

pub(crate) fn run(args: &RestoreArgs, ui: &mut Ui) -> Result<Ending> {
    run_of(args, args.source.as_deref(), ui)
}

/// Of this source, whatever the arguments say.
pub(crate) fn run_of(args: &RestoreArgs, source: Option<&OsStr>, ui: &mut Ui) -> Result<Ending> {
    match (&args.undo, &args.to, source) {
        (Some(dir), ..) => take_back(args, dir, ui),
        (None, Some(dir), Some(source)) => to_folder(args, &sources_of(args, source), dir, ui),
        (None, None, Some(source)) => match &args.to_server {
            Some(url) => super::load::run(args, &sources_of(args, source), url, ui),
            None => Err(Error::new(ErrorKind::Usage { option: "--to", what: "where to?".into() })),
        },
        _ => Err(Error::new(ErrorKind::Usage { option: "--to", what: "where to?".into() })),
    }
}

/// The one source, with what opens it.
fn sources_of(args: &RestoreArgs, source: &OsStr) -> SourceArgs {
    SourceArgs {
        sources: vec![source.to_owned()],
        before: args.before,
        identities: args.identities.clone(),
        ..SourceArgs::default()
    }
}

fn options(args: &RestoreArgs, dir: &Path, ui: &Ui) -> Result<RestoreOptions> {
    let config = match &args.server_config {
        Some(file) => ServerConfig::read(file)?,
        None => ServerConfig::of_folder(dir),
    };
    Ok(RestoreOptions {
        run: args.resources.run(&HashArgs::none(), 1, ui.cancel(), ui.progress())?,
        config,
        append_only: args.appendonly.map(|whether| whether == YesNo::Yes),
        target: args.target.map(str::to_owned),
        owner: args.owner,
        force: args.force,
        now: ui::now(),
        ..RestoreOptions::default()
    })
}

/// How to see, after the start, that the server holds what the backup holds.
fn verify_line(origin: &str, config: &ServerConfig, is_cut: bool, args: &RestoreArgs) -> Option<String> {
    let (repo, name) = origin.rsplit_once("::").filter(|_| !is_cut)?;
    BackupName::parse(name)?;
    let url = match (&config.server.unix_socket, config.server.port) {
        (Some(socket), _) => format!("unix://{}", socket.display()),
        (None, port) => format!("redis://127.0.0.1:{}", port.filter(|port| *port > 0).unwrap_or(6379)),
    };
    let identities =
        args.identities.identity.iter().map(|file| format!(" --identity {}", argument(&file.display().to_string())));
    let repo = argument(repo);
    Some(format!(
        "rediscover backup verify {name} --repo {repo} --against {}{}",
        argument(&url),
        identities.collect::<String>()
    ))
}

fn to_folder(args: &RestoreArgs, sources: &SourceArgs, dir: &Path, ui: &mut Ui) -> Result<Ending> {
    let options = options(args, dir, ui)?;
    let writing = ui.writing();
    let asked = sources.sources.first().map(|source| sources::shown(source)).unwrap_or_default();
    if !args.plan {
        let recovered = {
            let _whole = writing.lock().unwrap_or_else(PoisonError::into_inner);
            recover(dir, &options)?
        };
        if let Some(ending) = said(&recovered, &asked, dir, ui)? {
            return Ok(ending);
        }
    }
    if args.if_empty
        && let Some(why) = would_load(dir, &config_of(&options), &options)?
    {
        let report = RestoreReport { warnings: vec![why], ..report(RestoreOutcome::NotEmpty, Some(asked), dir, ui) };
        return deliver(report, Ending::default(), ui);
    }
    let mut origins = sources::expand(sources, Take::Loaded, Some((&args.server, &args.resources)), ui)?;
    let (Some(mut origin), true) = (origins.pop(), origins.is_empty()) else {
        let what = format!("{asked} is several dumps, and a data directory takes one");
        let hint = "--to-server redis+cluster://HOST loads those of a cluster into the nodes of another; \
                    'rediscover backup fetch' gives the file of each";
        return Err(Error::new(ErrorKind::Unsupported { what }).with_hint(hint));
    };
    // Without a name: nothing is left of it, however this ends.
    let spooled = spool(&mut origin, if args.plan { &options.run.scratch } else { dir })?;
    let cut = args.at.as_ref().map(|at| mend::plan_cut(&origin, at, &options.run)).transpose()?;
    let incoming = Incoming {
        verify: verify_line(&origin.name, &options.config, cut.is_some(), args),
        ..Incoming::from_origin(&origin, cut.as_ref().map(|(plan, _)| plan))?
    };

    // What can be refused before anything is read is refused then.
    let early = plan(&incoming, Known::Nothing, dir, &options)?;
    if !early.refused.is_empty() && !args.plan {
        return refused(&early, &origin, dir, ui);
    }
    if args.plan {
        let facts = match &cut {
            Some(_) => None,
            None => Some(inspect(&origin, &incoming, &options.run, options.now)?),
        };
        let plan = plan(&incoming, facts.as_ref().map_or(Known::Nothing, Known::Inspected), dir, &options)?;
        if !plan.refused.is_empty() {
            return refused(&plan, &origin, dir, ui);
        }
        let report = planned(&plan, RestoreOutcome::Planned, &origin, dir, ui);
        return deliver(report, Ending::default(), ui);
    }
    let staged = stage(&incoming, dir, &options)?;
    let plan = plan(&incoming, Known::Staged(&staged), dir, &options)?;
    if !plan.refused.is_empty() {
        drop(staged);
        return refused(&plan, &origin, dir, ui);
    }
    let restored = {
        // From the journal to its end a signal waits.
        let _whole = writing.lock().unwrap_or_else(PoisonError::into_inner);
        execute(&plan, staged, &options)?
    };
    drop(spooled);
    let mut report = planned(&plan, RestoreOutcome::Restored, &origin, dir, ui);
    report.warnings.splice(0..0, restored.warnings);
    deliver(report, Ending::default(), ui)
}

/// The configuration, with what the arguments say of it.
fn config_of(options: &RestoreOptions) -> ServerConfig {
    let mut config = options.config.clone();
    config.append_only = options.append_only.or(config.append_only);
    config
}

/// What became of a restore that had been killed. An ending where that was all there was to do.
fn said(recovered: &Recovered, asked: &str, dir: &Path, ui: &mut Ui) -> Result<Option<Ending>> {
    let to = sources::shown(dir.as_os_str());
    match recovered {
        Recovered::Nothing => Ok(None),
        Recovered::TakenBack { .. } => {
            ui.say(
                Level::Warning,
                &format!("{to}: a restore had been killed before it changed anything: removed"),
                None,
            );
            Ok(None)
        }
        Recovered::Finished { source, previous_set, undo } => {
            let what = if *undo { "an undoing" } else { "a restore" };
            let text = format!("{to}: {what} of {source} had been killed: finished");
            ui.say(Level::Warning, &text, None);
            if *undo || source != asked {
                return Ok(None);
            }
            let report = RestoreReport {
                previous_set: Some(sources::shown(previous_set.as_os_str())),
                verify: Some("redis-cli INFO keyspace".to_owned()),
                ..report(RestoreOutcome::Finished, Some(source.clone()), dir, ui)
            };
            deliver(report, Ending::default(), ui).map(Some)
        }
    }
}

fn take_back(args: &RestoreArgs, dir: &Path, ui: &mut Ui) -> Result<Ending> {
    let options = options(args, dir, ui)?;
    let undone = {
        let writing = ui.writing();
        let _whole = writing.lock().unwrap_or_else(PoisonError::into_inner);
        undo(dir, &options)?
    };
    let source = Some(undone.source).filter(|source| !source.is_empty());
    let mut report = report(RestoreOutcome::Undone, source, dir, ui);
    report.previous_set = undone.kept.map(|kept| sources::shown(kept.as_os_str()));
    if !undone.had_begun {
        report.warnings.push("the restore had been killed before it changed anything".to_owned());
    }
    deliver(report, Ending::default(), ui)
}

/// Standard input, or another pipe, as a file without a name in this folder: what is restored is read twice.
fn spool(origin: &mut Origin, folder: &Path) -> Result<Option<File>> {
    if origin.place.can_be_read_again() {
        return Ok(None);
    }
    let failed = |error| Error::io("save it", error).about(sources::shown(folder.as_os_str()));
    let mut file = tempfile::tempfile_in(folder).map_err(failed)?;
    match &origin.place {
        Place::Path(path) => {
            let mut pipe = File::open(path).map_err(|error| Error::io("open", error).about(&origin.name))?;
            io::copy(&mut pipe, &mut file).map_err(failed)?;
        }
        Place::Server(place) => {
            let mut captured = capture(place)?;
            io::copy(&mut captured.reader, &mut file).map_err(failed)?;
        }
        _ => {
            io::copy(&mut io::stdin().lock(), &mut file).map_err(failed)?;
        }
    }
    origin.place = Place::Path(PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())));
    Ok(Some(file))
}

fn refused(plan: &RestorePlan, origin: &Origin, dir: &Path, ui: &mut Ui) -> Result<Ending> {
    let mut ending = Ending::default();
    for refusal in &plan.refused {
        let force = if refusal.can_be_forced { "; or --force" } else { "" };
        ending.reasons.push(Reason {
            code: Code::Failed,
            source: Some(sources::shown(dir.as_os_str())),
            problem: refusal.what.clone(),
            next: Some(format!("{}{force}", refusal.way_out)),
            said: false,
        });
    }
    let mut report = planned(plan, RestoreOutcome::Refused, origin, dir, ui);
    (report.previous_set, report.expected_keys) = (None, None);
    deliver(report, ending, ui)
}

fn planned(plan: &RestorePlan, outcome: RestoreOutcome, origin: &Origin, dir: &Path, ui: &Ui) -> RestoreReport {
    let shown = |path: &Path| sources::shown(path.as_os_str());
    let named = |keys: &BTreeMap<u64, u64>| keys.iter().map(|(db, keys)| (db.to_string(), *keys)).collect();
    let steps = plan.steps.iter().map(|step| RestoreStep {
        step: step.step,
        path: shown(&step.path),
        action: step.action.clone(),
    });
    let refused = plan.refused.iter().map(|refusal| RestoreRefusal {
        kind: refusal.kind.to_owned(),
        what: refusal.what.clone(),
        way_out: refusal.way_out.clone(),
        can_be_forced: refusal.can_be_forced,
    });
    RestoreReport {
        plan: steps.collect(),
        previous_set: Some(shown(&plan.previous_set)),
        warnings: plan.warnings.clone(),
        refused: refused.collect(),
        expected_keys: plan.expected.as_ref().map(named),
        expired_keys: named(&plan.expired),
        verify: Some(plan.verify.clone()),
        ..report(outcome, Some(origin.name.clone()), dir, ui)
    }
}

fn report(outcome: RestoreOutcome, source: Option<String>, dir: &Path, ui: &Ui) -> RestoreReport {
    let facts = source.iter().map(|source| SourceFacts { source: source.clone(), ..SourceFacts::default() });
    RestoreReport {
        schema: "rediscover/restore/v1".into(),
        provenance: ui.provenance(facts.collect()),
        exit: Exit::default(),
        outcome,
        source,
        to: sources::shown(dir.as_os_str()),
        plan: Vec::new(),
        previous_set: None,
        warnings: Vec::new(),
        refused: Vec::new(),
        expected_keys: None,
        expired_keys: BTreeMap::new(),
        verify: None,
    }
}

/// Warnings on stderr, the report on stdout.
fn deliver(mut report: RestoreReport, ending: Ending, ui: &mut Ui) -> Result<Ending> {
    report.exit = ending.report();
    if ui.format() == Format::Text {
        for warning in &report.warnings {
            ui.say(Level::Warning, &format!("{}: {warning}", report.to), None);
        }
    }
    let mut document = Vec::new();
    match ui.format() {
        Format::Text => render::text::restore(&report, &ui.look(None, None), &mut document),
        _ => render::json::write(&report, &mut document),
    }
    .map_err(|error| Error::io("write the report", error))?;
    ui.deliver(None, &document)?;
    Ok(ending)
}
