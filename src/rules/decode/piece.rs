//! What is found goes out in pieces; what is not decided yet is kept.

use super::{Decoded, Decoder};

/// Most bytes of a piece.
pub const PIECE: usize = 64 << 10;

/// Where decoded pieces go.
pub(super) type Out<'a> = &'a mut dyn FnMut(Decoded<'_>);

/// A text that is being decoded.
#[derive(Debug)]
pub(super) struct Run {
    decoder: Decoder,
    at: u64,
    begun: bool,
    bytes: Vec<u8>,
}

impl Run {
    pub(super) fn new(decoder: Decoder, at: u64) -> Self {
        Self { decoder, at, begun: false, bytes: Vec::new() }
    }

    pub(super) fn decoder(&self) -> Decoder {
        self.decoder
    }

    /// Bytes that are held, while none went out.
    pub(super) fn held(&self) -> usize {
        if self.begun { PIECE } else { self.bytes.len() }
    }

    fn emit(&mut self, last: bool, cut: bool, out: Out<'_>) {
        let whole = self.bytes.len();
        let send = if last { whole } else { whole.min(PIECE) };
        let bytes = self.bytes.get(..send).unwrap_or_default();
        out(Decoded { decoder: self.decoder, at: self.at, first: !self.begun, last, cut, bytes });
        self.begun = true;
        self.bytes.drain(..send);
    }

    /// Adds bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8], out: Out<'_>) {
        while let Some((fits, rest)) = bytes.split_at_checked(PIECE.saturating_sub(self.bytes.len())) {
            self.bytes.extend_from_slice(fits);
            bytes = rest;
            // The last piece must not be empty where it is the only one: a full one waits for what follows it.
            if bytes.is_empty() {
                return;
            }
            self.emit(false, false, out);
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Ends it. Nothing is told of a text of less than `least` bytes.
    pub(super) fn finish(mut self, least: usize, cut: bool, out: Out<'_>) {
        if self.begun || self.bytes.len() >= least.max(1) {
            self.emit(true, cut, out);
        }
    }
}

/// What of the bytes so far is not decided yet.
#[derive(Debug, Default)]
pub(super) struct Carry(Vec<u8>);

impl Carry {
    /// Lets `work` look at what was kept and what is new, as one, with its place. It says how much of it is done with.
    pub(super) fn with(&mut self, new: &[u8], at: u64, work: impl FnOnce(&[u8], u64) -> usize) {
        if self.0.is_empty() {
            let done = work(new, at);
            self.0.extend_from_slice(new.get(done..).unwrap_or_default());
        } else {
            let from = at.saturating_sub(self.0.len() as u64);
            self.0.extend_from_slice(new);
            let done = work(&self.0, from).min(self.0.len());
            self.0.drain(..done);
        }
    }

    pub(super) fn clear(&mut self) {
        // What once held a large window is not kept for small ones.
        self.0.clear();
        self.0.shrink_to(PIECE);
    }
}

/// A hexadecimal digit.
pub(super) fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
