//! `keys`: one row a key.

use crate::live;
use crate::support::dumps::{Dump, How, file, fixtures, origin, program};
use crate::support::keyspace::{self, Data};
use crate::support::log::line;
use crate::support::rdb::Builder;
use crate::support::servers::ServerSpec;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rediscover::analysis::{FileEnd, KeySort, Keyed, KeysOptions, keys};
use rediscover::base::{Limits, UnixMs};
use rediscover::pipeline::{ExpiryFilter, Filter};
use rediscover::render::{KeyForm, KeyFormat, Look};
use rediscover::report::{KeyColumn, Verdict};
use rediscover::source::Origin;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::io::Read;
use std::process::Output;

const FORMS: [KeyForm; 3] = [KeyForm::Text, KeyForm::Csv, KeyForm::Jsonl];

fn options() -> KeysOptions {
    KeysOptions { run: How::default().options(), ..KeysOptions::default() }
}

fn document_and_end(form: KeyForm, origins: &[Origin], options: &KeysOptions) -> (String, Keyed) {
    let format = KeyFormat::new(form, Some(options.columns.clone()), &["dump"], Look::default());
    let (mut out, mut rows) = (format.head(), 0);
    let keyed = keys(origins, options, &|row, out| format.row(row, out), &mut |bytes, count| {
        rows += count;
        out.extend_from_slice(bytes);
        Ok(true)
    });
    let keyed = keyed.expect("nothing concerns all sources");
    out.extend(format.foot(rows, keyed.stopped));
    (String::from_utf8(out).expect("text"), keyed)
}

fn document(form: KeyForm, origins: &[Origin], options: &KeysOptions) -> String {
    document_and_end(form, origins, options).0
}

fn rows(origins: &[Origin], options: &KeysOptions) -> Vec<Value> {
    let text = document(KeyForm::Jsonl, origins, options);
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn ends(keyed: &Keyed) -> &[FileEnd] {
    keyed.sources[0].outcome.as_deref().expect("it can be read")
}

/// The bytes of a key in JSON.
fn name(key: &Value) -> Vec<u8> {
    match key.get("base64") {
        Some(text) => STANDARD.decode(text.as_str().expect("text")).expect("base64"),
        None => key.as_str().expect("a whole key").as_bytes().to_vec(),
    }
}

/// The bytes of a cell of CSV, by the rules of docs/cli.md.
fn unescaped(cell: &str) -> Vec<u8> {
    let text = cell.strip_prefix('\'').unwrap_or(cell).as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'\\' {
            out.push(text[at]);
            at += 1;
            continue;
        }
        let (byte, used) = match text[at + 1] {
            b'x' => {
                let digits = std::str::from_utf8(&text[at + 2..at + 4]).expect("digits");
                (u8::from_str_radix(digits, 16).expect("digits"), 4)
            }
            b'n' => (b'\n', 2),
            b'r' => (b'\r', 2),
            b't' => (b'\t', 2),
            b'a' => (7, 2),
            b'b' => (8, 2),
            same @ (b'"' | b'\\') => (same, 2),
            other => panic!("\\{} in {cell}", char::from(other)),
        };
        out.push(byte);
        at += used;
    }
    out
}

/// Keys that would do harm, or be taken for something else.
fn hostile() -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = [
        &b""[..],
        b"plain",
        b"'plain",
        b"=1+1",
        b"'=1+1",
        b"''=1+1",
        b"-",
        b"+x",
        b"@SUM(A1)",
        b"\t=1",
        b"\r\n=1",
        b"a,b;c",
        b"\"quoted\"",
        b"\\x41",
        b"\\",
        b"\\(70000 bytes, sha256 00)",
        b"\x1b[2J\x1b]0;title\x07",
        b"null\0inside",
        b"\xff\xfe\x80",
        b"a\xc3",
        b"line\nbreak",
        b" leading and trailing ",
        b"{\"base64\":\"AA==\"}",
        b"\xe2\x80\xae evil",
    ]
    .iter()
    .map(|key| key.to_vec())
    .collect();
    keys.extend(["grün", "鍵", "＝1", "…"].map(|text| text.as_bytes().to_vec()));
    keys.push((0..=255).collect());
    keys.push(vec![b'k'; 64 << 10]);
    keys
}

fn dump_of(keys: &[Vec<u8>]) -> Vec<u8> {
    let mut dump = Builder::redis(9);
    dump.select(0);
    for key in keys {
        dump.string(key, b"v");
    }
    dump.finish()
}

