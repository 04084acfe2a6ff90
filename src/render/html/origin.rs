//! Where the report comes from: how whole the sources are, and provenance.

use super::advice::severity;
use super::summary::verdict_word;
use super::table::{Cell, Limited, Table};
use super::{Evidence, Section, words};
use crate::base::size;
use crate::render::text::{count, counted, depth};
use crate::render::{Look, sentence};
use crate::report::{Problem, SourceFacts, SourceIntegrity, Verdict};

/// Who wrote a source, in which form, how large it is, when it was taken.
pub(super) fn origin(look: &Look, source: &SourceIntegrity) -> String {
    let mut parts = Vec::new();
    if let Some(server) = &source.server_version {
        parts.push(format!("written by {}", words::text(server)));
    }
    if let Some(version) = source.format_version {
        parts.push(format!("RDB {version}"));
    }
    parts.push(size::human(source.bytes));
    if let Some(log) = &source.log {
        parts.push(counted(log.commands, "command"));
    }
    if let Some(created) = &source.created_at {
        parts.push(format!("taken {}{}", words::text(&look.time(created)), look.age(created)));
    }
    parts.join(" · ")
}

/// How whole the sources are; `note` stands below.
pub(super) fn integrity(evidence: &Evidence<'_>, note: &str) -> Section {
    let all = evidence.integrity;
    let mut table = Table::new("Integrity", &["source", "verdict", "checked", "origin"]).limits(200, 60_000);
    for source in all {
        let cells = [
            Cell::source(&source.source),
            Cell::html(&verdict(source)),
            Cell::text(&depth(&source.integrity)),
            Cell::wide(&origin(evidence.look, source)),
        ];
        if !table.row(cells) {
            break;
        }
    }
    Section::new("integrity", "Integrity", format!("{}{}{note}", table.finish(all.len()), problems(evidence)))
}

/// The verdict as a badge.
pub(super) fn verdict(source: &SourceIntegrity) -> String {
    let (class, verdict) = match source.verdict {
        Some(Verdict::Intact) => ("good", "Intact"),
        Some(verdict) => ("error", verdict_word(verdict)),
        None => ("note", "Nothing wrong seen"),
    };
    format!("<span class=\"badge {class}\">{verdict}</span>")
}

/// Every problem, errors first.
fn problems(evidence: &Evidence<'_>) -> String {
    let listed = |source: &'_ SourceIntegrity| source.integrity.problems.len();
    let total: usize = evidence.integrity.iter().map(listed).sum();
    let counted = evidence.integrity.iter().flat_map(|source| source.integrity.problem_counts.values());
    let counted = counted.fold(0u64, |sum, number| sum.saturating_add(*number));
    if total == 0 {
        return String::new();
    }
    let mut rows: Vec<(&str, &Problem)> = Vec::with_capacity(total);
    for source in evidence.integrity {
        rows.extend(source.integrity.problems.iter().map(|problem| (source.source.as_str(), problem)));
    }
    rows.sort_by_key(|(_, problem)| problem.severity);
    let titles = if evidence.many {
        vec!["severity", "source", ">offset", "problem"]
    } else {
        vec!["severity", ">offset", "problem"]
    };
    let mut table = Table::new("Problems", &titles).limits(200, 100_000).with_tools();
    for (source, problem) in rows {
        let severity = severity(problem.severity);
        let mut cells = vec![Cell::html(&format!("<span class=\"badge {severity}\">{severity}</span>"))];
        if evidence.many {
            cells.push(Cell::source(source));
        }
        cells.extend([
            Cell::number(Some(problem.offset), &problem.offset.to_string()),
            Cell::wide(&format!("<bdi>{}</bdi>", words::text(&sentence(problem)))),
        ]);
        if !table.row(cells) {
            break;
        }
    }
    let all = usize::try_from(counted).unwrap_or(usize::MAX).max(total);
    format!("<h3>Problems: {}</h3>{}", count(all as u64), table.finish(all))
}

pub(super) fn provenance(evidence: &Evidence<'_>) -> Section {
    let facts = evidence.provenance;
    let mut arguments = Limited::new(200, 16_000);
    let whole = facts.arguments.iter().all(|argument| arguments.push(&format!("{} ", words::text(argument))));
    let more = if whole { "" } else { "…" };
    let mut body = format!(
        "<dl class=\"facts\"><dt>tool</dt><dd>{} {}</dd><dt>command</dt><dd><code>{}{more}</code></dd>\
         <dt>started</dt><dd>{}</dd><dt>ended</dt><dd>{}</dd><dt>exit code</dt><dd>{}</dd>",
        words::text(&facts.tool),
        words::text(&facts.version),
        arguments.html,
        words::text(&evidence.look.time(&facts.started)),
        words::text(&evidence.look.time(&facts.ended)),
        evidence.exit.code,
    );
    let mut reasons = Limited::new(50, 20_000);
    let reason = |reason: &String| format!("<dt>because</dt><dd>{}</dd>", words::text(reason));
    let _ = evidence.exit.reasons.iter().all(|why| reasons.push(&reason(why)));
    body.push_str(&reasons.html);
    body.push_str("</dl>\n");
    let files = |source: &'_ SourceFacts| source.files.len().max(1);
    let total: usize = facts.sources.iter().map(files).sum();
    let mut table = Table::new("What was read", &["file", "kind", ">bytes", "hashes"]).limits(200, 80_000);
    for source in &facts.sources {
        let parts = if source.files.is_empty() { std::slice::from_ref(source) } else { &source.files };
        for file in parts {
            table.row(file_cells(source, file));
        }
    }
    body.push_str(&table.finish(total));
    Section::new("provenance", "Provenance", body)
}

fn file_cells(source: &SourceFacts, file: &SourceFacts) -> [Cell; 4] {
    let within = if source.files.is_empty() { String::new() } else { format!("{}: ", words::source(&source.source)) };
    let kind = file.kind.as_deref().unwrap_or("not read");
    let packed = file.compression.as_deref().map(|how| format!(", {how}")).unwrap_or_default();
    let hashes = [("sha256", &file.sha256), ("sha1", &file.sha1), ("md5", &file.md5)];
    let hashes: Vec<_> = hashes
        .into_iter()
        .filter_map(|(name, hash)| Some(format!("{name} <code class=\"hash\">{}</code>", words::text(hash.as_ref()?))))
        .collect();
    let hashes = if hashes.is_empty() { "not hashed".to_owned() } else { hashes.join("<br>") };
    [
        Cell::wide(&format!("{within}{}", words::source(&file.source))),
        Cell::text(&format!("{kind}{packed}")),
        Cell::number(Some(file.bytes), &size::human(file.bytes)),
        Cell::wide(&hashes),
    ]
}
