//! `check` for people.

use super::table::{Table, wrap};
use super::{Look, Paint, argument, checksum, count, counted, hashes, tally};
use crate::base::size;
use crate::render::{CheckView, sentence};
use crate::report::{
    Basis, CheckReport, Fullness, Integrity, LoadVerdict, LoadsOn, Severity, SourceCheck, Validated, Verdict, printable,
};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Problems that are listed with their places; the rest are counted by kind.
const LISTED: usize = 20;

/// Writes the report.
///
/// # Errors
/// What the writer says.
pub fn check(report: &CheckReport, view: CheckView<'_>, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    for source in &report.sources {
        self::source(report, source, view, look, out)?;
        writeln!(out)?;
    }
    let total = report.provenance.sources.len();
    if total > 1 {
        writeln!(out, "{}", summary(report, total as u64))?;
    }
    if let Some(first) = report.sources.first() {
        writeln!(out, "{}", next(report, first, view))?;
    }
    Ok(())
}

fn source(
    report: &CheckReport,
    source: &SourceCheck,
    view: CheckView<'_>,
    look: &Look,
    out: &mut dyn Write,
) -> io::Result<()> {
    let target = view.target.and_then(|target| source.loads_on.iter().find(|on| on.server == target));
    let name = look.paint(Paint::Strong, &printable(&source.source));
    let answer = target.map(|on| gate(source.verdict, on, look)).unwrap_or_default();
    let line = format!("{name}: {}{answer}", look.verdict(Some(source.verdict)));
    writeln!(out, "{}", wrap(&line, look.columns(), 4))?;

    for line in origin(
        look,
        source.server_version.as_deref(),
        source.magic.as_deref(),
        source.format_version,
        source.bytes,
        source.created_at.as_deref(),
    ) {
        writeln!(out, "{line}")?;
    }
    if let Some(loaded) = source.loaded_by_server {
        let why = source.loaded_why.as_deref().map(|why| format!(": {}", printable(why))).unwrap_or_default();
        let text =
            if loaded { "what the server of this folder loads" } else { "not loaded by the server of this folder" };
        writeln!(out, "{}", wrap(&format!("  {text}{why}"), look.columns(), 4))?;
    }
    if let Some(log) = &source.log {
        super::log::contents(log, source.server_loads.as_ref(), look, out)?;
    }
    let what = if source.log.is_some() { "before the commands " } else { "" };
    let mut contents = format!("  {what}{}, {} with an expiry", counted(source.keys, "key"), count(source.expires));
    if source.functions > 0 {
        contents.push_str(&format!(", {}", functions(source.functions)));
    }
    if !source.modules.is_empty() {
        contents.push_str(&format!(", data of {}", printable(&source.modules.join(", "))));
    }
    if source.log.is_none() || source.format_version.is_some() {
        writeln!(out, "{}", wrap(&contents, look.columns(), 4))?;
    }
    writeln!(out, "{}", wrap(&format!("  {}", depth(&source.integrity)), look.columns(), 4))?;
    if let Some(facts) = report.provenance.sources.iter().find(|facts| facts.source == source.source) {
        for line in hashes(facts) {
            writeln!(out, "{line}")?;
        }
    }
    if let Some(duplicates) = &source.duplicates {
        let text = match duplicates.keys {
            0 => "no key occurs twice".to_owned(),
            number => format!(
                "{} again in the same database",
                if number == 1 { "1 key occurs".to_owned() } else { format!("{} keys occur", count(number)) }
            ),
        };
        writeln!(out, "  {text}")?;
    }
    if let Some(fits) = &source.fits {
        let text = crate::render::fullness(fits);
        let text = if fits.verdict == Fullness::No { look.paint(Paint::Bad, &text) } else { text };
        writeln!(out, "{}", wrap(&format!("  {text}"), look.columns(), 4))?;
    }
    if source.databases.len() > 1 || source.databases.keys().any(|db| *db != 0) {
        writeln!(out)?;
        let mut table = Table::new(&[">db", ">keys", ">with expiry"]);
        for (db, counts) in &source.databases {
            table.row(vec![db.to_string(), count(counts.keys), count(counts.expires)]);
        }
        table.write(look, out)?;
    }
    problems(&source.integrity, look, out)?;
    loads_on(&source.loads_on, look, out)
}

/// `1 function library`.
pub(super) fn functions(number: u64) -> String {
    let noun = if number == 1 { "library" } else { "libraries" };
    format!("{} function {noun}", count(number))
}

