//! `config` for people.

use super::table::wrap;
use super::{Look, Paint, count, counted};
use crate::base::size;
use crate::base::time::span_words;
use crate::report::{ConfigCheckReport, ConfigReport, printable};
use std::io::{self, Write};

/// Writes the report of `config check`.
///
/// # Errors
/// What the writer says.
pub fn check(report: &ConfigCheckReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let file = printable(&report.config);
    for problem in &report.problems {
        let paint = if problem.severity == "error" { Paint::Bad } else { Paint::Doubtful };
        let line = if problem.line > 0 { format!(":{}", problem.line) } else { String::new() };
        let word = look.paint(paint, &problem.severity);
        let next = problem.next.as_deref().map(|next| format!(" ({})", printable(next))).unwrap_or_default();
        let text = format!("{file}{line}: {word}: {}{next}", printable(&problem.problem));
        writeln!(out, "{}", wrap(&text, look.columns(), 2))?;
    }
    let errors = report.problems.iter().filter(|problem| problem.severity == "error").count();
    let what = format!("{}, {}", counted(report.instances, "instance"), plural(report.repositories));
    let connected = if report.connected { "" } else { "; no server was connected to: --connect does" };
    match errors {
        0 => writeln!(out, "{file}: {}: {what}{connected}", look.paint(Paint::Good, "right")),
        errors => writeln!(out, "{file}: {}: {what}", look.paint(Paint::Bad, &counted(errors as u64, "error"))),
    }
}

fn plural(repositories: u64) -> String {
    match repositories {
        1 => "1 repository".to_owned(),
        many => format!("{} repositories", count(many)),
    }
}

/// Writes the report of `config show`.
///
/// # Errors
/// What the writer says.
pub fn show(report: &ConfigReport, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let mut line = |name: &str, text: &str| {
        let text = format!("  {name:<15} {}", printable(text));
        writeln!(out, "{}", wrap(&text, look.columns(), 18))
    };
    line("file", &report.config)?;
    for (name, place) in &report.repositories {
        line("repository", &format!("{name}: {place}"))?;
    }
    for (name, text) in [("state", &report.state), ("metrics", &report.textfile)] {
        if let Some(text) = text {
            line(name, text)?;
        }
    }
    for (name, words) in &report.hooks {
        line(&format!("hook {name}"), &words.join(" "))?;
    }
    for one in &report.instances {
        writeln!(out, "{}", printable(&one.instance))?;
        let mut line = |name: &str, text: &str| {
            let text = format!("  {name:<15} {}", printable(text));
            if text.trim_end().len() > name.len() + 2 {
                writeln!(out, "{}", wrap(&text, look.columns(), 18))
            } else {
                Ok(())
            }
        };
        line("source", &one.source)?;
        line("via", one.via.as_deref().unwrap_or_default())?;
        line("redis.conf", one.server_config.as_deref().unwrap_or_default())?;
        line("user", one.user.as_deref().unwrap_or_default())?;
        line("password", one.password.as_deref().unwrap_or_default())?;
        for (key, file) in &one.tls {
            line(&format!("tls {}", key.trim_end_matches("_file")), file)?;
        }
        line("repository", &one.repository)?;
        line("copies", &one.copies.join(", "))?;
        line("tags", &one.tags.join(", "))?;
        line("compression", &one.compression)?;
        line(
            "recipients",
            &one.recipients.iter().chain(&one.recipients_files).cloned().collect::<Vec<_>>().join(", "),
        )?;
        line("identities", &one.identity_files.join(", "))?;
        line("stream", &one.stream_bytes.map(size::human).unwrap_or_default())?;
        line("max shrink", &format!("{} %", one.max_shrink_percent))?;
        let or_never = |text: String| if text.is_empty() { "never".to_owned() } else { text };
        line("verify", &or_never(one.verify.join(", ")))?;
        line(
            "retention",
            &one.retention.as_ref().map_or_else(|| "nothing is pruned".to_owned(), |rules| rules.join(", ")),
        )?;
        let seconds = |seconds: i64| span_words(u64::try_from(seconds).unwrap_or_default());
        line("max age", &seconds(one.max_age_seconds))?;
        line("max unverified", &one.max_unverified_seconds.map(seconds).unwrap_or_default())?;
    }
    Ok(())
}
