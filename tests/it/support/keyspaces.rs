//! A large keyspace of every type, size, encoding and lifetime, the same each time it is made.

use super::servers::ServerSpec;
use redis::{Cmd, Connection, cmd, pipe};

/// Commands that are sent before their answers are read.
const AT_ONCE: usize = 500;
/// Elements that one command adds.
const STEP: usize = 200;
/// 2100-01-01 in Unix milliseconds: no key expires before.
const LATER: u64 = 4_102_444_800_000;
/// 2023-11-14, when the first stream entry came.
const ENTRIES: u64 = 1_700_000_000_000;

/// What a server can be asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Abilities {
    /// Fields of a hash may expire.
    pub(crate) field_expiries: bool,
}

impl Abilities {
    pub(crate) fn of(spec: &ServerSpec) -> Self {
        Self { field_expiries: !["redis-7.0", "valkey-8.1"].contains(&spec.name) }
    }
}

/// Whether a field of any hash in database 0 expires.
pub(crate) fn field_expiries(connection: &mut Connection) -> bool {
    let live = super::keyspace::live(connection);
    let mut values = live.keys.values();
    let has = values.any(|value| match &value.data {
        super::keyspace::Data::Hash(fields) => fields.values().any(|(_, expire_at)| expire_at.is_some()),
        _ => false,
    });
    cmd("SELECT").arg(0).exec(connection).expect("the database");
    has
}

/// Fills databases 0 and 1 with so many keys, nine of ten in the first.
pub(crate) fn fill(connection: &mut Connection, keys: u64, abilities: Abilities) {
    for (db, numbers) in [(0, 0..keys - keys / 10), (1, keys - keys / 10..keys)] {
        cmd("SELECT").arg(db).exec(connection).expect("the database");
        let mut commands = Vec::new();
        for number in numbers {
            Key::new(number, abilities).commands(&mut commands);
            if commands.len() >= AT_ONCE {
                send(connection, &mut commands);
            }
        }
        send(connection, &mut commands);
    }
}

fn send(connection: &mut Connection, commands: &mut Vec<Cmd>) {
    let mut pipeline = pipe();
    for command in commands.drain(..) {
        pipeline.add_command(command).ignore();
    }
    pipeline.exec(connection).expect("the commands are taken");
}

/// Numbers that look random and are the same each time.
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// From 1 to `most`, each order of magnitude as likely as the others.
    fn magnitude(&mut self, most: u64) -> u64 {
        let bits = u64::from(most.ilog2());
        let end = 2u64 << self.below(bits + 1);
        (end / 2 + self.below(end / 2)).min(most)
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let at = usize::try_from(self.below(of.len() as u64)).expect("a small number");
        of[at]
    }

    /// Letters and digits, of which some repeat and some do not.
    fn text(&mut self, len: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(usize::try_from(len).expect("a length") + 8);
        let repeats = self.chance(30);
        let mut word = self.next();
        while (bytes.len() as u64) < len {
            if !repeats {
                word = self.next();
            }
            bytes.extend(word.to_le_bytes().map(|byte| b"abcdefghijklmnopqrstuvwxyz012345"[usize::from(byte % 32)]));
        }
        bytes.truncate(usize::try_from(len).expect("a length"));
        bytes
    }
}

/// One key and what is stored there.
struct Key {
    dice: Dice,
    name: Vec<u8>,
    abilities: Abilities,
}

