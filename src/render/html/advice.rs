//! What to do.

use super::table::{self, Limited};
use super::{Page, Section, words};
use crate::base::size;
use crate::render::text::{advice_effect, counted, plan_leaves_out};
use crate::report::{Advice, PlanScript, Severity, argument};
use std::fmt::Write;

/// Pieces of advice on the page, and their bytes.
const MOST: u64 = 40;
const MOST_BYTES: usize = 60_000;

pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let all = &page.report.advice;
    let mut body = page.report.plan.as_ref().map(plan).unwrap_or_default();
    if !all.is_empty() {
        let mut items = Limited::new(MOST, MOST_BYTES);
        let _ = all.iter().all(|advice| items.push(&item(advice)));
        let _ = write!(body, "<ol class=\"advice\">\n{}</ol>\n{}", items.html, table::more(items.left_of(all.len())));
    } else if body.is_empty() && page.report.total.keyspace.keys > 0 {
        body.push_str("<p class=\"lead\">Nothing in this keyspace asks for a change.</p>\n");
    }
    (!body.is_empty()).then(|| Section::new("advice", "What to do", body))
}

/// The script that was written.
fn plan(plan: &PlanScript) -> String {
    let left = plan_leaves_out(plan).map(|left| format!(" Left out: {}.", words::text(&left)));
    let checks = if plan.checks { " It looks at type and expiry of each key before." } else { "" };
    format!(
        "<div class=\"plan\"><p class=\"what\">A plan was written to {}: <code>{}</code> of {}{}</p>\
         <p class=\"why\">Nothing was run.{checks}{} Read it first; <code>APPLY=1</code> runs it.</p>{}</div>\n",
        words::source(&plan.file),
        words::text(&plan.action),
        counted(plan.keys, "key"),
        words::and_bytes(plan.memory_bytes.or(Some(plan.serialized_bytes))),
        left.unwrap_or_default(),
        command(&format!("sh {} | less", argument(&plan.file))),
    )
}

/// The word for a severity, and the class of the same name.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn item(advice: &Advice) -> String {
    let severity = severity(advice.severity);
    let frees =
        advice.frees_bytes.map(|bytes| format!(" <span class=\"frees\">frees about {}</span>", size::human(bytes)));
    let effect = advice_effect(advice).map(|effect| format!("<p class=\"effect\">{effect}</p>"));
    let command = advice.command.as_deref().map(command).unwrap_or_default();
    format!(
        "<li class=\"{severity}\"><p class=\"what\"><span class=\"badge {severity}\">{severity}</span> {}{}</p>\
         <p class=\"why\">{}</p>{command}{}</li>\n",
        words::text(&advice.message),
        frees.unwrap_or_default(),
        words::text(&advice.evidence),
        effect.unwrap_or_default(),
    )
}

/// A command that can be copied.
fn command(command: &str) -> String {
    format!("<div class=\"command\"><pre tabindex=\"0\"><code>{}</code></pre></div>", words::text(command))
}