/// What the target says, after the verdict in the first line.
fn gate(verdict: Verdict, on: &LoadsOn, look: &Look) -> String {
    let server = &on.server;
    let whole = verdict == Verdict::Intact;
    let (joint, paint, text) = match on.verdict {
        LoadVerdict::Yes => (if whole { "and" } else { "but" }, Paint::Good, format!("{server} loads it")),
        LoadVerdict::WithSetting => {
            let needs = on.needs.join(", ");
            ("and", Paint::Doubtful, format!("{server} loads it only with {}", printable(&needs)))
        }
        LoadVerdict::Lossy => ("and", Paint::Doubtful, format!("{server} starts with it but loses something")),
        LoadVerdict::No => (if whole { "but" } else { "and" }, Paint::Bad, format!("{server} refuses it")),
        LoadVerdict::Unknown => ("and", Paint::Doubtful, format!("whether {server} loads it is not known")),
    };
    format!(", {joint} {}", look.paint(paint, &text))
}

/// Who wrote it, in which form, how large it is and when.
pub(super) fn origin(
    look: &Look,
    server: Option<&str>,
    magic: Option<&str>,
    version: Option<u16>,
    bytes: u64,
    created_at: Option<&str>,
) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(server) = server {
        parts.push(format!("written by {}", printable(server)));
    }
    if let Some(version) = version {
        let magic = magic.filter(|magic| *magic != "REDIS").map(|magic| format!(" ({magic})")).unwrap_or_default();
        parts.push(format!("RDB {version}{magic}"));
    }
    parts.push(size::human(bytes));
    let mut lines = vec![format!("  {}", parts.join(", "))];
    if let Some(created) = created_at {
        lines.push(format!("  taken {}{}", look.time(created), look.age(created)));
    }
    lines
}

/// How far it was validated, and its checksum.
pub(in crate::render) fn depth(integrity: &Integrity) -> String {
    let validated = match integrity.validated {
        Validated::All => "everything validated",
        Validated::Selected => "what the filters selected is validated",
        Validated::Framing => "only lengths and opcodes validated",
    };
    let mut text = format!("{}, {validated}", checksum(&integrity.checksum));
    if integrity.trailing_bytes > 0 {
        text.push_str(&format!(", {} after the end", counted(integrity.trailing_bytes, "byte")));
    }
    text
}

/// The first problems with their places, the rest by kind.
pub(super) fn problems(integrity: &Integrity, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if integrity.problems.is_empty() {
        return Ok(());
    }
    let all: u64 = integrity.problem_counts.values().sum();
    let listed = integrity.problems.len() as u64;
    let more = if all > listed { format!(" and {} more", count(all - listed)) } else { String::new() };
    writeln!(out, "\nproblems: {}{more}", tally(integrity))?;
    // Errors first: a thousand notes must not hide one.
    let mut worst: Vec<_> = integrity.problems.iter().collect();
    worst.sort_by_key(|problem| problem.severity);
    for problem in worst.iter().take(LISTED) {
        let (label, paint) = match problem.severity {
            Severity::Error => ("error  ", Paint::Bad),
            Severity::Warning => ("warning", Paint::Doubtful),
            Severity::Note => ("note   ", Paint::Strong),
        };
        let text = printable(&sentence(problem)).into_owned();
        let label = look.paint(paint, label);
        writeln!(out, "{}", wrap(&format!("  {label} {text}"), look.columns(), 10))?;
    }
    let mut rest: BTreeMap<&str, u64> =
        integrity.problem_counts.iter().map(|(kind, number)| (kind.as_str(), *number)).collect();
    for problem in worst.iter().take(LISTED) {
        if let Some(number) = rest.get_mut(problem.kind.as_str()) {
            *number = number.saturating_sub(1);
        }
    }
    let rest: Vec<_> = rest
        .into_iter()
        .filter(|(_, number)| *number > 0)
        .map(|(kind, number)| format!("{} {kind}", count(number)))
        .collect();
    if !rest.is_empty() {
        writeln!(out, "{}", wrap(&format!("  and {}", rest.join(", ")), look.columns(), 6))?;
    }
    Ok(())
}

