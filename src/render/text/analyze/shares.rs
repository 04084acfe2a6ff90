//! Totals, and how they are shared among sources, types, encodings and databases.

use super::super::check::functions;
use super::super::table::{Table, wrap};
use super::super::{Look, count, counted, share};
use crate::base::size;
use crate::report::{Analysis, AnalyzeReport, Keyspace, TypeShare, printable};
use std::io::{self, Write};

/// The few numbers that matter.
pub(super) fn totals(analysis: &Analysis, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let keyspace = &analysis.keyspace;
    let mut parts = vec![
        counted(keyspace.keys, "key"),
        counted(keyspace.elements, "element"),
        format!("{} serialized", size::human(keyspace.serialized_bytes)),
        counted(keyspace.databases.len() as u64, "database"),
    ];
    if keyspace.functions > 0 {
        parts.push(functions(keyspace.functions));
    }
    let mut lines = vec![parts.join(", ")];
    lines.extend(memory(analysis));
    lines.push(expiry(analysis));
    for line in lines {
        writeln!(out, "{}", wrap(&format!("  {line}"), look.columns(), 4))?;
    }
    Ok(())
}

fn memory(analysis: &Analysis) -> Option<String> {
    let keyspace = &analysis.keyspace;
    let keys = keyspace.memory_bytes?;
    let tables = keyspace.overhead_bytes.unwrap_or_default();
    let used = keyspace.used_memory_bytes.unwrap_or(keys.saturating_add(tables));
    let mut text = format!("{} in memory", size::human(used));
    if tables > 0 {
        text.push_str(&format!(": keys {}, their tables {}", size::human(keys), size::human(tables)));
    }
    if let Some(model) = &analysis.memory_model {
        let [server, allocator, basis] = [&model.server, &model.allocator, &model.basis].map(|word| printable(word));
        text.push_str(&format!("; estimated for {server}, {allocator} allocator ({basis})"));
        if model.guessed_keys > 0 {
            text.push_str(&format!("; {} of modules are a rough guess", counted(model.guessed_keys, "key")));
        }
    }
    Some(text)
}

fn expiry(analysis: &Analysis) -> String {
    let (keyspace, ttl) = (&analysis.keyspace, &analysis.ttl);
    let bytes = |bytes: Option<u64>| bytes.map(|bytes| format!(" ({})", size::human(bytes))).unwrap_or_default();
    let never = keyspace.keys.saturating_sub(keyspace.expires);
    let mut text = format!(
        "{} expire, {}{} never do",
        share(keyspace.expires, keyspace.keys),
        count(never),
        bytes(ttl.none_memory_bytes)
    );
    if ttl.expired > 0 {
        text.push_str(&format!(", {}{} had expired", count(ttl.expired), bytes(ttl.expired_memory_bytes)));
    }
    text
}

/// One row a source.
pub(super) fn each(report: &AnalyzeReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let memory = report.total.keyspace.memory_bytes.is_some();
    writeln!(out, "\nsources")?;
    let mut titles = vec![">keys", ">expire", ">elements", ">serialized"];
    if memory {
        titles.insert(0, ">memory");
    }
    titles.push("source");
    let mut table = Table::new(&titles);
    for source in &report.sources {
        let keyspace = &source.analysis.keyspace;
        let mut row = vec![
            count(keyspace.keys),
            share(keyspace.expires, keyspace.keys),
            count(keyspace.elements),
            size::human(keyspace.serialized_bytes),
        ];
        if memory {
            row.insert(0, known(keyspace.memory_bytes));
        }
        row.push(printable(&source.source).into_owned());
        table.row(row);
    }
    table.write(look, out)
}

/// A size that may not be known.
pub(super) fn known(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "?".to_owned(), size::human)
}

/// By type with its encodings, and by database. The share is of memory where that is known, else of the bytes as stored.
pub(super) fn shares(keyspace: &Keyspace, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if keyspace.keys == 0 {
        return Ok(());
    }
    let shares = Shares { memory: keyspace.memory_bytes, serialized: keyspace.serialized_bytes };
    writeln!(out, "\ntypes and encodings")?;
    let mut table = shares.table("type");
    let mut types: Vec<_> = keyspace.by_type.iter().collect();
    types.sort_by(|a, b| shares.size(b.1).cmp(&shares.size(a.1)).then_with(|| a.0.cmp(b.0)));
    for (ty, total) in types {
        table.row(shares.row(printable(ty).into_owned(), total));
        let inside =
            |name: &str| name.split_once('/').filter(|(of, _)| *of == ty).map(|(_, encoding)| encoding.to_owned());
        let mut encodings: Vec<_> =
            keyspace.by_encoding.iter().filter_map(|(name, share)| Some((inside(name)?, share))).collect();
        encodings.sort_by(|a, b| shares.size(b.1).cmp(&shares.size(a.1)).then_with(|| a.0.cmp(&b.0)));
        for (encoding, share) in encodings {
            table.row(shares.row(format!("  {}", printable(&encoding)), share));
        }
    }
    table.write(look, out)?;
    if keyspace.databases.len() > 1 || keyspace.databases.iter().any(|database| database.db != 0) {
        writeln!(out, "\ndatabases")?;
        let mut table = shares.table("db");
        for database in &keyspace.databases {
            table.row(shares.row(database.db.to_string(), &database.share));
        }
        table.write(look, out)?;
    }
    Ok(())
}

/// What shares are of.
struct Shares {
    memory: Option<u64>,
    serialized: u64,
}

impl Shares {
    fn size(&self, share: &TypeShare) -> u64 {
        if self.memory.is_some() { share.memory_bytes.unwrap_or_default() } else { share.serialized_bytes }
    }

    fn table(&self, first: &'static str) -> Table {
        let mut titles = vec![first, ">share", ">keys", ">expire", ">elements", ">serialized"];
        if self.memory.is_some() {
            titles.insert(1, ">memory");
        }
        Table::new(&titles)
    }

    fn row(&self, name: String, of: &TypeShare) -> Vec<String> {
        let mut row = vec![
            name,
            share(self.size(of), self.memory.unwrap_or(self.serialized)),
            count(of.keys),
            share(of.expires, of.keys),
            count(of.elements),
            size::human(of.serialized_bytes),
        ];
        if self.memory.is_some() {
            row.insert(1, known(of.memory_bytes));
        }
        row
    }
}
