//! Faults on the way: each ends in the whole object or in a clean failure, and no part is left.

use super::{open, open_with, put, put_new};
use crate::support::bucket::{Bucket, How};
use crate::support::conformance::{get, noise};
use rediscover::base::{Error, ErrorKind};
use rediscover::store::{PutOptions, Store};
use std::io::Read;
use std::time::Duration;

fn read(store: &dyn Store, name: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut reader = store.get(name, None, None)?;
    reader.read_to_end(&mut bytes).map_err(|error| Error::io("read", error))?;
    Ok(bytes)
}

#[test]
fn a_put_outlives_failures_that_end() {
    let large = noise(1, 12 << 20);
    let faults = [
        ("begin", How::Status(500)),
        ("part", How::Status(500)),
        ("part", How::Status(503)),
        ("part", How::Reset),
        ("part", How::Lost),
        ("complete", How::Status(500)),
        ("complete", How::Reset),
        ("complete", How::Lost),
        ("complete", How::Denies),
        ("head", How::Reset),
        ("put", How::Status(503)),
        ("put", How::Reset),
        ("put", How::Lost),
        ("put", How::Denies),
    ];
    for (request, how) in faults {
        let bucket = Bucket::start();
        let store = open(&bucket, "p");
        bucket.fault(request, 0, 2, how);
        put_new(&store, "large", &large).unwrap_or_else(|error| panic!("{request} {how:?}: {error}"));
        put_new(&store, "small", b"few").unwrap_or_else(|error| panic!("{request} {how:?}: {error}"));
        bucket.asked();
        assert!(get(&store, "large", None) == large, "{request} {how:?}");
        assert_eq!(get(&store, "small", None), b"few", "{request} {how:?}");
        let again = put_new(&store, "small", b"other").expect_err("it is there");
        assert!(matches!(again.kind(), ErrorKind::Exists { .. }), "{again}");
        // A begin whose answer is lost is nobody's: only `sweep` finds it.
        assert_eq!(bucket.unfinished(), 0, "{request} {how:?}");
    }
}

#[test]
fn a_put_that_cannot_be_done_leaves_nothing() {
    let large = noise(2, 12 << 20);
    for (request, skip, how) in [
        ("begin", 0, How::Status(503)),
        ("part", 1, How::Status(500)),
        ("part", 2, How::Reset),
        ("complete", 0, How::Status(503)),
        ("complete", 0, How::Reset),
    ] {
        let bucket = Bucket::start();
        let store = open(&bucket, "p");
        bucket.fault(request, skip, usize::MAX, how);
        let failed = put_new(&store, "large", &large).expect_err("the fault stays");
        assert!(failed.to_string().starts_with("s3://backups/p/large: cannot write the object: "), "{failed}");
        assert!(failed.hint().is_some(), "{failed}");
        bucket.asked();
        assert_eq!(store.head("large").expect("head"), None, "{request} {how:?}");
        assert_eq!(bucket.unfinished(), 0, "{request} {how:?}");
    }
}

#[test]
fn a_storm_is_given_up_after_the_tries_that_were_asked_for() {
    let bucket = Bucket::start();
    let store = open_with(&bucket, "p", |options| options.attempts = 5);
    bucket.asked();
    bucket.fault("put", 0, usize::MAX, How::Status(503));
    let failed = put(&store, "x", b"few").expect_err("the storm does not end");
    assert!(failed.to_string().contains("asks to slow down"), "{failed}");
    assert_eq!(bucket.asked().iter().filter(|asked| asked.is("put")).count(), 5);
}

#[test]
fn a_lost_answer_is_not_taken_for_somebody_elses_object() {
    let bucket = Bucket::start();
    let store = open(&bucket, "p");
    put(&store, "taken", b"theirs").expect("put");
    // Nobody looked beforehand; the first look fails.
    bucket.fault("head", 0, 10, How::Status(500));
    bucket.fault("put", 0, 1, How::Reset);
    let refused = put_new(&store, "taken", b"theirs").expect_err("the same bytes, but another put");
    assert!(matches!(refused.kind(), ErrorKind::Exists { .. }), "{refused}");
}

