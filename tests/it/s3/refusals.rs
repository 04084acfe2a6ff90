//! What cannot work is said in one sentence, and no secret is in it.

use crate::support::bucket::{Bucket, How, SECRET};
use rediscover::base::Error;
use rediscover::store::s3::{S3Address, S3Options, S3Store};
use std::time::Duration;

type Change = fn(&mut S3Options);

fn refused(bucket: &Bucket, address: &str, change: impl FnOnce(&mut S3Options)) -> Error {
    let mut options = bucket.options();
    change(&mut options);
    assert!(!format!("{options:?}").contains(SECRET));
    let address = S3Address::parse(address).expect("an address");
    let error = S3Store::connect(&address, &options).expect_err("it cannot work");
    let said = format!("{error} {error:?} {}", error.hint().unwrap_or_default());
    assert!(!said.contains(SECRET) && !said.contains('\n'), "{said}");
    error
}

#[test]
fn causes_are_named() {
    let bucket = Bucket::start();
    let absent = refused(&bucket, "s3://nowhere/x", |_| ());
    assert!(absent.to_string().contains("s3://nowhere/x: cannot open the bucket: there is no such bucket"), "{absent}");
    let wrong = refused(&bucket, "s3://backups/x", |options| {
        options.credentials.as_mut().expect("credentials").secret = "another".to_owned();
    });
    assert!(wrong.to_string().contains("secret key is wrong"), "{wrong}");
    assert!(wrong.hint().is_some_and(|hint| hint.contains("AWS_SECRET_ACCESS_KEY")), "{wrong}");
    let unknown = refused(&bucket, "s3://backups/x", |options| {
        options.credentials.as_mut().expect("credentials").key_id = "AKIANOBODY".to_owned();
    });
    assert!(unknown.to_string().contains("credentials"), "{unknown}");
    let nobody = refused(&bucket, "s3://backups/x", |options| {
        options.endpoint = Some("http://127.0.0.1:9".to_owned());
        options.attempts = 2;
    });
    assert!(nobody.to_string().contains("cannot be reached"), "{nobody}");
    bucket.fault("list", 0, usize::MAX, How::Status(503));
    let slow = refused(&bucket, "s3://backups/x", |_| ());
    assert!(slow.to_string().contains("slow down"), "{slow}");
}

#[test]
fn a_server_without_tls_is_not_spoken_to_in_the_open() {
    let bucket = Bucket::start();
    let refused = refused(&bucket, "s3://backups/x", |options| {
        options.endpoint = options.endpoint.as_ref().map(|endpoint| endpoint.replace("http://", "https://"));
        options.attempts = 1;
    });
    assert!(refused.to_string().contains("TLS") || refused.to_string().contains("reached"), "{refused}");
    assert!(bucket.asked().is_empty());
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let bucket = Bucket::start();
    let cases: [(Change, &str); 7] = [
        (|options| options.endpoint = Some("127.0.0.1:1".to_owned()), "http://"),
        (|options| options.endpoint = Some(format!("https://AKIAEXAMPLE:{SECRET}@192.0.2.1")), "credentials"),
        (|options| options.attempts = 0, "tries"),
        (|options| options.part_bytes = 1 << 20, "part"),
        (|options| options.answer_timeout = Duration::ZERO, "timeout"),
        (|options| options.ca_bundle = Some("/nonexistent/ca.pem".into()), "certificates"),
        (|options| options.user_agent = "a b\n".to_owned(), "user agent"),
    ];
    for (change, expected) in cases {
        // The options with a secret in the endpoint are their caller's to hide.
        let mut options = bucket.options();
        change(&mut options);
        let error = S3Store::connect(&Bucket::address("x"), &options).expect_err("it cannot work");
        let said = format!("{error} {error:?}");
        assert!(said.contains(expected) && !said.contains(SECRET), "{said}");
    }
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").expect("a file");
    let error = refused(&bucket, "s3://backups/x", |options| options.ca_bundle = Some(file.path().to_owned()));
    assert!(error.to_string().contains("certificates in PEM"), "{error}");
    assert!(bucket.asked().is_empty());
}
