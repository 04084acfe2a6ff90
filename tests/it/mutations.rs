//! Fixtures with something changed: nothing panics, nothing passes for verified, and what a server refuses is damaged.

use crate::support::dumps::{How, check_bytes, check_json, fixtures, origin};
use crate::support::rdb::checksum;
use crate::support::servers::{ServerSpec, start};
use rediscover::report::{ChecksumState, Verdict};
use serde_json::Value;
use std::fs;

/// Of each fixture, whatever its size.
const EACH: u64 = 80;
/// Of each server, with the checksum made right.
const REFUSALS: u64 = 400;

/// splitmix64: seeded, the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % sides.max(1) as u64).expect("fewer than usize")
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.roll(256)).expect("a byte")
    }
}

/// Lengths that no file can keep: at most as many bytes as they replace.
const LENGTHS: [&[u8]; 6] = [
    &[0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x81, 0, 0, 1, 0, 0, 0, 0, 0],
    &[0x80, 0xff, 0xff, 0xff, 0xff],
    &[0x80, 0, 0x10, 0, 0],
    &[0x7f, 0xff],
    &[0xff, 0xff, 0xff, 0xff],
];

/// One change, and its name.
fn mutate(original: &[u8], from: usize, to: usize, dice: &mut Dice) -> (Vec<u8>, String) {
    let mut bytes = original.to_vec();
    let at = from + dice.roll(to - from);
    let far = (at + 1 + dice.roll(40)).min(to);
    let name = match dice.roll(8) {
        0 | 1 => {
            bytes[at] ^= 1 << dice.roll(8);
            format!("a bit at {at}")
        }
        2 => {
            bytes[at] = dice.byte();
            format!("a byte at {at}")
        }
        3 => {
            bytes.drain(at..far);
            format!("{at} to {far} left out")
        }
        4 => {
            let piece = bytes[at..far].to_vec();
            bytes.splice(at..at, piece);
            format!("{at} to {far} twice")
        }
        5 => {
            let there = from + dice.roll(to - from);
            let piece = bytes[at..far].to_vec();
            let end = (there + piece.len()).min(to);
            bytes.splice(there..end, piece[..end - there].to_vec());
            format!("{at} to {far} over {there}")
        }
        6 => {
            let length = LENGTHS[dice.roll(LENGTHS.len())];
            let end = (at + length.len()).min(to);
            bytes[at..end].copy_from_slice(&length[..end - at]);
            format!("a huge length at {at}")
        }
        _ => {
            bytes[at..far].fill_with(|| dice.byte());
            format!("noise from {at} to {far}")
        }
    };
    (bytes, name)
}

#[test]
fn nothing_panics_and_nothing_passes_for_verified() {
    let all = fixtures();
    let half = |dumps: &[crate::support::dumps::Dump]| {
        for dump in dumps {
            let original = dump.bytes();
            let tail = original.len() - 8;
            let summed = original[tail..] != [0; 8];
            let mut dice = Dice(original.len() as u64);
            for number in 0..EACH {
                let (bytes, what) = if number % 8 == 7 {
                    let at = dice.roll(original.len());
                    (original[..at].to_vec(), format!("cut at {at}"))
                } else {
                    mutate(&original, 0, original.len(), &mut dice)
                };
                let how = if number % 2 == 0 { How::default() } else { How { threads: 2, batch_bytes: 4096 } };
                let report = check_bytes(&bytes, how);
                for problem in &report.integrity.problems {
                    assert!(problem.offset <= bytes.len() as u64, "{}: {what}: {problem:?}", dump.name);
                    assert!(
                        !problem.kind.is_empty() && !problem.message.is_empty(),
                        "{}: {what}: {problem:?}",
                        dump.name
                    );
                }
                // What only repeats the end has the whole dump before it.
                if summed && !bytes.starts_with(&original) {
                    let passes =
                        report.verdict == Verdict::Intact && report.integrity.checksum.state == ChecksumState::Verified;
                    assert!(!passes, "{}: {what}: passes for verified", dump.name);
                }
            }
        }
    };
    let (one, other) = all.split_at(all.len() / 2);
    std::thread::scope(|scope| {
        scope.spawn(|| half(one));
        half(other);
    });
}

/// What the server says at last, where it refuses the bytes.
fn refusal(spec: &ServerSpec, bytes: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("dump.rdb"), bytes).expect("a dump");
    match start(spec, folder.path(), &["--sanitize-dump-payload", "yes"]) {
        Ok(_) => None,
        Err(refused) => {
            let said = |line: &&str| {
                ["rror", "orrupt", "Bad", "Invalid", "unknown", "Unknown", "ssert", "rdb.c"]
                    .iter()
                    .any(|word| line.contains(word))
            };
            Some(refused.log.lines().find(said).unwrap_or("ended without a word").to_owned())
        }
    }
}

#[expect(clippy::print_stderr, reason = "misses are worth seeing")]
fn what_this_server_refuses_is_damaged(name: &str) {
    let Some(spec) = ServerSpec::named(name) else { return };
    let own: Vec<_> = fixtures().into_iter().filter(|dump| dump.name.starts_with(name)).collect();
    assert!(!own.is_empty(), "no fixtures of {name}");
    let mut dice = Dice(7);
    let mut refused = 0u32;
    let mut missed = Vec::new();
    for number in 0..REFUSALS {
        // Half of them in the file that has everything.
        let everything = own.iter().find(|dump| dump.name.ends_with("all-types.rdb")).filter(|_| number % 2 == 0);
        let dump = everything.unwrap_or_else(|| &own[dice.roll(own.len())]);
        let original = dump.bytes();
        let (mut bytes, what) = mutate(&original, 9, original.len() - 9, &mut dice);
        let end = bytes.len() - 8;
        let sum = checksum(&bytes[..end]).to_le_bytes();
        bytes[end..].copy_from_slice(&sum);
        let Some(said) = refusal(&spec, &bytes) else { continue };
        refused += 1;
        let report: Value = check_json(&origin(bytes), How::default());
        if report["verdict"] == "intact" {
            missed.push(format!("{}: {what}: {}", dump.name, said.trim()));
        }
    }
    eprintln!(
        "{name} {}: refuses {refused} of {REFUSALS}, of which {} are intact here: {missed:#?}",
        spec.version,
        missed.len()
    );
    assert!(refused > 20, "only {refused} were refused");
    assert!(
        missed.len() as u64 * 20 <= u64::from(refused),
        "{name}: {} of {refused} missed: {missed:#?}",
        missed.len()
    );
}

#[test]
fn what_redis_refuses_is_damaged() {
    what_this_server_refuses_is_damaged("redis-8.6");
}

#[test]
fn what_valkey_refuses_is_damaged() {
    what_this_server_refuses_is_damaged("valkey-9.1");
}
