//! `backup` for people: what a tired operator needs first.

use super::table::{Table, wrap};
use super::{Look, Paint, argument, count, counted};
use crate::base::size;
use crate::report::{
    AgainstResult, BackupCopyReport, BackupCreateReport, BackupDrillReport, BackupFetchReport, BackupImportReport,
    BackupListReport, BackupRow, BackupShowReport, BackupStatusReport, BackupVerifyReport, CreatedBackup,
    InstanceState, LoadReport, printable,
};
use std::io::{self, Write};

fn status_paint(status: &str) -> Paint {
    match status {
        "good" => Paint::Good,
        "suspect" | "incomplete" => Paint::Doubtful,
        _ => Paint::Bad,
    }
}

/// `145.0 MiB, 84.7 MiB stored (zstd, encrypted)`.
fn bytes(row: &BackupRow) -> String {
    let age = if row.encrypted { ", encrypted" } else { "" };
    format!(
        "{}, {} stored ({}{age})",
        size::human(row.raw_bytes),
        size::human(row.stored_bytes),
        printable(&row.compression)
    )
}

/// A moment of a document in the zone of the reader, to the second.
fn time(text: &str, look: &Look) -> String {
    let Ok(moment) = text.parse::<jiff::Timestamp>() else { return printable(text).into_owned() };
    moment.to_zoned(look.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Writes the report of `backup create`.
///
/// # Errors
/// What the writer says.
pub fn create(report: &BackupCreateReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    for one in &report.backups {
        created(one, look, out)?;
        writeln!(out, "head: {}", printable(&one.head))?;
    }
    if let Some(last) = report.backups.last().filter(|last| last.backup.status == "good") {
        let repo = argument(&report.repository);
        let identity = if last.backup.encrypted { " --identity FILE" } else { "" };
        writeln!(
            out,
            "next: rediscover backup verify {} --level full --repo {repo}{identity}",
            printable(&last.backup.name)
        )?;
    }
    Ok(())
}

fn created(one: &CreatedBackup, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let row = &one.backup;
    let status = look.paint(status_paint(&row.status), &row.status);
    let change = one.change_percent.map(|percent| format!(" ({percent:+.1} %)")).unwrap_or_default();
    writeln!(out, "{}: {status}, {}{change}, {}", printable(&row.name), counted(row.keys, "key"), bytes(row))?;
    for problem in &row.problems {
        writeln!(out, "{}", wrap(&format!("  {}", printable(problem)), look.columns(), 4))?;
    }
    let signed = one.signed_by.as_deref().map_or_else(|| "not signed".to_owned(), |key| format!("signed by {key}"));
    writeln!(out, "  {signed}, {} ms", count(one.duration_ms))
}

/// Writes the report of `backup import`.
///
/// # Errors
/// What the writer says.
pub fn import(report: &BackupImportReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    for file in &report.files {
        let paint = if file.outcome == "failed" { Paint::Bad } else { Paint::Good };
        writeln!(out, "{}: {}", printable(&file.source), look.paint(paint, &file.outcome))?;
        if let Some(note) = &file.note {
            writeln!(out, "{}", wrap(&format!("  {}", printable(note)), look.columns(), 4))?;
        }
        if let Some(one) = &file.backup {
            write!(out, "  ")?;
            created(one, look, out)?;
        }
    }
    let of = |outcome: &str| report.files.iter().filter(|file| file.outcome == outcome).count() as u64;
    let newest = report.files.iter().rev().find_map(|file| file.backup.as_ref());
    if let Some(newest) = newest {
        writeln!(out, "head: {}", printable(&newest.head))?;
    }
    writeln!(
        out,
        "{} imported, {} there already, {} failed",
        count(of("imported")),
        count(of("there already")),
        count(of("failed"))
    )
}

/// Writes the report of `backup fetch`.
///
/// # Errors
/// What the writer says.
pub fn fetch(report: &BackupFetchReport, _: &Look, out: &mut dyn Write) -> io::Result<()> {
    for file in &report.files {
        writeln!(out, "{}: {}, sha256 {}", printable(&file.path), size::human(file.bytes), file.sha256)?;
    }
    writeln!(out, "all of {}, as its manifest says", printable(&report.backup.name))
}

/// Writes the report of `backup copy`.
///
/// # Errors
/// What the writer says.
pub fn copy(report: &BackupCopyReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    for one in &report.copies {
        let paint = if one.outcome == "failed" { Paint::Bad } else { Paint::Good };
        let outcome = look.paint(paint, &one.outcome);
        let sent = match one.sent_objects {
            0 => String::new(),
            objects => format!(", {} ({}) sent", counted(objects, "object"), size::human(one.sent_bytes)),
        };
        writeln!(out, "{}: {outcome}{sent}", printable(&one.name))?;
        if let Some(problem) = &one.problem {
            writeln!(out, "{}", wrap(&format!("  {}", printable(problem)), look.columns(), 4))?;
        }
    }
    if report.copies.is_empty() {
        writeln!(out, "no backups in {}", printable(&report.repository))?;
    }
    Ok(())
}

/// Writes the report of `backup list`.
///
/// # Errors
/// What the writer says.
pub fn list(report: &BackupListReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    if report.backups.is_empty() {
        writeln!(out, "no backups in {}", printable(&report.repository))?;
    } else {
        let mut table = Table::new(&["backup", "status", ">keys", ">stored", "read again", "notes"]);
        for row in &report.backups {
            let mut notes: Vec<String> = row.tags.iter().map(|tag| printable(tag).into_owned()).collect();
            if row.pinned {
                notes.insert(0, "pinned".into());
            }
            if row.kind != "rdb" {
                notes.insert(0, row.kind.clone());
            }
            if row.encrypted {
                notes.push("encrypted".into());
            }
            if row.signature != "good" {
                notes.push(format!("signature {}", row.signature));
            }
            let verified = match (&row.verified_at, &row.verified_level) {
                (Some(at), Some(level)) => format!("{} {level}", time(at, look).get(..10).unwrap_or_default()),
                _ => "never".to_owned(),
            };
            table.row(vec![
                printable(&row.name).into_owned(),
                row.status.clone(),
                count(row.keys),
                size::human(row.stored_bytes),
                verified,
                notes.join(", "),
            ]);
        }
        table.write(look, out)?;
    }
    for one in &report.unreadable {
        let text = format!("{}: {}", printable(&one.name), printable(&one.problem));
        writeln!(out, "{}", wrap(&format!("  {}", look.paint(Paint::Bad, &text)), look.columns(), 4))?;
    }
    if report.remnants > 0 {
        let text = format!(
            "  {} ({}) of no backup: one is being made, or was broken off; prune sweeps them after a day",
            counted(report.remnants, "object"),
            size::human(report.remnant_bytes)
        );
        writeln!(out, "{}", wrap(&text, look.columns(), 4))?;
    }
    Ok(())
}

/// Writes the report of `backup show`.
///
/// # Errors
/// What the writer says.
pub fn show(report: &BackupShowReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let row = &report.backup;
    let status = look.paint(status_paint(&row.status), &row.status);
    writeln!(out, "{}: {status}, {}, {}", printable(&row.name), counted(row.keys, "key"), bytes(row))?;
    for problem in &row.problems {
        writeln!(out, "{}", wrap(&format!("  {}", printable(problem)), look.columns(), 4))?;
    }
    let text = |name: &str| report.manifest.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    writeln!(out, "  taken      {} ({})", time(&row.created_at, look), row.kind)?;
    if let Some(server) = report.manifest.get("server").filter(|server| !server.is_null()) {
        let field = |name: &str| server.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        let line = format!("{} {} at {}, {}", field("family"), field("version"), field("address"), field("role"));
        writeln!(out, "  server     {}", printable(&line))?;
    }
    let read = row.verified_at.as_deref().zip(row.verified_level.as_deref());
    let read = read.map_or_else(|| "never".to_owned(), |(at, level)| format!("{} ({level})", time(at, look)));
    writeln!(out, "  read again {read}")?;
    writeln!(out, "  signature  {} {}", row.signature, printable(&text("signed_by")))?;
    writeln!(out, "  manifest   sha256 {}", report.manifest_sha256)?;
    if !row.tags.is_empty() || row.pinned {
        let pinned = row.pinned.then(|| "pinned".to_owned());
        let words: Vec<_> = pinned.into_iter().chain(row.tags.iter().cloned()).collect();
        writeln!(out, "  tags       {}", printable(&words.join(", ")))?;
    }
    for payload in report.manifest.get("payloads").and_then(|value| value.as_array()).into_iter().flatten() {
        let field = |name: &str| payload.get(name).and_then(|value| value.as_str()).unwrap_or_default();
        let number = |name: &str| payload.get(name).and_then(serde_json::Value::as_u64).unwrap_or_default();
        writeln!(
            out,
            "  payload    {} ({}, {})",
            printable(field("file")),
            size::human(number("stored_bytes")),
            counted(number("keys"), "key")
        )?;
    }
    let loads: Vec<_> = report
        .manifest
        .get("loads_on")
        .and_then(|value| value.as_array())
        .into_iter()
        .flatten()
        .filter(|loads| loads.get("verdict").and_then(|verdict| verdict.as_str()) == Some("yes"))
        .filter_map(|loads| loads.get("server")?.as_str())
        .collect();
    if !loads.is_empty() {
        writeln!(out, "{}", wrap(&format!("  loads on   {}", printable(&loads.join(", "))), look.columns(), 13))?;
    }
    let repo = argument(&report.repository);
    writeln!(out, "next: rediscover restore {repo}::{} --to DIR --plan", printable(&row.name))
}

/// Writes the report of `backup verify`.
///
/// # Errors
/// What the writer says.
pub fn verify(report: &BackupVerifyReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    for result in &report.results {
        let paint = if result.verdict == "good" { Paint::Good } else { Paint::Bad };
        let verdict = look.paint(paint, &result.verdict);
        writeln!(out, "{}: {verdict} ({}, {} ms)", printable(&result.name), result.level, count(result.duration_ms))?;
        for note in &result.notes {
            writeln!(out, "{}", wrap(&format!("  {}", printable(note)), look.columns(), 4))?;
        }
    }
    for chain in &report.chains {
        if chain.whole {
            let head = if chain.head_checked {
                "up to the head that was kept"
            } else {
                "no head was kept: whether the newest are gone cannot be known"
            };
            writeln!(out, "{}: chain whole, {head}", printable(&chain.instance))?;
        } else {
            writeln!(out, "{}: {}", printable(&chain.instance), look.paint(Paint::Bad, "chain broken"))?;
        }
        for problem in &chain.problems {
            writeln!(out, "{}", wrap(&format!("  {}", printable(problem)), look.columns(), 4))?;
        }
    }
    report.against.as_ref().map_or(Ok(()), |one| against(one, look, out))
}

fn against(one: &AgainstResult, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let target = printable(&one.target);
    let verdict = match one.verdict.as_str() {
        "equal" => look.paint(Paint::Good, "the same keys per database"),
        "unknown" => look.paint(Paint::Doubtful, "not compared"),
        _ => look.paint(Paint::Bad, "different"),
    };
    writeln!(out, "{target}: {verdict}, {}, {} looked at", counted(one.keys, "key"), count(one.sampled))?;
    if one.verdict == "unknown" {
        let why = "the backup has commands after its keys; 'rediscover backup drill' replays them";
        writeln!(out, "{}", wrap(&format!("  {why}"), look.columns(), 4))?;
    }
    for problem in &one.problems {
        writeln!(out, "{}", wrap(&format!("  {}", printable(problem)), look.columns(), 4))?;
    }
    Ok(())
}

/// Writes the report of `backup status`.
///
/// # Errors
/// What the writer says.
pub fn status(report: &BackupStatusReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let mut table =
        Table::new(&["instance", "state", ">age", ">keys", ">change", "read again", "drilled", "newest good backup"]);
    for one in &report.instances {
        let newest = one.newest.as_ref();
        let day = |text: &str| time(text, look).get(..10).unwrap_or_default().to_owned();
        let dash = || "-".to_owned();
        table.row(vec![
            printable(&one.instance).into_owned(),
            one.state.word().to_owned(),
            newest.map_or_else(dash, |newest| crate::base::time::span_words(newest.age_seconds)),
            newest.map_or_else(dash, |newest| count(newest.keys)),
            newest.and_then(|newest| newest.change_percent).map_or_else(dash, |percent| format!("{percent:+.1}%")),
            one.verified
                .as_ref()
                .map_or_else(|| "never".to_owned(), |verified| format!("{} {}", day(&verified.at), verified.level)),
            one.drilled
                .as_ref()
                .map_or_else(|| "never".to_owned(), |drilled| format!("{} {} s", day(&drilled.at), drilled.seconds)),
            newest.map_or_else(dash, |newest| printable(&newest.name).into_owned()),
        ]);
    }
    if !report.instances.is_empty() {
        table.write(look, out)?;
    }
    for one in &report.instances {
        for problem in &one.problems {
            let paint = if one.state == InstanceState::Ok { Paint::Doubtful } else { Paint::Bad };
            let text = format!("  {}: {}", printable(&one.instance), look.paint(paint, &printable(problem)));
            writeln!(out, "{}", wrap(&text, look.columns(), 4))?;
        }
    }
    let bad = report.instances.iter().filter(|one| one.state != InstanceState::Ok).count();
    match (report.instances.len(), bad) {
        (0, _) => writeln!(out, "there is no backup at all"),
        (all, 0) => writeln!(out, "{}, all ok", counted(all as u64, "instance")),
        (all, bad) => writeln!(out, "{bad} of {} not ok", counted(all as u64, "instance")),
    }
}

/// Writes the report of `backup drill`.
///
/// # Errors
/// What the writer says.
pub fn drill(report: &BackupDrillReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    for result in &report.results {
        let paint = if result.verdict == "good" { Paint::Good } else { Paint::Bad };
        let verdict = if result.verdict == "good" { "can be restored" } else { "cannot be restored" };
        writeln!(out, "{}: {}", printable(&result.name), look.paint(paint, verdict))?;
        if let Some(server) = &result.server {
            let text = format!(
                "  {} answers after {} ms ({} ms of it to unpack), {}, {} looked at one by one",
                printable(server),
                count(result.restore_ms),
                count(result.fetch_ms),
                counted(result.keys, "key"),
                count(result.sampled)
            );
            writeln!(out, "{}", wrap(&text, look.columns(), 4))?;
        }
        for problem in &result.problems {
            writeln!(out, "{}", wrap(&format!("  {}", printable(problem)), look.columns(), 4))?;
        }
    }
    Ok(())
}

/// Writes the report of `restore --to-server`.
///
/// # Errors
/// What the writer says.
pub fn load(report: &LoadReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let mut text = format!(
        "{}: {} loaded ({})",
        printable(&report.target),
        counted(report.keys, "key"),
        size::human(report.bytes)
    );
    for (number, what) in [(report.skipped, "there already"), (report.expired, "expired"), (report.failed, "refused")] {
        if number > 0 {
            text.push_str(&format!(", {} {what}", count(number)));
        }
    }
    writeln!(out, "{}", wrap(&text, look.columns(), 4))?;
    for failure in report.failures.iter().take(10) {
        writeln!(out, "{}", wrap(&format!("  {}", look.paint(Paint::Bad, &printable(failure))), look.columns(), 4))?;
    }
    Ok(())
}