/// Servers with the same answer for the same reason share a line.
fn loads_on(all: &[LoadsOn], look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    let head = "servers, with their default configuration (* as documented, ? assumed; the others were tried):";
    writeln!(out, "\n{}", wrap(head, look.columns(), 0))?;
    let groups = [
        (LoadVerdict::Yes, "loads on", Paint::Good),
        (LoadVerdict::WithSetting, "loads with a setting on", Paint::Doubtful),
        (LoadVerdict::Lossy, "loses something on", Paint::Doubtful),
        (LoadVerdict::No, "refused by", Paint::Bad),
        (LoadVerdict::Unknown, "not known for", Paint::Doubtful),
    ];
    for (verdict, label, paint) in groups {
        let mut same: Vec<(&LoadsOn, Vec<&LoadsOn>)> = Vec::new();
        for on in all.iter().filter(|on| on.verdict == verdict) {
            let alike = |first: &LoadsOn| first.reason == on.reason && first.needs == on.needs;
            match same.iter_mut().find(|(first, _)| alike(first)) {
                Some((_, servers)) => servers.push(on),
                None => same.push((on, vec![on])),
            }
        }
        for (first, servers) in same {
            let mut line = names(&servers);
            let mut why = Vec::new();
            if verdict != LoadVerdict::Yes && !first.reason.is_empty() {
                why.push(first.reason.clone());
            }
            if !first.needs.is_empty() {
                why.push(format!("needs {}", first.needs.join(", ")));
            }
            if verdict != LoadVerdict::Yes
                && let Some(place) = &first.first
            {
                let named = super::named(place.db, place.key.as_ref());
                let named = if named.is_empty() { named } else { format!("{named} ") };
                why.push(format!("first {named}at {}", super::offset(place.offset)));
            }
            if !why.is_empty() {
                line.push_str(&format!(": {}", why.join("; ")));
            }
            let line = format!("  {} {}", look.paint(paint, label), printable(&line));
            writeln!(out, "{}", wrap(&line, look.columns(), 4))?;
        }
    }
    Ok(())
}

/// `redis 7.0 7.2* 7.4, valkey 8.0`.
fn names(servers: &[&LoadsOn]) -> String {
    let mut families: Vec<(&str, Vec<String>)> = Vec::new();
    for on in servers {
        let (family, version) = on.server.rsplit_once('-').unwrap_or((&on.server, ""));
        let mark = match on.basis {
            Basis::Verified => "",
            Basis::Documented => "*",
            Basis::Assumed => "?",
        };
        let version = format!("{version}{mark}");
        match families.last_mut().filter(|(last, _)| *last == family) {
            Some((_, versions)) => versions.push(version),
            None => families.push((family, vec![version])),
        }
    }
    let families: Vec<_> =
        families.into_iter().map(|(family, versions)| format!("{family} {}", versions.join(" "))).collect();
    families.join(", ")
}

/// `4 sources: 2 intact, 1 damaged, 1 not read`.
fn summary(report: &CheckReport, total: u64) -> String {
    let mut parts = Vec::new();
    for (verdict, word) in [
        (Verdict::Intact, "intact"),
        (Verdict::Damaged, "damaged"),
        (Verdict::Truncated, "truncated"),
        (Verdict::Unsupported, "unsupported"),
    ] {
        let number = report.sources.iter().filter(|source| source.verdict == verdict).count() as u64;
        if number > 0 {
            parts.push(format!("{} {word}", count(number)));
        }
    }
    let unread = total.saturating_sub(report.sources.len() as u64);
    if unread > 0 {
        parts.push(format!("{} not read", count(unread)));
    }
    format!("{}: {}", counted(total, "source"), parts.join(", "))
}

/// What to run next.
fn next(report: &CheckReport, first: &SourceCheck, view: CheckView<'_>) -> String {
    let bad = report.sources.iter().find(|source| source.verdict != Verdict::Intact);
    let name = |source: &SourceCheck| argument(&source.source);
    match bad {
        Some(bad) if bad.integrity.problems.len() > LISTED => {
            format!("next: rediscover check {} --format json    (every problem)", name(bad))
        }
        Some(bad) if bad.log.is_some() => {
            let skip = bad.log.as_ref().is_some_and(|log| log.totals.after_damage.commands > 0);
            let skip = if skip { " --skip-bad" } else { "" };
            format!("next: rediscover aof repair {}{skip} -o REPAIRED", name(bad))
        }
        Some(bad) if bad.keys > 0 => format!("next: rediscover analyze {}    (what can still be read)", name(bad)),
        Some(bad) if bad.magic.is_none() && bad.verdict == Verdict::Unsupported => {
            "next: give it an RDB or an append-only file: this is something else".into()
        }
        Some(_) => "next: take another copy of the file, or an older dump".into(),
        None if view.target.is_none() => {
            format!(
                "next: rediscover check {} --target V    (the server to restore into), or rediscover analyze",
                name(first)
            )
        }
        None => format!("next: rediscover analyze {}", name(first)),
    }
}
