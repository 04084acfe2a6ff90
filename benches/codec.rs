//! How fast payloads are sealed and opened: raw bytes per second, on data of which zstd keeps two fifths.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rediscover::codec::{Packing, Recipients, SealOptions, Sealed, Sealer, open_frames, open_sealed};
use std::io::{self, Cursor, Read};
use std::ops::Range;
use std::sync::Arc;

const BYTES: usize = 64 << 20;

/// Keys, numbers and noise, the same every time.
fn data() -> Arc<[u8]> {
    let mut state = 1u64;
    let mut bytes = Vec::with_capacity(BYTES + 64);
    while bytes.len() < BYTES {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match (state >> 33) % 4 {
            0 => bytes.extend(state.to_le_bytes()),
            1 => bytes.extend(format!("session:{}:{}", (state >> 40) % 100_000, (state >> 20) % 977).bytes()),
            2 => bytes.extend(br#"{"id":"#),
            _ => bytes.extend((state >> 48).to_string().bytes()),
        }
    }
    bytes.truncate(BYTES);
    bytes.into()
}

fn seal_all(raw: &Arc<[u8]>, how: &SealOptions<'_>, out: &mut dyn io::Write) -> Sealed {
    let mut sealer = Sealer::new(Box::new(Cursor::new(Arc::clone(raw))), how).expect("a sealer");
    io::copy(&mut sealer, out).expect("sealed");
    sealer.sealed().expect("its end was read")
}

fn read_all(mut reader: Box<dyn Read + Send>) -> u64 {
    io::copy(&mut reader, &mut io::sink()).expect("whole")
}

fn codec(c: &mut Criterion) {
    let raw = data();
    let recipients = Recipients::parse(["age1u8y4j6mpu39xhp5gw5y2qppxafstcl4jqkdtcyptyz4vw95zkucqj7zsvj"]).ok();
    let mut group = c.benchmark_group("seal");
    group.throughput(Throughput::Bytes(raw.len() as u64)).sample_size(10);
    for packing in ["none", "zstd:1", "zstd:3", "gzip:6"] {
        let packing: Packing = packing.parse().expect("a packing");
        for threads in [1, 2] {
            let how = SealOptions { packing, threads, recipients: None };
            let id = BenchmarkId::new(packing.to_string(), threads);
            group.bench_function(id, |b| b.iter(|| seal_all(&raw, &how, &mut io::sink())));
        }
    }
    if let Some(recipients) = &recipients {
        let how = SealOptions { packing: Packing::default(), threads: 2, recipients: Some(recipients) };
        group.bench_function("zstd:3, encrypted/2", |b| b.iter(|| seal_all(&raw, &how, &mut io::sink())));
    }
    group.finish();

    let mut group = c.benchmark_group("open");
    group.throughput(Throughput::Bytes(raw.len() as u64)).sample_size(10);
    for packing in ["zstd:3", "gzip:6"] {
        let packing: Packing = packing.parse().expect("a packing");
        let mut stored = Vec::new();
        let sealed = seal_all(&raw, &SealOptions { packing, threads: 2, recipients: None }, &mut stored);
        let stored: Arc<[u8]> = stored.into();
        group.bench_function(BenchmarkId::new(packing.to_string(), "stream"), |b| {
            b.iter(|| {
                let stored = Box::new(Cursor::new(Arc::clone(&stored)));
                read_all(open_sealed(stored, packing, None, Some(&sealed)).expect("it opens"))
            });
        });
        if packing == Packing::default() {
            for threads in [1, 2] {
                group.bench_function(BenchmarkId::new(format!("{packing}, frames"), threads), |b| {
                    b.iter(|| {
                        let stored = Arc::clone(&stored);
                        let get = move |range: Range<u64>| {
                            let mut reader = Cursor::new(Arc::clone(&stored));
                            reader.set_position(range.start);
                            Ok(Box::new(reader.take(range.end - range.start)) as Box<dyn Read + Send>)
                        };
                        read_all(open_frames(get, sealed.stored_bytes, threads, Some(&sealed)).expect("it opens"))
                    });
                });
            }
        }
    }
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
