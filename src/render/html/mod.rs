//! The reports of `analyze` and `scan`, each as one HTML file that needs no other and asks for nothing: its policy forbids all network, and runs
//! only the script that stands in it.
//!
//! Everything is there without the script, which adds drill-down, order, search and a choice of colours. Each table and the
//! tree have a limit of rows and of bytes, so that the page stays under 2 MB whatever is in the report.

mod advice;
mod expiry;
mod findings;
mod keys;
mod nodes;
mod origin;
mod places;
mod scan;
mod shares;
mod sizes;
mod sources;
mod squares;
mod summary;
mod table;
mod treemap;
mod words;

pub use scan::scan;

use super::Look;
use super::markup::{escaped, policy_hash};
use crate::report::{AnalyzeReport, Exit, Provenance, SourceIntegrity};
use std::io::{self, Write};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("app.js");

/// What any report rests on: what was read, how whole it is, how the command ended.
struct Evidence<'a> {
    command: &'static str,
    provenance: &'a Provenance,
    exit: &'a Exit,
    integrity: &'a [SourceIntegrity],
    look: &'a Look,
    /// There are several sources, and rows name theirs.
    many: bool,
    /// They are shards of one keyspace.
    merged: bool,
}

/// What every part of the page of `analyze` looks at.
struct Page<'a> {
    report: &'a AnalyzeReport,
    look: &'a Look,
    /// Memory is known. Where it is not, bytes as stored stand in for it.
    memory: bool,
    /// There are several sources, and rows name theirs.
    many: bool,
}

impl Page<'_> {
    /// What keys weigh here: memory, or bytes as stored.
    fn weight(&self, memory_bytes: Option<u64>, serialized_bytes: u64) -> u64 {
        if self.memory { memory_bytes.unwrap_or_default() } else { serialized_bytes }
    }

    /// The word for that.
    fn weighed(&self) -> &'static str {
        if self.memory { "memory" } else { "serialized bytes" }
    }
}

/// A part of the page under a heading.
struct Section {
    id: &'static str,
    title: &'static str,
    body: String,
}

impl Section {
    fn new(id: &'static str, title: &'static str, body: String) -> Self {
        Self { id, title, body }
    }
}

/// Writes the report, under 2 MB for any.
///
/// # Errors
/// What the writer says.
pub fn analyze(report: &AnalyzeReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let page = Page {
        report,
        look,
        memory: report.total.keyspace.memory_bytes.is_some(),
        many: report.provenance.sources.len() > 1,
    };
    let evidence = Evidence {
        command: "analyze",
        provenance: &report.provenance,
        exit: &report.exit,
        integrity: &report.integrity,
        look,
        many: page.many,
        merged: report.merged,
    };
    let unscanned = match report.findings {
        None => "<p class=\"more\">Not scanned for attack traces, secrets or personal data.</p>\n",
        Some(_) => "",
    };
    let parts = [
        advice::section(&page),
        treemap::section(&page),
        expiry::section(&page),
        shares::section(&page),
        sizes::section(&page),
        keys::big_keys(&page),
        keys::big_elements(&page),
        expiry::use_of_keys(&page),
        places::streams(&page),
        places::cluster(&page),
        sources::section(&page),
        Some(origin::integrity(&evidence, unscanned)),
        Some(origin::provenance(&evidence)),
    ];
    let scanned = super::scan::of_analysis(report);
    let found = scanned.iter().flat_map(|scanned| findings::sections(&scanned.scan, look, page.many));
    let sections: Vec<Section> = found.chain(parts.into_iter().flatten()).collect();
    let mut figures = summary::figures(&page);
    if let Some(scanned) = &scanned {
        figures.push_str(&findings::figures(&scanned.scan.summary));
    }
    write(&evidence, summary::verdict(&evidence), &figures, &sections, out)
}

/// Writes a page: the verdict, damage, the numbers that matter, and the sections.
fn write(
    evidence: &Evidence<'_>,
    verdict: (&str, String, String),
    figures: &str,
    sections: &[Section],
    out: &mut dyn Write,
) -> io::Result<()> {
    head(&summary::title(evidence), out)?;
    out.write_all(summary::top(evidence, verdict).as_bytes())?;
    nav(sections, out)?;
    out.write_all(b"<main id=\"main\">\n")?;
    out.write_all(summary::damage(evidence).as_bytes())?;
    out.write_all(figures.as_bytes())?;
    for Section { id, title, body } in sections {
        writeln!(
            out,
            "<section id=\"{id}\" aria-labelledby=\"h-{id}\"><h2 id=\"h-{id}\">{title}</h2>\n{body}</section>"
        )?;
    }
    writeln!(
        out,
        "</main>\n<footer>{} {} wrote this page. It asks for nothing from any network.</footer>\n<script>{SCRIPT}</script>\n\
         </body></html>",
        words::text(&evidence.provenance.tool),
        words::text(&evidence.provenance.version),
    )
}

fn head(title: &str, out: &mut dyn Write) -> io::Result<()> {
    let (style, script) = (policy_hash(STYLE), policy_hash(SCRIPT));
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src {script}; style-src {style}; \
         img-src data:; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"referrer\" \
         content=\"no-referrer\"><meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"data:,\"><title>{title}</title>\n<style>{STYLE}</style></head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the report</a>"
    )
}

fn nav(sections: &[Section], out: &mut dyn Write) -> io::Result<()> {
    let links: String =
        sections.iter().map(|section| format!("<li><a href=\"#{}\">{}</a></li>", section.id, section.title)).collect();
    writeln!(out, "<nav aria-label=\"Parts of the report\"><ul>{links}</ul></nav>")
}
