//! A pipe between one who writes fast and one who reads slowly: through a file that nobody else sees, or through a bounded buffer.

use crate::base::{Error, Result};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A pipe through a file of mode 0600 in `scratch` that has no name: writes never wait for the reader, reads wait for bytes or
/// for the end. The file takes as much room as was written, until both ends are gone. Memory: none of its own.
///
/// # Errors
/// [`ErrorKind::Io`](crate::base::ErrorKind::Io): no file can be made there.
pub fn spool(scratch: &Path) -> Result<(SpoolWriter, SpoolReader)> {
    let place = scratch.display().to_string();
    let file = tempfile::tempfile_in(scratch);
    let file = file.map_err(|error| Error::io("create a temporary file", error).about(&*place))?;
    Ok(pipe(Body::File { file, place }))
}

/// A pipe through at most so many bytes of memory: where it is full, writes wait for the reader.
pub fn bounded(bytes: usize) -> (SpoolWriter, SpoolReader) {
    pipe(Body::Memory { most: bytes.max(1) })
}

fn pipe(body: Body) -> (SpoolWriter, SpoolReader) {
    let state = State { written: 0, held: VecDeque::new(), end: None, reader_gone: false };
    let pipe = Arc::new(Pipe { body, state: Mutex::new(state), changed: Condvar::new() });
    (SpoolWriter(Some(Arc::clone(&pipe))), SpoolReader { pipe, at: 0 })
}

enum Body {
    File { file: File, place: String },
    Memory { most: usize },
}

struct Pipe {
    body: Body,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Bytes written to the file.
    written: u64,
    /// Bytes in memory that have not been read.
    held: VecDeque<u8>,
    end: Option<End>,
    reader_gone: bool,
}

enum End {
    Whole,
    /// Why there is no more.
    Failed(io::ErrorKind, String),
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic happens while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, how: End) {
        self.lock().end.get_or_insert(how);
        self.changed.notify_all();
    }
}

fn nobody_reads() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads any more")
}

/// Twice as much as before, but never more than may be held.
fn make_room(held: &mut VecDeque<u8>, room: usize, most: usize) -> io::Result<()> {
    let needed = held.len().saturating_add(room);
    if needed > held.capacity() {
        let wanted = held.capacity().saturating_mul(2).clamp(needed, most.max(needed));
        held.try_reserve_exact(wanted.saturating_sub(held.len())).map_err(|_| io::ErrorKind::OutOfMemory)?;
    }
    Ok(())
}

/// The end of a pipe that is written to. Dropped without [`SpoolWriter::finish`], it makes the reader fail.
pub struct SpoolWriter(Option<Arc<Pipe>>);

impl SpoolWriter {
    /// Says that this was all: only then the reader comes to an end.
    ///
    /// # Errors
    /// A write has failed before.
    pub fn finish(mut self) -> io::Result<()> {
        let Some(pipe) = self.0.take() else { return Ok(()) };
        pipe.end(End::Whole);
        match &pipe.lock().end {
            Some(End::Failed(kind, text)) => Err(io::Error::new(*kind, text.clone())),
            _ => Ok(()),
        }
    }

    /// Says why there is no more: the reader fails with it, after the bytes that were written.
    pub fn fail(mut self, why: &io::Error) {
        if let Some(pipe) = self.0.take() {
            pipe.end(End::Failed(why.kind(), why.to_string()));
        }
    }
}

impl Drop for SpoolWriter {
    fn drop(&mut self) {
        if let Some(pipe) = self.0.take() {
            pipe.end(End::Failed(io::ErrorKind::Other, "its writer has gone before the end".to_owned()));
        }
    }
}

