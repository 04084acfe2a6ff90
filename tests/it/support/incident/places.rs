//! Where in a value a text is put, and the commands that do it.

use super::dice::Dice;
use super::truth::Spot;
use sha2::{Digest, Sha256};

/// The words of a command.
pub(crate) type Command = Vec<Vec<u8>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    String,
    ListHead,
    ListMiddle,
    ListTail,
    Set,
    SortedSet,
    HashValue,
    HashField,
    StreamValue,
    StreamField,
    KeyName,
}

impl Place {
    /// Every one but the name of a key.
    pub(crate) const VALUES: [Place; 10] = [
        Place::String,
        Place::HashValue,
        Place::ListHead,
        Place::StreamValue,
        Place::Set,
        Place::String,
        Place::SortedSet,
        Place::HashField,
        Place::ListTail,
        Place::ListMiddle,
    ];
    /// Every one once.
    pub(crate) const ALL: [Place; 11] = [
        Place::String,
        Place::ListHead,
        Place::ListMiddle,
        Place::ListTail,
        Place::Set,
        Place::SortedSet,
        Place::HashValue,
        Place::HashField,
        Place::StreamValue,
        Place::StreamField,
        Place::KeyName,
    ];

    /// What a finding says.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Place::String | Place::HashValue | Place::StreamValue => "value",
            Place::ListHead | Place::ListMiddle | Place::ListTail | Place::Set | Place::SortedSet => "element",
            Place::HashField | Place::StreamField => "field",
            Place::KeyName => "key",
        }
    }

    /// The commands that put it there, among a few harmless elements or a few hundred, and which element it is.
    pub(crate) fn commands(self, key: &[u8], text: &[u8], dice: &mut Dice) -> (Vec<Command>, Option<Spot>) {
        let many = dice.below(6) == 0;
        let count = if many { dice.range(150, 320) } else { dice.range(2, 8) };
        let filler = |dice: &mut Dice, at: usize| format!("{} {} {at}", dice.word(), dice.word()).into_bytes();
        let words = |first: &str| vec![first.as_bytes().to_vec(), key.to_vec()];
        let stream = |dice: &mut Dice, field: &[u8], value: &[u8]| {
            let count = count.min(40);
            let at = dice.below(count);
            let id = |number: usize| format!("{}-0", 1_760_000_000_000u64 + number as u64 * 1000);
            let entries = (0..count)
                .map(|number| {
                    let mut command = words("XADD");
                    command.extend([id(number).into_bytes(), b"kind".to_vec(), dice.word().into()]);
                    command.extend([b"text".to_vec(), filler(dice, number)]);
                    if number == at {
                        command.extend([field.to_vec(), value.to_vec()]);
                    }
                    command
                })
                .collect();
            (entries, Some(Spot::Entry(id(at), field.to_vec())))
        };
        match self {
            Place::String => (vec![[words("SET"), vec![text.to_vec()]].concat()], None),
            Place::KeyName => (vec![vec![b"SET".to_vec(), text.to_vec(), filler(dice, 0)]], None),
            Place::ListHead | Place::ListMiddle | Place::ListTail => {
                let at = match self {
                    Place::ListHead => 0,
                    Place::ListTail => count,
                    _ => count / 2,
                };
                let mut items: Vec<_> = (0..count).map(|at| filler(dice, at)).collect();
                items.insert(at, text.to_vec());
                (vec![[words("RPUSH"), items].concat()], Some(Spot::Index(at as u64)))
            }
            Place::Set => {
                let mut members: Vec<_> = (0..count).map(|at| filler(dice, at)).collect();
                members.insert(dice.below(count), text.to_vec());
                (vec![[words("SADD"), members].concat()], Some(member(text)))
            }
            Place::SortedSet => {
                let at = dice.below(count);
                let mut command = words("ZADD");
                for number in 0..count {
                    let this = if number == at { text.to_vec() } else { filler(dice, number) };
                    command.extend([number.to_string().into_bytes(), this]);
                }
                (vec![command], Some(member(text)))
            }
            Place::HashValue | Place::HashField => {
                let at = dice.below(count);
                let (field, value) = if self == Place::HashField {
                    (text.to_vec(), b"1".to_vec())
                } else {
                    (b"body".to_vec(), text.to_vec())
                };
                let mut command = words("HSET");
                for number in 0..count {
                    command.extend([format!("f{number}").into_bytes(), filler(dice, number)]);
                    if number == at {
                        command.extend([field.clone(), value.clone()]);
                    }
                }
                (vec![command], Some(Spot::Field(field)))
            }
            Place::StreamValue => stream(dice, b"body", text),
            Place::StreamField => stream(dice, text, b"1"),
        }
    }
}

fn member(text: &[u8]) -> Spot {
    let hash = Sha256::digest(text);
    Spot::Member(hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}
