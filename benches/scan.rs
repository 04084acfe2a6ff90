//! How fast texts are scanned: bytes per second of the rules that come with the program, on texts as servers hold them.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rediscover::report::Where;
use rediscover::rules::{About, RuleSet, Scanner};
use std::hint::black_box;
use std::sync::Arc;

/// Numbers that look like nothing, the same every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn letters(&mut self, alphabet: &[u8], count: u64) -> String {
        (0..count)
            .map(|_| char::from(alphabet[usize::try_from(self.next(alphabet.len() as u64)).unwrap_or(0)]))
            .collect()
    }
}

/// Documents of users, sessions, numbers, identifiers, base64 and prose: 8 MB in texts of some 10 to 2,000 bytes.
fn texts() -> Vec<Vec<u8>> {
    let mut numbers = Numbers(1);
    let prose = "the quick brown fox jumps over the lazy dog while orders are shipped to every warehouse in time ";
    let mut texts: Vec<String> = Vec::new();
    while texts.iter().map(String::len).sum::<usize>() < 256 << 10 {
        let id = numbers.next(10_000_000);
        let hex = numbers.letters(b"0123456789abcdef", 32);
        texts.push(match numbers.next(10) {
            0 | 1 => format!(
                r#"{{"id":{id},"name":"user {id}","email":"u{id}@example.com","created_at":"2024-03-{:02}T10:00:00Z","tags":["a","b"],"url":"https://www.example.com/p/{id}"}}"#,
                1 + numbers.next(28)
            ),
            2 => format!("{}", 1_700_000_000_000 + id),
            3 => format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]),
            4 => format!(r#"a:3:{{s:2:"id";i:{id};s:4:"name";s:5:"alice";s:4:"cart";a:0:{{}}}}"#),
            5 => { let count = 20 + numbers.next(400); numbers.letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", count) }
            6 => prose.repeat(1 + usize::try_from(numbers.next(20)).unwrap_or(0)),
            7 => format!("user:{id}:profile"),
            8 => format!("<li class=\"item\"><a href=\"/p/{id}\">Item {id}</a><span>{}.99</span></li>", id % 100).repeat(8),
            _ => format!("{}", id % 1000),
        });
    }
    let texts: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    texts.iter().cycle().take(texts.len() * 32).cloned().collect()
}

fn scan(c: &mut Criterion) {
    let texts = texts();
    let bytes: u64 = texts.iter().map(|text| text.len() as u64).sum();
    let rules = Arc::new(RuleSet::builtin().expect("rules"));
    let mut group = c.benchmark_group("scan");
    group.throughput(Throughput::Bytes(bytes)).sample_size(10);
    for (name, place) in [("values", Where::Value), ("keys", Where::Key), ("no rules", Where::Structure)] {
        let about = About { place, ty: None, key: b"user:1", field: b"" };
        group.bench_with_input(BenchmarkId::new("texts", name), &texts, |b, texts| {
            let mut scanner = Scanner::new(Arc::clone(&rules));
            b.iter(|| {
                for text in texts {
                    scanner.text(0, &about, black_box(text));
                }
                scanner.drain().count()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, scan);
criterion_main!(benches);
