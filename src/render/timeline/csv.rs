//! A timeline as comma-separated values. Bytes of the input are escaped, and what a spreadsheet would take for a formula is
//! not one.

use crate::report::{Certainty, KeyName, Moment, TimelineGroup, TimelineRow};
use std::io::{self, Write};

const ROW: &str = "datetime,timestamp,timestamp_desc,message,certainty,not_before,not_before_from,not_after,\
    not_after_from,source,file,loaded,offset,line,db,command,key,keys,key_count,element,group,library,level,bytes,effect,\
    transaction,after_damage,expire_at,values,value_count";
const GROUP: &str =
    "at,certainty,source,file,loaded,commands,commands_by_name,bytes,keys_touched,deletes,flushes,others";

pub(super) fn head(grouped: bool, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", if grouped { GROUP } else { ROW })
}

/// One cell of text: quoted where it must be, and with `'` before what begins a formula.
fn text(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) || formula { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn number<N: ToString>(number: Option<N>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn moment(at: Option<Moment>) -> String {
    at.map(|Moment(at)| at.to_string()).unwrap_or_default()
}

fn name(name: Option<&KeyName>) -> String {
    name.map(|name| text(&name.escaped())).unwrap_or_default()
}

/// Several in one cell, each in the quotes that redis-cli would give it.
fn names(names: &[KeyName]) -> String {
    text(&names.iter().map(|name| format!("\"{}\"", name.escaped())).collect::<Vec<_>>().join(" "))
}

fn certainty(certainty: Certainty) -> String {
    match certainty {
        Certainty::Observed => "observed",
        Certainty::Inferred => "inferred",
    }
    .to_owned()
}

pub(super) fn row(row: &TimelineRow, out: &mut dyn Write) -> io::Result<()> {
    let from = |kind: Option<crate::report::ClockKind>| kind.map(|kind| kind.name().to_owned()).unwrap_or_default();
    let cells = [
        moment(row.datetime),
        number(row.timestamp),
        text(&row.timestamp_desc),
        text(&row.message),
        certainty(row.certainty),
        moment(row.not_before),
        from(row.not_before_from),
        moment(row.not_after),
        from(row.not_after_from),
        text(&crate::report::printable(&row.source)),
        text(&crate::report::printable(row.file.as_deref().unwrap_or_default())),
        number(row.loaded),
        number(row.offset),
        number(row.line),
        number(row.db),
        text(row.command.as_deref().unwrap_or_default()),
        name(row.key.as_ref()),
        names(&row.keys),
        number(row.key_count),
        name(row.element.as_ref()),
        name(row.group.as_ref()),
        name(row.function_library.as_ref()),
        row.level.unwrap_or_default().to_owned(),
        number(row.bytes),
        row.effect.unwrap_or_default().to_owned(),
        number(row.transaction),
        row.after_damage.to_string(),
        moment(row.expire_at),
        names(&row.values),
        number(row.value_count),
    ];
    writeln!(out, "{}", cells.join(","))
}

pub(super) fn group(group: &TimelineGroup, out: &mut dyn Write) -> io::Result<()> {
    let tally = |counts: &std::collections::BTreeMap<std::borrow::Cow<'static, str>, u64>| {
        text(&counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join("; "))
    };
    let cells = [
        moment(group.at),
        certainty(group.certainty),
        text(&crate::report::printable(&group.source)),
        text(&crate::report::printable(group.file.as_deref().unwrap_or_default())),
        number(group.loaded),
        group.commands.values().fold(0u64, |sum, count| sum.saturating_add(*count)).to_string(),
        tally(&group.commands),
        group.bytes.to_string(),
        group.keys_touched.to_string(),
        group.deletes.to_string(),
        group.flushes.to_string(),
        tally(&group.others),
    ];
    writeln!(out, "{}", cells.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_two_cells() {
        for (raw, cell) in [
            ("plain", "plain"),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@x", "\"'@x\""),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a\nb", "\"a\nb\""),
        ] {
            assert_eq!(text(raw), cell);
        }
        assert_eq!(names(&[]), "");
        assert_eq!(names(&[KeyName::whole(b"=x"), KeyName::whole(b"\x1b\"")]), "\"\"\"=x\"\" \"\"\\x1b\\\"\"\"\"\"");
    }
}
