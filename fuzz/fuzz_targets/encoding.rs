//! Any bytes as each packed structure: no panic, bounded memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rediscover::encoding::{Intset, Zipmap, hll, listpack, lzf, ziplist};

fuzz_target!(|bytes: &[u8]| {
    let _ = listpack::deep(bytes, |_| Ok(()));
    let _ = ziplist::deep(bytes, |_| Ok(()));
    let _ = Zipmap::new(bytes).map(|map| map.iter().count());
    let _ = Intset::new(bytes).map(|set| set.check_ascending());
    let _ = hll::check(bytes);
    let mut out = Vec::new();
    let _ = lzf::unpack(bytes, bytes.len().saturating_mul(4), &mut out);
});
