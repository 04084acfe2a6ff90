//! Other people's dumps, used where they lie: counts, verdicts and values as others found them.

use crate::support::dumps::{Dump, How, check_json, corpus_root, file, under};
use crate::support::values::{Row, read};
use rediscover::encoding::lzf;
use rediscover::source::{Hashes, open};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

const EXPECTED: &str = include_str!("corpus_expect.tsv");

/// Path to key count, where whoever made the manifest could count.
fn key_counts(root: &Path) -> BTreeMap<String, Option<u64>> {
    let manifest = fs::read_to_string(root.join("MANIFEST.tsv")).expect("the manifest");
    let mut lines = manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let keys = header.iter().position(|name| *name == "keys").expect("a column `keys`");
    let row = |row: Vec<&str>| (row[0].to_owned(), row.get(keys).and_then(|text| text.parse().ok()));
    lines.map(row).filter(|(path, _)| Path::new(path).extension().is_some_and(|kind| kind == "rdb")).collect()
}

#[test]
fn every_dump_has_the_keys_and_the_verdict_it_should_have() {
    let Some(root) = corpus_root() else { return };
    let counts = key_counts(&root);
    let mut expected: BTreeMap<&str, Vec<&str>> = EXPECTED
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|row| (row[0], row))
        .collect();
    let mut wrong = Vec::new();
    let dumps = under(&root, ".rdb");
    assert!(dumps.len() > 150, "the corpus is not whole: {}", dumps.len());
    for dump in dumps {
        let report = check_json(&file(&dump.path), How::default());
        let counted = counts.get(&dump.name).unwrap_or_else(|| panic!("{}: not in the manifest", dump.name));
        if counted.is_some_and(|counted| report["keys"] != counted) {
            wrong.push(format!("{}: {} keys, the manifest says {counted:?}", dump.name, report["keys"]));
        }
        let problems = report["problems"].as_array().expect("problems");
        let minded: Vec<_> = problems.iter().filter(|problem| problem["severity"] != "note").collect();
        match expected.remove(dump.name.as_str()) {
            None if report["verdict"] == "intact" && minded.is_empty() => {}
            None => wrong.push(format!("{}: not expected: {} {minded:?}", dump.name, report["verdict"])),
            Some(row) => {
                let offset: u64 = row[3].parse().expect("an offset");
                let there = minded.iter().any(|problem| problem["kind"] == row[2] && problem["offset"] == offset);
                if report["verdict"] != row[1] || !there || row[4].is_empty() {
                    wrong.push(format!("{}: expected {row:?}, found {} {minded:?}", dump.name, report["verdict"]));
                }
            }
        }
    }
    wrong.extend(expected.keys().map(|path| format!("{path}: expected, and not in the corpus")));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The dump that librdb's `NAME.json` was made of, and whether it lists all keys.
fn dump_of(name: &str) -> (String, bool) {
    let stem = name.trim_end_matches(".json");
    let stem = ["_data", "_raw", "_struct"].iter().find_map(|form| stem.strip_suffix(form)).unwrap_or(stem);
    let dump = match stem {
        "hash" | "plain_hash" => "hash_v3",
        "ziplist" => "ziplist_v3",
        "single_list" => "quicklist2_v11",
        "stream" | "stream_data_with_meta" => "stream_v11",
        "hash_ex_v12" => "hash_with_expire_v12",
        "hash_lp_ex_v12" => "hash_lp_with_hexpire_v12",
        // The tool was told to leave out what has expired.
        "set_expired" => return ("set_expired_v11.rdb".into(), false),
        "set_not_expired" => "set_not_expired_v11",
        _ if stem.starts_with("multiple_lists_strings") => {
            return ("multiple_lists_strings.rdb".into(), stem == "multiple_lists_strings");
        }
        other => other,
    };
    (format!("{dump}.rdb"), true)
}

/// librdb writes a byte as the character of that number.
fn bytes_of(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a byte")).collect()
}

/// The keys of one of librdb's files, which are JSON without the outer braces.
fn keys_of(text: &str) -> Map<String, Value> {
    let text = text.trim();
    let whole = if text.starts_with('[') { text.to_owned() } else { format!("[{{{text}}}]") };
    let databases: Vec<Map<String, Value>> = serde_json::from_str(&whole).expect("JSON");
    databases.into_iter().flatten().filter(|(key, _)| !key.starts_with("__")).collect()
}

/// Whether these bytes lie in the record, as they are or compressed.
fn holds(record: &[u8], blob: &[u8]) -> bool {
    let number = |at: usize| match record.get(at..)? {
        [short @ ..=0x3f, ..] => Some((usize::from(*short), at + 1)),
        [high @ 0x40..=0x7f, low, ..] => Some((usize::from(high & 0x3f) << 8 | usize::from(*low), at + 2)),
        _ => None,
    };
    let compressed = |at: usize| {
        let (packed, at) = number(at + 1)?;
        let (unpacked, at) = number(at)?;
        let mut out = Vec::new();
        lzf::decompress(record.get(at..at + packed)?, unpacked, &mut out).ok()?;
        Some(out)
    };
    record.windows(blob.len()).any(|window| window == blob)
        || (0..record.len()).any(|at| record[at] == 0xc3 && compressed(at).is_some_and(|out| out == blob))
}

/// A type byte and the value without its key: what librdb calls raw, and DUMP writes.
fn raw_of(row: &Row, record: &[u8]) -> Vec<u8> {
    let key = row.key.len() + if row.key.len() < 64 { 1 } else { 2 };
    [&record[..1], &record[1 + key..]].concat()
}

