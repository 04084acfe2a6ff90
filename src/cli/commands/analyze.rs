//! `analyze`: what is in it?

use super::rules::load;
use super::scan::fail_on;
use crate::cli::args::{AnalyzeArgs, Format};
use crate::cli::exit::Ending;
use crate::cli::sources::{self, Take};
use crate::cli::ui::{self, Level, Ui};
use rediscover::analysis::{self, AnalyzeOptions, PlanAction, PlanOptions, ScanOptions};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::pipeline::Memory;
use rediscover::render;
use rediscover::report::{AnalyzeReport, PlanScript, Scan, ScanTotals, Verdict};
use rediscover::source::Origin;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn run(args: &AnalyzeArgs, ui: &mut Ui) -> Result<Ending> {
    let origins = sources::expand(&args.sources, Take::Loaded, Some((&args.server, &args.resources)), ui)?;
    sources::refuse_overwriting(args.output.output.as_deref(), &origins)?;
    refuse_plan(args, &origins)?;
    let options = AnalyzeOptions {
        run: args.resources.run(&args.hashes, origins.len(), ui.cancel(), ui.progress())?,
        filter: args.filters.filter(),
        top: usize::from(args.top),
        as_of: args.filters.as_of,
        expiring_by: args.expiring_by,
        memory: args.target.map_or(Memory::OfWriter, Memory::Of),
        merge: args.merge,
        scan: scanning(args, ui)?,
    };
    let mut analyzed = analysis::analyze(&origins, &options)?;

    let mut ending = Ending::default();
    for (name, error) in analyzed.failures {
        let error = error.about(&name);
        ui.unread(&error);
        ending.unread(&name, &error, !analyzed.integrity.is_empty());
        let unexplained = |facts: &&mut rediscover::report::SourceFacts| facts.source == name && facts.error.is_none();
        if let Some(facts) = analyzed.facts.iter_mut().find(unexplained) {
            facts.error = Some(error.to_string());
        }
    }
    for source in &analyzed.integrity {
        if let Some(verdict) = source.verdict.filter(|verdict| *verdict != Verdict::Intact) {
            let (what, next) = render::not_intact(verdict, &source.integrity);
            ending.damaged(&source.source, what, Some(next));
        }
    }
    if let Some(scan) = &analyzed.scan {
        fail_on(args.fail_on, scan, &mut ending);
    }
    let mut report = AnalyzeReport {
        schema: "rediscover/analyze/v1".into(),
        provenance: ui.provenance(analyzed.facts),
        exit: ending.report(),
        total: analyzed.total,
        sources: analyzed.sources,
        integrity: analyzed.integrity,
        merged: args.merge,
        advice: Vec::new(),
        plan: None,
        findings: None,
        scan: None,
    };
    if let Some(scan) = analyzed.scan {
        let Scan { summary, findings, exposure, cannot_show } = scan;
        report.findings = Some(findings);
        report.scan = Some(ScanTotals { summary, exposure, cannot_show });
    }
    report.advice = analysis::advise(&report);
    if let Some(action) = args.plan_script {
        if origins.len() > report.integrity.len() {
            ui.say(Level::Warning, "no plan was written, for not every source could be read", None);
        } else {
            report.plan = Some(plan(action, args, (&origins, options), &report, ui)?);
        }
    }
    let document = document(&report, args, ui).map_err(|error| Error::io("write the report", error))?;
    ui.deliver(args.report_place(), &document)?;
    Ok(ending)
}

/// How to scan, if it is asked for.
fn scanning(args: &AnalyzeArgs, ui: &mut Ui) -> Result<Option<ScanOptions>> {
    if !args.scan {
        if args.rules.is_set() {
            let what = "has no meaning here without --scan".to_owned();
            return Err(Error::new(ErrorKind::Usage { option: "--rules", what }));
        }
        return Ok(None);
    }
    Ok(Some(ScanOptions::new(Arc::new(load(&args.rules, ui)?))))
}

/// What can be known to be impossible before anything is read.
fn refuse_plan(args: &AnalyzeArgs, origins: &[Origin]) -> Result<()> {
    let Some(_) = args.plan_script else { return Ok(()) };
    let refused = |what: &str| Error::new(ErrorKind::Usage { option: "--plan-script", what: what.into() });
    if !args.filters.filter().is_set() {
        let error = refused("needs a filter: without one it would name every key");
        return Err(error.with_hint("for example --match 'cache:*' --expiry none"));
    }
    if origins.len() > 1 && !args.merge {
        let error = refused("is for one keyspace, and there are several sources");
        return Err(error.with_hint("plan them one by one; --merge says that they are shards of one"));
    }
    if origins.iter().flat_map(Origin::parts).any(|part| !part.place.can_be_read_again()) {
        return Err(
            refused("reads a source twice, and a pipe or a server gives it once").with_hint("save it to a file")
        );
    }
    if args.report_place().is_none() && args.output.output.as_deref() == Some(Path::new("-")) {
        return Err(refused("is written to a file: the report goes to standard output").with_hint("-o plan.sh"));
    }
    Ok(())
}

/// Writes the script. It is there, whole, when this returns.
fn plan(
    action: PlanAction,
    args: &AnalyzeArgs,
    (origins, options): (&[Origin], AnalyzeOptions),
    report: &AnalyzeReport,
    ui: &mut Ui,
) -> Result<PlanScript> {
    let options = PlanOptions {
        run: options.run,
        filter: options.filter,
        as_of: options.as_of,
        memory: options.memory,
        action,
        check: args.plan_check,
        clustered: report.total.cluster.as_ref().is_some_and(|cluster| cluster.clustered),
        arguments: report.provenance.arguments.clone(),
        now: ui::now(),
    };
    let file = args.output.output.as_deref().unwrap_or(Path::new("plan.sh"));
    let mut sheet = ui.data_sheet(file)?;
    let mut plan = analysis::plan_script(origins, &options, &mut sheet)?;
    ui.finish_sheet(sheet)?;
    plan.file = sources::shown(file.as_os_str());
    if plan.left_out.long_names > 0 {
        let text = format!("{} left out of the plan, whose names are over 64 KiB", plan.left_out.long_names);
        ui.say(Level::Warning, &text, None);
    }
    if report.integrity.iter().any(|source| source.log.is_some()) {
        let text = "the plan names the keys of the base: commands of the append-only file are not replayed";
        ui.say(Level::Warning, text, None);
    }
    Ok(plan)
}

fn document(report: &AnalyzeReport, args: &AnalyzeArgs, ui: &Ui) -> std::io::Result<Vec<u8>> {
    let mut document = Vec::new();
    let look = ui.look(args.report_place(), args.output.tz.as_ref());
    match ui.format() {
        Format::Text => render::text::analyze(report, usize::from(args.top), &look, &mut document)?,
        Format::Html => render::html::analyze(report, &look, &mut document)?,
        _ => render::json::write(report, &mut document)?,
    }
    Ok(document)
}
