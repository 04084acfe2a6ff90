//! `analyze` for people: the verdict, a few numbers, what to do, then tables.
//!
//! A terminal of 80 columns gets the tables that answer "what eats the memory, and what expires"; a wider one gets more columns
//! and the ranking by elements. Everything is in `--format json`.

mod advice;
mod expiry;
mod keys;
mod places;
mod shares;

pub(in crate::render) use advice::{effect, left_out};
pub(in crate::render) use expiry::span;

use super::check::{depth, origin, problems};
use super::table::wrap;
use super::{Look, Paint, argument, count, counted, hashes};
use crate::base::size;
use crate::report::{Analysis, AnalyzeReport, SourceIntegrity, Verdict, printable};
use std::io::{self, Write};

/// From so many columns on there is room for more.
const WIDE: usize = 120;
/// Rows of a table that is not what most people look for.
const FEW: usize = 5;

fn few(top: usize) -> usize {
    top.min(FEW)
}

/// Writes the report with rankings of at most `top` rows.
///
/// # Errors
/// What the writer says.
pub fn analyze(report: &AnalyzeReport, top: usize, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if report.integrity.is_empty() {
        return Ok(());
    }
    for (at, source) in report.integrity.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        integrity(report, source, look, out)?;
    }
    let analysis = &report.total;
    let many = report.integrity.len() > 1;
    if many {
        let unread = report.provenance.sources.len().saturating_sub(report.integrity.len()) as u64;
        let unread = if unread > 0 { format!(" ({unread} not read)") } else { String::new() };
        let what = if report.merged { "shards of one keyspace" } else { "sources together" };
        writeln!(out, "\n{} {what}{unread}", count(report.integrity.len() as u64))?;
    } else if report.integrity.iter().any(|source| !source.integrity.problems.is_empty()) {
        writeln!(out, "\nkeyspace")?;
    }
    shares::totals(analysis, look, out)?;
    advice::advice(&report.advice, look, out)?;
    if let Some(plan) = &report.plan {
        advice::plan(plan, look, out)?;
    }
    if many {
        shares::each(report, look, out)?;
    }
    tables(analysis, many, top, look, out)?;
    writeln!(out)?;
    decoding(analysis, look, out)?;
    match crate::render::scan::of_analysis(report) {
        Some(scan) => super::scan::part(&scan, look, out)?,
        None => writeln!(out, "not scanned for attack traces")?,
    }
    writeln!(out, "{}", next(report))
}

fn tables(analysis: &Analysis, many: bool, top: usize, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let keys = analysis.keyspace.keys;
    shares::shares(&analysis.keyspace, look, out)?;
    places::prefixes(analysis, top, look, out)?;
    keys::largest(analysis, many, top, look, out)?;
    expiry::ttl(&analysis.ttl, keys, look, out)?;
    if let Some(idle) = &analysis.idle {
        expiry::idle(idle, look, out)?;
    }
    if let Some(frequency) = &analysis.frequency {
        expiry::frequency(frequency, many, top, look, out)?;
    }
    places::streams(&analysis.streams, many, top, look, out)?;
    match &analysis.cluster {
        Some(cluster) => places::cluster(cluster, keys, top, look, out),
        None => Ok(()),
    }
}

/// The verdict on one source, who wrote it, and what is wrong.
fn integrity(report: &AnalyzeReport, source: &SourceIntegrity, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let name = look.paint(Paint::Strong, &printable(&source.source));
    let verdict = look.verdict(source.verdict);
    writeln!(out, "{}", wrap(&format!("{name}: {verdict}; {}", depth(&source.integrity)), look.columns(), 4))?;
    let created = source.created_at.as_deref();
    for line in origin(look, source.server_version.as_deref(), None, source.format_version, source.bytes, created) {
        writeln!(out, "{line}")?;
    }
    if let Some(log) = &source.log {
        writeln!(out, "{}", wrap(&format!("  {}", super::log::commands(log, look)), look.columns(), 4))?;
        let note = "in a log a key counts each time it is written, with the value of that command, deleted or not";
        writeln!(out, "{}", wrap(&format!("  {note}"), look.columns(), 4))?;
    }
    if let Some(facts) = report.provenance.sources.iter().find(|facts| facts.source == source.source) {
        for line in hashes(facts) {
            writeln!(out, "{line}")?;
        }
    }
    problems(&source.integrity, look, out)
}

/// What a filter spared.
fn decoding(analysis: &Analysis, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let decoding = &analysis.decoding;
    if decoding.keys_seen == decoding.keys_selected && decoding.values_skipped == 0 {
        return Ok(());
    }
    let text = format!(
        "filters let {} of {} through; {} decoded, {} ({}) passed over by length",
        count(decoding.keys_selected),
        counted(decoding.keys_seen, "key"),
        counted(decoding.values_decoded, "value"),
        count(decoding.values_skipped),
        size::human(decoding.bytes_skipped),
    );
    writeln!(out, "{}", wrap(&text, look.columns(), 2))
}

/// What to run next: after damage `check`, after a plan its review, after advice its first command.
fn next(report: &AnalyzeReport) -> String {
    let wrong = |source: &&SourceIntegrity| source.verdict.is_some_and(|verdict| verdict != Verdict::Intact);
    if let Some(bad) = report.integrity.iter().find(wrong) {
        return format!("next: rediscover check {}    (every problem, with its place)", argument(&bad.source));
    }
    if let Some(plan) = &report.plan {
        return format!("next: sh {} | less    (the commands; APPLY=1 runs them)", argument(&plan.file));
    }
    let planned = |command: &&String| command.contains("--plan-script");
    if let Some(command) = report.advice.iter().filter_map(|advice| advice.command.as_ref()).find(planned) {
        return format!("next: {}    (writes a script to review)", printable(command));
    }
    let name = report.integrity.first().map_or_else(|| "FILE".into(), |source| argument(&source.source));
    format!("next: rediscover check {name} --target V    (will the server to restore into load it?)")
}
