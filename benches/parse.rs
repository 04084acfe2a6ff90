//! How fast the stages are: bytes per second of framing, of checking and of analyzing, and of the codecs below them.
//!
//! Data: the fixtures, written one after the other into one dump of about 8 MB.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rediscover::analysis::{AnalyzeOptions, CheckOptions, analyze, check};
use rediscover::encoding::{Crc64, lzf};
use rediscover::rdb::{Found, Framer, HEADER_BYTES, Header};
use rediscover::source::{Origin, Place};
use std::hint::black_box;

/// The records of a real file, many times over: the header, the keys again and again, EOF and no checksum.
fn dump() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/rdb/valkey-8.1/all-types.rdb");
    let file = std::fs::read(path).expect("a fixture");
    let records = &file[HEADER_BYTES..file.len() - 9];
    let mut bytes = file[..HEADER_BYTES].to_vec();
    while bytes.len() < 8 << 20 {
        bytes.extend_from_slice(records);
    }
    bytes.push(0xff);
    bytes.extend_from_slice(&[0; 8]);
    bytes
}

fn stages(c: &mut Criterion) {
    let bytes = dump();
    let mut group = c.benchmark_group("parse");
    group.throughput(Throughput::Bytes(bytes.len() as u64)).sample_size(20);
    group.bench_function("frame", |b| {
        let header = Header::parse(&bytes).expect("a header");
        b.iter(|| {
            let mut framer = Framer::new(header, 1 << 20);
            assert!(matches!(framer.follow(black_box(&bytes[HEADER_BYTES..])), Found::Eof(_)));
        });
    });
    let origin = Origin::new("bench", Place::Bytes(bytes.clone()));
    group.bench_function("check", |b| b.iter(|| black_box(check(&origin, &CheckOptions::default()).outcome.is_ok())));
    let origins = [origin.clone()];
    group.bench_function("analyze", |b| {
        b.iter(|| black_box(analyze(&origins, &AnalyzeOptions::default()).is_ok()));
    });
    group.finish();
}

fn codecs(c: &mut Criterion) {
    let text: Vec<u8> =
        (0..20_000u32).flat_map(|n| format!("{{\"id\":{n},\"name\":\"user {n}\"}},").into_bytes()).collect();
    let packed = lzf::compress(&text).expect("it compresses");
    let mut group = c.benchmark_group("codec");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("lzf", |b| {
        let mut out = Vec::new();
        b.iter(|| black_box(lzf::unpack(&packed, text.len(), &mut out).map(<[u8]>::len)));
    });
    group.bench_function("crc64", |b| {
        b.iter(|| {
            let mut crc = Crc64::new();
            crc.update(black_box(&text));
            crc.value()
        });
    });
    group.finish();
}

criterion_group!(benches, stages, codecs);
criterion_main!(benches);
