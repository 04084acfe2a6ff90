//! The words of a line of a manifest or of a configuration, as the servers split it: blanks between them, `"…"` with escapes, `'…'` with `\'` alone.

/// One word, its quotes and escapes undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Its bytes. To a server it ends before the first NUL, which an escape can make.
    pub(crate) text: Vec<u8>,
    /// Where it begins in the file.
    pub(crate) at: u64,
    /// Something follows a closing quote without a blank between.
    pub(crate) joined: bool,
}

/// The words of a line, one after the other.
pub(crate) struct Words<'a> {
    rest: &'a [u8],
    at: u64,
    open: Option<u64>,
}

impl<'a> Words<'a> {
    /// Of a line that begins so many bytes into the file.
    pub(crate) fn new(line: &'a [u8], at: u64) -> Self {
        Self { rest: line, at, open: None }
    }

    /// Where a word begins that has a quote without an end, after the words before it.
    pub(crate) fn open(&self) -> Option<u64> {
        self.open
    }

    fn next_byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.at = self.at.saturating_add(1);
        Some(*first)
    }

    fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
        self.at = self.at.saturating_add(count as u64);
    }

    /// What stands up to the closing `"`; nothing if there is none.
    fn double_quoted(&mut self, text: &mut Vec<u8>) -> Option<()> {
        loop {
            match self.next_byte()? {
                b'"' => return Some(()),
                b'\\' => match *self.rest {
                    [b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                        text.push(hex(high).wrapping_shl(4) | hex(low));
                        self.skip(3);
                    }
                    _ => text.push(match self.next_byte()? {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'b' => 0x08,
                        b'a' => 0x07,
                        other => other,
                    }),
                },
                byte => text.push(byte),
            }
        }
    }

    /// What stands up to the closing `'`; nothing if there is none.
    fn single_quoted(&mut self, text: &mut Vec<u8>) -> Option<()> {
        loop {
            match self.next_byte()? {
                b'\'' => return Some(()),
                b'\\' if self.rest.first() == Some(&b'\'') => {
                    text.push(b'\'');
                    self.skip(1);
                }
                byte => text.push(byte),
            }
        }
    }
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        // Between words more bytes are blank than end one.
        let blank = |byte: &&u8| byte.is_ascii_whitespace() || **byte == 0x0B;
        self.skip(self.rest.iter().take_while(blank).count());
        let at = self.at;
        let mut text = Vec::new();
        let mut joined = false;
        let mut quoted = false;
        self.rest.first()?;
        loop {
            let inside = match self.rest.first() {
                None | Some(b' ' | b'\n' | b'\r' | b'\t') => break,
                Some(quote @ (b'"' | b'\'')) => {
                    self.skip(1);
                    joined |= quoted;
                    quoted = true;
                    if *quote == b'"' { self.double_quoted(&mut text) } else { self.single_quoted(&mut text) }
                }
                Some(byte) => {
                    self.skip(1);
                    joined |= quoted;
                    text.push(*byte);
                    Some(())
                }
            };
            if inside.is_none() {
                self.open = Some(at);
                self.rest = &[];
                return None;
            }
        }
        if let Some(nul) = memchr::memchr(0, &text) {
            text.truncate(nul);
        }
        Some(Word { text, at, joined })
    }
}

/// Adds a word, in quotes where it would not read back without.
pub(crate) fn write_word(text: &mut Vec<u8>, word: &[u8]) {
    // Servers do not quote a `'`, and do not start again on what they wrote so.
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    if !word.is_empty() && word.iter().all(plain) {
        text.extend_from_slice(word);
        return;
    }
    text.push(b'"');
    for byte in word {
        match byte {
            b'"' | b'\\' => text.extend_from_slice(&[b'\\', *byte]),
            b'\n' => text.extend_from_slice(b"\\n"),
            b'\r' => text.extend_from_slice(b"\\r"),
            b'\t' => text.extend_from_slice(b"\\t"),
            0x08 => text.extend_from_slice(b"\\b"),
            0x07 => text.extend_from_slice(b"\\a"),
            byte if byte.is_ascii_graphic() || *byte == b' ' => text.push(*byte),
            byte => text.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    text.push(b'"');
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or_default()
}
