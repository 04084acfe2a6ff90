//! Any bytes after a header: no panic, the same verdict whole and in small batches.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rediscover::analysis::{CheckOptions, check};
use rediscover::source::{Origin, Place};

fuzz_target!(|bytes: &[u8]| {
    let origin = Origin::new("fuzz", Place::Bytes(bytes.to_vec()));
    let mut options = CheckOptions::default();
    options.run.scratch = std::env::temp_dir();
    let whole = check(&origin, &options).outcome;
    options.run.limits.batch_bytes = 4096;
    let cut = check(&origin, &options).outcome;
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => {
            assert_eq!(whole.verdict, cut.verdict);
            assert_eq!(whole.integrity, cut.integrity);
        }
        (whole, cut) => assert_eq!(whole.is_err(), cut.is_err()),
    }
});