#[test]
fn hostile_keys_are_read_back_from_every_form() {
    let keys = hostile();
    let origin = [origin(dump_of(&keys))];
    let json: Vec<_> = rows(&origin, &options()).iter().map(|row| name(&row["key"])).collect();
    assert!(json == keys);

    let csv = document(KeyForm::Csv, &origin, &options());
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let titles: Vec<_> = KeyColumn::ALL.iter().map(|column| column.name()).collect();
    assert_eq!(reader.headers().expect("a head"), titles);
    let mut back = Vec::new();
    for record in reader.records() {
        let record = record.expect("a record");
        assert!(record.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '＝', '\t', '\r'])), "{record:?}");
        back.push(unescaped(&record[2]));
    }
    assert!(back == keys);
    // One line a row, and nothing in it that moves a cursor.
    for form in FORMS {
        let text = document(form, &origin, &options());
        let around = if form == KeyForm::Text { 3 } else { usize::from(form == KeyForm::Csv) };
        assert_eq!(text.lines().count(), keys.len() + around, "{form:?}");
        // JSON escapes what is ASCII, and whoever shows it the rest.
        let moves = |c: char| match form {
            KeyForm::Jsonl => c < ' ' && c != '\n',
            _ => (c.is_control() && c != '\n') || c == '\u{202e}',
        };
        assert!(!text.contains(moves), "{form:?}");
    }
}

#[test]
fn of_a_long_key_the_beginning_the_length_and_the_hash() {
    let keys = [vec![b'='; 1 << 20], [b"{tag}".to_vec(), vec![0xff; 70_000]].concat()];
    let origin = [origin(dump_of(&keys))];
    let rows = rows(&origin, &options());
    let csv = document(KeyForm::Csv, &origin, &options());
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    for ((key, row), record) in keys.iter().zip(&rows).zip(reader.records()) {
        let hash = rediscover::report::hex(&Sha256::digest(key));
        assert_eq!(row["key"]["bytes"], key.len());
        assert_eq!(row["key"]["sha256"], hash);
        let head = STANDARD.decode(row["key"]["head_base64"].as_str().expect("text")).expect("base64");
        assert_eq!(head, key[..1024]);
        let record = record.expect("a record");
        let (head, end) = record[2].rsplit_once("\\(").expect("an end");
        assert_eq!(unescaped(head), key[..1024]);
        assert_eq!(end, format!("{} bytes, sha256 {hash})", key.len()));
    }
    // The hash tag decides, where it is in what is held.
    assert_eq!(rows[0]["slot"], Value::Null);
    assert_eq!(rows[1]["slot"], rediscover::keyspace::slot(b"{tag}"));
    // A filter of slots lets no key through whose slot is not known.
    let filter = Filter { slots: vec![(0, 16_383)], ..Filter::default() };
    let known = self::rows(&origin, &KeysOptions { filter, ..options() });
    assert_eq!(known, rows[1..]);
}

/// A dump with many keys of few values, so that there are equals in every column.
fn many(keys: u64) -> Vec<u8> {
    let mut dump = Builder::redis(11);
    dump.aux(b"redis-ver", b"7.2.4").aux(b"ctime", b"1700000000");
    for db in [0, 3] {
        dump.select(db);
        for n in 0..keys {
            let key = format!("{:x}:{}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52, n % 7).into_bytes();
            if n % 3 == 0 {
                dump.expires(1_700_000_000_000 + (n % 11) * 1000 - 5000);
            }
            match n % 5 {
                0 => drop(dump.table(1, &key, &vec![&b"item"[..]; usize::try_from(n % 4 + 1).unwrap_or(1)])),
                1 => drop(dump.raw(&[249, u8::try_from(n % 256).unwrap_or(0)]).string(&key, b"12345")),
                2 => drop(dump.raw(&[248]).raw(&crate::support::rdb::len(n % 50)).string(&key, b"text")),
                _ => drop(dump.string(&key, &vec![b'v'; usize::try_from(n % 90).unwrap_or(0)])),
            }
        }
    }
    dump.finish()
}

/// The order that docs/cli.md promises, of rows in JSON.
fn compare(sort: KeySort, a: &Value, b: &Value) -> Ordering {
    let column = sort.column.name();
    let value = |row: &Value| match &row[column] {
        Value::Null => None,
        // RFC 3339 of one form is sorted as text.
        Value::String(text) => Some((0, text.clone().into_bytes())),
        Value::Number(number) => Some((number.as_i64().expect("small"), Vec::new())),
        other => panic!("{other}"),
    };
    let own = match (value(a), value(b)) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) if sort.descending => b.cmp(&a),
        (Some(a), Some(b)) => a.cmp(&b),
    };
    let place = |row: &Value| (row["source"].to_string(), row["db"].as_u64(), row["key"].to_string());
    own.then_with(|| place(a).cmp(&place(b)))
}

