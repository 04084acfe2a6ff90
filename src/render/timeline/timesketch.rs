//! A row as Timesketch imports it: `message`, `datetime`, `timestamp`, `timestamp_desc`, and the rest as attributes of one
//! type each: a name of bytes is text, escaped.

use crate::report::{KeyName, Moment, TimelineRow, printable};
use serde_json::{Map, Value, json};
use std::io::{self, Write};

pub(super) fn row(row: &TimelineRow, out: &mut dyn Write) -> io::Result<()> {
    let mut fields = Map::new();
    let moment = |at: Moment| at.0.to_string();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    put("message", Some(printable(&row.message).into()));
    put("datetime", row.datetime.map(|at| moment(at).into()));
    put("timestamp", row.timestamp.map(Value::from));
    put("timestamp_desc", Some((*row.timestamp_desc).into()));
    put("data_type", Some(data_type(row).into()));
    put("certainty", Some(json!(row.certainty)));
    put("not_before", row.not_before.map(|at| moment(at).into()));
    put("not_after", row.not_after.map(|at| moment(at).into()));
    put("source", Some((*printable(&row.source)).into()));
    put("file", row.file.as_deref().map(|file| (*printable(file)).into()));
    put("loaded", row.loaded.map(Value::from));
    put("offset", row.offset.map(Value::from));
    put("line", row.line.map(Value::from));
    put("db", row.db.map(Value::from));
    put("command", row.command.as_deref().map(Value::from));
    let name = |name: &Option<KeyName>| name.as_ref().map(|name| Value::from(name.escaped()));
    put("key", name(&row.key));
    put("element", name(&row.element));
    put("group", name(&row.group));
    put("library", name(&row.function_library));
    put("key_count", row.key_count.map(Value::from));
    let list =
        |names: &[KeyName]| names.iter().map(|name| format!("\"{}\"", name.escaped())).collect::<Vec<_>>().join(" ");
    put("keys", (!row.keys.is_empty()).then(|| list(&row.keys).into()));
    put("values", (!row.values.is_empty()).then(|| list(&row.values).into()));
    put("level", row.level.map(Value::from));
    put("bytes", row.bytes.map(Value::from));
    put("effect", row.effect.map(Value::from));
    put("transaction", row.transaction.map(Value::from));
    put("after_damage", row.after_damage.then_some(true.into()));
    put("expire_at", row.expire_at.map(|at| moment(at).into()));
    serde_json::to_writer(&mut *out, &fields)?;
    out.write_all(b"\n")
}

fn data_type(row: &TimelineRow) -> &'static str {
    match (&row.command, row.level.is_some() || row.timestamp_desc.ends_with("log")) {
        (Some(_), _) => "redis:aof:command",
        (None, true) => "redis:log:line",
        (None, false) => "redis:rdb:clock",
    }
}
