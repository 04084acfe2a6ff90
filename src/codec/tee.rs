//! The same bytes for two readers: whoever reads one feeds the other.

use super::spool::{SpoolReader, SpoolWriter, bounded};
use std::io::{self, Read, Write};

/// The other reader of a [`Tee`]: it sees the bytes that were read from the tee, and its end only where the tee came to its own.
pub type Branch = SpoolReader;

/// Reads from another reader, and gives the same bytes to its branch.
///
/// Where the branch has not read for so long that the buffer is full, reads wait for it: both are to be read, each on a thread
/// of its own. A branch that is dropped is forgotten. Where reading fails, or the tee is dropped before its end, the branch
/// fails. Memory: the buffer.
pub struct Tee<R> {
    inner: R,
    branch: Option<SpoolWriter>,
}

impl<R: Read> Tee<R> {
    /// With a buffer of so many bytes between the two.
    pub fn new(inner: R, capacity_bytes: usize) -> (Self, Branch) {
        let (writer, branch) = bounded(capacity_bytes);
        (Self { inner, branch: Some(writer) }, branch)
    }
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.inner.read(buffer) {
            Ok(read) => read,
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted
                    && let Some(branch) = self.branch.take()
                {
                    branch.fail(&error);
                }
                return Err(error);
            }
        };
        if read > 0 {
            let bytes = buffer.get(..read).unwrap_or_default();
            if self.branch.as_mut().is_some_and(|branch| branch.write_all(bytes).is_err()) {
                self.branch = None;
            }
        } else if !buffer.is_empty()
            && let Some(branch) = self.branch.take()
        {
            // Whether anybody still reads is no concern of whoever reads here.
            let _ = branch.finish();
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn reading(mut reader: impl Read + Send + 'static) -> std::thread::JoinHandle<(Vec<u8>, io::Result<usize>)> {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let ended = reader.read_to_end(&mut bytes);
            (bytes, ended)
        })
    }

    #[test]
    fn both_see_the_same() {
        let all: Vec<u8> = (0..250u8).cycle().take(1 << 20).collect();
        for capacity in [0, 1, 1000, 4 << 20] {
            let length = if capacity < 100 { 3000 } else { all.len() };
            let (mut tee, branch) = Tee::new(Cursor::new(all[..length].to_vec()), capacity);
            let other = reading(branch);
            let mut found = Vec::new();
            assert_eq!(tee.read(&mut []).expect("nothing was asked for"), 0);
            tee.read_to_end(&mut found).expect("read");
            let (branched, ended) = other.join().expect("the branch");
            assert!(found == all[..length] && branched == found && ended.is_ok(), "{capacity}");
        }
    }

    #[test]
    fn a_branch_that_goes_stops_nobody() {
        let (mut tee, mut branch) = Tee::new(Cursor::new(vec![7; 100_000]), 64);
        let leaving = std::thread::spawn(move || branch.read(&mut [0; 10]).expect("some"));
        let mut found = Vec::new();
        assert_eq!(tee.read_to_end(&mut found).expect("read"), 100_000);
        assert!(leaving.join().expect("the branch") > 0);
    }

    #[test]
    fn a_tee_that_fails_or_goes_makes_its_branch_fail() {
        struct Breaking;
        impl Read for Breaking {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::ConnectionReset, "the line went dead"))
            }
        }
        let (mut tee, branch) = Tee::new(Cursor::new(b"half".to_vec()).chain(Breaking), 64);
        let mut found = Vec::new();
        tee.read_to_end(&mut found).expect_err("it broke");
        let (branched, ended) = reading(branch).join().expect("the branch");
        assert_eq!((branched, ended.expect_err("it fails too").kind()), (found, io::ErrorKind::ConnectionReset));

        let (mut tee, branch) = Tee::new(Cursor::new(vec![7; 100]), 64);
        assert_eq!(tee.read(&mut [0; 10]).expect("some"), 10);
        drop(tee);
        let (branched, ended) = reading(branch).join().expect("the branch");
        assert_eq!(branched, [7; 10]);
        ended.expect_err("its end was not seen");
    }
}