#[test]
fn sorted_in_memory_on_disk_and_with_a_limit_is_brute_force() {
    let named = |name: &str, keys| Origin { name: name.into(), ..origin(many(keys)) };
    let origins = [named("b", 700), named("a", 900)];
    let plain = rows(&origins, &options());
    assert_eq!(plain.len(), 3200);
    let sources: Vec<_> = plain.iter().map(|row| row["source"].as_str().expect("a name")).collect();
    assert!(sources.is_sorted_by(|a, b| a >= b), "in the order given");
    for column in KeyColumn::ALL {
        for descending in [false, true] {
            let sort = KeySort { column: *column, descending };
            let mut expected = plain.clone();
            // Stable: equals keep the order of the file.
            expected.sort_by(|a, b| compare(sort, a, b));
            for (sort_bytes, threads, limit) in
                [(1, 1, None), (20_000, 3, None), (32 << 20, 2, None), (1, 3, Some(10)), (32 << 20, 1, Some(1000))]
            {
                let mut options = KeysOptions { sort: Some(sort), limit, ..options() };
                options.run.threads = threads;
                options.run.limits = Limits { sort_bytes, batch_bytes: 4096, ..options.run.limits };
                let few = limit.map_or(expected.len(), |limit| usize::try_from(limit).expect("small"));
                assert!(rows(&origins, &options) == expected[..few], "{sort:?} {sort_bytes} {threads} {limit:?}");
            }
        }
    }
}

#[test]
fn any_split_gives_the_same_bytes() {
    let mut origins = vec![origin(many(2000)), origin(dump_of(&hostile()))];
    origins.extend(fixtures().iter().map(|Dump { path, .. }| file(path)));
    for form in FORMS {
        let whole = document(form, &origins, &options());
        for (threads, batch_bytes) in [(1, 4096), (2, 4096), (8, 5000), (3, 64 << 10)] {
            let run = How { threads, batch_bytes }.options();
            assert!(document(form, &origins, &KeysOptions { run, ..options() }) == whole, "{form:?} {threads}");
        }
        for limit in [0, 1, 17, 3000] {
            let limited = |threads| {
                let run = How { threads, batch_bytes: 4096 }.options();
                document(form, &origins, &KeysOptions { run, limit: Some(limit), ..options() })
            };
            assert!(limited(1) == limited(4), "{form:?} {limit}");
            let body = usize::from(form == KeyForm::Text);
            let lines = usize::try_from(limit).expect("small") + usize::from(form == KeyForm::Csv) + body;
            let begin: Vec<_> = whole.lines().take(lines).collect();
            assert_eq!(limited(1).lines().take(lines).collect::<Vec<_>>(), begin);
        }
    }
}

#[test]
fn columns_are_chosen_and_ordered() {
    let origin = [origin(many(5))];
    let columns = vec![KeyColumn::Slot, KeyColumn::Key, KeyColumn::Db];
    let options = KeysOptions { columns, ..options() };
    let csv = document(KeyForm::Csv, &origin, &options);
    assert!(csv.starts_with("slot,key,db\n"), "{csv}");
    let json = document(KeyForm::Jsonl, &origin, &options);
    assert!(json.lines().all(|line| line.starts_with("{\"slot\":") && line.ends_with('}')), "{json}");
    let titles = document(KeyForm::Text, &origin, &options);
    assert_eq!(titles.lines().next().map(|line| line.split_whitespace().collect()), Some(vec!["slot", "key", "db"]));
}

