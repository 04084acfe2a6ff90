//! Pickles of Python, disassembled and never loaded: which functions a load would import, and whether it would call them.

use super::Learnt;
use crate::report::{Threat, escape};
use std::collections::HashMap;

/// What is looked at of a pickle.
const MOST_BYTES: usize = 256 << 10;
const MOST_OPCODES: usize = 1 << 16;
const MOST_STACK: usize = 1 << 14;
/// Imports that run code, told of one pickle.
const MOST_IMPORTS: usize = 32;
/// Bytes of a name that are told.
const SHOWN: usize = 48;

/// Modules any function of which runs code or reaches out, with those below them.
const MODULES: [&str; 22] = [
    "_posixsubprocess",
    "bdb",
    "code",
    "codeop",
    "commands",
    "ctypes",
    "imp",
    "importlib",
    "nt",
    "os",
    "pdb",
    "pip",
    "popen2",
    "posix",
    "pty",
    "runpy",
    "shutil",
    "socket",
    "subprocess",
    "sys",
    "timeit",
    "webbrowser",
];

/// Classes in them that hold facts. Task queues and caches keep exceptions.
const FACTS: [&str; 9] = [
    "AddressFamily",
    "CompletedProcess",
    "Error",
    "Exception",
    "Expired",
    "SocketKind",
    "Warning",
    "stat_result",
    "timeout",
];

/// Functions of modules that are otherwise harmless.
const FUNCTIONS: [(&str, &[&str]); 16] = [
    ("__builtin__", BUILTINS),
    ("builtins", BUILTINS),
    ("_pickle", &["loads", "load", "Unpickler"]),
    ("cPickle", &["loads", "load", "Unpickler"]),
    ("pickle", &["loads", "load", "Unpickler"]),
    ("marshal", &["loads", "load"]),
    ("multiprocessing", &["Process"]),
    ("multiprocessing.process", &["Process"]),
    ("operator", &["attrgetter", "methodcaller"]),
    ("platform", &["popen", "_syscmd_ver", "_syscmd_uname"]),
    ("profile", &["run", "runctx", "Profile"]),
    ("cProfile", &["run", "runctx", "Profile"]),
    ("pydoc", &["pipepager", "tempfilepager", "locate"]),
    ("asyncio.subprocess", &["create_subprocess_exec", "create_subprocess_shell"]),
    ("urllib.request", &["urlopen", "urlretrieve"]),
    ("types", &["CodeType", "FunctionType"]),
];

const BUILTINS: &[&str] = &[
    "__import__",
    "breakpoint",
    "compile",
    "delattr",
    "eval",
    "exec",
    "execfile",
    "file",
    "getattr",
    "globals",
    "input",
    "open",
    "setattr",
    "vars",
];

/// Whether an import runs code when it is called. Names may have dots: what stands before the first counts.
fn is_dangerous(module: &[u8], name: &[u8]) -> bool {
    let first = |text: &'static str, whole: &[u8]| {
        whole.strip_prefix(text.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"."))
    };
    // Paths are only put together there.
    if first("os.path", module) || FACTS.iter().any(|end| name.ends_with(end.as_bytes())) {
        return false;
    }
    MODULES.iter().any(|known| first(known, module))
        || FUNCTIONS
            .iter()
            .any(|(known, names)| module == known.as_bytes() && names.iter().any(|known| first(known, name)))
}

/// What is on the stack, as far as it matters.
#[derive(Clone, Copy)]
enum Value<'a> {
    Mark,
    Text(&'a [u8]),
    Other,
}

/// An import that runs code.
struct Import<'a> {
    module: &'a [u8],
    name: &'a [u8],
    called: bool,
}

/// A load that is followed without doing anything of it.
struct Load<'a> {
    rest: &'a [u8],
    stack: Vec<Value<'a>>,
    memo: HashMap<u32, Value<'a>>,
    imports: Vec<Import<'a>>,
}

