//! A timeline in columns: what is wider than the terminal is cut at the end, values are wrapped.

use crate::base::size;
use crate::render::Look;
use crate::render::text::{Paint, count, shortened};
use crate::report::{Certainty, Moment, TimelineGroup, TimelineRow, printable, quoted};
use std::io::{self, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// From so many columns on, times have milliseconds, and bounds stand beside each other.
const WIDE: usize = 120;

struct Columns {
    time: usize,
    until: bool,
    offset: usize,
    command: usize,
    gap: &'static str,
}

impl Columns {
    fn of(look: &Look) -> Self {
        if look.columns() >= WIDE {
            Self { time: 23, until: true, offset: 12, command: 16, gap: "  " }
        } else {
            Self { time: 19, until: false, offset: 8, command: 10, gap: " " }
        }
    }
}

fn when(at: Option<Moment>, width: usize, look: &Look) -> String {
    let Some(Moment(at)) = at else { return String::new() };
    let Ok(moment) = jiff::Timestamp::from_millisecond(at.0) else { return at.to_string() };
    let form = if width >= 23 { "%Y-%m-%d %H:%M:%S%.3f" } else { "%Y-%m-%d %H:%M:%S" };
    moment.to_zoned(look.zone.clone()).strftime(form).to_string()
}

/// One character that says what the time is.
fn mark(row: &TimelineRow) -> char {
    match (row.certainty, row.datetime, row.not_before, row.not_after) {
        (_, None, ..) => '?',
        (Certainty::Observed, ..) => ' ',
        (_, _, Some(_), None) => '>',
        (_, _, None, Some(_)) => '<',
        (_, _, Some(low), Some(high)) if low != high && row.datetime == Some(low) => '>',
        _ => '~',
    }
}

fn pad(text: &str, width: usize) -> String {
    let text = shortened(text, width);
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

fn line(text: &str, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let text = shortened(text, look.columns());
    writeln!(out, "{}", text.trim_end())
}

/// The name of what follows, and the titles of its columns.
pub(super) fn place(
    (source, file, loaded): (&str, Option<&str>, Option<bool>),
    grouped: bool,
    look: &Look,
    out: &mut dyn Write,
) -> io::Result<()> {
    let file = file.map(|file| format!(", {}", printable(file))).unwrap_or_default();
    let loaded = match loaded {
        Some(true) => " (what a server here would load)",
        Some(false) => " (a server here would not load it)",
        None => "",
    };
    writeln!(out, "{}{file}{loaded}", look.paint(Paint::Strong, &printable(source)))?;
    let columns = Columns::of(look);
    let zone = if look.zone == jiff::tz::TimeZone::UTC { "time (UTC)" } else { "time" };
    let titles = if grouped {
        format!("  {}  {:>8}  {:>9}  {:>7}  what", pad(zone, 19), "commands", "bytes", "keys")
    } else {
        let until = if columns.until { format!("  {}", pad("not after", columns.time)) } else { String::new() };
        let (time, command) = (pad(zone, columns.time), pad("command", columns.command));
        let offset = columns.offset;
        let gap = columns.gap;
        format!("  {time}{until}{gap}{:>offset$}{gap}{:>3}  {command}{gap}{:>8}{gap}what", "offset", "db", "bytes")
    };
    line(&titles, look, out)
}

pub(super) fn row(row: &TimelineRow, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let columns = Columns::of(look);
    let until = match (columns.until, row.certainty, row.not_after) {
        (false, ..) => String::new(),
        (true, Certainty::Inferred, Some(at)) if row.not_before.is_some() && row.not_before != row.not_after => {
            format!("{}{}", columns.gap, pad(&when(Some(at), columns.time, look), columns.time))
        }
        _ => format!("{}{}", columns.gap, " ".repeat(columns.time)),
    };
    let offset = row.offset.map(|at| format!("{at:x}")).unwrap_or_default();
    let db = row.db.map(|db| db.to_string()).unwrap_or_default();
    let bytes = row.bytes.map(size::human).unwrap_or_default();
    let what = match super::command(row) {
        Some(command) => {
            format!(
                "{}{}{bytes:>8}{}{}",
                pad(&printable(&command), columns.command),
                columns.gap,
                columns.gap,
                what(row)
            )
        }
        // A clock has neither name nor size: its sentence begins there.
        None => printable(&row.message).into_owned(),
    };
    let (gap, width) = (columns.gap, columns.offset);
    let time = pad(&when(row.datetime, columns.time, look), columns.time);
    line(&format!("{} {time}{until}{gap}{offset:>width$}{gap}{db:>3}  {what}", mark(row)), look, out)?;
    let room = look.columns().saturating_sub(4).max(16);
    for value in &row.values {
        if row.effect == Some("swapdb") {
            break;
        }
        for (at, part) in wrapped(&quoted_whole(value), room).into_iter().enumerate() {
            writeln!(out, "  {} {part}", if at == 0 { '=' } else { ' ' })?;
        }
    }
    let left = row.value_count.unwrap_or_default().saturating_sub(row.values.len() as u64);
    if left > 0 {
        writeln!(out, "  = and {} more", count(left))?;
    }
    Ok(())
}

fn quoted_whole(value: &crate::report::KeyName) -> String {
    let more = if value.is_whole() { String::new() } else { format!("… ({} bytes)", count(value.len_bytes())) };
    format!("\"{}\"{more}", crate::report::escape(value.head()))
}

fn what(row: &TimelineRow) -> String {
    let mut text = row.key.as_ref().map(quoted).unwrap_or_default();
    if let Some(more) = row.key_count.and_then(|keys| keys.checked_sub(1)).filter(|more| *more > 0) {
        text.push_str(&format!(" +{more}"));
    }
    if let Some(library) = &row.function_library {
        text.push_str(&format!("library {}", quoted(library)));
    }
    if row.effect == Some("swapdb") {
        let databases: Vec<_> = row.values.iter().map(|db| printable(&db.escaped()).into_owned()).collect();
        text.push_str(&databases.join(" and "));
    }
    if let Some(Moment(at)) = row.expire_at {
        text.push_str(&format!(" expires {at}"));
    }
    if row.after_damage {
        text.push_str(" (after damage)");
    }
    text.trim_start().to_owned()
}

/// Text in lines of a width, broken anywhere.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0usize;
    for c in text.chars() {
        let own = c.width().unwrap_or_default();
        if used.saturating_add(own) > width {
            lines.push(String::new());
            used = 0;
        }
        used = used.saturating_add(own);
        if let Some(last) = lines.last_mut() {
            last.push(c);
        }
    }
    lines
}

pub(super) fn group(group: &TimelineGroup, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let commands = group.commands.values().fold(0u64, |sum, count| sum.saturating_add(*count));
    let mark = match (group.at, group.certainty) {
        (None, _) => '?',
        (_, Certainty::Observed) => ' ',
        (_, Certainty::Inferred) => '~',
    };
    let text = format!(
        "{mark} {}  {:>8}  {:>9}  {:>7}  {}",
        pad(&when(group.at, 19, look), 19),
        count(commands),
        size::human(group.bytes),
        count(group.keys_touched),
        printable(&super::tally(group)),
    );
    line(&text, look, out)
}

pub(super) fn foot(lines: u64, grouped: bool, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let noun = match (grouped, lines) {
        (true, 1) => "group",
        (true, _) => "groups",
        (false, 1) => "row",
        (false, _) => "rows",
    };
    if lines > 0 {
        writeln!(out)?;
    }
    writeln!(out, "{} {noun}", count(lines))?;
    if lines > 0 {
        let marks = if grouped {
            "time: blank observed, ~ inferred, ? not known"
        } else {
            "time: blank observed, ~ inferred, > not before, < not after, ? not known"
        };
        line(marks, look, out)?;
    }
    Ok(())
}
