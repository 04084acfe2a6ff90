//! Payloads that are larger than what may be held.

use crate::support::conformance::noise;
use rediscover::codec::{Packing, SealOptions, Sealer, open_sealed, spool};
use rediscover::store::{LocalStore, PutOptions, Store};
use std::io::{self, Read, Write};
use std::process::Command;

/// Set in the process that is measured.
const MEASURED: &str = "REDISCOVER_TEST_MEASURED";
const RAW_BYTES: u64 = 300 << 20;
/// Frames of 8 MiB, raw and packed, for two threads.
const MOST_KIB: u64 = 128 << 10;

/// Bytes that are made as they are read.
struct Made {
    block: Vec<u8>,
    left: u64,
}

impl Read for Made {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let at = usize::try_from(self.left % 1_000_003).expect("small");
        let count = buffer.len().min(self.block.len() - at).min(usize::try_from(self.left).expect("64 bits"));
        buffer[..count].copy_from_slice(&self.block[at..at + count]);
        self.left -= count as u64;
        Ok(count)
    }
}

/// A line of what the kernel says of this process, in KiB.
fn kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the line");
    line.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
}

fn seal_and_open(packing: Packing) {
    let before = kib("VmRSS:");
    let scratch = tempfile::tempdir().expect("a folder");
    let store = LocalStore::create(scratch.path()).expect("a store");
    let (mut writer, reader) = spool(scratch.path()).expect("a spool");
    let filling = std::thread::spawn(move || {
        let block = [noise(3, 500_000), vec![7; 600_000]].concat();
        io::copy(&mut Made { block, left: RAW_BYTES }, &mut writer).expect("spooled");
        writer.flush().and_then(|()| writer.finish()).expect("finished");
    });
    let how = SealOptions { packing, threads: 2, recipients: None };
    let mut sealer = Sealer::new(Box::new(reader), &how).expect("a sealer");
    store.put("payload", &mut sealer, &PutOptions::default()).expect("stored");
    filling.join().expect("the spool");
    let sealed = sealer.sealed().expect("its end was read");
    assert_eq!(sealed.raw_bytes, RAW_BYTES);
    let stored = store.get("payload", None, None).expect("it is there");
    let mut raw = open_sealed(stored, packing, None, Some(&sealed)).expect("it opens");
    assert_eq!(io::copy(&mut raw, &mut io::sink()).expect("it is whole"), RAW_BYTES);
    let used = kib("VmHWM:").saturating_sub(before);
    assert!(used < MOST_KIB, "{packing}: {used} KiB for {RAW_BYTES} bytes");
}

/// Runs in a process of its own: other tests take memory as well.
fn measured(test: &str, packing: &str) {
    if std::env::var_os(MEASURED).is_some() {
        seal_and_open(packing.parse().expect("a packing"));
        return;
    }
    let own = std::env::current_exe().expect("this program");
    let output = Command::new(own).args(["--exact", test, "--nocapture"]).env(MEASURED, "1").output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "nothing was measured: {said}");
}

#[test]
fn zstd_takes_little_memory_for_much() {
    measured("seal::zstd_takes_little_memory_for_much", "zstd:3");
}

#[test]
fn gzip_takes_little_memory_for_much() {
    measured("seal::gzip_takes_little_memory_for_much", "gzip:1");
}

#[test]
fn what_is_not_compressed_takes_little_memory_for_much() {
    measured("seal::what_is_not_compressed_takes_little_memory_for_much", "none");
}
