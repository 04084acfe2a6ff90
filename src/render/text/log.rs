//! What a report says of append-only files.

use super::table::{Table, wrap};
use super::{Look, Paint, count, counted};
use crate::base::size;
use crate::report::{LogCheck, LogRole, LogTotals, ServerLoad, ServerLoads, printable};
use std::io::{self, Write};

/// Names of commands that are listed; the rest are counted.
const LISTED: usize = 8;

/// The lines of a source: commands, what a server does with it, its first damage, its files.
pub(super) fn contents(
    log: &LogCheck,
    loads: Option<&ServerLoads>,
    look: &Look,
    out: &mut dyn Write,
) -> io::Result<()> {
    let line = |text: String, out: &mut dyn Write| writeln!(out, "{}", wrap(&format!("  {text}"), look.columns(), 4));
    line(commands(&log.totals, look), out)?;
    if let Some(loads) = loads {
        let text = match loads.verdict {
            ServerLoad::Yes => "a server loads all of it".to_owned(),
            ServerLoad::Truncating => look.paint(
                Paint::Doubtful,
                &format!(
                    "a server starts, but loses the last {}: {}",
                    size::human(loads.bytes_lost),
                    printable(&loads.reason)
                ),
            ),
            ServerLoad::No => {
                look.paint(Paint::Bad, &format!("a server does not start on it: {}", printable(&loads.reason)))
            }
        };
        line(text, out)?;
    }
    if let Some(damage) = &log.first_damage {
        let after = damage.readable_after;
        let text = format!(
            "{} cannot be read; after the first damage {} can ({})",
            size::human(damage.lost_bytes),
            counted(after.commands, "command"),
            size::human(after.bytes),
        );
        line(text, out)?;
    }
    if log.files.len() > 1 {
        writeln!(out)?;
        let mut table = Table::new(&["file", "role", "verdict", ">bytes", ">keys", ">commands"]);
        for file in &log.files {
            let role = match file.role {
                LogRole::Base => "base",
                LogRole::Incr => "incr",
                LogRole::Log => "log",
            };
            table.row(vec![
                printable(&file.file).into_owned(),
                role.to_owned(),
                look.verdict(file.verdict),
                count(file.bytes),
                count(file.keys),
                count(file.commands),
            ]);
        }
        table.write(look, out)?;
        writeln!(out)?;
    }
    Ok(())
}

/// `1,375,648 commands (set 550,123, hset 275,000 …), 68,000 transactions, from … to …`.
pub(super) fn commands(totals: &LogTotals, look: &Look) -> String {
    let mut text = counted(totals.commands, "command");
    let mut names: Vec<_> = totals.by_command.iter().collect();
    names.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let more = if names.len() > LISTED { " …" } else { "" };
    let shown: Vec<_> = names.iter().take(LISTED).map(|(name, number)| format!("{name} {}", count(**number))).collect();
    if !shown.is_empty() {
        text.push_str(&format!(" ({}{more})", printable(&shown.join(", "))));
    }
    if totals.transactions > 0 {
        text.push_str(&format!(", {}", counted(totals.transactions, "transaction")));
    }
    if totals.flushes > 0 {
        text.push_str(&format!(
            ", {}",
            look.paint(
                Paint::Doubtful,
                &format!("{} flush{}", count(totals.flushes), if totals.flushes == 1 { "" } else { "es" })
            )
        ));
    }
    if let (Some(first), Some(last)) = (&totals.first_time, &totals.last_time) {
        text.push_str(&format!(", from {} to {}", look.time(first), look.time(last)));
    }
    text
}
