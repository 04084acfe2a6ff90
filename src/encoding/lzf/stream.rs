//! LZF in pieces: for strings too long to hold.

use super::{LONGEST, REACH, Run, SLACK, Why, bomb, complain, max_output, run, run_tail};
use crate::base::Flaw;

/// Most bytes of output held, what a reference can reach included.
const WINDOW: usize = 64 * 1024;

/// Unpacks a string that arrives in pieces of any size, down to one byte. Holds at most 64 KiB of output.
#[derive(Debug)]
pub struct Stream {
    clen: u64,
    ulen: u64,
    /// Input bytes of instructions carried out.
    read: u64,
    /// Output bytes that no longer stand in the window.
    gone: u64,
    window: Vec<u8>,
    /// Output bytes in the window, and how many of them the sink has seen.
    filled: usize,
    shown: usize,
    /// The start of an instruction whose rest has not come yet.
    carry: [u8; LONGEST],
    carried: usize,
    broken: bool,
}

impl Stream {
    /// A stream of `clen` bytes that unpack to `ulen`.
    ///
    /// # Errors
    /// `lzf-bomb` if so few bytes cannot become `ulen`.
    pub fn new(clen: u64, ulen: u64) -> Result<Self, Flaw> {
        if ulen > max_output(clen) {
            return Err(bomb(clen, ulen));
        }
        let held = usize::try_from(ulen).map_or(WINDOW, |ulen| ulen.saturating_add(SLACK).min(WINDOW));
        Ok(Self {
            clen,
            ulen,
            read: 0,
            gone: 0,
            window: vec![0; held],
            filled: 0,
            shown: 0,
            carry: [0; LONGEST],
            carried: 0,
            broken: false,
        })
    }

    /// Takes the next piece of the input and hands to `sink`, in order, every byte that it unpacks to. What is unpacked
    /// before an error has been handed over when it returns; nothing can be fed after one.
    ///
    /// # Errors
    /// `lzf-reference` for a reference to before the start; `lzf-end` for more input or more output than was said.
    pub fn feed(&mut self, input: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), Flaw> {
        let result = self.unpack(input, sink);
        self.show(sink);
        self.broken |= result.is_err();
        result
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// `short` if input is missing, `lzf-end` if the output came out shorter than was said or an error went before.
    pub fn finish(self) -> Result<(), Flaw> {
        let have = self.read.saturating_add(self.carried as u64);
        if have < self.clen && !self.broken {
            return Err(Flaw::short("lzf input", have, self.clen, have));
        }
        let written = self.gone.saturating_add(self.filled as u64);
        if self.broken || self.carried > 0 || written != self.ulen {
            let end = Run { read: 0, written: 0, why: Why::Starved };
            return Err(complain(&end, self.read, written, self.clen, self.ulen));
        }
        Ok(())
    }

    fn unpack(&mut self, input: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), Flaw> {
        let have = self.read.saturating_add(self.carried as u64);
        if self.broken || input.len() as u64 > self.clen.saturating_sub(have) {
            return Err(Flaw::new("lzf-end", "lzf input", have, format!("{} bytes", self.clen), "more"));
        }
        let mut rest = input;
        while self.carried > 0 {
            let Some((&byte, after)) = rest.split_first() else {
                return Ok(());
            };
            let Some(place) = self.carry.get_mut(self.carried) else {
                return Ok(());
            };
            *place = byte;
            self.carried += 1;
            rest = after;
            let carry = self.carry;
            let used = self.run_whole(carry.get(..self.carried).unwrap_or_default(), sink)?;
            if used > 0 {
                self.carried = 0;
            }
        }
        let used = self.run_whole(rest, sink)?;
        let left = rest.get(used..).unwrap_or_default();
        if let Some(place) = self.carry.get_mut(..left.len()) {
            place.copy_from_slice(left);
            self.carried = left.len();
        }
        Ok(())
    }

    /// Carries out every whole instruction in `input`; returns their length. What remains is shorter than one.
    fn run_whole(&mut self, input: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<usize, Flaw> {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            let room = self.window.len().saturating_sub(SLACK);
            let left = self.ulen.saturating_sub(self.gone);
            let limit = usize::try_from(left).map_or(room, |left| left.min(room));
            let start = Run { read: 0, written: self.filled, why: Why::Starved };
            let mut done = run(rest, rest.len(), &mut self.window, start, limit);
            if done.why == Why::Starved && done.read < rest.len() {
                done = run_tail(rest, done, &mut self.window, limit);
            }
            self.filled = done.written;
            self.read = self.read.saturating_add(done.read as u64);
            used += done.read;
            match done.why {
                Why::Starved => return Ok(used),
                // The window is full, not the output.
                Why::Full if left > limit as u64 => self.slide(sink),
                Why::Full | Why::Reference => {
                    let written = self.gone.saturating_add(self.filled as u64);
                    return Err(complain(&done, self.read, written, self.clen, self.ulen));
                }
            }
        }
    }

    fn show(&mut self, sink: &mut dyn FnMut(&[u8])) {
        if let Some(fresh) = self.window.get(self.shown..self.filled)
            && !fresh.is_empty()
        {
            sink(fresh);
        }
        self.shown = self.filled;
    }

    /// Keeps what a reference can reach and makes room after it.
    fn slide(&mut self, sink: &mut dyn FnMut(&[u8])) {
        self.show(sink);
        let drop = self.filled.saturating_sub(REACH);
        self.window.copy_within(drop..self.filled, 0);
        self.gone = self.gone.saturating_add(drop as u64);
        self.filled -= drop;
        self.shown = self.filled;
    }
}
