//! What to do.

use super::table::{self, Limited};
use super::{Page, Section, words};
use crate::base::size;
use crate::report::{Advice, Severity};

/// Pieces of advice on the page, and their bytes.
const MOST: u64 = 40;
const MOST_BYTES: usize = 60_000;

pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let all = &page.report.advice;
    if all.is_empty() {
        let nothing = "<p class=\"lead\">Nothing in this keyspace asks for a change.</p>\n";
        return (page.report.total.keyspace.keys > 0).then(|| Section::new("advice", "What to do", nothing.to_owned()));
    }
    let mut items = Limited::new(MOST, MOST_BYTES);
    let _ = all.iter().all(|advice| items.push(&item(advice)));
    let body = format!("<ol class=\"advice\">\n{}</ol>\n{}", items.html, table::more(items.left_of(all.len())));
    Some(Section::new("advice", "What to do", body))
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
    let danger = if advice.destructive { "<span class=\"badge danger\">changes data</span> " } else { "" };
    let command = advice.command.as_deref().map(command).unwrap_or_default();
    format!(
        "<li class=\"{severity}\"><p class=\"what\"><span class=\"badge {severity}\">{severity}</span> {danger}{}{}</p>\
         <p class=\"why\">{}</p>{command}</li>\n",
        words::text(&advice.message),
        frees.unwrap_or_default(),
        words::text(&advice.evidence),
    )
}

/// A command that can be copied.
fn command(command: &str) -> String {
    format!("<div class=\"command\"><pre tabindex=\"0\"><code>{}</code></pre></div>", words::text(command))
}
