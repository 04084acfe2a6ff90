//! LZF, the only compression inside an RDB file: whole, in pieces with a bounded window, and the other way.
//!
//! ```text
//! 000nnnnn                      n+1 literal bytes follow (1–32)
//! lllooooo oooooooo             copy l+2 bytes (3–8) from o+1 bytes back (1–8192)
//! 111ooooo llllllll oooooooo    copy l+9 bytes (9–264) from o+1 bytes back
//! ```
//! Source: RDB 1+ as every server with `rdbcompression yes` writes it, strings longer than 20 bytes.

use crate::base::Flaw;

mod compress;
mod stream;

pub use compress::compress;
pub use stream::Stream;

/// Longest instruction: a control byte and 32 literals.
const LONGEST: usize = 33;
/// Farthest a reference reaches back.
const REACH: usize = 8192;
/// Bytes past the end of the output that a wide copy may touch; what it writes there is overwritten or cut off.
const SLACK: usize = 32;

/// Most bytes that `clen` compressed bytes can become. A larger claim is a bomb or damage.
#[inline]
pub fn max_output(clen: u64) -> u64 {
    clen.saturating_mul(88).saturating_add(64)
}

/// Replaces the content of `out` with the `ulen` bytes that `input` unpacks to. At most `ulen` + 32 bytes are held. After an
/// error `out` is empty.
///
/// # Errors
/// As [`unpack`].
pub fn decompress(input: &[u8], ulen: usize, out: &mut Vec<u8>) -> Result<(), Flaw> {
    out.clear();
    let length = unpack(input, ulen, out).map(<[u8]>::len);
    out.truncate(length.as_ref().copied().unwrap_or(0));
    length.map(|_| ())
}

/// The `ulen` bytes that `input` unpacks to, at the beginning of `out`, which only ever grows: a buffer that is used
/// again is not written twice. At most `ulen` + 32 bytes are held, or what it held before.
///
/// # Errors
/// `lzf-bomb` if so few bytes cannot become `ulen`, before anything is allocated; `lzf-reference` for a reference to
/// before the start; `short` if an instruction is cut off; `lzf-end` if the output is not exactly `ulen` bytes long.
pub fn unpack<'o>(input: &[u8], ulen: usize, out: &'o mut Vec<u8>) -> Result<&'o [u8], Flaw> {
    if ulen as u64 > max_output(input.len() as u64) {
        return Err(bomb(input.len() as u64, ulen as u64));
    }
    let room = ulen.saturating_add(SLACK);
    if out.len() < room {
        out.resize(room, 0);
    }
    let mut run = run(input, input.len(), out, Run { read: 0, written: 0, why: Why::Starved }, ulen);
    if run.why == Why::Starved && run.read < input.len() {
        run = run_tail(input, run, out, ulen);
    }
    if run.why == Why::Starved && run.read == input.len() && run.written == ulen {
        return Ok(out.get(..ulen).unwrap_or_default());
    }
    Err(complain(&run, run.read as u64, run.written as u64, input.len() as u64, ulen as u64))
}

/// Whether `input` unpacks to exactly `ulen` bytes, without unpacking it: for who needs no more than that it would.
///
/// # Errors
/// As [`unpack`].
pub fn check(input: &[u8], ulen: usize) -> Result<(), Flaw> {
    if ulen as u64 > max_output(input.len() as u64) {
        return Err(bomb(input.len() as u64, ulen as u64));
    }
    let Run { mut read, mut written, .. } = Run { read: 0, written: 0, why: Why::Starved };
    let why = loop {
        let Some((control, rest)) = input.get(read..).and_then(<[u8]>::split_first) else { break Why::Starved };
        let control = usize::from(*control);
        let (len, used) = if control < 32 {
            (control + 1, control + 2)
        } else {
            let long = control >= 0xE0;
            let (Some(first), Some(last)) = (rest.first(), rest.get(usize::from(long))) else { break Why::Starved };
            let distance = (((control & 31) << 8) | usize::from(*last)) + 1;
            if distance > written {
                break Why::Reference;
            }
            if long { (usize::from(*first) + 9, 3) } else { ((control >> 5) + 2, 2) }
        };
        if used > input.len() - read {
            break Why::Starved;
        }
        if len > ulen - written {
            break Why::Full;
        }
        read += used;
        written += len;
    };
    let run = Run { read, written, why };
    if run.why == Why::Starved && run.read == input.len() && run.written == ulen {
        return Ok(());
    }
    Err(complain(&run, run.read as u64, run.written as u64, input.len() as u64, ulen as u64))
}

/// The first `N` bytes that `input` unpacks to, if its first instruction holds them all, as a real compressor's does.
pub fn begins<const N: usize>(input: &[u8]) -> Option<[u8; N]> {
    let (control, rest) = input.split_first()?;
    (usize::from(*control) < 32 && usize::from(*control) + 1 >= N).then(|| rest.first_chunk().copied()).flatten()
}

/// Why a run stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// No whole instruction is left (or none that the wide loop can take).
    Starved,
    /// The next instruction's output goes past the limit.
    Full,
    /// The next instruction refers to before the start.
    Reference,
}

