//! `analyze` for people.

use super::check::{depth, functions, origin, problems};
use super::table::{Table, wrap};
use super::{Look, Paint, argument, count, counted, hashes, share};
use crate::base::size;
use crate::report::{
    Analysis, AnalyzeReport, BigKey, Keyspace, Prefix, SourceIntegrity, Ttl, TypeShare, Verdict, printable,
};
use std::io::{self, Write};

/// Longest bar of the TTL table.
const BAR: u64 = 30;
/// Beginnings shown under one beginning, and how deep.
const CHILDREN: usize = 5;
const DEPTH: usize = 3;

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
        writeln!(out, "\n{} together{unread}", counted(report.integrity.len() as u64, "source"))?;
    }
    if !many && !report.integrity.iter().all(|source| source.integrity.problems.is_empty()) {
        writeln!(out, "\nkeyspace")?;
    }
    writeln!(out, "{}", wrap(&format!("  {}", totals(&analysis.keyspace)), look.columns(), 4))?;
    if many {
        each(report, look, out)?;
    }
    shares(&analysis.keyspace, look, out)?;
    big("largest keys by serialized bytes", &analysis.big_keys.by_serialized, many, top, look, out)?;
    big("largest keys by elements", &analysis.big_keys.by_elements, many, top, look, out)?;
    prefixes(analysis, top, look, out)?;
    ttl(&analysis.ttl, analysis.keyspace.keys, look, out)?;
    writeln!(out)?;
    decoding(analysis, look, out)?;
    if report.findings.is_none() {
        writeln!(out, "not scanned for attack traces")?;
    }
    writeln!(out, "{}", next(report))
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

fn totals(keyspace: &Keyspace) -> String {
    let mut parts = vec![
        format!("{} ({} with an expiry)", counted(keyspace.keys, "key"), count(keyspace.expires)),
        counted(keyspace.elements, "element"),
        format!("{} serialized", size::human(keyspace.serialized_bytes)),
    ];
    if let Some(memory) = keyspace.memory_bytes {
        parts.push(format!("{} in memory", size::human(memory)));
    }
    parts.push(counted(keyspace.databases.len() as u64, "database"));
    if keyspace.functions > 0 {
        parts.push(functions(keyspace.functions));
    }
    parts.join(", ")
}

fn each(report: &AnalyzeReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nsources")?;
    let mut table = Table::new(&[">keys", ">with expiry", ">elements", ">serialized", "source"]);
    for source in &report.sources {
        let keyspace = &source.analysis.keyspace;
        table.row(vec![
            count(keyspace.keys),
            count(keyspace.expires),
            count(keyspace.elements),
            size::human(keyspace.serialized_bytes),
            printable(&source.source).into_owned(),
        ]);
    }
    table.write(look, out)
}

/// By type with its encodings, and by database.
fn shares(keyspace: &Keyspace, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if keyspace.keys == 0 {
        return Ok(());
    }
    let cells = |name: String, share: &TypeShare| {
        vec![
            name,
            count(share.keys),
            super::share(share.keys, keyspace.keys),
            count(share.expires),
            count(share.elements),
            size::human(share.serialized_bytes),
        ]
    };
    let by_size = |a: &TypeShare, b: &TypeShare| b.serialized_bytes.cmp(&a.serialized_bytes);
    writeln!(out, "\ntypes and encodings")?;
    let mut table = Table::new(&["type", ">keys", ">share", ">with expiry", ">elements", ">serialized"]);
    let mut types: Vec<_> = keyspace.by_type.iter().collect();
    types.sort_by(|a, b| by_size(a.1, b.1).then_with(|| a.0.cmp(b.0)));
    for (ty, total) in types {
        table.row(cells(printable(ty).into_owned(), total));
        let inside =
            |name: &str| name.split_once('/').filter(|(of, _)| *of == ty).map(|(_, encoding)| encoding.to_owned());
        let mut encodings: Vec<_> =
            keyspace.by_encoding.iter().filter_map(|(name, share)| Some((inside(name)?, share))).collect();
        encodings.sort_by(|a, b| by_size(a.1, b.1).then_with(|| a.0.cmp(&b.0)));
        for (encoding, share) in encodings {
            table.row(cells(format!("  {}", printable(&encoding)), share));
        }
    }
    table.write(look, out)?;
    if keyspace.databases.len() > 1 || keyspace.databases.iter().any(|database| database.db != 0) {
        writeln!(out, "\ndatabases")?;
        let mut table = Table::new(&["db", ">keys", ">share", ">with expiry", ">elements", ">serialized"]);
        for database in &keyspace.databases {
            table.row(cells(database.db.to_string(), &database.share));
        }
        table.write(look, out)?;
    }
    Ok(())
}

