//! Which release of which branch mended what. Source: the advisories and release notes of Redis and Valkey.

use std::fmt;

/// A release, as a server names itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    /// Whether it is Valkey's numbering.
    pub(super) valkey: bool,
    number: Number,
}

/// `7.2.11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(u32, u32, u32);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl Version {
    /// `8.0.3`, also with something behind it; none of what is no such number. A development version says 255.255.255.
    pub(super) fn parse(valkey: bool, text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut parts = text.splitn(3, '.');
        let mut next = || {
            let part = parts.next()?;
            let digits = part.find(|c: char| !c.is_ascii_digit()).map_or(part, |end| part.get(..end).unwrap_or(part));
            digits.parse().ok()
        };
        let number = Number(next()?, next()?, next()?);
        (number.0 < 255).then_some(Self { valkey, number })
    }
}

/// A flaw of servers: since when, and mended by which release of each branch.
pub(super) struct Row {
    /// The check that tells of it.
    pub(super) check: &'static str,
    since: Number,
    redis: &'static [Number],
    valkey: &'static [Number],
}

impl Row {
    pub(super) fn fixed(&self, valkey: bool) -> &'static [Number] {
        if valkey { self.valkey } else { self.redis }
    }

    /// Whether a server that calls itself so has the flaw, unless it was mended without a new number. A branch that ended
    /// before has it; one that began later has not.
    pub(super) fn exposes(&self, version: Version) -> bool {
        let (own, fixed) = (version.number, self.fixed(version.valkey));
        if own < self.since || fixed.is_empty() {
            return false;
        }
        let of_branch = fixed.iter().find(|fixed| (fixed.0, fixed.1) == (own.0, own.1));
        of_branch.or(fixed.last()).is_some_and(|fixed| own < *fixed)
    }
}

const LUA: Number = Number(2, 6, 0);

const OCTOBER_2025: &[Number] =
    &[Number(6, 2, 20), Number(7, 2, 11), Number(7, 4, 6), Number(8, 0, 4), Number(8, 2, 2)];
const OCTOBER_2025_VALKEY: &[Number] = &[Number(7, 2, 11), Number(8, 0, 6), Number(8, 1, 4)];

/// Every flaw that is known here. The branches of each in rising order.
pub(super) const TABLE: [Row; 10] = [
    Row {
        check: "cve-2022-24834",
        since: LUA,
        redis: &[Number(6, 0, 20), Number(6, 2, 13), Number(7, 0, 12)],
        valkey: &[],
    },
    Row {
        check: "cve-2024-31449",
        since: LUA,
        redis: &[Number(6, 2, 16), Number(7, 2, 6), Number(7, 4, 1)],
        valkey: &[Number(7, 2, 7), Number(8, 0, 1)],
    },
    Row {
        check: "cve-2024-46981",
        since: LUA,
        redis: &[Number(6, 2, 17), Number(7, 2, 7), Number(7, 4, 2)],
        valkey: &[Number(7, 2, 8), Number(8, 0, 2)],
    },
    Row {
        check: "cve-2025-21605",
        since: LUA,
        redis: &[Number(6, 2, 18), Number(7, 2, 8), Number(7, 4, 3)],
        valkey: &[Number(7, 2, 9), Number(8, 0, 3), Number(8, 1, 1)],
    },
    Row {
        check: "cve-2025-32023",
        since: Number(2, 8, 9),
        redis: &[Number(6, 2, 19), Number(7, 2, 10), Number(7, 4, 5), Number(8, 0, 3)],
        valkey: &[Number(7, 2, 10), Number(8, 0, 4), Number(8, 1, 3)],
    },
    Row { check: "cve-2025-46817", since: LUA, redis: OCTOBER_2025, valkey: OCTOBER_2025_VALKEY },
    Row { check: "cve-2025-46818", since: LUA, redis: OCTOBER_2025, valkey: OCTOBER_2025_VALKEY },
    Row { check: "cve-2025-46819", since: LUA, redis: OCTOBER_2025, valkey: OCTOBER_2025_VALKEY },
    Row { check: "cve-2025-49844", since: LUA, redis: OCTOBER_2025, valkey: OCTOBER_2025_VALKEY },
    Row { check: "cve-2025-62507", since: Number(8, 2, 0), redis: &[Number(8, 2, 3)], valkey: &[] },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn exposed(valkey: bool, version: &str) -> Vec<&'static str> {
        let version = Version::parse(valkey, version.as_bytes()).expect("a version");
        TABLE.iter().filter(|row| row.exposes(version)).map(|row| row.check).collect()
    }

    #[test]
    fn branches_are_judged_each_by_its_own_release() {
        assert_eq!(exposed(false, "8.2.2"), ["cve-2025-62507"]);
        assert!(exposed(false, "8.2.1").contains(&"cve-2025-49844"));
        assert!(exposed(false, "8.6.3").is_empty());
        assert!(exposed(false, "7.4.6").is_empty());
        assert_eq!(exposed(false, "7.4.5"), ["cve-2025-46817", "cve-2025-46818", "cve-2025-46819", "cve-2025-49844"]);
        // 7.0 had ended when most were mended elsewhere.
        assert_eq!(exposed(false, "7.0.15").len(), 8);
        assert!(!exposed(false, "7.0.15").contains(&"cve-2022-24834"));
        assert!(exposed(false, "7.0.11").contains(&"cve-2022-24834"));
        assert!(exposed(false, "2.4.0").is_empty());
        assert!(exposed(true, "8.1.4").is_empty());
        assert!(exposed(true, "9.1.2").is_empty());
        assert!(exposed(true, "8.1.3").contains(&"cve-2025-49844"));
        assert!(!exposed(true, "8.1.3").contains(&"cve-2025-32023"));
        assert!(Version::parse(false, b"255.255.255").is_none());
        assert!(Version::parse(false, b"unstable").is_none());
        assert_eq!(Version::parse(false, b"7.2.4-rc1"), Version::parse(false, b"7.2.4"));
    }

    #[test]
    fn branches_rise() {
        for row in &TABLE {
            assert!(row.redis.is_sorted() && row.valkey.is_sorted(), "{}", row.check);
        }
    }
}