/// What a pickle at the beginning of `bytes` would run. None if it would not: then it may still be a pickle. One that is cut short
/// or breaks off is judged by what is there.
pub(super) fn judge(bytes: &[u8]) -> Option<Learnt> {
    let rest = bytes.get(..MOST_BYTES).unwrap_or(bytes);
    let mut load = Load { rest, stack: Vec::new(), memo: HashMap::new(), imports: Vec::new() };
    for _ in 0..MOST_OPCODES {
        if load.step().is_none() || load.imports.len() >= MOST_IMPORTS {
            break;
        }
    }
    if load.imports.is_empty() {
        return None;
    }
    let called = load.imports.iter().any(|import| import.called);
    let mut learnt = Learnt { severity: (!called).then_some(Threat::Medium), ..Learnt::default() };
    for import in load.imports.iter().filter(|import| import.called == called).take(4) {
        let short = |text: &[u8]| escape(text.get(..SHOWN).unwrap_or(text));
        let what = if called { "calls" } else { "never called:" };
        let note = format!("{what} {}.{}", short(import.module), short(import.name));
        if !learnt.notes.contains(&note) {
            learnt.notes.push(note);
        }
    }
    Some(learnt)
}

impl<'a> Load<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(head)
    }

    /// A number, little-endian.
    fn number(&mut self, len: usize) -> Option<u64> {
        Some(self.take(len)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// So many bytes as a number before them says.
    fn counted(&mut self, len: usize) -> Option<&'a [u8]> {
        let count = self.number(len)?;
        self.take(usize::try_from(count).ok()?)
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.rest)?;
        let line = self.take(end)?;
        self.take(1)?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn push(&mut self, value: Value<'a>) -> Option<()> {
        self.stack.push(value);
        (self.stack.len() <= MOST_STACK).then_some(())
    }

    /// Takes values away; a pickle may be met in its middle, so there may be fewer.
    fn pop(&mut self, count: usize) {
        self.stack.truncate(self.stack.len().saturating_sub(count));
    }

    fn pop_to_mark(&mut self) {
        while self.stack.pop().is_some_and(|value| !matches!(value, Value::Mark)) {}
    }

    fn import(&mut self, module: &'a [u8], name: &'a [u8]) {
        if is_dangerous(module, name) {
            self.imports.push(Import { module, name, called: false });
        }
    }

    /// Something that was imported is called, or made, or given a state. Which one is not followed: a pickle that imports such a
    /// thing and calls anything after it does so to run it.
    fn call(&mut self) {
        for import in &mut self.imports {
            import.called = true;
        }
    }

    fn remember(&mut self, place: u32) {
        let top = self.stack.last().copied().unwrap_or(Value::Other);
        if self.memo.len() < MOST_STACK || self.memo.contains_key(&place) {
            self.memo.insert(place, top);
        }
    }

    fn recall(&mut self, place: u32) -> Option<()> {
        let value = self.memo.get(&place).copied().unwrap_or(Value::Other);
        self.push(value)
    }

    /// Goes past one opcode. None at the end, at what is no opcode, and where an argument is cut.
    fn step(&mut self) -> Option<()> {
        let [opcode] = *self.take(1)? else { return None };
        match opcode {
            b'(' => self.push(Value::Mark)?,
            b'0' | b'a' => self.pop(1),
            b'1' | b'e' | b'u' | 0x90 => self.pop_to_mark(),
            b'2' => {
                let top = self.stack.last().copied().unwrap_or(Value::Other);
                self.push(top)?;
            }
            // Numbers, nothing, true and false, buffers from outside.
            b'F' | b'I' | b'L' | b'P' => {
                self.line()?;
                self.push(Value::Other)?;
            }
            b'K' | 0x82 => self.other(1)?,
            b'M' | 0x83 => self.other(2)?,
            b'J' | 0x84 => self.other(4)?,
            b'G' => self.other(8)?,
            b'N' | b'}' | b']' | b')' | 0x88 | 0x89 | 0x8f | 0x97 => self.other(0)?,
            0x8a => self.bytes(1)?,
            0x8b => self.bytes(4)?,
            // Texts and bytes.
            b'S' | b'V' => {
                let line = self.line()?;
                self.push(Value::Text(unquoted(line)))?;
            }
            b'U' | 0x8c | b'C' => self.text(1)?,
            b'T' | b'X' | b'B' => self.text(4)?,
            0x8d | 0x8e | 0x96 => self.text(8)?,
            // What is built of what is on the stack.
            0x93 => self.stack_import()?,
            b's' => self.pop(2),
            b'd' | b'l' | b't' | 0x91 => {
                self.pop_to_mark();
                self.push(Value::Other)?;
            }
            b'Q' | 0x85 => self.replace(1)?,
            0x86 => self.replace(2)?,
            0x87 => self.replace(3)?,
            // What was kept before.
            b'g' | b'p' => {
                let place = std::str::from_utf8(self.line()?).ok()?.trim().parse().ok()?;
                if opcode == b'p' { self.remember(place) } else { self.recall(place)? }
            }
            b'q' | b'r' | b'h' | b'j' => {
                let place = self.number(if matches!(opcode, b'q' | b'h') { 1 } else { 4 })?;
                let place = u32::try_from(place).ok()?;
                if matches!(opcode, b'q' | b'r') { self.remember(place) } else { self.recall(place)? }
            }
            0x94 => {
                let place = u32::try_from(self.memo.len()).ok()?;
                self.remember(place);
            }
            // Imports, and what is called.
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.import(module, name);
                self.push(Value::Other)?;
            }
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                self.import(module, name);
                self.call();
                self.pop_to_mark();
                self.push(Value::Other)?;
            }
            b'o' => {
                self.call();
                self.pop_to_mark();
                self.push(Value::Other)?;
            }
            b'R' | 0x81 => {
                self.call();
                self.replace(2)?;
            }
            0x92 => {
                self.call();
                self.replace(3)?;
            }
            b'b' => {
                self.call();
                self.pop(1);
            }
            // The version, frames, a buffer made read-only.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            0x98 => {}
            // The end, or no opcode.
            _ => return None,
        }
        Some(())
    }

    /// A value with an argument of so many bytes that does not matter.
    fn other(&mut self, len: usize) -> Option<()> {
        self.take(len)?;
        self.push(Value::Other)
    }

    fn bytes(&mut self, len: usize) -> Option<()> {
        self.counted(len)?;
        self.push(Value::Other)
    }

    fn text(&mut self, len: usize) -> Option<()> {
        let text = self.counted(len)?;
        self.push(Value::Text(text))
    }

    fn replace(&mut self, count: usize) -> Option<()> {
        self.pop(count);
        self.push(Value::Other)
    }

    fn stack_import(&mut self) -> Option<()> {
        let (name, module) = (self.stack.pop(), self.stack.pop());
        if let (Some(Value::Text(module)), Some(Value::Text(name))) = (module, name) {
            self.import(module, name);
        }
        self.push(Value::Other)
    }
}