impl Write for SpoolWriter {
    /// # Errors
    /// [`io::ErrorKind::BrokenPipe`] where the reader is gone; whatever the file says, which ends the pipe.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(pipe) = &self.0 else { return Err(nobody_reads()) };
        let mut state = pipe.lock();
        let written = match &pipe.body {
            Body::File { file, place } => {
                let at = state.written;
                if state.reader_gone {
                    return Err(nobody_reads());
                }
                drop(state);
                if let Err(error) = file.write_all_at(bytes, at) {
                    let is_full = error.kind() == io::ErrorKind::StorageFull;
                    let mut error = Error::io("write a temporary file", error).about(&**place);
                    if is_full {
                        error = error.with_hint("make room there, or name another folder for temporary files");
                    }
                    pipe.end(End::Failed(io::ErrorKind::Other, error.to_string()));
                    return Err(error.into());
                }
                let mut state = pipe.lock();
                state.written = at.saturating_add(bytes.len() as u64);
                bytes.len()
            }
            Body::Memory { most } => {
                while state.held.len() >= *most && !state.reader_gone {
                    state = pipe.wait(state);
                }
                if state.reader_gone {
                    return Err(nobody_reads());
                }
                let room = most.saturating_sub(state.held.len()).min(bytes.len());
                make_room(&mut state.held, room, *most)?;
                state.held.write(bytes.get(..room).unwrap_or_default())?
            }
        };
        pipe.changed.notify_all();
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The end of a pipe that is read from.
pub struct SpoolReader {
    pipe: Arc<Pipe>,
    /// Bytes of the file that have been read.
    at: u64,
}

impl Drop for SpoolReader {
    fn drop(&mut self) {
        self.pipe.lock().reader_gone = true;
        self.pipe.changed.notify_all();
    }
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut state = self.pipe.lock();
        loop {
            if !state.held.is_empty() {
                let read = state.held.read(buffer)?;
                self.pipe.changed.notify_all();
                return Ok(read);
            }
            let there = state.written.saturating_sub(self.at);
            if there > 0
                && let Body::File { file, .. } = &self.pipe.body
            {
                drop(state);
                let count = usize::try_from(there).map_or(buffer.len(), |there| there.min(buffer.len()));
                let read = file.read_at(buffer.get_mut(..count).unwrap_or_default(), self.at)?;
                if read == 0 {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a temporary file has become shorter"));
                }
                self.at = self.at.saturating_add(read as u64);
                return Ok(read);
            }
            match &state.end {
                Some(End::Whole) => return Ok(0),
                Some(End::Failed(kind, text)) => return Err(io::Error::new(*kind, text.clone())),
                None => state = self.pipe.wait(state),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|at| u8::try_from(at * 31 % 251).expect("below 251")).collect()
    }

    fn pipes() -> Vec<(SpoolWriter, SpoolReader)> {
        vec![spool(&std::env::temp_dir()).expect("a spool"), bounded(1), bounded(1000), bounded(1 << 20)]
    }

    #[test]
    fn what_is_written_is_read_and_its_end_seen() {
        for (mut writer, mut reader) in pipes() {
            let all = bytes(300_000);
            let expected = all.clone();
            let writing = std::thread::spawn(move || {
                for piece in all.chunks(777) {
                    writer.write_all(piece).expect("written");
                }
                writer.finish().expect("finished");
            });
            let mut found = Vec::new();
            reader.read_to_end(&mut found).expect("read");
            assert!(found == expected);
            assert_eq!(reader.read(&mut [0; 4]).expect("it stays at its end"), 0);
            writing.join().expect("the writer");
        }
    }

    #[test]
    fn a_spool_makes_no_writer_wait_and_a_buffer_does() {
        let (mut writer, mut reader) = spool(&std::env::temp_dir()).expect("a spool");
        writer.write_all(&bytes(5 << 20)).expect("nobody reads yet");
        writer.finish().expect("finished");
        let mut found = Vec::new();
        assert_eq!(reader.read_to_end(&mut found).expect("read"), 5 << 20);

        let (mut writer, mut reader) = bounded(100);
        assert_eq!(writer.write(&bytes(5000)).expect("what fits"), 100);
        let waiting = std::thread::spawn(move || writer.write(&[1]).map(|_| writer.finish()));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished(), "there is no room");
        let mut found = Vec::new();
        reader.read_to_end(&mut found).expect("read");
        assert_eq!(found.len(), 101);
        waiting.join().expect("the writer").expect("written").expect("finished");
    }

    #[test]
    fn a_writer_that_goes_makes_the_reader_fail_after_what_was_written() {
        for (mut writer, mut reader) in pipes() {
            let writing = std::thread::spawn(move || writer.write_all(b"half"));
            let mut found = Vec::new();
            let error = reader.read_to_end(&mut found).expect_err("no end was seen");
            assert_eq!(found, b"half");
            assert!(error.to_string().contains("before the end"), "{error}");
            reader.read(&mut [0; 4]).expect_err("no end comes later");
            writing.join().expect("the writer").expect("written");
        }
        for (writer, mut reader) in pipes() {
            writer.fail(&io::Error::new(io::ErrorKind::ConnectionReset, "the server went away"));
            let error = reader.read(&mut [0; 4]).expect_err("it failed");
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (io::ErrorKind::ConnectionReset, "the server went away")
            );
        }
    }

    #[test]
    fn a_reader_that_goes_is_told_to_the_writer() {
        for (mut writer, reader) in pipes() {
            let leaving = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(5));
                drop(reader);
            });
            let error = loop {
                if let Err(error) = writer.write(&[0; 3000]) {
                    break error;
                }
            };
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
            leaving.join().expect("the reader");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = spool(Path::new("/nowhere/at/all")).err().expect("no folder");
        assert!(error.to_string().contains("/nowhere/at/all: cannot create a temporary file"), "{error}");
    }
}
