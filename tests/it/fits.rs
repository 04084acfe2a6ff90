//! `check --maxmemory`: by the estimate for the server that the dump has to fit into.

use crate::support::dumps::{How, origin};
use crate::support::rdb::Builder;
use rediscover::analysis::{CheckOptions, check};
use rediscover::memory::Model;
use rediscover::report::{Fits, Fullness};
use std::fs;
use std::path::Path;

fn fits(bytes: &[u8], limit: u64, model: Option<&str>) -> Fits {
    let model = model.map(|name| Model::named(name).expect("a model"));
    let options =
        CheckOptions { run: How::default().options(), maxmemory: Some(limit), model, ..CheckOptions::default() };
    check(&origin(bytes.to_vec()), &options).outcome.expect("it is read").fits.expect("it was asked")
}

#[test]
fn the_estimate_decides() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rdb/redis-8.6");
    let dump = fs::read(folder.join("all-types.rdb")).expect("a fixture");
    let needed = fits(&dump, 1, None).estimated_bytes.expect("a model of the server that wrote it");
    for (limit, verdict) in [
        (needed * 2, Fullness::Yes),
        (needed + needed / 20, Fullness::Yes),
        (needed + needed / 100, Fullness::Unknown),
        (needed - needed / 100, Fullness::Unknown),
        (needed - needed / 20, Fullness::No),
        (0, Fullness::No),
    ] {
        let found = fits(&dump, limit, None);
        assert_eq!((found.verdict, found.maxmemory_bytes), (verdict, limit), "{found:?}");
        assert_eq!(found.memory_model.as_deref(), Some("redis-8.6"));
    }
    let other = fits(&dump, needed, Some("redis-7.0"));
    assert_eq!(other.memory_model.as_deref(), Some("redis-7.0"));
    assert_ne!(other.estimated_bytes, Some(needed), "another server needs something else");
}

#[test]
fn what_a_log_comes_to_is_not_known() {
    let log = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n";
    let preamble = Builder::redis(11).aux(b"redis-ver", b"7.2.4").aux(b"aof-base", b"1").string(b"k", b"v").finish();
    for bytes in [log.to_vec(), [preamble, log.to_vec()].concat()] {
        let found = fits(&bytes, 1 << 40, None);
        assert_eq!((found.verdict, found.estimated_bytes), (Fullness::Unknown, None), "{found:?}");
    }
}