#[test]
fn a_ttl_is_seen_from_the_moment_that_is_asked_for() {
    let mut dump = Builder::redis(11);
    dump.aux(b"ctime", b"1700000000").select(0);
    dump.expires(1_700_000_010_999).string(b"left", b"v");
    dump.expires(1_699_999_999_500).string(b"gone", b"v");
    dump.expires(1_700_000_000_000).string(b"now", b"v").string(b"none", b"v");
    let origin = [origin(dump.finish())];
    let ttl = |options: &KeysOptions| -> Vec<_> {
        rows(&origin, options).iter().map(|row| row["ttl_seconds"].as_i64()).collect()
    };
    assert_eq!(ttl(&options()), [Some(10), Some(-1), Some(0), None]);
    let later = KeysOptions { as_of: Some(UnixMs(1_700_000_100_000)), ..options() };
    assert_eq!(ttl(&later), [Some(-90), Some(-101), Some(-100), None]);
    let expired = Filter { expiry: Some(ExpiryFilter::Expired), ..Filter::default() };
    assert_eq!(ttl(&KeysOptions { filter: expired, ..options() }), [Some(-1), Some(0)]);
    // Without a clock nothing is left or gone.
    let mut dump = Builder::redis(11);
    dump.select(0).expires(1).string(b"k", b"v");
    let row = &rows(&[crate::support::dumps::origin(dump.finish())], &options())[0];
    assert_eq!((&row["ttl_seconds"], &row["expire_at"]), (&Value::Null, &Value::from("1970-01-01T00:00:00.001Z")));
}

#[test]
fn only_what_is_shown_sorted_by_or_filtered_by_is_decoded() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/broken/listpack-backlen-wrong.rdb");
    let origin = [file(&path)];
    let verdict = |options: &KeysOptions| ends(&document_and_end(KeyForm::Csv, &origin, options).1)[0].verdict;
    let names = vec![KeyColumn::Key, KeyColumn::SerializedBytes, KeyColumn::ExpireAt, KeyColumn::Slot];
    let shallow = KeysOptions { columns: names, ..options() };
    assert_eq!(verdict(&shallow), None);
    assert_eq!(verdict(&options()), Some(Verdict::Damaged));
    let sorted = KeysOptions { sort: Some(KeySort::by(KeyColumn::Elements)), ..shallow.clone() };
    assert_eq!(verdict(&sorted), Some(Verdict::Damaged));
    let filter = Filter { min_memory: 1, ..Filter::default() };
    assert_eq!(verdict(&KeysOptions { filter, ..shallow }), Some(Verdict::Damaged));
}

#[test]
fn what_is_filtered_is_what_the_columns_say() {
    let origin = [origin(many(600))];
    let all = rows(&origin, &options());
    let filter = Filter { dbs: vec![3], min_elements: 2, min_memory: 60, ..Filter::default() };
    let wanted = |row: &&Value| {
        let at_least = |column: &str, least| row[column].as_u64().is_some_and(|own| own >= least);
        row["db"] == 3 && at_least("elements", 2) && at_least("memory_bytes", 60)
    };
    let expected: Vec<_> = all.iter().filter(wanted).cloned().collect();
    assert!(!expected.is_empty() && expected.len() < all.len());
    assert_eq!(rows(&origin, &KeysOptions { filter, ..options() }), expected);
}

#[test]
fn damage_is_told_with_the_rows_before_it_and_under_a_limit_if_it_was_seen() {
    let mut dump = Builder::redis(11);
    dump.select(0);
    for n in 0..2000 {
        dump.string(format!("key:{n}").as_bytes(), b"value");
    }
    // A set of integers that says it has more than it has.
    dump.key(11, b"broken").raw(&crate::support::rdb::text(&[2, 0, 0, 0, 9, 0, 0, 0, 1, 0]));
    dump.string(b"after", b"value");
    let origin = [origin(dump.finish())];
    let (text, keyed) = document_and_end(KeyForm::Jsonl, &origin, &options());
    assert!(text.contains("\"after\"") && ends(&keyed)[0].verdict == Some(Verdict::Damaged), "{text}");
    let limited = |limit| {
        let mut options = KeysOptions { limit: Some(limit), ..options() };
        options.run.limits.batch_bytes = 4096;
        let keyed = document_and_end(KeyForm::Jsonl, &origin, &options).1;
        (keyed.stopped, ends(&keyed).first().and_then(|end| end.verdict))
    };
    assert_eq!(limited(10), (true, None));
    assert_eq!(limited(2002), (true, Some(Verdict::Damaged)));
    assert_eq!(limited(2003), (false, Some(Verdict::Damaged)));
}

