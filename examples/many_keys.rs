//! Writes a dump of so many small keys to standard output, the same bytes every time, and the sums of its prefixes to a file:
//! for proofs on more keys than a server of this machine would hold.
//!
//! ```text
//! many_keys COUNT SUMS.json [9|11] > dump.rdb
//! ```
//! As Redis 7.2 writes it, RDB 11, or as 6.2 does, RDB 9, which older tools read.
//!
//! Of a hundred keys 40 are sessions with a UUID, 25 profiles of users, 15 cached pages, 10 orders of one of 200,000 tenants
//! whose names look like words, 7 have names without any structure, and 3 a beginning of their own.

use rediscover::encoding::crc64::Crc64;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::{env, fs};

/// 2100-01-01, from where expiries count.
const EXPIRES_MS: u64 = 4_102_444_800_000;
const CREATED_SECS: u64 = 1_780_000_000;

/// Takes bytes, and sums them up.
struct Out<W: Write> {
    to: W,
    crc: Crc64,
}

impl<W: Write> Out<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc.update(bytes);
        self.to.write_all(bytes)
    }
}

/// What the keys of one beginning come to.
#[derive(Default)]
struct Sum {
    keys: u64,
    expires: u64,
    serialized_bytes: u64,
}

/// A number that looks random and is a function of `n` alone.
fn mixed(n: u64) -> u64 {
    let mut x = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Letters that no one takes for a number.
fn word(mut number: u64, letters: usize, key: &mut Vec<u8>) {
    for _ in 0..letters {
        key.push(b'a' + u8::try_from(number % 26).unwrap_or(0));
        number = mixed(number);
    }
}

/// The key of this number; its beginning; whether it expires.
fn name(n: u64, key: &mut Vec<u8>) -> io::Result<(&'static str, bool)> {
    key.clear();
    let random = mixed(n);
    Ok(match n % 100 {
        0..=39 => {
            let (low, high) = (mixed(random), random >> 32);
            let (second, third, last) = (random >> 16 & 0xffff, random & 0xfff, low >> 16);
            write!(key, "session:{high:08x}-{second:04x}-4{third:03x}-8{:03x}-{last:012x}", low & 0xfff)?;
            ("session:", true)
        }
        40..=64 => {
            write!(key, "user:{n}:profile")?;
            ("user:", false)
        }
        65..=79 => {
            write!(key, "cache:page:{n}")?;
            ("cache:", !n.is_multiple_of(3))
        }
        80..=89 => {
            key.extend_from_slice(b"tenant:");
            word(mixed(random % 200_000) >> 20, 8, key);
            write!(key, ":order:{n}")?;
            ("tenant:", false)
        }
        90..=96 => {
            word(random >> 8, 12, key);
            word(n, 7, key);
            ("", false)
        }
        _ => {
            word(random >> 8, 9, key);
            word(n, 7, key);
            key.extend_from_slice(b":x");
            ("", false)
        }
    })
}

fn string(bytes: &[u8], record: &mut Vec<u8>) {
    // Every key and value here is shorter than 64 bytes: one byte says how long.
    record.push(u8::try_from(bytes.len()).unwrap_or(63));
    record.extend_from_slice(bytes);
}

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let (Some(count), Some(sums_file)) =
        (arguments.next().and_then(|count| count.parse::<u64>().ok()), arguments.next())
    else {
        return Err(io::Error::other("many_keys COUNT SUMS.json > dump.rdb"));
    };
    let mut out = Out { to: BufWriter::with_capacity(1 << 20, io::stdout().lock()), crc: Crc64::new() };
    let (magic, server) =
        if arguments.next().as_deref() == Some("9") { (b"REDIS0009", "6.2.14") } else { (b"REDIS0011", "7.2.4") };
    out.write(magic)?;
    for (aux, value) in [("redis-ver", server.to_owned()), ("ctime", CREATED_SECS.to_string())] {
        let mut record = vec![0xfa];
        string(aux.as_bytes(), &mut record);
        string(value.as_bytes(), &mut record);
        out.write(&record)?;
    }
    out.write(&[0xfe, 0])?;
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    let (mut key, mut record, mut value) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..count {
        let (prefix, expires) = name(n, &mut key)?;
        record.clear();
        if expires {
            record.push(0xfc);
            record.extend_from_slice(&(EXPIRES_MS + n % 2_592_000 * 1000).to_le_bytes());
        }
        let stored = record.len();
        record.push(0);
        string(&key, &mut record);
        value.clear();
        word(mixed(n ^ 0x5555), usize::try_from(4 + n % 40).unwrap_or(4), &mut value);
        string(&value, &mut record);
        out.write(&record)?;
        let sum = sums.entry(prefix).or_default();
        sum.keys += 1;
        sum.expires += u64::from(expires);
        sum.serialized_bytes += (record.len() - stored) as u64;
    }
    out.write(&[0xff])?;
    let crc = out.crc.value();
    out.to.write_all(&crc.to_le_bytes())?;
    out.to.flush()?;
    let one = |(prefix, sum): (&&str, &Sum)| {
        let Sum { keys, expires, serialized_bytes } = sum;
        let numbers = format!("\"keys\": {keys}, \"expires\": {expires}, \"serialized_bytes\": {serialized_bytes}");
        format!("  \"{prefix}\": {{{numbers}}}")
    };
    fs::write(sums_file, format!("{{\n{}\n}}\n", sums.iter().map(one).collect::<Vec<_>>().join(",\n")))
}
