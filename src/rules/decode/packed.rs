//! Gzip, zlib and zstd, from the beginning of a text.

use super::Decoder;
use super::piece::{Out, Run};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Operation};

/// Most bytes that come out of one text.
const MOST: u64 = 16 << 20;
/// Most bytes that come out for each that goes in.
const RATIO: u64 = 100;
/// What goes in at once. Blocks lie at fixed places of the text, so that it is cut at the same byte however it comes.
const BLOCK: usize = 4 << 10;
/// Members of gzip, one behind the other.
const MEMBERS: u32 = 64;
/// 2^24 bytes: zstd needs as much memory as a frame says its window has.
const WINDOW_LOG: u32 = 24;
/// Bytes by which a format is known.
const SNIFFED: usize = 4;

enum Engine {
    Flate(Decompress),
    Zstd(zstd::stream::raw::Decoder<'static>),
}

fn sniff(head: [u8; SNIFFED]) -> Option<(Decoder, Engine)> {
    match head {
        [0x1f, 0x8b, 8, ..] => Some((Decoder::Gzip, Engine::Flate(Decompress::new_gzip(15)))),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Some((Decoder::Zlib, Engine::Flate(Decompress::new(true)))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let mut zstd = zstd::stream::raw::Decoder::new().ok()?;
            zstd.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).ok()?;
            Some((Decoder::Zstd, Engine::Zstd(zstd)))
        }
        _ => None,
    }
}

/// A text that is being unpacked.
struct Open {
    engine: Engine,
    run: Run,
    /// Of the next block, what has come.
    block: Vec<u8>,
    taken: u64,
    made: u64,
    members: u32,
    /// A member has ended; another may follow.
    between: bool,
    buffer: Vec<u8>,
}

/// Why it ended.
#[derive(PartialEq, Eq)]
enum End {
    Over,
    Cut,
}

impl Open {
    fn step(&mut self, input: &[u8], out: Out<'_>) -> Result<(usize, bool), End> {
        let (read, written, ended, broken) = match &mut self.engine {
            Engine::Flate(flate) => {
                let (before_in, before_out) = (flate.total_in(), flate.total_out());
                let status = flate.decompress(input, &mut self.buffer, FlushDecompress::None);
                let (read, written) = (flate.total_in() - before_in, flate.total_out() - before_out);
                let ended = matches!(status, Ok(Status::StreamEnd));
                (usize::try_from(read).unwrap_or(0), usize::try_from(written).unwrap_or(0), ended, status.is_err())
            }
            Engine::Zstd(zstd) => match zstd.run_on_buffers(input, &mut self.buffer) {
                // A frame that follows is begun by itself.
                Ok(status) => (status.bytes_read, status.bytes_written, false, false),
                Err(_) => (0, 0, false, true),
            },
        };
        let allowed = self.taken.saturating_mul(RATIO).min(MOST).saturating_sub(self.made);
        let send = written.min(usize::try_from(allowed).unwrap_or(usize::MAX));
        self.run.push(self.buffer.get(..send).unwrap_or_default(), out);
        self.made = self.made.saturating_add(send as u64);
        if send < written {
            return Err(End::Cut);
        }
        if broken || (read == 0 && written == 0 && !ended) {
            // Nothing more comes of this: of a whole block it is broken, of a drained one it waits for the next.
            return if broken || !input.is_empty() { Err(End::Over) } else { Ok((0, false)) };
        }
        Ok((read, ended))
    }

    /// Takes the next block.
    fn block(&mut self, mut input: &[u8], out: Out<'_>) -> Result<(), End> {
        self.taken = self.taken.saturating_add(input.len() as u64);
        loop {
            if self.between {
                match input.first() {
                    None => return Ok(()),
                    Some(0x1f) if self.members < MEMBERS => {
                        self.engine = Engine::Flate(Decompress::new_gzip(15));
                        self.members += 1;
                        self.between = false;
                    }
                    Some(_) => return Err(End::Over),
                }
            }
            let (read, ended) = self.step(input, &mut *out)?;
            input = input.get(read..).unwrap_or_default();
            if ended {
                if !self.is_gzip() {
                    return Err(End::Over);
                }
                self.between = true;
            } else if input.is_empty() && self.is_drained(out)? {
                return Ok(());
            }
        }
    }

    /// Whether nothing more comes out without more input.
    fn is_drained(&mut self, out: Out<'_>) -> Result<bool, End> {
        loop {
            let before = self.made;
            let (_, ended) = self.step(&[], &mut *out)?;
            if ended {
                self.between = true;
                return if self.is_gzip() { Ok(true) } else { Err(End::Over) };
            }
            if self.made == before {
                return Ok(true);
            }
        }
    }

    fn is_gzip(&self) -> bool {
        self.run.decoder() == Decoder::Gzip
    }
}

#[derive(Default)]
enum State {
    /// Of the first bytes, what has come.
    #[default]
    Fresh,
    Open(Box<Open>),
    /// Nothing is packed here, or nothing more.
    Past,
}

/// Unpacks a text that is packed.
#[derive(Default)]
pub(super) struct Packed {
    head: Vec<u8>,
    state: State,
}

impl Packed {
    pub(super) fn reset(&mut self) {
        self.head.clear();
        self.state = State::Fresh;
    }

    pub(super) fn feed(&mut self, new: &[u8], at: u64, last: bool, out: Out<'_>) {
        if matches!(self.state, State::Fresh) {
            if at > SNIFFED as u64 {
                self.state = State::Past;
                return;
            }
            if self.head.len() + new.len() < SNIFFED && !last {
                self.head.extend_from_slice(new);
                return;
            }
            let mut head = [0; SNIFFED];
            for (to, byte) in head.iter_mut().zip(self.head.iter().chain(new)) {
                *to = *byte;
            }
            self.state = sniff(head).map_or(State::Past, |(decoder, engine)| {
                State::Open(Box::new(Open {
                    engine,
                    run: Run::new(decoder, 0),
                    block: std::mem::take(&mut self.head),
                    taken: 0,
                    made: 0,
                    members: 1,
                    between: false,
                    buffer: vec![0; super::PIECE],
                }))
            });
        }
        let State::Open(open) = &mut self.state else { return };
        let end = match blocks(open, new, last, &mut *out) {
            Ok(()) if last => End::Over,
            Ok(()) => return,
            Err(end) => end,
        };
        if let State::Open(open) = std::mem::replace(&mut self.state, State::Past) {
            open.run.finish(1, end == End::Cut, out);
        }
    }
}

fn blocks(open: &mut Open, mut new: &[u8], last: bool, out: Out<'_>) -> Result<(), End> {
    while let Some((fits, rest)) = new.split_at_checked(BLOCK.saturating_sub(open.block.len())) {
        new = rest;
        if open.block.is_empty() {
            open.block(fits, &mut *out)?;
        } else {
            open.block.extend_from_slice(fits);
            let block = std::mem::take(&mut open.block);
            open.block(&block, &mut *out)?;
            open.block = block;
            open.block.clear();
        }
    }
    open.block.extend_from_slice(new);
    if last {
        let block = std::mem::take(&mut open.block);
        open.block(&block, out)?;
    }
    Ok(())
}