#[test]
fn a_body_that_fails_in_the_middle_aborts_its_upload() {
    struct Breaks(usize);
    impl Read for Breaks {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(Error::new(ErrorKind::Interrupted).into());
            }
            let count = self.0.min(buffer.len());
            buffer[..count].fill(1);
            self.0 -= count;
            Ok(count)
        }
    }
    let bucket = Bucket::start();
    let store = open(&bucket, "p");
    let failed = store.put("x", &mut Breaks(21 << 20), &PutOptions::default()).expect_err("the body fails");
    assert_eq!(failed.kind(), &ErrorKind::Interrupted);
    let asked = bucket.asked();
    assert!(asked.iter().any(|asked| asked.is("part")) && !asked.iter().any(|asked| asked.is("complete")));
    assert_eq!(bucket.unfinished(), 0);
    let how = PutOptions { if_absent: false, bytes: Some(11 << 20), passing: false };
    let failed = store.put("x", &mut &noise(1, 10 << 20)[..], &how).expect_err("too short");
    assert!(failed.to_string().contains("10485760 bytes came where 11534336 were announced"), "{failed}");
    assert_eq!((bucket.unfinished(), store.head("x").expect("head")), (0, None));
}

#[test]
fn a_read_goes_on_where_it_was_cut() {
    let bucket = Bucket::start();
    let store = open_with(&bucket, "p", |options| options.stall_timeout = Duration::from_secs(1));
    let bytes = noise(4, 3_000_000);
    put(&store, "x", &bytes).expect("put");
    for how in
        [How::Cut(0), How::Cut(1_000_000), How::Cut(2_999_999), How::Stalls(500_000), How::Reset, How::Status(503)]
    {
        bucket.asked();
        bucket.fault("get", 0, 2, how);
        assert!(read(&store, "x").unwrap_or_else(|error| panic!("{how:?}: {error}")) == bytes, "{how:?}");
        bucket.asked();
        bucket.fault("get", 0, 1, how);
        assert!(get(&store, "x", Some(7..2_000_007)) == bytes[7..2_000_007], "{how:?}");
    }
    bucket.asked();
    bucket.fault("get", 0, usize::MAX, How::Cut(0));
    let failed = read(&store, "x").expect_err("nothing ever comes");
    // Whether the head of an answer without a body still goes out is the server's business.
    let said = failed.to_string();
    assert!(said.contains("cut at byte 0 again and again") || said.contains("hung up"), "{said}");
}

#[test]
fn an_object_replaced_while_it_is_read_is_an_error() {
    let bucket = Bucket::start();
    let store = open(&bucket, "p");
    put(&store, "x", &noise(5, 3_000_000)).expect("put");
    bucket.fault("get", 0, 1, How::Cut(1_000_000));
    let mut reader = store.get("x", None, None).expect("get");
    let mut first = vec![0; 10];
    reader.read_exact(&mut first).expect("its beginning");
    put(&store, "x", &noise(6, 3_000_000)).expect("put");
    let mut rest = Vec::new();
    let failed = reader.read_to_end(&mut rest).expect_err("the rest is another's");
    assert!(failed.to_string().contains("it has been replaced"), "{failed}");
    assert!(rest[..] == noise(5, 3_000_000)[10..10 + rest.len()], "bytes of both were mixed");
}

#[test]
fn bytes_that_changed_in_the_store_or_on_the_way_are_found() {
    let bucket = Bucket::start();
    let store = open(&bucket, "p");
    put(&store, "x", &noise(7, 100_000)).expect("put");
    bucket.fault("get", 0, 1, How::Flips(77));
    let failed = read(&store, "x").expect_err("a bit flipped");
    assert!(matches!(failed.kind(), ErrorKind::Damaged { .. }), "{failed}");
    bucket.asked();
    let file = bucket.file("p/x");
    let mut kept = std::fs::read(&file).expect("the file");
    kept[99_999] ^= 1;
    std::fs::write(&file, kept).expect("the file");
    let failed = read(&store, "x").expect_err("a bit flipped behind its back");
    assert!(matches!(failed.kind(), ErrorKind::Damaged { .. }), "{failed}");
}
