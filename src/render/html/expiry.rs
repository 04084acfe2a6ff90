//! When keys expire, and when they were used.

use super::table::{Cell, Table};
use super::{Page, Section, words};
use crate::base::size;
use crate::render::text::{count, counted, share, span};
use crate::report::{Frequency, Idle, Ttl, TtlBucket};
use std::fmt::Write;

pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let ttl = &page.report.total.ttl;
    let keyspace = &page.report.total.keyspace;
    if keyspace.keys == 0 {
        return None;
    }
    if keyspace.expires == 0 {
        let all = format!(
            "No key has a TTL: all {}{} stay until something deletes or evicts them.",
            counted(keyspace.keys, "key"),
            words::and_bytes(ttl.none_memory_bytes)
        );
        return Some(Section::new("expiry", "Expiry", format!("<p class=\"lead\">{all}</p>\n")));
    }
    let mut body = match &ttl.as_of {
        Some(moment) => {
            format!("<p class=\"lead\">Seen from {}.{}</p>", words::text(&page.look.time(moment)), percentiles(ttl))
        }
        None => {
            "<p class=\"lead\">The snapshot does not say when it was taken: <code>--as-of TIME</code> names the moment \
                 to count from.</p>"
                .to_owned()
        }
    };
    body.push_str(&evidence(page));
    body.push_str(&histogram(page));
    body.push_str("<div class=\"cols\">");
    body.push_str(&storms(page));
    body.push_str(&by_type(ttl));
    body.push_str("</div>\n");
    Some(Section::new("expiry", "Expiry", body))
}

fn percentiles(ttl: &Ttl) -> String {
    match (ttl.p50, ttl.p90, ttl.p99) {
        (Some(p50), Some(p90), Some(p99)) => format!(
            " Of the keys whose expiry is ahead, half go within {}, 90% within {}, 99% within {}.",
            span(p50),
            span(p90),
            span(p99)
        ),
        _ => String::new(),
    }
}

/// The evidence-loss clock, where somebody asked for it.
fn evidence(page: &Page<'_>) -> String {
    let Some(loss) = &page.report.total.ttl.evidence else { return String::new() };
    let next = loss.next.as_ref().map(|next| format!(" The next goes at {}.", words::text(&page.look.time(next))));
    format!(
        "<p class=\"clock\">By {}, {} will be gone: {} as stored{}.{}</p>",
        words::text(&page.look.time(&loss.by)),
        counted(loss.keys, "key"),
        size::human(loss.serialized_bytes),
        loss.memory_bytes.map(|bytes| format!(", {} in memory", size::human(bytes))).unwrap_or_default(),
        next.unwrap_or_default()
    )
}

fn columns(page: &Page<'_>, of: &'static str) -> Vec<&'static str> {
    let mut columns = vec![of, ">keys", ">share", ""];
    columns.push(if page.memory { ">memory" } else { ">stored" });
    columns
}

/// How many keys have how long left.
fn histogram(page: &Page<'_>) -> String {
    let ttl = &page.report.total.ttl;
    let mut rows = vec![("no TTL".to_owned(), ttl.none, ttl.none_memory_bytes, "never")];
    if ttl.as_of.is_some() {
        rows.push(("expired already".to_owned(), ttl.expired, ttl.expired_memory_bytes, "gone"));
    }
    rows.extend(ttl.buckets.iter().map(|bucket| {
        let weight = page.weight(bucket.memory_bytes, bucket.serialized_bytes);
        (label(bucket), bucket.keys, Some(weight), "fill")
    }));
    bars(page, Table::new("Time to live", &columns(page, "time left")), rows)
}

fn label(bucket: &TtlBucket) -> String {
    let label = words::text(&bucket.label);
    if bucket.upto_seconds.is_some() { format!("up to {label}") } else { label }
}

/// Rows of a histogram: a label that is safe already, keys, what they weigh, the colour of the bar.
fn bars(page: &Page<'_>, mut table: Table, rows: Vec<(String, u64, Option<u64>, &str)>) -> String {
    let all = page.report.total.keyspace.keys;
    let most = rows.iter().map(|row| row.1).max().unwrap_or_default();
    let total = rows.len();
    for (label, keys, weight, class) in rows {
        let cells = [
            Cell::head(&label),
            Cell::count(keys),
            Cell::number(Some(keys), &share(keys, all)),
            Cell::bar(keys, most, class),
            Cell::maybe_bytes(weight),
        ];
        if !table.row(cells) {
            break;
        }
    }
    table.finish(total)
}

/// Seconds in which unusually many keys expire.
fn storms(page: &Page<'_>) -> String {
    let storms = &page.report.total.ttl.storms;
    let mut table = Table::new("Expiry storms", &["at", ">keys", ">memory"]).limits(20, 12_000);
    for storm in storms {
        let cells =
            [Cell::text(&page.look.time(&storm.at)), Cell::count(storm.keys), Cell::maybe_bytes(storm.memory_bytes)];
        if !table.row(cells) {
            break;
        }
    }
    let table = table.finish(storms.len());
    if table.is_empty() {
        return table;
    }
    // The same for all of them.
    let within = match storms.first().map_or(1, |storm| storm.seconds) {
        0 | 1 => "in the same second".to_owned(),
        seconds => format!("within {} seconds", count(seconds)),
    };
    format!("<div><h3>Storms: many keys that expire {within}</h3>{table}</div>")
}

