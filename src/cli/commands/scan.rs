//! `scan`: attack traces, secrets, personal data.

use super::rules::load;
use crate::cli::args::{FailOn, Format, HashName, ScanArgs};
use crate::cli::exit::Ending;
use crate::cli::sources::{self, Take};
use crate::cli::ui::{Level, Ui};
use rediscover::analysis::{self, Accepted, MoreEvidence, ScanOptions, Secrets};
use rediscover::base::{Error, ErrorKind, Result};
use rediscover::render;
use rediscover::report::{Scan, ScanReport, Threat, Verdict};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn run(args: &ScanArgs, ui: &mut Ui) -> Result<Ending> {
    let rules = Arc::new(load(&args.rules, ui)?);
    let no_sources = args.sources.sources.is_empty() && args.sources.server_config.is_none();
    let origins = if no_sources {
        Vec::new()
    } else {
        sources::expand(&args.sources, Take::All, Some((&args.server, &args.resources)), ui)?
    };
    let logs: Vec<_> = args.log.iter().map(|path| sources::log(path)).collect();
    let place = args.output.output.as_deref();
    sources::refuse_overwriting(place, &origins)?;
    sources::refuse_overwriting(place, &logs)?;
    sources::refuse_overwriting_by("--reveal-to", args.reveal_to.as_deref(), &origins)?;
    let inputs = origins.len().saturating_add(logs.len());
    let mut run = args.resources.run(&args.hashes, inputs, ui.cancel(), ui.progress())?;
    // Evidence is hashed unless another hash is asked for.
    run.hashes.sha256 |= args.hashes.hash.is_empty() || args.hashes.hash.contains(&HashName::Sha256);
    let options = ScanOptions {
        run,
        filter: args.filters.filter(),
        as_of: args.filters.as_of,
        reveal: args.reveal,
        keep_secrets: args.reveal_to.is_some(),
        fingerprint_key: fingerprint_key(args)?,
        accepted: Arc::new(accepted(args, ui)?),
        ..ScanOptions::new(rules)
    };
    let more = MoreEvidence { trees: args.tree.clone(), logs, log_zone: args.log_tz.clone() };
    let mut scanned = analysis::scan_with(&origins, &more, &options)?;
    if let Some(path) = &args.reveal_to {
        reveal(scanned.secrets.take(), path, ui)?;
    }

    let mut ending = Ending::default();
    for (name, error) in scanned.failures {
        let error = error.about(&name);
        ui.unread(&error);
        ending.unread(&name, &error, !scanned.integrity.is_empty() || scanned.read_more > 0);
        if let Some(facts) = scanned.facts.iter_mut().find(|facts| facts.source == name && facts.error.is_none()) {
            facts.error = Some(error.to_string());
        }
    }
    for source in &scanned.integrity {
        if let Some(verdict) = source.verdict.filter(|verdict| *verdict != Verdict::Intact) {
            let (what, next) = render::not_intact(verdict, &source.integrity);
            ending.damaged(&source.source, what, Some(next));
        }
    }
    for (rule, tried) in &scanned.scan.summary.candidates {
        ui.say(Level::Detail, &format!("{rule}: its pattern was tried on {tried} texts"), None);
    }
    fail_on(args.fail_on, &scanned.scan, &mut ending);
    let report = ScanReport {
        schema: "rediscover/scan/v1".into(),
        provenance: ui.provenance(scanned.facts),
        exit: ending.report(),
        scan: scanned.scan,
        integrity: scanned.integrity,
    };
    let (document, untimed) = document(&report, args, ui).map_err(|error| Error::io("write the report", error))?;
    if untimed > 0 {
        let text = format!("left out {untimed} findings of whose time nothing is known");
        ui.say(Level::Warning, &text, Some("the other forms have them"));
    }
    ui.deliver(place, &document)?;
    Ok(ending)
}

/// Exit 4 for findings of a severity or graver ones.
pub(super) fn fail_on(level: FailOn, scan: &Scan, ending: &mut Ending) {
    let Some(least) = level.threshold() else { return };
    let graver = Threat::ALL.into_iter().filter(|threat| *threat >= least);
    let found: u64 = graver.filter_map(|threat| scan.summary.by_severity.get(&threat)).sum();
    if found > 0 {
        ending.found(&format!("{found} findings of severity {} or graver", least.name()));
    }
}

/// What is known and not told.
fn accepted(args: &ScanArgs, ui: &mut Ui) -> Result<Accepted> {
    let mut accepted = Accepted::default();
    if let Some(list) = &args.allow {
        accepted.add_list(list, crate::cli::ui::now())?;
        for entry in accepted.expired() {
            ui.say(Level::Warning, &format!("{}: an entry no longer holds: {entry}", list.display()), None);
        }
    }
    if let Some(baseline) = &args.baseline {
        let unlisted = accepted.add_baseline(baseline)?;
        if unlisted > 0 {
            let text = format!("{}: {unlisted} findings of it are not listed there", baseline.display());
            ui.say(Level::Warning, &text, Some("they are told as new"));
        }
    }
    Ok(accepted)
}

/// Writes the secrets, a line of JSON each, to a file that its owner alone may read: all of them or no file.
fn reveal(secrets: Option<Secrets>, path: &Path, ui: &mut Ui) -> Result<()> {
    let failed = |error| Error::io("write", error).about(path.display().to_string());
    let mut sheet = ui.data_sheet(path)?;
    if let Some(secrets) = secrets {
        secrets.each(&mut |line| sheet.write_all(line).and_then(|()| sheet.write_all(b"\n")).map_err(failed))?;
    }
    ui.finish_sheet(sheet)
}

fn fingerprint_key(args: &ScanArgs) -> Result<Option<Vec<u8>>> {
    let Some(path) = &args.fingerprint_key else { return Ok(None) };
    let key = std::fs::read(path).map_err(|error| Error::io("read", error).about(path.display().to_string()))?;
    if key.len() < 16 {
        let what = format!("{} has {} bytes; 16 or more are needed", path.display(), key.len());
        return Err(Error::new(ErrorKind::Usage { option: "--fingerprint-key", what }));
    }
    Ok(Some(key))
}

/// The report in the form that was asked for, and how many findings that form has no place for.
fn document(report: &ScanReport, args: &ScanArgs, ui: &Ui) -> std::io::Result<(Vec<u8>, u64)> {
    let mut document = Vec::new();
    let out = &mut document;
    let look = ui.look(args.output.output.as_deref(), args.output.tz.as_ref());
    let mut untimed = 0;
    match ui.format() {
        Format::Text => render::text::scan(report, &look, out)?,
        Format::Json => render::json::write(report, out)?,
        Format::Jsonl => render::scan::jsonl(report, out)?,
        Format::Csv => render::scan::csv(report, out)?,
        Format::Ecs => render::scan::ecs(report, out)?,
        Format::Sarif => render::sarif::scan(report, out)?,
        Format::Timesketch => untimed = render::scan::timesketch(report, out)?,
        Format::Html => render::html::scan(report, &look, out)?,
    }
    Ok((document, untimed))
}
