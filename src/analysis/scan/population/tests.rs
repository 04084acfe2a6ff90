use super::super::found_sample::{KIND, found};
use super::*;

/// Key names and whether something fires on them.
fn keys() -> Vec<(String, bool)> {
    let sessions = (0..200).map(|n| (format!("session:a{n:031x}"), n % 4 == 0));
    let users = (0..200).map(|n| (format!("user:{n}:profile"), n % 5 == 0));
    let few = (0..49).map(|n| (format!("few:{n}"), true));
    let letter = |n: u32| char::from_digit(10 + n % 26, 36).expect("a letter");
    let words = (0..300).map(move |n| (format!("team:{}{}:x", letter(n / 26), letter(n)), true));
    sessions.chain(users).chain(few).chain(words).collect()
}

/// What is told once, of keys dealt to `hands`.
fn told(most: usize, hands: usize) -> Vec<(String, u64, u64, Vec<String>)> {
    let mut all: Vec<_> = (0..hands).map(|_| Population::new(most)).collect();
    for (at, (name, fires)) in keys().into_iter().enumerate() {
        let hand = &mut all[at * 7 % hands];
        hand.key(name.as_bytes());
        if fires {
            let found = found(&name, 1000 - at as u64);
            let first = hand.wants(name.as_bytes(), KIND, &found.order).then_some(&found);
            hand.fired(name.as_bytes(), KIND, 2, first);
        }
    }
    let mut sum = all.pop().expect("a hand");
    for other in all {
        sum.merge(other);
    }
    let told = sum.finish().into_told().into_iter().map(|one| {
        assert!(one.findings >= 2 * one.told.structural.as_ref().expect("it").keys);
        let Structural { prefix, keys, of_keys, samples } = one.told.structural.expect("it stands for many");
        (prefix, keys, of_keys, samples.iter().map(KeyName::escaped).collect())
    });
    told.collect()
}

#[test]
fn what_fires_on_more_than_a_fifth_is_told_once() {
    let told = told(20_000, 1);
    assert_eq!(told.len(), 1, "{told:?}");
    let (prefix, keys, of_keys, samples) = &told[0];
    assert_eq!((prefix.as_str(), *keys, *of_keys), ("session:*", 50, 200));
    // Their order is that of their places, and here the last come first.
    let expected: Vec<_> = [196, 192, 188].map(|n| format!("session:a{n:031x}")).into();
    assert_eq!(samples, &expected);
}

#[test]
fn how_keys_are_dealt_makes_no_difference() {
    for most in [1, 2, 3, 5, 40, 200, 20_000] {
        let expected = told(most, 1);
        for hands in [2, 3, 8] {
            assert_eq!(told(most, hands), expected, "{most} patterns, {hands} hands");
        }
    }
}

#[test]
fn too_many_patterns_are_told_apart_less_deep() {
    // Names that are words, each of its own pattern: cut at their first piece they are one.
    let told = told(10, 1);
    let prefixes: Vec<_> = told.iter().map(|(prefix, ..)| prefix.as_str()).collect();
    assert!(prefixes.contains(&"team:*") && prefixes.contains(&"session:*"), "{prefixes:?}");
}

#[test]
fn what_varies_is_a_star() {
    for (path, depth, expected) in [
        ("session:\0{hex}", pattern::WHOLE, "session:*"),
        ("user:\0{n}:\0profile", pattern::WHOLE, "user:*:profile"),
        ("log:\0{date}-{n}", pattern::WHOLE, "log:*-*"),
        ("user:\0", 1, "user:*"),
        ("{tag}:\0x", pattern::WHOLE, "{tag}:x"),
        ("", 0, "*"),
    ] {
        assert_eq!(prefix(path.as_bytes(), depth), expected);
    }
}