impl Key {
    fn new(number: u64, abilities: Abilities) -> Self {
        let mut dice = Dice(number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let name = match dice.below(20) {
            0..=6 => format!("user:{number}:profile"),
            7..=10 => format!("s:{number}"),
            11..=13 => format!("session:{:016x}{number:016x}", dice.next()),
            14..=16 => format!("cache/page/{number}/{}", "x".repeat(usize::try_from(dice.below(60)).expect("few"))),
            17 => format!("{number}"),
            18 => format!("{{tag{}}}:queue-{number}", dice.below(50)),
            _ => format!("long.{number}.{}", "k".repeat(usize::try_from(dice.below(600)).expect("few"))),
        };
        Self { dice, name: name.into_bytes(), abilities }
    }

    fn commands(mut self, out: &mut Vec<Cmd>) {
        match self.dice.below(100) {
            0..=54 => self.string(out),
            55..=64 => self.list(out),
            65..=74 => self.set(out),
            75..=83 => self.zset(out),
            84..=95 => self.hash(out),
            _ => self.stream(out),
        }
        if self.dice.chance(40) {
            let at = LATER + self.dice.below(1 << 40);
            out.push(self.command("PEXPIREAT", &[at.to_string().into_bytes()]));
        }
    }

    fn command(&self, name: &str, arguments: &[Vec<u8>]) -> Cmd {
        let mut command = cmd(name);
        command.arg(&self.name).arg(arguments);
        command
    }

    /// One command for each few elements.
    fn add(&self, name: &str, elements: &[Vec<Vec<u8>>], out: &mut Vec<Cmd>) {
        for some in elements.chunks(STEP) {
            out.push(self.command(name, &some.concat()));
        }
    }

    /// Few elements for most, thousands for some.
    fn count(&mut self) -> u64 {
        match self.dice.below(100) {
            0..=69 => self.dice.magnitude(40),
            70..=94 => self.dice.magnitude(600),
            95..=98 => self.dice.magnitude(3000),
            _ => 2000 + self.dice.below(3000),
        }
    }

    /// How long the elements of one key are.
    fn element_len(&mut self) -> u64 {
        self.dice.pick(&[2, 5, 8, 12, 16, 24, 30, 31, 33, 40, 60, 64])
    }

    /// A different text for each number.
    fn element(&mut self, number: u64, len: u64) -> Vec<u8> {
        let mut bytes = format!("{number}-").into_bytes();
        let rest = len.saturating_sub(bytes.len() as u64);
        bytes.extend(self.dice.text(rest));
        bytes
    }

    fn string(&mut self, out: &mut Vec<Cmd>) {
        let value = match self.dice.below(100) {
            0..=9 => self.dice.below(20_000).to_string().into_bytes(),
            10..=19 => self.dice.next().cast_signed().to_string().into_bytes(),
            20..=69 => {
                let len = 1 + self.dice.below(130);
                self.dice.text(len)
            }
            70..=98 => {
                let len = self.dice.magnitude(8000);
                self.dice.text(len)
            }
            _ => {
                let len = self.dice.magnitude(1 << 20);
                self.dice.text(len)
            }
        };
        out.push(self.command("SET", &[value]));
    }

    fn list(&mut self, out: &mut Vec<Cmd>) {
        let elements: Vec<_> = match self.dice.below(40) {
            0 => (0..=self.dice.below(4)).map(|_| vec![self.dice.text(9000)]).collect(),
            1 => {
                let sizes = [10, 9000, 50_000];
                (0..=self.dice.below(6))
                    .map(|_| {
                        vec![{
                            let len = self.dice.pick(&sizes);
                            self.dice.text(len)
                        }]
                    })
                    .collect()
            }
            2..=8 => (0..self.count()).map(|number| vec![number.to_string().into_bytes()]).collect(),
            _ => {
                let len = self.element_len();
                (0..self.count()).map(|number| vec![self.element(number, len)]).collect()
            }
        };
        self.add("RPUSH", &elements, out);
    }

    fn set(&mut self, out: &mut Vec<Cmd>) {
        let count = self.count();
        let elements: Vec<_> = match self.dice.below(20) {
            kind @ 0..=5 => {
                let step = [1, 50_000, 1 << 40][usize::try_from(kind % 3).expect("0, 1 or 2")];
                (0..count).map(|number| vec![(number * step).to_string().into_bytes()]).collect()
            }
            6 => {
                let mut elements: Vec<_> = (0..count).map(|number| vec![number.to_string().into_bytes()]).collect();
                elements.push(vec![b"not a number".to_vec()]);
                elements
            }
            7 => (0..=count / 10).map(|number| vec![self.element(number, 70)]).collect(),
            _ => {
                let len = self.element_len();
                (0..count).map(|number| vec![self.element(number, len)]).collect()
            }
        };
        self.add("SADD", &elements, out);
    }

    fn zset(&mut self, out: &mut Vec<Cmd>) {
        let (count, len) =
            if self.dice.chance(5) { (1 + self.count() / 10, 70) } else { (self.count(), self.element_len()) };
        let whole = self.dice.chance(50);
        let elements: Vec<_> = (0..count)
            .map(|number| {
                let score = self.dice.below(1 << 30);
                let score = if whole { score.to_string() } else { format!("{score}.{}", self.dice.below(1000)) };
                vec![score.into_bytes(), self.element(number, len)]
            })
            .collect();
        self.add("ZADD", &elements, out);
    }

    fn hash(&mut self, out: &mut Vec<Cmd>) {
        let (field, value) = (self.element_len(), self.dice.pick(&[1, 3, 8, 20, 30, 33, 64]));
        let (count, value) = if self.dice.chance(15) {
            (1 + self.count() / 5, self.dice.pick(&[80, 110, 125, 300, 2000]))
        } else {
            (self.count(), value)
        };
        let numbers = self.dice.chance(20);
        let elements: Vec<_> = (0..count)
            .map(|number| {
                let text = if numbers { number.to_string().into_bytes() } else { self.dice.text(value) };
                vec![self.element(number, field), text]
            })
            .collect();
        self.add("HSET", &elements, out);
        if self.abilities.field_expiries && self.dice.chance(10) {
            let all = self.dice.chance(50);
            for some in elements.chunks(STEP) {
                let fields: Vec<_> =
                    some.iter().filter(|_| all || self.dice.chance(30)).map(|pair| pair[0].clone()).collect();
                if fields.is_empty() {
                    continue;
                }
                let at = LATER + self.dice.below(1 << 36);
                let words = [at.to_string(), "FIELDS".to_owned(), fields.len().to_string()].map(String::into_bytes);
                out.push(self.command("HPEXPIREAT", &[words.as_slice(), &fields].concat()));
            }
        }
    }

    fn stream(&mut self, out: &mut Vec<Cmd>) {
        let count = self.count().min(1500);
        let (step, value) = (self.dice.pick(&[1, 7, 1000, 60_000]), self.dice.pick(&[3, 20, 200]));
        let mut at = ENTRIES + self.dice.below(1 << 30);
        for number in 0..count {
            at += 1 + self.dice.below(step);
            let words = [format!("{at}-{}", number % 3), "field".to_owned()].map(String::into_bytes);
            let value = self.dice.text(value);
            out.push(self.command("XADD", &[words.as_slice(), &[value]].concat()));
        }
        if self.dice.chance(10) {
            out.push(self.command("XDEL", &[format!("{at}-{}", (count - 1) % 3).into_bytes()]));
        }
        let words = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
        for group in 0..self.dice.pick(&[0, 0, 1, 1, 2]) {
            let group = format!("group-{group}");
            let mut create = cmd("XGROUP");
            create.arg("CREATE").arg(&self.name).arg(&group).arg("0");
            out.push(create);
            for consumer in 0..self.dice.below(4) {
                let read = (1 + self.dice.below(20)).to_string();
                let consumer = format!("consumer-{consumer}");
                let mut command = cmd("XREADGROUP");
                command.arg("GROUP").arg(&group).arg(&consumer).arg("COUNT").arg(read);
                command.arg(words(&["STREAMS"])).arg(&self.name).arg(">");
                out.push(command);
            }
        }
    }
}
