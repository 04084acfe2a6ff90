//! Buckets of S3: what every store does, what faults do to it, and what is said when it cannot work.

mod commands;
mod faults;
mod refusals;
mod server;

use crate::backup::Desk;
use crate::support::bucket::{Bucket, KEY_ID, SECRET};
use crate::support::conformance::{conforms, get, noise};
use rediscover::base::{Error, UnixMs};
use rediscover::store::s3::{S3Options, S3Store};
use rediscover::store::{PutOptions, Store};
use std::process::Command;

/// The program on this desk, with the repository and credentials that it finds in its environment.
fn command(desk: &Desk, arguments: &[&str], repo: &str) -> Command {
    let mut command = desk.command(arguments);
    let of_aws: Vec<_> = std::env::vars_os().map(|(name, _)| name).collect();
    for name in of_aws.iter().filter(|name| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.env("AWS_ACCESS_KEY_ID", KEY_ID).env("AWS_SECRET_ACCESS_KEY", SECRET).env("AWS_REGION", "us-east-1");
    // No questions to a machine of AWS that this is not.
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", desk.path("")).env("REDISCOVER_REPO", repo);
    command
}

fn open(bucket: &Bucket, prefix: &str) -> S3Store {
    open_with(bucket, prefix, |_| ())
}

fn open_with(bucket: &Bucket, prefix: &str, change: impl FnOnce(&mut S3Options)) -> S3Store {
    let mut options = bucket.options();
    change(&mut options);
    S3Store::connect(&Bucket::address(prefix), &options).expect("a store")
}

fn put(store: &dyn Store, name: &str, bytes: &[u8]) -> Result<(), Error> {
    store.put(name, &mut &bytes[..], &PutOptions::default()).map(drop)
}

fn put_new(store: &dyn Store, name: &str, bytes: &[u8]) -> Result<(), Error> {
    store.put(name, &mut &bytes[..], &PutOptions { if_absent: true, bytes: None, passing: false }).map(drop)
}

#[test]
fn a_bucket_conforms() {
    let bucket = Bucket::start();
    conforms(&open(&bucket, ""));
    assert_eq!(bucket.unfinished(), 0);
}

#[test]
fn a_prefix_conforms_and_keeps_to_itself() {
    let bucket = Bucket::start();
    let beside = open(&bucket, "team/other");
    put(&beside, "x", b"as it was").expect("put");
    let store = open(&bucket, "team/prod");
    assert_eq!(store.location(), "s3://backups/team/prod");
    conforms(&store);
    assert_eq!(get(&beside, "x", None), b"as it was");
    put(&store, "a/b", b"1").expect("put");
    assert_eq!(store.head_key("team/prod/a/b").expect("head").expect("it is there").name, "a/b");
    let keys: Vec<_> = store.list_keys("team/").expect("list").into_iter().map(|info| info.name).collect();
    assert_eq!(keys, ["team/other/x", "team/prod/a/b"]);
}

#[test]
fn an_object_of_many_parts_comes_back_and_parts_are_no_larger_than_asked() {
    let bucket = Bucket::start();
    let bytes = noise(1, (5 << 20) * 3 + 17);
    for (name, length) in
        [("whole-parts", (5 << 20) * 2), ("a-part", 5 << 20), ("below", (5 << 20) - 1), ("more", bytes.len())]
    {
        let store = open(&bucket, "p");
        put_new(&store, name, &bytes[..length]).expect("put");
        let parts = bucket.asked().iter().filter(|asked| asked.is("part")).count();
        let expected = if length < 5 << 20 { 0 } else { length.div_ceil(5 << 20) };
        assert_eq!(parts, expected, "{name}");
        assert!(get(&store, name, None) == bytes[..length], "{name}");
    }
    assert_eq!(bucket.unfinished(), 0);
}

#[test]
fn every_checksum_and_a_limit_on_bandwidth_give_the_same_object() {
    use rediscover::store::s3::S3Checksum::{Auto, Crc32, Crc64Nvme, Sha256, WhenRequired};
    let bucket = Bucket::start();
    let bytes = noise(2, (5 << 20) + 1);
    for (at, checksum) in [Auto, WhenRequired, Crc32, Crc64Nvme, Sha256].into_iter().enumerate() {
        let store = open_with(&bucket, "c", |options| {
            options.checksum = checksum;
            options.bandwidth = Some(1 << 30);
        });
        put_new(&store, &format!("small-{at}"), b"few").unwrap_or_else(|error| panic!("{checksum:?}: {error}"));
        put_new(&store, &format!("large-{at}"), &bytes).unwrap_or_else(|error| panic!("{checksum:?}: {error}"));
        assert_eq!(get(&store, &format!("small-{at}"), None), b"few");
        assert!(get(&store, &format!("large-{at}"), None) == bytes, "{checksum:?}");
    }
}

#[test]
fn what_is_left_of_uploads_is_swept_below_the_prefix_alone() {
    use crate::support::bucket::How;
    let bucket = Bucket::start();
    let bytes = noise(3, 6 << 20);
    for prefix in ["mine", "theirs"] {
        // The abort does not get through either, as when the machine dies.
        bucket.fault("part", 0, 100, How::Reset);
        bucket.fault("abort", 0, 100, How::Reset);
        put(&open(&bucket, prefix), "x/y", &bytes).expect_err("no part arrives");
        bucket.asked();
    }
    assert_eq!(bucket.unfinished(), 2);
    let store = open(&bucket, "mine");
    let begun = UnixMs(1_577_836_800_000);
    assert_eq!(store.sweep("", begun).expect("sweep"), 0, "not older than that");
    assert_eq!(store.sweep("z", UnixMs(i64::MAX)).expect("sweep"), 0);
    assert_eq!(store.sweep("x/", UnixMs(begun.0 + 1)).expect("sweep"), 1);
    assert_eq!(bucket.unfinished(), 1);
}
