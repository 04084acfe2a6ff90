//! `check`: is it whole, and will the target load it?

use crate::cli::args::{CheckArgs, Format};
use crate::cli::exit::Ending;
use crate::cli::sources::{self, Take};
use crate::cli::ui::Ui;
use rediscover::analysis::{self, CheckOptions};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::memory::Model;
use rediscover::render::{self, CheckView};
use rediscover::report::{CheckReport, Fullness, LoadVerdict, LoadsOn, SourceCheck, Verdict};

pub(crate) fn run(args: &CheckArgs, ui: &mut Ui) -> Result<Ending> {
    let origins = sources::expand(&args.sources, Take::All, Some((&args.server, &args.resources)), ui)?;
    let place = args.output.output.as_deref();
    sources::refuse_overwriting(place, &origins)?;
    let options = CheckOptions {
        run: args.resources.run(&args.hashes, origins.len(), ui.cancel(), ui.progress())?,
        duplicates: args.duplicates,
        maxmemory: args.maxmemory,
        model: args.target.and_then(Model::named),
    };

    let mut facts = Vec::new();
    let mut checks = Vec::new();
    let mut failures = Vec::new();
    for origin in &origins {
        let mut checked = analysis::check(origin, &options);
        match checked.outcome {
            Ok(check) => checks.push(check),
            Err(error) if *error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let error = error.about(&origin.name);
                ui.unread(&error);
                checked.facts.error.get_or_insert_with(|| error.to_string());
                failures.push((origin.name.clone(), error));
            }
        }
        facts.push(checked.facts);
    }

    let mut ending = Ending::default();
    for (name, error) in &failures {
        ending.unread(name, error, !checks.is_empty());
    }
    for check in &checks {
        judge(check, args, &mut ending);
    }
    let report = CheckReport {
        schema: "rediscover/check/v1".into(),
        provenance: ui.provenance(facts),
        exit: ending.report(),
        sources: checks,
    };
    let document = document(&report, args, ui).map_err(|error| Error::io("write the report", error))?;
    ui.deliver(place, &document)?;
    Ok(ending)
}

fn document(report: &CheckReport, args: &CheckArgs, ui: &Ui) -> std::io::Result<Vec<u8>> {
    let mut document = Vec::new();
    let view = CheckView { target: args.target, lossy: args.lossy };
    match ui.format() {
        Format::Sarif => render::sarif::check(report, view, &mut document)?,
        Format::Text => {
            let look = ui.look(args.output.output.as_deref(), args.output.tz.as_ref());
            render::text::check(report, view, &look, &mut document)?;
        }
        // It has no other form.
        _ => render::json::write(report, &mut document)?,
    }
    Ok(document)
}

/// Everything about one source that asks for exit 3.
fn judge(check: &SourceCheck, args: &CheckArgs, ending: &mut Ending) {
    let name = &check.source;
    if check.verdict != Verdict::Intact {
        let (what, next) = render::not_intact(check.verdict, &check.integrity);
        ending.damaged(name, what, Some(next));
    }
    if let Some(target) = args.target {
        match analysis::verdict_on(&check.loads_on, target) {
            Some(verdict) => judge_load(check, verdict, args.lossy, ending),
            None => ending.damaged(name, format!("whether {target} loads it is not known"), None),
        }
    }
    if let Some(fits) = check.fits.as_ref().filter(|fits| fits.verdict == Fullness::No) {
        let next =
            "give the server more memory, or restore fewer keys; 'rediscover analyze' says what takes it".to_owned();
        ending.damaged(name, render::fullness(fits), Some(next));
    }
}

/// The restore gate: the server's default configuration is the one that counts.
fn judge_load(check: &SourceCheck, on: &LoadsOn, lossy_allowed: bool, ending: &mut Ending) {
    let server = &on.server;
    let (what, next) = match on.verdict {
        LoadVerdict::Yes => return,
        LoadVerdict::Lossy if lossy_allowed => return,
        LoadVerdict::Lossy => {
            (format!("{server} starts with it but loses something"), Some("--lossy lets that pass".to_owned()))
        }
        LoadVerdict::WithSetting => {
            (format!("{server} loads it only with {}", on.needs.join(", ")), Some("set that on the server".to_owned()))
        }
        LoadVerdict::No => (format!("{server} will not load it"), other_servers(check)),
        LoadVerdict::Unknown => (format!("whether {server} loads it is not known"), other_servers(check)),
    };
    let reason = if on.reason.is_empty() { String::new() } else { format!(": {}", on.reason) };
    ending.damaged(&check.source, what + &reason, next);
}

/// The newest server of each family that loads it.
fn other_servers(check: &SourceCheck) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for on in check.loads_on.iter().filter(|on| on.verdict == LoadVerdict::Yes) {
        let family = |name: &str| name.split('-').next().map(str::to_owned);
        names.retain(|name| family(name) != family(&on.server));
        names.push(&on.server);
    }
    if names.is_empty() { None } else { Some(format!("{} loads it", names.join(" or "))) }
}
