//! Sizes as redis.conf writes them, and as people read them.

/// Bytes of `10`, `10kb`, `10k`, `1gb`, `4MiB`: as in redis.conf `k` is 1000 and `kb` is 1024; `KiB` too is 1024.
/// `None` if it is no size or does not fit.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let unit_bytes: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" | "kib" => 1 << 10,
        "m" => 1_000_000,
        "mb" | "mib" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" | "gib" => 1 << 30,
        "t" => 1_000_000_000_000,
        "tb" | "tib" => 1 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit_bytes)
}

/// A size for people: `812 B`, `1.5 KiB`, `3.1 GiB`.
#[allow(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        // 1023.95 would print as 1024.0 of the smaller unit.
        if size < 1023.95 {
            break;
        }
        size /= 1024.0;
        unit = next;
    }
    format!("{size:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_redis_conf_does() {
        assert_eq!(parse("10"), Some(10));
        assert_eq!(parse("1k"), Some(1000));
        assert_eq!(parse("1kb"), Some(1024));
        assert_eq!(parse("6gb"), Some(6 << 30));
        assert_eq!(parse("4MiB"), Some(4 << 20));
        assert_eq!(parse("99999999999gb"), None);
        assert_eq!(parse("ten"), None);
    }

    #[test]
    fn writes_for_people() {
        assert_eq!(human(812), "812 B");
        assert_eq!(human(1536), "1.5 KiB");
        assert_eq!(human((1 << 20) - 1), "1.0 MiB");
        assert_eq!(human(u64::MAX), "16.0 EiB");
    }
}