/// Every row against the server that has loaded the same file.
fn rows_are_what_the_server_says(server: &str) {
    let Some(spec) = ServerSpec::named(server) else { return };
    let cluster = live::start(&spec, &dump_of(&[]), live::arguments("cluster"));
    let mut slots = cluster.1.connection();
    for (fixture, path) in live::fixtures(server) {
        let about = |key: &[u8]| format!("{server}/{fixture}: {}", key.escape_ascii());
        let dump = std::fs::read(&path).expect("a fixture");
        let (_folder, running) = live::start(&spec, &dump, live::arguments(&fixture));
        let mut connection = running.connection();
        let mut now = keyspace::now(&mut connection);
        let theirs = keyspace::live(&mut connection);
        let rows = rows(&[file(&path)], &KeysOptions { as_of: Some(UnixMs(now)), ..options() });
        let mut alive = 0;
        for row in rows {
            let key = name(&row["key"]);
            let about = about(&key);
            // Fields that have expired are in the file, and a server drops them as it loads it.
            let fields_gone = fixture == "expired" && key.starts_with(b"field:");
            let expire_at = row["expire_at"].as_str().map(|at| at.parse::<jiff::Timestamp>().expect("a time"));
            let expire_at = expire_at.map(jiff::Timestamp::as_millisecond);
            let Some(live) = theirs.keys.get(&(row["db"].as_u64().expect("a number"), key.clone())) else {
                now = keyspace::now(&mut connection).max(now);
                assert!(fields_gone || expire_at.is_some_and(|at| at <= now), "{about}: the server has it not");
                continue;
            };
            alive += 1;
            assert_eq!(expire_at, live.expire_at, "{about}");
            let module = row["type"] == "module";
            assert!(module || row["type"] == live.ty.as_str(), "{about}: {row} is of type {}", live.ty);
            // A hash that has shrunk stays a hash table until it is loaded again.
            let shrunk =
                row["type"] == "hash" && row["encoding"] == "hashtable" && live.encoding.starts_with("listpack");
            assert!(module || shrunk || row["encoding"] == live.encoding.as_str(), "{about}: {row}, {}", live.encoding);
            let elements = match &live.data {
                Data::Text(_) => Some(1),
                Data::List(items) => Some(items.len()),
                Data::Set(members) => Some(members.len()),
                Data::Zset(members) => Some(members.len()),
                Data::Hash(fields) => Some(fields.len()),
                Data::Stream(stream) => Some(usize::try_from(stream.length).expect("small")),
                Data::Json(_) | Data::Module(_) => None,
            };
            assert!(
                fields_gone || elements.is_none_or(|elements| row["elements"] == elements),
                "{about}: {row}, {elements:?}"
            );
            if let Some(ttl) = expire_at {
                assert_eq!(row["ttl_seconds"], (ttl - now).div_euclid(1000), "{about}");
            }
            // Reading a key for its value does not touch what the file says of it.
            assert_eq!(row["idle_seconds"].is_u64(), fixture == "lru", "{about}");
            assert_eq!(row["frequency"].is_u64(), fixture == "lfu", "{about}");
            if let (Some(idle), Some(live)) = (row["idle_seconds"].as_u64(), live.idle) {
                assert!(live + 2 >= idle, "{about}: idle {idle} s, live {live} s");
            }
            if let (Some(freq), Some(live)) = (row["frequency"].as_u64(), live.freq) {
                assert!(u64::from(live) <= freq, "{about}: used {freq} times, live {live}");
            }
            let slot: u16 = redis::cmd("CLUSTER").arg("KEYSLOT").arg(&key).query(&mut slots).expect("a slot");
            assert_eq!(row["slot"], slot, "{about}");
        }
        assert_eq!(alive, theirs.keys.len(), "{server}/{fixture}");
    }
}

#[test]
fn rows_are_what_redis_7_0_says() {
    rows_are_what_the_server_says("redis-7.0");
}

#[test]
fn rows_are_what_redis_8_6_says() {
    rows_are_what_the_server_says("redis-8.6");
}

#[test]
fn rows_are_what_valkey_9_1_says() {
    rows_are_what_the_server_says("valkey-9.1");
}

