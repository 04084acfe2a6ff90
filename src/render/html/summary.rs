//! The top of the page: what was read, whether it is whole, and the few numbers that matter.

use super::table::Limited;
use super::{Evidence, Page, origin, words};
use crate::base::size;
use crate::render::text::{count, counted, depth, share};
use crate::render::{not_intact, sentence};
use crate::report::{SourceIntegrity, Verdict};
use std::fmt::Write;

/// Sources that are judged one by one at the top, and problems that are listed there.
const MOST_SOURCES: u64 = 20;
const MOST_DAMAGE_BYTES: usize = 50_000;
const MOST_PROBLEMS: usize = 5;

/// The title of the document.
pub(super) fn title(evidence: &Evidence<'_>) -> String {
    format!("{} – rediscover {}", what(evidence), evidence.command)
}

/// The one source, or how many there are.
fn what(evidence: &Evidence<'_>) -> String {
    match evidence.provenance.sources.as_slice() {
        [one] => words::text(&one.source),
        all if evidence.merged => format!("{} of one keyspace", counted(all.len() as u64, "shard")),
        all => counted(all.len() as u64, "source"),
    }
}

/// The heading with the verdict: its class, the word, and what it rests on.
pub(super) fn top(evidence: &Evidence<'_>, (class, verdict, detail): (&str, String, String)) -> String {
    let one = evidence.integrity.first().filter(|_| !evidence.many);
    let origin = one.map(|source| format!("<p class=\"origin\">{}</p>", origin::origin(evidence.look, source)));
    format!(
        "<header><div class=\"bar-top\"><span class=\"brand\">rediscover {}</span></div>\
         <h1><bdi>{}</bdi></h1>{}\
         <p class=\"verdict {class}\"><strong>{verdict}</strong> <span>{detail}</span></p></header>\n",
        evidence.command,
        what(evidence),
        origin.unwrap_or_default(),
    )
}

/// Whether a source is not whole.
pub(super) fn is_bad(source: &SourceIntegrity) -> bool {
    source.verdict.is_some_and(|verdict| verdict != Verdict::Intact)
}

/// The class, the word, and what it rests on.
pub(super) fn verdict(evidence: &Evidence<'_>) -> (&'static str, String, String) {
    let all = evidence.integrity;
    let unread = evidence.provenance.sources.iter().filter(|source| source.error.is_some()).count();
    let bad = all.iter().filter(|source| is_bad(source)).count();
    match all {
        [] => ("bad", "Nothing could be read".into(), "The reasons are below.".into()),
        [one] if !evidence.many => {
            let depth = words::text(&depth(&one.integrity));
            match one.verdict {
                Some(Verdict::Intact) => ("good", "Intact".into(), depth),
                None => ("calm", "Nothing wrong seen".into(), depth),
                Some(verdict) => ("bad", verdict_word(verdict).into(), "What could be read is below.".into()),
            }
        }
        all if bad == 0 && unread == 0 => {
            let intact = all.iter().all(|source| source.verdict.is_some());
            let word = if intact { "All intact" } else { "Nothing wrong seen" };
            (if intact { "good" } else { "calm" }, word.into(), counted(all.len() as u64, "source"))
        }
        _ => {
            let unread = if unread > 0 { format!(", {} not read", count(unread as u64)) } else { String::new() };
            let detail = format!("of {}{unread}", counted(evidence.provenance.sources.len() as u64, "source"));
            ("bad", format!("{} not whole", count(bad as u64)), detail)
        }
    }
}

/// A verdict as a word.
pub(super) fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Intact => "Intact",
        Verdict::Damaged => "Damaged",
        Verdict::Truncated => "Truncated",
        Verdict::Unsupported => "Unsupported",
    }
}

/// What is damaged and what could not be read, with the first problems.
pub(super) fn damage(evidence: &Evidence<'_>) -> String {
    let bad = evidence.integrity.iter().filter(|source| is_bad(source)).map(damaged);
    let unread = evidence.provenance.sources.iter().filter_map(|source| {
        let error = source.error.as_deref()?;
        let error =
            error.strip_prefix(source.source.as_str()).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(error);
        Some(format!("<li>{}: {}</li>", words::source(&source.source), words::text(error)))
    });
    let mut items = Limited::new(MOST_SOURCES, MOST_DAMAGE_BYTES);
    let left = bad.chain(unread).filter(|item| !items.push(item)).count() as u64;
    if items.html.is_empty() {
        return items.html;
    }
    let left = if left > 0 { format!("<p>and {}</p>", counted(left, "more source")) } else { String::new() };
    format!("<section class=\"damage\" aria-label=\"Damage\"><h2>Damage</h2><ul>{}</ul>{left}</section>\n", items.html)
}