fn big(title: &str, keys: &[BigKey], many: bool, top: usize, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if keys.is_empty() || top == 0 {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    let mut titles = vec![">serialized", ">elements", ">largest", "type", ">db"];
    if many {
        titles.push("source");
    }
    titles.push("key");
    let mut table = Table::new(&titles);
    for key in keys.iter().take(top) {
        let mut row = vec![
            size::human(key.serialized_bytes),
            count(key.elements),
            size::human(key.largest_element_bytes),
            printable(&format!("{}/{}", key.ty, key.encoding)).into_owned(),
            key.db.to_string(),
        ];
        if many {
            row.push(super::table::cut(&printable(&key.source), look.columns() / 4));
        }
        row.push(key.key.escaped());
        table.row(row);
    }
    table.write(look, out)
}

fn prefixes(analysis: &Analysis, top: usize, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if analysis.prefixes.is_empty() || top == 0 {
        return Ok(());
    }
    writeln!(out, "\nprefixes")?;
    if let Some(sample) = &analysis.prefixes_sample {
        let text = format!(
            "so many names that numbers with ± are estimates from {} keys; prefixes up to {} are exact",
            count(sample.sampled_keys),
            counted(sample.exact_depth, "separator"),
        );
        writeln!(out, "{}", wrap(&format!("  {text}"), look.columns(), 4))?;
    }
    let mut table = Table::new(&[">keys", ">share", ">with expiry", ">serialized", "prefix"]);
    for prefix in analysis.prefixes.iter().take(top) {
        branch(prefix, analysis.keyspace.keys, 0, &mut table);
    }
    table.write(look, out)?;
    let hidden = analysis.prefixes.len().saturating_sub(top);
    if hidden > 0 {
        writeln!(out, "  and {} more", count(hidden as u64))?;
    }
    Ok(())
}

fn branch(prefix: &Prefix, all: u64, depth: usize, table: &mut Table) {
    let keys = match prefix.keys_error {
        0 => count(prefix.keys),
        error => format!("{} ±{}", count(prefix.keys), count(error)),
    };
    table.row(vec![
        keys,
        share(prefix.keys, all),
        count(prefix.expires),
        size::human(prefix.serialized_bytes),
        format!("{}{}", "  ".repeat(depth), prefix.prefix.escaped()),
    ]);
    if depth + 1 < DEPTH {
        for child in prefix.children.iter().take(CHILDREN) {
            branch(child, all, depth + 1, table);
        }
    }
}

fn ttl(ttl: &Ttl, keys: u64, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if keys == 0 {
        return Ok(());
    }
    if let Some(moment) = &ttl.as_of {
        writeln!(out, "\ntime to live, seen from {}", look.time(moment))?;
    } else {
        let unknown = "  the snapshot does not say when it was taken: --as-of TIME names the moment to count from";
        writeln!(out, "\ntime to live\n{}", wrap(unknown, look.columns(), 4))?;
    }
    let mut rows = vec![("no expiry".to_owned(), ttl.none, None)];
    if ttl.as_of.is_some() {
        rows.push(("expired".to_owned(), ttl.expired, None));
    }
    for bucket in &ttl.buckets {
        let label = match bucket.upto_seconds {
            Some(_) => format!("up to {}", printable(&bucket.label)),
            None => printable(&bucket.label).into_owned(),
        };
        rows.push((label, bucket.keys, Some(bucket.serialized_bytes)));
    }
    let most = rows.iter().map(|row| row.1).max().unwrap_or_default();
    let mark = if look.fancy { "█" } else { "#" };
    let mut table = Table::new(&["left", ">keys", ">share", ">serialized", ""]);
    for (label, number, bytes) in rows {
        let long = u128::from(number) * u128::from(BAR) / u128::from(most.max(1));
        let long = usize::try_from(long).unwrap_or_default().max(usize::from(number > 0));
        let bytes = bytes.map(size::human).unwrap_or_default();
        table.row(vec![label, count(number), share(number, keys), bytes, mark.repeat(long)]);
    }
    table.write(look, out)?;
    if let (Some(p50), Some(p90), Some(p99)) = (ttl.p50, ttl.p90, ttl.p99) {
        writeln!(out, "  half expire within {}, 90% within {}, 99% within {}", span(p50), span(p90), span(p99))?;
    }
    Ok(())
}

/// Seconds as people say them: `45s`, `3h`, `12d`.
pub(in crate::render) fn span(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "m")];
    match units.into_iter().find(|(unit, _)| seconds >= 2 * unit) {
        Some((unit, name)) => format!("{}{name}", count(seconds / unit)),
        None => format!("{seconds}s"),
    }
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

fn next(report: &AnalyzeReport) -> String {
    let wrong = |source: &&SourceIntegrity| source.verdict.is_some_and(|verdict| verdict != Verdict::Intact);
    if let Some(bad) = report.integrity.iter().find(wrong) {
        return format!("next: rediscover check {}    (every problem, with its place)", argument(&bad.source));
    }
    let name = report.integrity.first().map_or_else(|| "FILE".into(), |source| argument(&source.source));
    let glob = report.total.prefixes.first().and_then(glob);
    match glob.filter(|_| report.total.decoding.values_skipped == 0) {
        Some(glob) => format!("next: rediscover analyze {name} --match '{glob}'    (the most common prefix alone)"),
        None => format!("next: rediscover check {name} --target V    (will the server to restore into load it?)"),
    }
}

/// A glob for a beginning, if it can stand in a shell command as it is. `{n}` stands for any number.
fn glob(prefix: &Prefix) -> Option<String> {
    let text = std::str::from_utf8(prefix.prefix.head()).ok()?;
    let fixed = text.split('{').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/|#".contains(c);
    (!fixed.is_empty() && fixed.chars().all(plain)).then(|| format!("{fixed}*"))
}
