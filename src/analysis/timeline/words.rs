//! A row in one sentence. Bytes of the input are escaped.

use crate::keyspace::command::Effect;
use crate::report::{KeyName, Moment, TimelineRow, quoted};

/// The word of reports for what a command is for.
pub(super) fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Write => "write",
        Effect::Remove => "remove",
        Effect::Delete => "delete",
        Effect::Flush => "flush",
        Effect::Expire => "expire",
        Effect::Persist => "persist",
        Effect::Rename => "rename",
        Effect::Copy => "copy",
        Effect::Move => "move",
        Effect::Restore => "restore",
        Effect::Group => "group",
        Effect::SwapDb => "swapdb",
        Effect::Select => "select",
        Effect::Multi => "multi",
        Effect::Exec => "exec",
        Effect::Discard => "discard",
        Effect::Script => "script",
        Effect::Function => "function",
        Effect::Index => "index",
        Effect::Pubsub => "pubsub",
        Effect::Connection => "connection",
        Effect::Admin => "admin",
        Effect::Other => "other",
    }
}

pub(super) fn sentence(row: &TimelineRow) -> String {
    match &row.command {
        Some(name) => command(row, name),
        None => clock(row),
    }
}

fn command(row: &TimelineRow, name: &str) -> String {
    let mut text = name.replace('|', " ").to_uppercase();
    if let Some(library) = &row.function_library {
        text.push_str(&format!(" of library {}", quoted(library)));
    }
    if let Some(key) = &row.key {
        text.push(' ');
        text.push_str(&quoted(key));
        match row.key_count.unwrap_or(1) {
            0 | 1 => {}
            2 => text.push_str(" and 1 more key"),
            keys => text.push_str(&format!(" and {} more keys", keys.saturating_sub(1))),
        }
    }
    if row.effect == Some("swapdb") {
        let databases: Vec<_> = row.values.iter().map(KeyName::escaped).collect();
        text.push_str(&format!(" {}", databases.join(" and ")));
    }
    if let Some(bytes) = row.bytes {
        text.push_str(&format!(", {bytes} bytes"));
    }
    if let Some(Moment(at)) = row.expire_at {
        text.push_str(&format!(", expires {at}"));
    }
    if row.transaction.is_some() && !matches!(row.effect, Some("multi")) {
        text.push_str(", in a transaction");
    }
    if row.effect.is_none() {
        text.push_str(", a command that no known server has");
    }
    if row.after_damage {
        text.push_str(", after damage: a server does not come this far");
    }
    text
}

fn clock(row: &TimelineRow) -> String {
    let named = |name: &Option<KeyName>| name.as_ref().map(quoted).unwrap_or_default();
    let key = named(&row.key);
    let element = named(&row.element);
    let mut text = match row.timestamp_desc.strip_suffix(", not after").unwrap_or(&row.timestamp_desc) {
        "Key expires" => format!("{key} expires"),
        "Key last accessed" => format!("{key} last read or written"),
        "Key in the snapshot" => format!("{key} is in the snapshot"),
        "Hash field expires" => format!("field {element} of {key} expires"),
        "Stream entry added" => format!("entry {element} added to stream {key}"),
        "Stream's last id given" => format!("{element} is the last id that stream {key} gave"),
        "Stream entry delivered" => format!("entry {element} of stream {key} delivered"),
        "Consumer last seen" => format!("consumer {element} of stream {key} last seen"),
        "Consumer last active" => format!("consumer {element} of stream {key} last got an entry"),
        "Function library in the snapshot" => {
            format!("function library {} is in the snapshot", named(&row.function_library))
        }
        other => other.to_owned(),
    };
    if row.group.is_some() {
        text.push_str(&format!(", group {}", named(&row.group)));
    }
    text
}
