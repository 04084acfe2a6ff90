//! Numbers that look random and are the same each time, and the names that are made of them.

/// A source of them, by its seed alone.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

const WORDS: [&str; 48] = [
    "amber", "basket", "canyon", "delta", "ember", "falcon", "garnet", "harbor", "island", "juniper", "kernel",
    "lagoon", "meadow", "nectar", "orchid", "pepper", "quartz", "raven", "saddle", "timber", "umber", "velvet",
    "walnut", "yonder", "zephyr", "anchor", "bishop", "cedar", "dune", "echo", "fjord", "glade", "hazel", "inlet",
    "jasper", "kettle", "lumen", "mosaic", "north", "oasis", "prairie", "quill", "ridge", "summit", "tundra", "valley",
    "willow", "zenith",
];
const NAMES: [&str; 16] = [
    "alice", "bruno", "carla", "dmitri", "elena", "farid", "greta", "hiro", "ines", "jonas", "kadri", "liam", "mira",
    "noor", "oskar", "petra",
];

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice for a part of the whole, so that one part's texts do not depend on how many another has.
    pub(crate) fn of(&self, part: &str, number: usize) -> Self {
        let mut mixed = self.0 ^ (number as u64).wrapping_mul(0xd6e8_feb8_6659_fd93);
        for byte in part.bytes() {
            mixed = (mixed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut dice = Self(mixed);
        dice.next();
        dice
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).expect("below a usize")
    }

    pub(crate) fn range(&mut self, from: usize, to: usize) -> usize {
        from + self.below(to - from)
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[3]).collect()
    }

    /// So many characters of an alphabet.
    pub(crate) fn of_alphabet(&mut self, alphabet: &str, count: usize) -> String {
        (0..count).map(|_| char::from(self.pick(alphabet.as_bytes()))).collect()
    }

    pub(crate) fn digits(&mut self, count: usize) -> String {
        self.of_alphabet("0123456789", count)
    }

    pub(crate) fn hex(&mut self, count: usize) -> String {
        self.of_alphabet("0123456789abcdef", count)
    }

    pub(crate) fn alnum(&mut self, count: usize) -> String {
        self.of_alphabet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", count)
    }

    pub(crate) fn lower(&mut self, count: usize) -> String {
        self.of_alphabet("abcdefghijklmnopqrstuvwxyz0123456789", count)
    }

    /// Letters, digits, `-` and `_`; the first and last are letters.
    pub(crate) fn url_safe(&mut self, count: usize) -> String {
        let middle =
            self.of_alphabet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", count.max(2) - 2);
        format!("{}{middle}{}", self.of_alphabet("abcdefgh", 1), self.of_alphabet("JKLMNPQR", 1))
    }

    pub(crate) fn word(&mut self) -> &'static str {
        self.pick(&WORDS)
    }

    pub(crate) fn first_name(&mut self) -> &'static str {
        self.pick(&NAMES)
    }

    pub(crate) fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    /// A name that resolves nowhere.
    pub(crate) fn host(&mut self) -> String {
        match self.below(4) {
            0 => format!("{}.{}.invalid", self.word(), self.word()),
            1 => format!("{}-{}.test", self.word(), self.digits(2)),
            2 => format!("{}{}.invalid", self.lower(6), self.digits(1)),
            _ => format!("{}.{}.example.com", self.word(), self.word()),
        }
    }

    /// An address kept for documentation, RFC 5737.
    pub(crate) fn ip(&mut self) -> String {
        let net = self.pick(&["192.0.2", "198.51.100", "203.0.113"]);
        format!("{net}.{}", self.range(1, 255))
    }

    pub(crate) fn uuid(&mut self) -> String {
        format!("{}-{}-4{}-a{}-{}", self.hex(8), self.hex(4), self.hex(3), self.hex(3), self.hex(12))
    }
}
