//! Patterns as KEYS and SCAN match them.

/// Whether a key matches a pattern: `*` any bytes, `?` one byte, `[abc]`, `[^a]`, `[a-z]` one of a class, `\` takes the
/// next byte literally. Takes time in proportion to pattern × key at most, whatever the pattern.
/// Source: the KEYS command's documentation.
pub fn glob_match(pattern: &[u8], key: &[u8]) -> bool {
    let (mut p, mut k) = (0usize, 0usize);
    // Where to go on if a later byte does not fit: one byte further than the last star took.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let rest = pattern.get(p..).unwrap_or_default();
        if rest.first() == Some(&b'*') {
            star = Some((p, k));
            p += 1;
            continue;
        }
        let fits = match key.get(k) {
            None if rest.is_empty() => return true,
            None => None,
            Some(byte) => one(rest, *byte),
        };
        if let Some(used) = fits {
            p += used;
            k += 1;
            continue;
        }
        match star {
            Some((at, taken)) if taken < key.len() => {
                p = at + 1;
                k = taken + 1;
                star = Some((at, taken + 1));
            }
            _ => return false,
        }
    }
}

/// How many bytes of the pattern match this byte, if they do.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'\\', literal, ..] => (*literal == byte).then_some(2),
        [b'[', class @ ..] => {
            let (negated, mut at) = if class.first() == Some(&b'^') { (true, 1) } else { (false, 0) };
            let mut found = false;
            loop {
                match class.get(at..).unwrap_or_default() {
                    // An open class ends with the pattern.
                    [] => return (found != negated).then_some(at + 1),
                    [b']', ..] => return (found != negated).then_some(at + 2),
                    [b'\\', literal, ..] => {
                        found |= *literal == byte;
                        at += 2;
                    }
                    [from, b'-', to, ..] => {
                        let (low, high) = if from <= to { (from, to) } else { (to, from) };
                        found |= (low..=high).contains(&&byte);
                        at += 3;
                    }
                    [literal, ..] => {
                        found |= *literal == byte;
                        at += 1;
                    }
                }
            }
        }
        [literal, ..] => (*literal == byte).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::glob_match;

    #[test]
    fn matches_as_keys_does() {
        for (pattern, key, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("user:*", "user:1", true),
            ("user:*", "users", false),
            ("*:profile", "user:1:profile", true),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXbYY", false),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[^e]llo", "hallo", true),
            ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hbllo", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "aXb", false),
            ("[abc", "b", true),
            ("a*", "b", false),
            ("*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(glob_match(pattern.as_bytes(), key.as_bytes()), expected, "{pattern} {key}");
        }
    }
}
