//! From the words of a command to its line in the table.
//!
//! A table of slots, filled when this is compiled, with the lines' places in it; where a slot is taken, the next free one
//! is used. The hash looks at the first and the last eight bytes and the length. A subcommand's hash begins with its
//! container's place.

use super::Args;
use super::spec::Spec;
use super::table::TABLE;

/// A power of two, about four times as many as there are commands.
const SLOTS: usize = 2048;
const FREE: u16 = u16::MAX;
/// No container.
const TOP: u16 = 0;

static INDEX: [u16; SLOTS] = index();

impl Spec {
    /// What is known of the command of these arguments, upper or lower case; a container's subcommand, if there is one.
    /// None if no server has it.
    #[inline]
    pub fn lookup(args: &Args<'_>) -> Option<&'static Spec> {
        let spec = find(TOP, args.whole(0)?)?;
        if spec.is_container && args.count() > 1 { find(spec.as_container(), args.whole(1)?) } else { Some(spec) }
    }

    /// The spec of this name in the table's form, `xgroup|create`, in upper or lower case.
    pub fn named(name: &str) -> Option<&'static Spec> {
        match name.split_once('|') {
            None => find(TOP, name.as_bytes()),
            Some((container, name)) => find(find(TOP, container.as_bytes())?.as_container(), name.as_bytes()),
        }
    }
}

#[inline]
fn find(inside: u16, word: &[u8]) -> Option<&'static Spec> {
    let mut slot = hash(inside, word);
    loop {
        // What stands in a free slot is no place in the table. There always is one: most are free.
        let spec = TABLE.get(usize::from(*INDEX.get(slot % SLOTS)?))?;
        if spec.inside() == inside && spec.own_name().eq_ignore_ascii_case(word) {
            return Some(spec);
        }
        slot = slot.wrapping_add(1);
    }
}

const fn index() -> [u16; SLOTS] {
    let mut slots = [FREE; SLOTS];
    let mut at: u16 = 0;
    while (at as usize) < TABLE.len() {
        let spec = &TABLE[at as usize];
        let mut slot = hash(spec.inside(), spec.own_name());
        while slots[slot % SLOTS] != FREE {
            slot += 1;
        }
        slots[slot % SLOTS] = at;
        at += 1;
    }
    slots
}

/// Case is the bit 0x20: with it set everywhere, upper and lower case hash alike.
#[allow(clippy::cast_possible_truncation, reason = "a hash may lose bits")]
#[inline]
const fn hash(inside: u16, word: &[u8]) -> usize {
    const CASE: u64 = 0x2020_2020_2020_2020;
    let (first, last) = match (word.first_chunk::<8>(), word.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (word.first_chunk::<4>(), word.last_chunk::<4>()) {
            (Some(first), Some(last)) => (u32::from_le_bytes(*first) as u64, u32::from_le_bytes(*last) as u64),
            _ => match word {
                [a, b, c] => (*a as u64 | (*b as u64) << 8, *c as u64),
                [a, b] => (*a as u64 | (*b as u64) << 8, 0),
                [a] => (*a as u64, 0),
                _ => (0, 0),
            },
        },
    };
    let mixed = (first | CASE).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (last | CASE).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    let seed = (inside as u64) << 8 | (word.len() as u64 & 0xff);
    let mixed = (mixed ^ mixed >> 32 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::super::lay_out;
    use super::*;

    fn lookup(words: &[&str]) -> Option<&'static str> {
        let (bytes, spans) = lay_out(words);
        Spec::lookup(&Args::new(&bytes, &spans, spans.len() as u64)).map(|spec| spec.name)
    }

    #[test]
    fn finds_every_line_by_its_name() {
        for (at, spec) in Spec::all().iter().enumerate() {
            assert_eq!(usize::from(spec.index()), at);
            assert_eq!(Spec::named(spec.name).map(Spec::index), Some(spec.index()), "{}", spec.name);
            assert_eq!(Spec::named(&spec.name.to_uppercase()).map(Spec::index), Some(spec.index()), "{}", spec.name);
            let words: Vec<_> = spec.name.split('|').collect();
            assert_eq!(lookup(&words), Some(spec.name));
        }
        assert!(Spec::all().is_sorted_by_key(|spec| spec.name));
    }

    #[test]
    fn finds_subcommands_in_their_containers_only() {
        assert_eq!(lookup(&["XGroup", "CREATE", "k"]), Some("xgroup|create"));
        assert_eq!(lookup(&["xgroup"]), Some("xgroup"));
        assert_eq!(lookup(&["command"]), Some("command"));
        assert_eq!(lookup(&["SET", "create"]), Some("set"));
        for none in [&["xgroup", "nothing"][..], &["create"], &["xgroup|create"], &["set|x"], &["nothing"], &[""], &[]]
        {
            assert_eq!(lookup(none), None, "{none:?}");
        }
        assert!(Spec::named("set|create").is_none());
        assert!(Spec::named(&"x".repeat(100_000)).is_none());
    }

    /// Slots looked at for a name that is there: a hash that clusters would show here.
    #[test]
    fn looks_at_few_slots() {
        let mut most = 0;
        for spec in Spec::all() {
            let first = hash(spec.inside(), spec.own_name()) % SLOTS;
            let found = INDEX.iter().position(|slot| *slot == spec.index()).unwrap();
            most = most.max((found + SLOTS - first) % SLOTS);
        }
        assert!(most <= 8, "{most} slots after the first");
    }
}