fn by_type(ttl: &Ttl) -> String {
    let titles = ["type", ">no TTL", ">expired", ">half within", ">90%", ">99%"];
    let mut table = Table::new("Time to live by type", &titles).limits(20, 12_000);
    for (ty, of) in &ttl.by_type {
        let left = |pick: fn(&crate::report::Spread) -> u64| {
            let seconds = of.left.as_ref().map(pick);
            Cell::number(seconds, &seconds.map_or_else(|| words::NOTHING.to_owned(), span))
        };
        table.row([
            Cell::head(&words::text(ty)),
            Cell::count(of.none),
            Cell::count(of.expired),
            left(|spread| spread.p50),
            left(|spread| spread.p90),
            left(|spread| spread.p99),
        ]);
    }
    let table = table.finish(ttl.by_type.len());
    if table.is_empty() { table } else { format!("<div><h3>By type</h3>{table}</div>") }
}

/// When and how often keys were used, where the dump says so.
pub(super) fn use_of_keys(page: &Page<'_>) -> Option<Section> {
    let total = &page.report.total;
    let mut body = String::new();
    if let Some(idle) = &total.idle {
        body.push_str(&self::idle(page, idle));
    }
    if let Some(frequency) = &total.frequency {
        body.push_str(&self::frequency(page, frequency));
    }
    (!body.is_empty()).then(|| Section::new("use", "Use of keys", body))
}

fn idle(page: &Page<'_>, idle: &Idle) -> String {
    let mut out = format!("<h3>Idle time</h3><p class=\"lead\">Known for {}.", counted(idle.keys, "key"));
    if let Some(spread) = idle.seconds {
        let _ = write!(
            out,
            " Half were used within {}, 90% within {}, all within {}.",
            span(spread.p50),
            span(spread.p90),
            span(spread.max)
        );
    }
    if !idle.average_by_type.is_empty() {
        let _ = write!(out, " On average: {}.", words::by_type(&idle.average_by_type, span));
    }
    out.push_str("</p>");
    let rows = idle.buckets.iter().map(|bucket| {
        let weight = page.weight(bucket.memory_bytes, bucket.serialized_bytes);
        (label(bucket), bucket.keys, Some(weight), "fill")
    });
    out.push_str(&bars(page, Table::new("Idle time", &columns(page, "not used for")), rows.collect()));
    let mut table = used_keys(page, "Keys that were not used for longest", "v>not used for", 60_000);
    for key in &idle.longest {
        let cells = [
            Cell::name(&key.key),
            Cell::number(Some(key.idle_seconds), &span(key.idle_seconds)),
            Cell::maybe_bytes(key.memory_bytes),
            Cell::text(&key.ty),
            Cell::count(key.db),
        ];
        if !table.row(cells.into_iter().chain(page.many.then(|| Cell::source(&key.source)))) {
            break;
        }
    }
    titled("Not used for longest", &table.finish(idle.longest.len()), &mut out);
    out
}

/// A table of keys by their use.
fn used_keys(page: &Page<'_>, label: &'static str, by: &'static str, most_bytes: usize) -> Table {
    let mut titles = vec!["key", by, ">memory", "type", ">db"];
    if page.many {
        titles.push("source");
    }
    Table::new(label, &titles).limits(100, most_bytes).with_tools()
}

/// A table under its title, if there is one.
fn titled(title: &str, table: &str, out: &mut String) {
    if !table.is_empty() {
        let _ = write!(out, "<h3>{title}</h3>{table}");
    }
}

fn frequency(page: &Page<'_>, frequency: &Frequency) -> String {
    let mut out = format!(
        "<h3>Frequency</h3><p class=\"lead\">Known for {}: how often each is used, from 0 to 255 on a logarithmic scale. {} \
         at 0{}: an LFU policy evicts those first.",
        counted(frequency.keys, "key"),
        if frequency.cold_keys == 1 {
            "1 key is".to_owned()
        } else {
            format!("{} keys are", count(frequency.cold_keys))
        },
        words::and_bytes(frequency.cold_memory_bytes),
    );
    if let Some(spread) = frequency.counter {
        let _ = write!(out, " Half are at {} or below, 99% at {}, all at {}.", spread.p50, spread.p99, spread.max);
    }
    if !frequency.average_by_type.is_empty() {
        let _ = write!(out, " On average: {}.", words::by_type(&frequency.average_by_type, count));
    }
    out.push_str("</p>");
    let mut table = used_keys(page, "Hot keys", "v>frequency", 40_000);
    for key in &frequency.hot_keys {
        let cells = [
            Cell::name(&key.key),
            Cell::count(u64::from(key.frequency)),
            Cell::maybe_bytes(key.memory_bytes),
            Cell::text(&key.ty),
            Cell::count(key.db),
        ];
        if !table.row(cells.into_iter().chain(page.many.then(|| Cell::source(&key.source)))) {
            break;
        }
    }
    titled("Hot keys", &table.finish(frequency.hot_keys.len()), &mut out);
    out
}