fn agrees(expected: &Value, row: &Row, record: &[u8], form: &str) -> bool {
    match expected {
        Value::String(text) if text.starts_with("<Content of Module") => row.ty == "module",
        Value::String(text) if row.items() == [bytes_of(text)] => true,
        Value::String(text) => form == "raw" && bytes_of(text) == raw_of(row, record),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| bytes_of(item.as_str().expect("text"))).collect();
            row.items() == items || (matches!(form, "struct" | "raw") && items.iter().all(|blob| holds(record, blob)))
        }
        Value::Object(stream) if row.ty == "stream" => agrees_stream(stream, row),
        Value::Object(fields) => {
            let text = |value: &Value| bytes_of(value.as_str().expect("text"));
            let number = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok());
            let field = |name: &[u8]| fields.iter().find(|(own, _)| bytes_of(own) == name).map(|(_, value)| value);
            let (own, members) = (row.fields(), row.members());
            own.len() + members.len() == fields.len()
                && own.iter().all(|(name, value)| field(name).is_some_and(|found| text(found) == *value))
                && members.iter().all(|(name, score)| field(name).and_then(number) == Some(*score))
        }
        _ => false,
    }
}

fn agrees_stream(expected: &Map<String, Value>, row: &Row) -> bool {
    let mut lines = Vec::new();
    let id = |value: &Value| {
        let (ms, seq) = value.as_str().and_then(|text| text.split_once('-')).expect("an id");
        format!("StreamId {{ ms: {ms}, seq: {seq} }}")
    };
    let mut fields = Vec::new();
    for entry in expected["entries"].as_array().expect("entries") {
        let items = entry["items"].as_object().expect("items");
        lines.push(format!("StreamEntry {{ id: {}, fields: {} }}", id(&entry["id"]), items.len()));
        fields.extend(items.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("text"))));
    }
    if let Some(length) = expected.get("length") {
        lines.push(format!(
            "StreamInfo(StreamInfo {{ length: {length}, last_id: {}, first_id: {}, max_deleted_id: {}, entries_added: {} }})",
            id(&expected["lastID"]), id(&expected["firstID"]), id(&expected["maxDelEntryID"]), expected["entriesAdded"]
        ));
    }
    for group in expected.get("groups").and_then(Value::as_array).into_iter().flatten() {
        let name = |value: &Value| format!("{:?}", value.as_str().expect("a name").as_bytes());
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let (who, last, read) = (name(&group["name"]), id(&group["lastid"]), &group["entriesRead"]);
        lines.push(format!("Group {{ name: {who}, last_id: {last}, entries_read: Some({read}) }}"));
        for one in list(&group["pending"]) {
            let (id, sent, count) = (id(&one["id"]), &one["sent"], &one["count"]);
            lines.push(format!("Pending {{ id: {id}, delivered: UnixMs({sent}), deliveries: {count} }}"));
        }
        for one in list(&group["consumers"]) {
            let (who, seen, active) = (name(&one["name"]), &one["seenTime"], &one["activeTime"]);
            lines.push(format!("Consumer {{ name: {who}, seen: UnixMs({seen}), active: Some(UnixMs({active})) }}"));
            lines.extend(list(&one["pending"]).iter().map(|one| format!("Owned({})", id(&one["id"]))));
        }
    }
    let whole = expected.contains_key("length");
    let told = |line: &&String| whole || line.starts_with("StreamEntry");
    let found: Vec<_> = row.others().into_iter().filter(told).collect();
    let same = row.fields().iter().map(|(a, b)| (a.to_vec(), b.to_vec())).collect::<Vec<_>>()
        == fields.iter().map(|(a, b)| (bytes_of(a), bytes_of(b))).collect::<Vec<_>>();
    same && found == lines.iter().collect::<Vec<_>>()
}

#[test]
fn values_are_those_of_the_json_beside_a_dump() {
    let Some(root) = corpus_root() else { return };
    let folder = root.join("redis__librdb/test/dumps");
    let dumps: BTreeMap<String, Dump> =
        under(&folder, ".rdb").into_iter().map(|dump| (dump.name.clone(), dump)).collect();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for json in under(&root, ".json") {
        let name = json.path.file_name().expect("a name").to_string_lossy().into_owned();
        let (dump, all_keys) = dump_of(&name);
        let dump = dumps.get(&dump).unwrap_or_else(|| panic!("{}: no {dump} beside it", json.name));
        let bytes = dump.bytes();
        let mut stream =
            open(&file(&dump.path), Hashes::default(), Arc::new(rediscover::base::Silent)).expect("it opens");
        let rows = read(&mut stream, How::default());
        let expected = keys_of(&String::from_utf8(json.bytes()).expect("UTF-8"));
        let form = name.trim_end_matches(".json").rsplit('_').next().unwrap_or_default();
        let form = if name.contains("subset_str") { "raw" } else { form };
        let found: BTreeSet<Vec<u8>> = rows.iter().map(|row| row.key.clone()).collect();
        let listed: BTreeSet<Vec<u8>> = expected.keys().map(|key| bytes_of(key)).collect();
        if if all_keys { found != listed } else { !listed.is_subset(&found) } {
            wrong.push(format!("{name}: keys differ: {found:?} {listed:?}"));
        }
        for row in &rows {
            let key: String = row.key.iter().map(|byte| char::from(*byte)).collect();
            let Some(value) = expected.get(&key) else { continue };
            let at = usize::try_from(row.offset).expect("a place");
            let record = &bytes[at..at + usize::try_from(row.serialized_bytes).expect("a length")];
            compared += 1;
            if !agrees(value, row, record, form) {
                wrong.push(format!("{name}: {key}: expected {value}, found {row:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(compared > 150, "only {compared} values were compared");
}