fn damaged(source: &SourceIntegrity) -> String {
    let (what, next) = source.verdict.map(|verdict| not_intact(verdict, &source.integrity)).unwrap_or_default();
    // The rest of the advice is what made this page.
    let next = next.split(';').next().unwrap_or_default();
    let mut problems: Vec<_> = source.integrity.problems.iter().collect();
    problems.sort_by_key(|problem| problem.severity);
    // The first one is in the sentence above them.
    let listed: String = problems
        .iter()
        .skip(1)
        .take(MOST_PROBLEMS)
        .map(|problem| format!("<li>{}</li>", words::text(&sentence(problem))))
        .collect();
    let listed = if listed.is_empty() { listed } else { format!("<ul>{listed}</ul>") };
    format!(
        "<li>{}: {} <span class=\"next\">{}</span>{listed}</li>",
        words::source(&source.source),
        words::text(&what),
        words::text(next)
    )
}

/// The few numbers that matter.
pub(super) fn figures(page: &Page<'_>) -> String {
    let total = &page.report.total;
    let keyspace = &total.keyspace;
    let mut out = String::from("<dl class=\"figures\">\n");
    let mut figure = |title: &str, number: &str, note: &str| {
        let _ = writeln!(out, "<div><dt>{title}</dt><dd>{number}<small>{note}</small></dd></div>");
    };
    match keyspace.memory_bytes {
        Some(keys) => {
            let used = keyspace.used_memory_bytes.unwrap_or(keys);
            figure("Memory", &size::human(used), &parts(keys, used));
        }
        None => figure("Stored bytes", &size::human(keyspace.serialized_bytes), ""),
    }
    let databases = match keyspace.databases.len() as u64 {
        0 | 1 => String::new(),
        more => format!(" in {}", counted(more, "database")),
    };
    figure("Keys", &count(keyspace.keys), &format!("{}{databases}", counted(keyspace.elements, "element")));
    let persistent = keyspace.keys.saturating_sub(keyspace.expires);
    let weight = words::and_bytes(total.ttl.none_memory_bytes);
    figure("Without TTL", &share(persistent, keyspace.keys), &format!("{}{weight}", counted(persistent, "key")));
    if total.ttl.expired > 0 {
        let weight = total.ttl.expired_memory_bytes.map(size::human).unwrap_or_default();
        figure("Already expired", &count(total.ttl.expired), &weight);
    }
    let whole = page.weight(keyspace.memory_bytes, keyspace.serialized_bytes);
    if let Some(prefix) = total.prefixes.first() {
        let weight = page.weight(prefix.memory_bytes, prefix.serialized_bytes);
        let note = format!("{} {}", size::human(weight), words::name(&prefix.prefix));
        figure("Largest prefix", &share(weight, whole), &note);
    }
    let biggest = total.big_keys.by_memory.first().or_else(|| total.big_keys.by_serialized.first());
    if let Some(key) = biggest {
        let weight = page.weight(key.memory_bytes, key.serialized_bytes);
        figure("Largest key", &size::human(weight), &words::name(&key.key));
    }
    out.push_str("</dl>\n");
    out.push_str(&model(page));
    out
}

fn basis(word: &str) -> String {
    match word {
        "measured" => "measured on that server".to_owned(),
        "inferred" => "inferred from the servers next to it".to_owned(),
        other => words::text(other),
    }
}

fn allocator(name: &str) -> String {
    match name {
        "bundled" => "its bundled jemalloc".to_owned(),
        "debian" => "the jemalloc of Debian".to_owned(),
        other => words::text(other),
    }
}

/// What the whole of the memory consists of: MEMORY USAGE may say more of the keys than that.
fn parts(keys: u64, used: u64) -> String {
    let said = size::human(keys);
    match used.checked_sub(keys) {
        Some(0) => "keys and their tables".to_owned(),
        Some(tables) => format!("keys {said}, tables {}", size::human(tables)),
        None => format!("keys by <code>MEMORY USAGE</code> {said}"),
    }
}

/// What the memory is an estimate of.
fn model(page: &Page<'_>) -> String {
    let total = &page.report.total;
    let mut text = match &total.memory_model {
        Some(model) if page.memory => {
            let guessed = match model.guessed_keys {
                0 => String::new(),
                number => format!(" Of {} it is a rough guess: values of modules.", counted(number, "key")),
            };
            format!(
                "Memory is an estimate for {} with {}, {}: what the keyspace adds to <code>used_memory</code>; of single keys \
                 what <code>MEMORY USAGE</code> says.{guessed}",
                words::text(&model.server),
                allocator(&model.allocator),
                basis(&model.basis),
            )
        }
        _ if page.memory => "Memory is an estimate, of each source for the server that wrote it.".to_owned(),
        _ => "No memory model applies here: bytes as stored in the file stand in for memory.".to_owned(),
    };
    if page.report.integrity.iter().any(|source| source.log.is_some()) {
        text.push_str(
            " In a log a key counts each time it is written, with the value of that command, deleted or not.",
        );
    }
    let decoding = &total.decoding;
    if decoding.keys_seen != decoding.keys_selected {
        let (some, all) = (count(decoding.keys_selected), counted(decoding.keys_seen, "key"));
        let _ = write!(text, " The filters let {some} of {all} through; only those are counted.");
    }
    format!("<p class=\"model\">{text}</p>\n")
}