fn run(folder: &std::path::Path, arguments: &[&str]) -> Output {
    program(arguments).current_dir(folder).output().expect("the program runs")
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn how_the_command_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("a file");
    let whole = many(100);
    write("a.rdb", &whole);
    write("cut.rdb", &whole[..whole.len() - 900]);
    let large = many(20_000);
    write("large.rdb", &large[..large.len() - 900]);
    write("no.rdb", b"hello, world, this is no dump");
    let run = |arguments: &[&str]| said(&run(folder.path(), arguments));
    let (code, out, err) = run(&["keys", "a.rdb", "--format", "csv"]);
    assert_eq!((code, out.lines().count(), err.as_str()), (0, 201, ""));
    let (code, cut, err) = run(&["keys", "cut.rdb", "--format", "csv"]);
    assert!(code == 3 && cut.lines().count() > 50 && err.contains("cut.rdb: truncated: 0x"), "{err}");
    let kept = cut.replace("cut.rdb", "a.rdb");
    assert!(out.starts_with(&kept));
    assert_eq!(run(&["keys", "cut.rdb", "--format", "csv", "--sort", "key", "--limit", "5"]).0, 3);
    // What is not read is not judged.
    assert_eq!(run(&["keys", "large.rdb", "--format", "csv", "--limit", "5"]).0, 0);
    assert_eq!(run(&["keys", "large.rdb", "--format", "csv", "--limit", "5", "--hash", "sha256"]).0, 3);
    assert_eq!(run(&["keys", "a.rdb", "no.rdb"]).0, 3);
    assert_eq!(run(&["keys", "a.rdb", "missing.rdb"]).0, 5);
    assert_eq!(run(&["keys", "missing.rdb"]).0, 1);
    let (code, out, _) = run(&["keys", "a.rdb", "--expect-sha256", &"0".repeat(64), "--limit", "1"]);
    assert_eq!((code, out.lines().count()), (3, 3), "no row before the hash is compared: {out}");
    // A file is written whole, in the form of its name; a source is not written over.
    assert_eq!(run(&["keys", "a.rdb", "-o", "a.csv"]).0, 0);
    let csv = std::fs::read_to_string(folder.path().join("a.csv")).expect("a file");
    assert!(csv.starts_with("source,db,key,") && csv.lines().count() == 201);
    assert_eq!(run(&["keys", "a.rdb", "-o", "a.rdb"]).0, 2);
    let (code, quiet, _) = run(&["keys", "a.rdb", "-q"]);
    assert_eq!((code, quiet.as_str()), (0, ""));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.rdb"), many(20_000)).expect("a file");
    for more in [&[][..], &["--sort", "key"]] {
        let mut child =
            program(&[&["keys", "a.rdb", "--format", "jsonl"][..], more].concat()).current_dir(folder.path()).spawn();
        let child = child.as_mut().expect("the program runs");
        let mut some = [0; 100];
        child.stdout.take().expect("a pipe").read_exact(&mut some).expect("rows");
        assert_eq!(child.wait().expect("it ends").code(), Some(0), "{more:?}");
    }
}

#[test]
fn of_a_log_the_keys_before_it_and_how_many_commands_are_not_replayed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bytes = dump_of(&[b"base".to_vec()]);
    for text in ["SELECT 0", "SET new 1", "MULTI", "DEL base", "INCR n", "EXEC"] {
        bytes.extend(line(text));
    }
    std::fs::write(folder.path().join("appendonly.aof"), bytes).expect("a file");
    let (code, out, err) = said(&run(folder.path(), &["keys", "appendonly.aof", "--columns", "key"]));
    assert_eq!((code, out.as_str()), (0, "key\nbase\n\n1 key\n"), "{err}");
    assert!(err.contains("warning: appendonly.aof: 3 commands of its log change keys and are not replayed"), "{err}");
}

#[test]
fn temporary_files_go_to_the_scratch_folder_and_nothing_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.rdb"), many(60_000)).expect("a file");
    std::fs::create_dir(folder.path().join("scratch")).expect("a folder");
    let arguments = ["keys", "a.rdb", "--format", "csv", "--sort", "key:desc", "--max-memory", "32mb"];
    let sorted = said(&run(folder.path(), &[&arguments[..], &["--scratch", "scratch"]].concat()));
    assert_eq!((sorted.0, sorted.1.lines().count()), (0, 120_001), "{}", sorted.2);
    assert_eq!(std::fs::read_dir(folder.path().join("scratch")).expect("a folder").count(), 0);
    // Where the rows do not fit into memory and nothing can be written, that is said.
    let (code, _, err) = said(&run(folder.path(), &[&arguments[..], &["--scratch", "/proc/self"]].concat()));
    assert!(code == 1 && err.contains("cannot make a temporary file"), "{code} {err}");
}

#[test]
fn the_schema_names_the_columns() {
    let (code, out, _) = said(&run(std::path::Path::new("."), &["schema", "keys"]));
    let schema: Value = serde_json::from_str(&out).expect("JSON");
    let named: Vec<_> = schema["properties"].as_object().expect("properties").keys().map(String::as_str).collect();
    let mut columns: Vec<_> = KeyColumn::ALL.iter().map(|column| column.name()).collect();
    columns.sort_unstable();
    assert_eq!((code, named), (0, columns));
    assert_eq!((&schema["$id"], schema.get("required")), (&Value::from("rediscover/keys/v1"), None));
}