/// A string as Python writes it, without its quotes.
fn unquoted(line: &[u8]) -> &[u8] {
    match line {
        [first @ (b'\'' | b'"'), inner @ .., last] if first == last => inner,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(bytes: &[u8]) -> (Option<Threat>, Vec<String>) {
        let learnt = judge(bytes).unwrap_or_default();
        (learnt.severity, learnt.notes)
    }

    fn short(text: &str) -> Vec<u8> {
        [&[0x8c, u8::try_from(text.len()).expect("short")], text.as_bytes()].concat()
    }

    #[test]
    fn an_import_that_is_called_is_told() {
        // Each is cut before its end, and its argument is no command.
        let expected = (None, vec!["calls posix.system".to_owned()]);
        assert_eq!(notes(b"cposix\nsystem\n(S'DEFANGED'\ntR"), expected);
        assert_eq!(notes(b"\x80\x02cposix\nsystem\nq\0X\x08\0\0\0DEFANGEDq\x01\x85q\x02R"), expected);
        assert_eq!(notes(b"(S'DEFANGED'\niposix\nsystem\n"), expected);
        assert_eq!(notes(b"(cposix\nsystem\nS'DEFANGED'\no"), expected);
        let four =
            [b"\x80\x04\x95\x20\0\0\0\0\0\0\0", &short("posix")[..], b"\x94", &short("system"), b"\x94\x93\x94)R"];
        assert_eq!(notes(&four.concat()), expected);
        let by_memo = [&short("system")[..], b"\x940", &short("posix"), b"h\0\x93)\x81"];
        assert_eq!(notes(&by_memo.concat()), expected);
        let dotted = [&short("builtins")[..], &short("eval.__call__"), b"\x93)R"];
        assert_eq!(notes(&dotted.concat()).1, ["calls builtins.eval.__call__"]);
        let below = b"cimportlib._bootstrap\n_load\n)R";
        assert_eq!(notes(below).1, ["calls importlib._bootstrap._load"]);
    }

    #[test]
    fn an_import_that_is_never_called_weighs_less() {
        assert_eq!(notes(b"cposix\nsystem\n."), (Some(Threat::Medium), vec!["never called: posix.system".to_owned()]));
        assert_eq!(notes(b"cdatetime\ndate\n)Rcposix\nsystem\n.").0, Some(Threat::Medium));
    }

    #[test]
    fn what_applications_keep_is_not_told() {
        for harmless in [
            &b"cdatetime\ndatetime\n(U\x0a0123456789tR."[..],
            b"ccopy_reg\n_reconstructor\n(cdjango.contrib.auth.models\nUser\nc__builtin__\nobject\nNtR}b.",
            b"csubprocess\nCalledProcessError\n)R.",
            b"csocket\ntimeout\n)R.",
            b"cos.path\njoin\n)R.",
            b"cosmosis\nsystem\n)R.",
            b"c__builtin__\nset\n(]tR.",
            b"]q\0(K\x01M\x00\x01J\0\0\0\0G\0\0\0\0\0\0\0\0\x88\x89Ne.",
            b"see posix.system",
        ] {
            assert_eq!(judge(harmless), None, "{}", harmless.escape_ascii());
        }
    }

    #[test]
    fn arguments_are_stepped_over() {
        // What is text inside is no import.
        for inside in
            [&b"X\x12\0\0\0"[..], b"U\x12", b"C\x12", b"B\x12\0\0\0", b"T\x12\0\0\0", b"\x8c\x12", b"\x8a\x12"]
        {
            let bytes = [inside, b"cposix\nsystem\n)RNN", b"cdatetime\ndate\n)R."].concat();
            assert_eq!(judge(&bytes), None, "{}", inside.escape_ascii());
        }
        for inside in [&b"\x8d"[..], b"\x8e", b"\x96"] {
            let bytes = [inside, b"\x12\0\0\0\0\0\0\0", b"cposix\nsystem\n)RNN", b"."].concat();
            assert_eq!(judge(&bytes), None, "{}", inside.escape_ascii());
        }
        assert_eq!(judge(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffcposix\nsystem\n)R"), None);
        assert!(judge(b"(lp0\nI1\naF1.5\naL7L\nag0\na0cposix\nsystem\n)R").is_some());
        assert!(
            judge(b"r\x01\0\0\0j\x01\0\0\0\x82\x01\x83\x01\x01\x84\x01\x01\x01\x01Pid\nQ\x97\x98cnt\nsystem\n)R")
                .is_some()
        );
    }

    #[test]
    fn hostile_pickles_cost_what_they_are_allowed() {
        for one in [&b"("[..], b"N", b"0", b"2", b"cos\nx\n", b"p0\n", b"\x94", b"\x80\x04", b"1"] {
            let many = one.repeat(1 << 20);
            let _ = judge(&many);
        }
        for byte in 0..=255_u8 {
            let _ = judge(&[byte]);
            let _ = judge(&[b'(', byte, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, b'\n']);
        }
    }
}
