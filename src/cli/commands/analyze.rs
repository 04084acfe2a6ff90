//! `analyze`: what is in it?

use crate::cli::args::{AnalyzeArgs, Format};
use crate::cli::exit::Ending;
use crate::cli::sources::{self, Take};
use crate::cli::ui::Ui;
use rediscover::analysis::{self, AnalyzeOptions};
use rediscover::base::{Error, Result};
use rediscover::pipeline::Memory;
use rediscover::render;
use rediscover::report::{AnalyzeReport, Verdict};

pub(crate) fn run(args: &AnalyzeArgs, ui: &mut Ui) -> Result<Ending> {
    let origins = sources::expand(&args.sources, Take::Loaded, ui)?;
    let place = args.output.output.as_deref();
    sources::refuse_overwriting(place, &origins)?;
    let options = AnalyzeOptions {
        run: args.resources.run(&args.hashes, origins.len(), ui.cancel(), ui.progress())?,
        filter: args.filters.filter(),
        top: args.top,
        as_of: args.filters.as_of,
        expiring_by: args.expiring_by,
        memory: args.target.map_or(Memory::OfWriter, Memory::Of),
        merge: args.merge,
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
    let mut report = AnalyzeReport {
        schema: "rediscover/analyze/v1".into(),
        provenance: ui.provenance(analyzed.facts),
        exit: ending.report(),
        total: analyzed.total,
        sources: analyzed.sources,
        integrity: analyzed.integrity,
        merged: args.merge,
        advice: Vec::new(),
        findings: None,
    };
    report.advice = analysis::advise(&report);
    let document = document(&report, args, ui).map_err(|error| Error::io("write the report", error))?;
    ui.deliver(place, &document)?;
    Ok(ending)
}

fn document(report: &AnalyzeReport, args: &AnalyzeArgs, ui: &Ui) -> std::io::Result<Vec<u8>> {
    let mut document = Vec::new();
    let look = ui.look(args.output.output.as_deref(), args.output.tz.as_ref());
    match ui.format() {
        Format::Text => render::text::analyze(report, args.top, &look, &mut document)?,
        Format::Html => render::html::analyze(report, &look, &mut document)?,
        _ => render::json::write(report, &mut document)?,
    }
    Ok(document)
}