/// How far a run came: `read` stands at the start of the first instruction that was not carried out.
#[derive(Debug, Clone, Copy)]
struct Run {
    read: usize,
    written: usize,
    why: Why,
}

/// Carries out instructions that lie wholly in `input[from.read..end]`, while 33 bytes can be read from each one's
/// start, and none that would write past `limit`. `dst` is at least `limit + SLACK` long.
#[inline]
fn run(input: &[u8], end: usize, dst: &mut [u8], from: Run, limit: usize) -> Run {
    let Run { mut read, mut written, .. } = from;
    let why = loop {
        if read >= end {
            break Why::Starved;
        }
        let Some(window) = input.get(read..).and_then(|rest| rest.first_chunk::<LONGEST>()) else {
            break Why::Starved;
        };
        let [control, literals @ ..] = window;
        let control = usize::from(*control);
        if control < 32 {
            let len = control + 1;
            if len >= end - read {
                break Why::Starved;
            }
            if len > limit - written {
                break Why::Full;
            }
            // All 32 are copied, always: the next instruction overwrites what was too much.
            let Some(to) = dst.get_mut(written..).and_then(|rest| rest.first_chunk_mut::<32>()) else {
                break Why::Full;
            };
            *to = *literals;
            read += len + 1;
            written += len;
        } else {
            let [first, second, ..] = *literals;
            let long = control >= 0xE0;
            let (len, low, used) =
                if long { (usize::from(first) + 9, second, 3) } else { ((control >> 5) + 2, first, 2) };
            let distance = (((control & 31) << 8) | usize::from(low)) + 1;
            if used > end - read {
                break Why::Starved;
            }
            if distance > written {
                break Why::Reference;
            }
            if len > limit - written {
                break Why::Full;
            }
            copy_back(dst, written, distance, len);
            read += used;
            written += len;
        }
    };
    Run { read, written, why }
}

/// Carries out the instructions of a tail shorter than [`LONGEST`], through a padded copy of it.
fn run_tail(input: &[u8], from: Run, dst: &mut [u8], limit: usize) -> Run {
    let tail = input.get(from.read..).unwrap_or_default();
    let mut padded = [0; LONGEST + LONGEST];
    let Some(start) = padded.get_mut(..tail.len()) else {
        return from;
    };
    start.copy_from_slice(tail);
    let run = run(&padded, tail.len(), dst, Run { read: 0, ..from }, limit);
    Run { read: run.read + from.read, ..run }
}

/// Copies `len` bytes from `distance` (at least 1) before `at` to `at`, as if byte by byte. May write up to 15 bytes
/// more; `dst` has room for them.
#[inline]
fn copy_back(dst: &mut [u8], at: usize, distance: usize, len: usize) {
    if distance >= 16 {
        copy_chunks::<16>(dst, at, distance, len);
    } else if distance >= 8 {
        copy_chunks::<8>(dst, at, distance, len);
    } else {
        copy_near(dst, at, distance, len);
    }
}

/// [`copy_back`] for a distance of at least `N`: no chunk reads what it writes.
#[inline]
fn copy_chunks<const N: usize>(dst: &mut [u8], at: usize, distance: usize, len: usize) {
    let mut to = at;
    let end = at + len;
    loop {
        let Some(chunk) = dst.get(to - distance..).and_then(|rest| rest.first_chunk::<N>()).copied() else {
            return;
        };
        let Some(place) = dst.get_mut(to..).and_then(|rest| rest.first_chunk_mut::<N>()) else {
            return;
        };
        *place = chunk;
        to += N;
        if to >= end {
            return;
        }
    }
}

/// [`copy_back`] for a distance below 8: writes the pattern until it is 8 bytes or longer, then copies it in chunks.
fn copy_near(dst: &mut [u8], at: usize, distance: usize, len: usize) {
    let mut pattern = distance;
    while pattern < 8 {
        pattern += distance;
    }
    let head = (pattern - distance).min(len);
    for to in at..at + head {
        let byte = dst.get(to - distance).copied().unwrap_or_default();
        if let Some(place) = dst.get_mut(to) {
            *place = byte;
        }
    }
    if len > head {
        copy_chunks::<8>(dst, at + head, pattern, len - head);
    }
}

#[cold]
fn bomb(clen: u64, ulen: u64) -> Flaw {
    let most = max_output(clen);
    Flaw::new("lzf-bomb", "lzf length", 0, format!("at most {most} bytes from {clen}"), format!("{ulen} claimed"))
}

#[cold]
fn complain(run: &Run, read: u64, written: u64, clen: u64, ulen: u64) -> Flaw {
    match run.why {
        Why::Reference => Flaw::new(
            "lzf-reference",
            "lzf reference",
            read,
            "a distance inside the output",
            format!("one to before its start, {written} bytes in"),
        ),
        Why::Starved if read < clen => {
            Flaw::new("short", "lzf instruction", read, "a whole instruction", format!("{} bytes", clen - read))
        }
        Why::Full => Flaw::new("lzf-end", "lzf output", read, format!("{ulen} bytes"), "more"),
        Why::Starved => Flaw::new("lzf-end", "lzf output", read, format!("{ulen} bytes"), format!("{written}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests;
