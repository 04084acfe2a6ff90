//! When keys expire, and when they were used.

use super::super::table::{Table, wrap};
use super::super::{Look, count, counted, share};
use super::few;
use super::keys::place;
use super::shares::known;
use crate::base::size;
use crate::report::{EvidenceLoss, Frequency, Idle, Storm, Ttl, TtlBucket, printable};
use std::io::{self, Write};

/// Longest bar of a table.
const BAR: u64 = 30;

pub(super) fn ttl(ttl: &Ttl, keys: u64, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if keys == 0 {
        return Ok(());
    }
    if let Some(moment) = &ttl.as_of {
        writeln!(out, "\ntime to live, seen from {}", look.time(moment))?;
    } else {
        let unknown = "  the snapshot does not say when it was taken: --as-of TIME names the moment to count from";
        writeln!(out, "\ntime to live\n{}", wrap(unknown, look.columns(), 4))?;
    }
    let mut rows = vec![Bar::new("no expiry", ttl.none, ttl.none_memory_bytes)];
    if ttl.as_of.is_some() {
        rows.push(Bar::new("expired", ttl.expired, ttl.expired_memory_bytes));
    }
    rows.extend(ttl.buckets.iter().filter(|bucket| bucket.keys > 0).map(Bar::of));
    bars("left", &rows, keys, look, out)?;
    if let (Some(p50), Some(p90), Some(p99)) = (ttl.p50, ttl.p90, ttl.p99) {
        writeln!(out, "  half expire within {}, 90% within {}, 99% within {}", span(p50), span(p90), span(p99))?;
    }
    storms(&ttl.storms, look, out)?;
    ttl.evidence.as_ref().map_or(Ok(()), |evidence| loss(evidence, look, out))
}

fn storms(storms: &[Storm], look: &Look, out: &mut dyn Write) -> io::Result<()> {
    for storm in storms.iter().take(3) {
        let memory = storm.memory_bytes.map(|bytes| format!(" ({})", size::human(bytes))).unwrap_or_default();
        let (keys, within) = (counted(storm.keys, "key"), counted(storm.seconds, "second"));
        writeln!(out, "  {keys}{memory} expire within {within}, at {}", look.time(&storm.at))?;
    }
    Ok(())
}

fn loss(evidence: &EvidenceLoss, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let memory = evidence.memory_bytes.map(|bytes| format!("{} of memory, ", size::human(bytes))).unwrap_or_default();
    let next = evidence.next.as_deref().map(|next| format!("; the next goes at {}", look.time(next)));
    let text = format!(
        "  by {} {} will be gone, {memory}{} serialized{}",
        look.time(&evidence.by),
        counted(evidence.keys, "key"),
        size::human(evidence.serialized_bytes),
        next.unwrap_or_default()
    );
    writeln!(out, "{}", wrap(&text, look.columns(), 4))
}

pub(super) fn idle(idle: &Idle, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nnot used for")?;
    let rows: Vec<_> = idle.buckets.iter().filter(|bucket| bucket.keys > 0).map(Bar::of).collect();
    bars("idle", &rows, idle.keys, look, out)
}

pub(super) fn frequency(
    frequency: &Frequency,
    many: bool,
    top: usize,
    look: &Look,
    out: &mut dyn Write,
) -> io::Result<()> {
    let cold = frequency.cold_memory_bytes.map(|bytes| format!(" ({})", size::human(bytes))).unwrap_or_default();
    let spread = frequency.counter.as_ref().map(|spread| format!("; the median is {}", spread.p50));
    let text = format!(
        "use counters of {}: {}{cold} at 0, which go first{}",
        counted(frequency.keys, "key"),
        count(frequency.cold_keys),
        spread.unwrap_or_default()
    );
    writeln!(out, "\n{}", wrap(&text, look.columns(), 2))?;
    if frequency.hot_keys.is_empty() || top == 0 {
        return Ok(());
    }
    let mut titles = vec![">counter", ">memory", "type", ">db"];
    if many {
        titles.push("source");
    }
    titles.push("key");
    let mut table = Table::new(&titles);
    for key in frequency.hot_keys.iter().take(few(top)) {
        let mut row = vec![key.frequency.to_string(), known(key.memory_bytes), printable(&key.ty).into_owned()];
        row.extend(place(&key.source, key.db, &key.key, many, look));
        table.row(row);
    }
    table.write(look, out)
}

/// A row with a bar for its keys.
struct Bar {
    label: String,
    keys: u64,
    memory_bytes: Option<u64>,
}

impl Bar {
    fn new(label: &str, keys: u64, memory_bytes: Option<u64>) -> Self {
        Self { label: label.to_owned(), keys, memory_bytes }
    }

    fn of(bucket: &TtlBucket) -> Self {
        let label = match bucket.upto_seconds {
            Some(_) => format!("up to {}", printable(&bucket.label)),
            None => printable(&bucket.label).into_owned(),
        };
        Self { label, keys: bucket.keys, memory_bytes: bucket.memory_bytes }
    }
}

fn bars(title: &'static str, rows: &[Bar], keys: u64, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let most = rows.iter().map(|row| row.keys).max().unwrap_or_default();
    let memory = rows.iter().any(|row| row.memory_bytes.is_some());
    let mark = if look.fancy { "█" } else { "#" };
    let mut titles = vec![title, ">keys", ">share", ""];
    if memory {
        titles.insert(3, ">memory");
    }
    let mut table = Table::new(&titles);
    for row in rows {
        let long = u128::from(row.keys) * u128::from(BAR) / u128::from(most.max(1));
        let long = usize::try_from(long).unwrap_or_default().max(usize::from(row.keys > 0));
        let mut cells = vec![row.label.clone(), count(row.keys), share(row.keys, keys), mark.repeat(long)];
        if memory {
            cells.insert(3, row.memory_bytes.map(size::human).unwrap_or_default());
        }
        table.row(cells);
    }
    table.write(look, out)
}

/// Seconds as people say them: `45s`, `3h`, `12d`, `4y`.
pub(in crate::render) fn span(seconds: u64) -> String {
    let units = [(31_536_000, "y"), (86_400, "d"), (3600, "h"), (60, "m")];
    match units.into_iter().find(|(unit, _)| seconds >= 2 * unit) {
        Some((unit, name)) => format!("{}{name}", count(seconds / unit)),
        None => format!("{seconds}s"),
    }
}
