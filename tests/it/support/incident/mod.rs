//! Keyspaces of incidents and of an ordinary day, and the truth about them, the same for the same seed.
//!
//! ```text
//! dice      numbers by the seed            attacks   what attackers leave, as tables of templates
//! template  texts of templates             secrets   secrets and personal data, as well
//! make      hosts, tokens, check digits    cases     the keyspaces I1 to I15
//! nest      texts inside texts             files     those that no server writes: damage, disguise, logs
//! places    elements of every type         clean     200,000 keys that look like it and are harmless
//! truth     what is where                  measure   recall and precision of what a scan says
//! planter   blind sets: texts written without the rules
//! holdout   the first of them
//! unseen    the second
//! ```

pub(crate) mod attacks;
pub(crate) mod cases;
pub(crate) mod clean;
pub(crate) mod dice;
pub(crate) mod files;
pub(crate) mod harmless;
pub(crate) mod holdout;
pub(crate) mod make;
pub(crate) mod measure;
pub(crate) mod nest;
pub(crate) mod places;
pub(crate) mod planter;
pub(crate) mod secrets;
pub(crate) mod template;
pub(crate) mod truth;
pub(crate) mod unseen;

use places::Command;
use truth::Truth;

/// What the published numbers are measured with.
pub(crate) const SEED: u64 = 20_251_004;

/// Commands that make a keyspace, and what is in it.
#[derive(Debug, Clone)]
pub(crate) struct Keyspace {
    pub(crate) case: String,
    pub(crate) commands: Vec<Command>,
    pub(crate) truth: Vec<Truth>,
    db: u64,
}

impl Keyspace {
    pub(crate) fn new(case: &str) -> Self {
        Self { case: case.to_owned(), commands: Vec::new(), truth: vec![Truth::clean(case)], db: 0 }
    }

    pub(crate) fn add(&mut self, command: Command) {
        self.commands.push(command);
    }

    pub(crate) fn select(&mut self, db: u64) {
        if self.db != db {
            self.db = db;
            self.add(harmless::command(&["SELECT", &db.to_string()]));
        }
    }

    pub(crate) fn db(&self) -> u64 {
        self.db
    }

    /// The commands as a client sends them.
    pub(crate) fn resp(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for words in &self.commands {
            bytes.extend_from_slice(&resp(words));
        }
        bytes
    }
}

/// One command as a client sends it.
pub(crate) fn resp(words: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}
