//! A timeline as one HTML file: nothing in it runs, nothing is fetched, and every byte of the input is escaped.

use crate::render::markup::{escaped, policy_hash};
use crate::report::{Certainty, KeyName, Moment, TimelineGroup, TimelineRow};
use std::io::{self, Write};

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--soft:#8882}
body{font:14px/1.45 system-ui,sans-serif;margin:2rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.25rem .6rem;border-bottom:1px solid var(--line)}
th{position:sticky;top:0;background:Canvas}
td.n{text-align:right;font-variant-numeric:tabular-nums}
td.t{white-space:nowrap;font-variant-numeric:tabular-nums}
td.m{overflow-wrap:anywhere}
tr.delete td,tr.flush td{background:#d332}
tr.inferred td.t{font-style:italic}
code{font:12px/1.4 ui-monospace,monospace;overflow-wrap:anywhere;white-space:pre-wrap}
small{opacity:.75}
";

pub(super) fn head(grouped: bool, out: &mut dyn Write) -> io::Result<()> {
    let hash = policy_hash(STYLE);
    let titles: &[&str] = if grouped {
        &["time (UTC)", "source", "commands", "bytes", "keys touched", "deletes", "flushes", "what"]
    } else {
        &["time (UTC)", "bounds", "source", "offset", "db", "command", "bytes", "what"]
    };
    let titles: String = titles.iter().map(|title| format!("<th>{title}</th>")).collect();
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {hash}; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>rediscover timeline</title><style>{STYLE}</style></head><body>\n<h1>Timeline</h1>\n\
         <p>Times in italics are inferred: from other times, or from ids that a client may have made up.</p>\n\
         <table><thead><tr>{titles}</tr></thead><tbody>\n"
    )
}

fn moment(at: Option<Moment>) -> String {
    at.map(|Moment(at)| escaped(&at.to_string())).unwrap_or_default()
}

fn class(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Observed => "observed",
        Certainty::Inferred => "inferred",
    }
}

fn place(source: &str, file: Option<&str>) -> String {
    let file = file.map(|file| format!("<br><small>{}</small>", escaped(file))).unwrap_or_default();
    format!("{}{file}", escaped(source))
}

pub(super) fn row(row: &TimelineRow, out: &mut dyn Write) -> io::Result<()> {
    let exact = row.not_before == row.not_after && row.not_before == row.datetime;
    let bounds = match (row.not_before, row.not_after) {
        (None, None) => String::new(),
        _ if exact => String::new(),
        (low, high) => format!("{} – {}", moment(low), moment(high)),
    };
    let effect = match row.effect {
        Some("delete") => " delete",
        Some("flush") => " flush",
        _ => "",
    };
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let values: String = row.values.iter().map(value).collect();
    let left = row.value_count.unwrap_or_default().saturating_sub(row.values.len() as u64);
    let left = if left > 0 { format!("<br><small>and {left} more</small>") } else { String::new() };
    writeln!(
        out,
        "<tr class=\"{}{effect}\"><td class=\"t\">{}</td><td class=\"t\"><small>{bounds}</small></td><td>{}</td>\
         <td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td>\
         <td class=\"m\">{} <small>{}</small>{values}{left}</td></tr>",
        class(row.certainty),
        moment(row.datetime),
        place(&row.source, row.file.as_deref()),
        row.offset.map(|at| format!("{at:#x}")).unwrap_or_default(),
        number(row.db),
        escaped(&super::command(row).unwrap_or_default()),
        number(row.bytes),
        escaped(&row.message),
        escaped(&row.timestamp_desc),
    )
}

fn value(value: &KeyName) -> String {
    let more = if value.is_whole() { String::new() } else { format!("… ({} bytes)", value.len_bytes()) };
    format!("<br><code>{}</code>{more}", escaped(&crate::report::escape(value.head())))
}

pub(super) fn group(group: &TimelineGroup, out: &mut dyn Write) -> io::Result<()> {
    let commands = group.commands.values().fold(0u64, |sum, count| sum.saturating_add(*count));
    let numbers = [commands, group.bytes, group.keys_touched, group.deletes, group.flushes];
    let numbers: String = numbers.iter().map(|number| format!("<td class=\"n\">{number}</td>")).collect();
    writeln!(
        out,
        "<tr class=\"{}\"><td class=\"t\">{}</td><td>{}</td>{numbers}<td class=\"m\">{}</td></tr>",
        class(group.certainty),
        moment(group.at),
        place(&group.source, group.file.as_deref()),
        escaped(&super::tally(group)),
    )
}

pub(super) fn foot(lines: u64, out: &mut dyn Write) -> io::Result<()> {
    let noun = if lines == 1 { "row" } else { "rows" };
    writeln!(out, "</tbody></table>\n<p>{lines} {noun}</p>\n</body></html>")
}
