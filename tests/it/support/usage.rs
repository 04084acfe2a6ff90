//! Keyspaces made on real servers, saved, and analyzed in every way there is.

use super::dumps::{How, origin};
use super::servers::{self, Running, ServerSpec};
use redis::Connection;
use rediscover::analysis::{AnalyzeOptions, analyze};
use rediscover::report::Analysis;
use std::fs;

/// The servers that keyspaces are made on.
pub(crate) const SERVERS: [&str; 5] = ["redis-7.0", "redis-8.0", "redis-8.6", "valkey-8.1", "valkey-9.1"];

/// A server of its own, empty, with a folder that it saves to.
pub(crate) struct Fresh {
    pub(crate) running: Running,
    folder: tempfile::TempDir,
}

impl Fresh {
    /// One of this name, or `None` after a notice.
    pub(crate) fn named(name: &str, arguments: &[&str]) -> Option<Self> {
        let spec = ServerSpec::named(name)?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let running = servers::start(&spec, folder.path(), arguments)
            .unwrap_or_else(|refused| panic!("{name} does not start:\n{}", refused.log));
        Some(Self { running, folder })
    }

    /// What the server saves now.
    pub(crate) fn save(&self, connection: &mut Connection) -> Vec<u8> {
        let _: String = redis::cmd("SAVE").query(connection).expect("SAVE");
        fs::read(self.folder.path().join("dump.rdb")).expect("the dump")
    }
}

/// What is in a dump. Whatever the number of threads and the size of batches, it is the same.
pub(crate) fn analysis(dump: &[u8], options: &AnalyzeOptions) -> Analysis {
    let one = |how: How| {
        let options = AnalyzeOptions { run: how.options(), ..options.clone() };
        let analyzed = analyze(&[origin(dump.to_vec())], &options).expect("it runs");
        assert!(analyzed.failures.is_empty(), "{:?}", analyzed.failures);
        analyzed.total
    };
    let expected = one(How::default());
    for threads in 1..=8 {
        for batch_bytes in [4096, 20_011] {
            let how = How { threads, batch_bytes };
            assert!(one(how) == expected, "{how:?} comes to another result");
        }
    }
    expected
}

/// xorshift64*: seeded, the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % end
    }
}

/// The value at this percentile, exactly: the smallest that at least so many percent are not above.
pub(crate) fn percentile(values: &[u64], percent: usize) -> u64 {
    let mut values = values.to_vec();
    values.sort_unstable();
    values[(values.len() * percent).div_ceil(100).max(1) - 1]
}

/// Whether a percentile is as near as the report promises: not above, at most 1.6 % below, exact below 128.
pub(crate) fn assert_near(found: Option<u64>, values: &[u64], percent: usize, about: &str) {
    let exact = percentile(values, percent);
    let found = found.expect("a percentile");
    let near = found <= exact && exact - found <= exact / 64 && (exact >= 128 || found == exact);
    assert!(near, "{about}: p{percent} is {exact}, not {found}");
}
