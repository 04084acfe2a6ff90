//! Several sources: each in a row, and what is in it to be opened.

use super::table::{Cell, Limited, Table, more};
use super::{Page, Section, origin, shares, words};
use crate::base::size;
use crate::render::text::{count, counted, share};
use crate::report::{Analysis, Keyspace, SourceAnalysis, SourceIntegrity};
use std::fmt::Write;

/// Sources that can be opened, and their bytes.
const MOST_OPENED: u64 = 50;
const MOST_OPENED_BYTES: usize = 120_000;
/// Types and prefixes that are listed of each.
const MOST_LISTED: usize = 7;

pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let sources = &page.report.sources;
    if sources.is_empty() {
        return None;
    }
    let lead = if page.report.merged {
        "Shards of one keyspace: no key is in two of them."
    } else {
        "Each counts by itself; the rest of the page is their total."
    };
    let mut opened = Limited::new(MOST_OPENED, MOST_OPENED_BYTES);
    let _ = sources.iter().all(|source| opened.push(&details(page, source)));
    let body = format!(
        "<p class=\"lead\">{lead}</p>{}<h3>One by one</h3><div class=\"each\">{}</div>{}",
        table(page),
        opened.html,
        more(opened.left_of(sources.len()))
    );
    Some(Section::new("sources", "Sources", body))
}

/// How whole a source is, if it was read.
fn integrity<'a>(page: &Page<'a>, source: &SourceAnalysis) -> Option<&'a SourceIntegrity> {
    page.report.integrity.iter().find(|integrity| integrity.source == source.source)
}

/// What a keyspace weighs: the memory it takes in all, or its bytes as stored.
fn weight(page: &Page<'_>, keyspace: &Keyspace) -> u64 {
    page.weight(keyspace.used_memory_bytes.or(keyspace.memory_bytes), keyspace.serialized_bytes)
}

fn table(page: &Page<'_>) -> String {
    let sources = &page.report.sources;
    let mut titles = vec!["source", "verdict", ">keys", ">with TTL", ">elements", ">stored"];
    if page.memory {
        titles.push(">memory");
    }
    let mut table = Table::new("Sources", &titles).limits(200, 50_000).with_tools();
    for source in sources {
        let keyspace = &source.analysis.keyspace;
        let mut cells = vec![
            Cell::source(&source.source),
            Cell::html(&integrity(page, source).map(origin::verdict).unwrap_or_default()),
            Cell::count(keyspace.keys),
            Cell::number(Some(keyspace.expires), &share(keyspace.expires, keyspace.keys)),
            Cell::count(keyspace.elements),
            Cell::bytes(keyspace.serialized_bytes),
        ];
        if page.memory {
            cells.push(Cell::bytes(weight(page, keyspace)));
        }
        if !table.row(cells) {
            break;
        }
    }
    table.finish(sources.len())
}

fn details(page: &Page<'_>, source: &SourceAnalysis) -> String {
    let (analysis, integrity) = (&source.analysis, integrity(page, source));
    let keyspace = &analysis.keyspace;
    let mut out = format!(
        "<details><summary><span class=\"line\">{} {} <span>{}, {} {}</span></span></summary>",
        words::source(&source.source),
        integrity.map(origin::verdict).unwrap_or_default(),
        counted(keyspace.keys, "key"),
        size::human(weight(page, keyspace)),
        if page.memory { "in memory" } else { "as stored" },
    );
    if let Some(integrity) = integrity {
        let _ = write!(out, "<p class=\"origin\">{}</p>", origin::origin(page.look, integrity));
    }
    if keyspace.keys > 0 {
        out.push_str(&shares::stacked(page, keyspace));
        let _ = write!(
            out,
            "<dl class=\"facts\"><dt>types</dt><dd>{}</dd><dt>prefixes</dt><dd>{}</dd><dt>without TTL</dt><dd>{}</dd></dl>",
            types(page, analysis),
            prefixes(page, analysis),
            without_ttl(analysis)
        );
    }
    out.push_str("</details>\n");
    out
}

fn types(page: &Page<'_>, analysis: &Analysis) -> String {
    let all = shares::ordered(page, &analysis.keyspace.by_type).into_iter();
    let listed = all.map(|(ty, of)| (shares::swatch(ty), of.keys, page.weight(of.memory_bytes, of.serialized_bytes)));
    list(listed.collect())
}

fn prefixes(page: &Page<'_>, analysis: &Analysis) -> String {
    let all = analysis.prefixes.iter();
    let listed = all.map(|of| (words::name(&of.prefix), of.keys, page.weight(of.memory_bytes, of.serialized_bytes)));
    list(listed.collect())
}

/// Names that are safe already, with their keys and bytes: the first ones.
fn list(all: Vec<(String, u64, u64)>) -> String {
    let left = all.len().saturating_sub(MOST_LISTED) as u64;
    let listed = all.into_iter().take(MOST_LISTED);
    let mut parts: Vec<_> = listed
        .map(|(name, keys, weight)| format!("<span>{name} {}, {}</span>", size::human(weight), counted(keys, "key")))
        .collect();
    match left {
        0 if parts.is_empty() => parts.push(words::NOTHING.to_owned()),
        0 => {}
        left => parts.push(format!("and {} more", count(left))),
    }
    parts.join("<br>")
}

fn without_ttl(analysis: &Analysis) -> String {
    let ttl = &analysis.ttl;
    let part = share(ttl.none, analysis.keyspace.keys);
    format!("{}, {part} of the keys{}", counted(ttl.none, "key"), words::and_bytes(ttl.none_memory_bytes))
}
