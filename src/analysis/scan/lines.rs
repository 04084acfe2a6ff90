//! Commands as lines, and names that stand in texts.

use super::texts::Name;
use crate::keyspace::Command;
use crate::keyspace::command::Values;

/// Bytes of a command that are scanned as its line.
const LINE_BYTES: usize = 64 << 10;
/// Arguments of it: of a command that is too long to be held no more are known.
const ARGUMENTS: usize = 4096;

/// Where what a command carries is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// In its line; `cut`: not all of it.
    Here { cut: bool },
    /// As a key: it writes one.
    Elsewhere,
    /// It carries a key in a form that is not held.
    Nowhere,
}

/// The line of a command: memory that is used again.
#[derive(Debug, Default)]
pub(super) struct Line {
    bytes: Vec<u8>,
    arguments: Vec<u32>,
}

impl Line {
    /// Takes a command, if its line is where it is scanned: its arguments with a blank between two of them.
    pub(super) fn take(&mut self, command: &Command<'_>) -> Told {
        if let Some(spec) = command.spec {
            if matches!(spec.name, "restore" | "restore-asking") && spec.takes(command.args.count()) {
                let is_held = command.args.whole(1).is_some() && command.args.whole(3).is_some();
                return if is_held { Told::Elsewhere } else { Told::Nowhere };
            }
            if spec.values != Values::None && spec.takes(command.args.count()) {
                return Told::Elsewhere;
            }
        }
        self.bytes.clear();
        self.arguments.clear();
        let mut whole = 0_u64;
        for arg in command.args.iter().take(ARGUMENTS) {
            let blank = usize::from(!self.arguments.is_empty());
            let Some(room) = LINE_BYTES.checked_sub(self.bytes.len().saturating_add(blank)) else { break };
            self.bytes.extend_from_slice(b" ".get(..blank).unwrap_or_default());
            self.arguments.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
            self.bytes.extend_from_slice(arg.head.get(..room).unwrap_or(arg.head));
            whole = whole.saturating_add(u64::from(arg.len <= room as u64 && arg.whole().is_some()));
        }
        Told::Here { cut: whole < command.args.count() }
    }

    /// `name=value`.
    pub(super) fn pair(&mut self, name: &[u8], value: &[u8]) -> &[u8] {
        self.bytes.clear();
        for part in [name, b"=", value] {
            self.bytes.extend_from_slice(part);
        }
        &self.bytes
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each argument begins.
    pub(super) fn arguments(&self) -> &[u32] {
        &self.arguments
    }
}

/// The name that the first line of a library gives: `#!lua name=mylib`; nothing if it gives none.
pub(super) fn library(code: &[u8]) -> Name<'_> {
    let line = code.split(|byte| *byte == b'\n').next().and_then(|line| line.strip_prefix(b"#!"));
    let mut words = line.unwrap_or_default().split(u8::is_ascii_whitespace);
    Name::of(words.find_map(|word| word.strip_prefix(b"name=")).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::Args;
    use crate::keyspace::command::{Spec, lay_out};

    fn take(words: &[&[u8]]) -> (Told, Vec<u8>, Vec<u32>) {
        let (bytes, spans) = lay_out(words);
        let args = Args::new(&bytes, &spans, words.len() as u64);
        let command = Command {
            offset: 0,
            line: 1,
            bytes: bytes.len() as u64,
            lines: 1,
            db: Some(0),
            time: None,
            transaction: None,
            after_damage: false,
            args,
            spec: Spec::lookup(&args),
        };
        let mut line = Line::default();
        (line.take(&command), line.bytes, line.arguments)
    }

    #[test]
    fn what_writes_keys_is_scanned_as_keys() {
        assert_eq!(take(&[b"SET", b"k", b"v"]).0, Told::Elsewhere);
        assert_eq!(take(&[b"RESTORE", b"k", b"0", b"payload"]).0, Told::Elsewhere);
        // A server refuses it: no key comes of it.
        assert_eq!(take(&[b"SET", b"k"]), (Told::Here { cut: false }, b"SET k".to_vec(), vec![0, 4]));
        let told = take(&[b"EVAL", b"return 1", b"0"]);
        assert_eq!(told, (Told::Here { cut: false }, b"EVAL return 1 0".to_vec(), vec![0, 5, 14]));
        assert_eq!(take(&[b"NOSUCH", b""]).1, b"NOSUCH ");
    }

    #[test]
    fn a_long_command_is_cut_and_says_so() {
        let long = vec![b'x'; LINE_BYTES + 1];
        let (told, line, _) = take(&[b"EVAL", &long, b"0"]);
        assert_eq!((told, line.len()), (Told::Here { cut: true }, LINE_BYTES));
        let many = vec![&b"a"[..]; ARGUMENTS + 1];
        assert_eq!(take(&many).0, Told::Here { cut: true });
        assert_eq!(take(&many[1..]).0, Told::Here { cut: false });
    }

    #[test]
    fn a_library_says_its_name() {
        assert_eq!(library(b"#!lua name=mylib engine=x\nreturn").head, b"mylib");
        assert_eq!(library(b"#!lua name=mylib\r\n").head, b"mylib");
        assert_eq!(library(b"return name=x").head, b"");
    }
}
