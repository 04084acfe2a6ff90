//! What to do.

use super::{Page, Section, table, words};
use crate::base::size;
use crate::report::{Advice, Severity};

/// Pieces of advice on the page, and their bytes.
const MOST: usize = 40;
const MOST_BYTES: usize = 100_000;

pub(super) fn section(page: &Page<'_>) -> Section {
    let all = &page.report.advice;
    if all.is_empty() {
        let body = "<p class=\"lead\">Nothing in this keyspace asks for a change.</p>\n".to_owned();
        return Section::new("advice", "What to do", body);
    }
    let mut body = String::from("<ol class=\"advice\">\n");
    let mut shown = 0u64;
    for advice in all.iter().take(MOST) {
        let item = item(advice);
        if body.len().saturating_add(item.len()) > MOST_BYTES {
            break;
        }
        body.push_str(&item);
        shown = shown.saturating_add(1);
    }
    body.push_str("</ol>\n");
    body.push_str(&table::more((all.len() as u64).saturating_sub(shown)));
    Section::new("advice", "What to do", body)
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
    let frees = advice.frees_bytes.map(|bytes| format!(" <span class=\"frees\">frees about {}</span>", size::human(bytes)));
    let danger = if advice.destructive { " <span class=\"badge danger\">changes data</span>" } else { "" };
    let command = advice.command.as_deref().map(command).unwrap_or_default();
    format!(
        "<li class=\"{severity}\"><p class=\"what\"><span class=\"badge {severity}\">{severity}</span> {}{}{danger}</p>\
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
