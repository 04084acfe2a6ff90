//! Encryption with age, to X25519 recipients. Whoever writes holds public keys only.

use super::chunk::damaged;
use crate::base::{Error, ErrorKind, Result};
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Most recipients of one payload: its header is read by those who open it, and is bounded there.
const MOST_RECIPIENTS: usize = 256;
/// Most bytes of a header: far more than those recipients need.
const MOST_HEADER_BYTES: u64 = 64 << 10;
/// Most bytes of a file of recipients or identities.
const MOST_FILE_BYTES: u64 = 1 << 20;

/// Whom payloads are encrypted to: at least one public key, none of them twice.
#[derive(Clone)]
pub struct Recipients(Vec<age::x25519::Recipient>);

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.public_keys()).finish()
    }
}

impl Recipients {
    /// Reads `age1…`, one a line; empty lines and those that begin with `#` are passed over.
    ///
    /// # Errors
    /// [`ErrorKind::Crypto`]: a line that is no public key, none at all, or more than 256. Lines are named by their number:
    /// what stands there may be a secret.
    pub fn parse<'t>(lines: impl IntoIterator<Item = &'t str>) -> Result<Self> {
        let mut keys: Vec<age::x25519::Recipient> = Vec::new();
        for (line, text) in (1u32..).zip(lines) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let key = text.parse().map_err(|_| no_recipient(line, text))?;
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        match keys.len() {
            0 => {
                Err(crypto("no recipient to encrypt to").with_hint("name one at least, as age-keygen prints it: age1…"))
            }
            1..=MOST_RECIPIENTS => Ok(Self(keys)),
            more => Err(crypto(format!("{more} recipients are more than {MOST_RECIPIENTS}"))),
        }
    }

    /// Those of a file, written as [`Recipients::parse`] reads them.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], and as [`Recipients::parse`].
    pub fn read(file: &Path) -> Result<Self> {
        let named = |error: Error| error.about(file.display().to_string());
        Self::parse(read_text(file).map_err(named)?.lines()).map_err(named)
    }

    /// All of several, each once.
    ///
    /// # Errors
    /// As [`Recipients::parse`].
    pub fn joined(all: impl IntoIterator<Item = Self>) -> Result<Self> {
        let keys: Vec<String> = all.into_iter().flat_map(|some| some.public_keys()).collect();
        Self::parse(keys.iter().map(String::as_str))
    }

    /// The public keys, as age writes them, in the order they were given.
    pub fn public_keys(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

fn no_recipient(line: u32, text: &str) -> Error {
    if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
        let error = crypto(format!("line {line} is a secret key where a recipient belongs"));
        return error.with_hint("take its public key, as age-keygen -y prints it; the secret one need not be here");
    }
    crypto(format!("line {line} is no recipient of age"))
        .with_hint("X25519 recipients are taken: age1…, 62 letters and digits")
}

/// Who can open payloads: at least one secret key. They are never shown.
#[derive(Clone)]
pub struct Identities(Arc<[age::x25519::Identity]>);

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} identities", self.0.len())
    }
}

impl PartialEq for Identities {
    fn eq(&self, other: &Self) -> bool {
        self.public_keys() == other.public_keys()
    }
}

impl Eq for Identities {}

impl Identities {
    /// Reads an identity file as age-keygen writes it: one secret key a line, comments with `#`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]; [`ErrorKind::Crypto`]: a line that is no identity, told by its number, or none at all.
    pub fn read(file: &Path) -> Result<Self> {
        let named = |error: Error| error.about(file.display().to_string());
        let text = read_text(file).map_err(named)?;
        Self::parse(&text).map_err(named)
    }

    /// Reads the text of an identity file.
    ///
    /// # Errors
    /// As [`Identities::read`].
    pub fn parse(text: &str) -> Result<Self> {
        if text.starts_with("age-encryption.org/") || text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") {
            let error = crypto("is an identity file that is encrypted itself");
            return Err(error.with_hint("decrypt it with age first: nothing here asks for a passphrase"));
        }
        let mut keys = Vec::new();
        for (line, text) in (1u32..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let key = text.parse().map_err(|_| {
                crypto(format!("line {line} is no identity of age"))
                    .with_hint("X25519 identities are taken, as age-keygen prints them")
            })?;
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(crypto("no identity is in it"));
        }
        Ok(Self(keys.into()))
    }

    /// All of several.
    ///
    /// # Errors
    /// [`ErrorKind::Crypto`]: there are none.
    pub fn joined(all: impl IntoIterator<Item = Self>) -> Result<Self> {
        let keys: Vec<_> = all.into_iter().flat_map(|some| some.0.to_vec()).collect();
        if keys.is_empty() { Err(crypto("no identity was given")) } else { Ok(Self(keys.into())) }
    }

    /// The public key of each.
    pub fn public_keys(&self) -> Vec<String> {
        self.0.iter().map(|key| key.to_public().to_string()).collect()
    }
}

fn crypto(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Crypto { what: what.into() })
}

fn read_text(file: &Path) -> Result<String> {
    let failed = |error| Error::io("read the keys", error);
    let mut text = String::new();
    let file = std::fs::File::open(file).map_err(failed)?;
    let read = file.take(MOST_FILE_BYTES.saturating_add(1)).read_to_string(&mut text).map_err(failed)?;
    if read as u64 > MOST_FILE_BYTES {
        return Err(crypto("is far too long for a file of keys"));
    }
    Ok(text)
}

/// Takes plain bytes, and gives encrypted ones when asked.
pub(super) struct Encrypting {
    writer: Option<age::stream::StreamWriter<Collected>>,
    out: Collected,
}

/// What has been written and not been taken yet.
#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<u8>>>);

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Encrypting {
    pub(super) fn new(recipients: &Recipients) -> Result<Self> {
        let out = Collected::default();
        let encryptor = age::Encryptor::with_recipients(recipients.0.iter().map(|key| key as &dyn age::Recipient));
        let encryptor = encryptor.map_err(|error| crypto(format!("none can be encrypted to: {error}")))?;
        let writer = encryptor.wrap_output(out.clone()).map_err(|error| Error::io("encrypt", error))?;
        Ok(Self { writer: Some(writer), out })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), |writer| writer.write_all(bytes))
    }

    /// Without it the encrypted bytes are cut short, and nobody opens them.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.writer.take().map_or(Ok(()), |writer| writer.finish().map(drop))
    }

    /// What has come out so far; takes an empty buffer for what comes next.
    pub(super) fn take(&mut self, room: Vec<u8>) -> Vec<u8> {
        std::mem::replace(&mut *self.out.0.lock().unwrap_or_else(PoisonError::into_inner), room)
    }
}

/// The plain bytes of what was encrypted with age. What is cut short or changed ends in an error, never cleanly; bytes that come
/// before it are those that went in.
///
/// # Errors
/// [`ErrorKind::Crypto`]: none of the identities fits. [`ErrorKind::Damaged`]: the header. [`ErrorKind::Io`]. While it is
/// read, an [`io::Error`] from which [`Error::io`] makes one of these.
pub fn decrypt(encrypted: Box<dyn Read + Send>, identities: &Identities) -> Result<Box<dyn Read + Send>> {
    let left = Arc::new(AtomicU64::new(MOST_HEADER_BYTES));
    let limited = Limited { inner: BufReader::with_capacity(256 << 10, encrypted), left: Arc::clone(&left) };
    let decryptor = age::Decryptor::new_buffered(limited).map_err(unopened)?;
    let opened = decryptor.decrypt(identities.0.iter().map(|key| key as &dyn age::Identity)).map_err(unopened)?;
    left.store(u64::MAX, Ordering::Relaxed);
    Ok(Box::new(Decrypted { inner: opened, failed: false }))
}

fn unopened(error: age::DecryptError) -> Error {
    match error {
        age::DecryptError::NoMatchingKeys => crypto("is encrypted to others: none of the identities fits")
            .with_hint("give the identity of one of its recipients"),
        age::DecryptError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            damaged("the encrypted bytes end within their header")
        }
        age::DecryptError::Io(error) => Error::io("read what is encrypted", error),
        age::DecryptError::UnknownFormat => {
            Error::new(ErrorKind::Unsupported { what: "is encrypted in a version of age that is not known".to_owned() })
        }
        age::DecryptError::InvalidMac | age::DecryptError::InvalidHeader => {
            damaged("the header of the encrypted bytes is damaged")
        }
        _ => damaged("the encrypted bytes cannot be opened"),
    }
}

/// Gives so many bytes, and no more until it is told to: a header without an end would fill the memory.
struct Limited<R> {
    inner: R,
    left: Arc<AtomicU64>,
}

impl<R: BufRead> Limited<R> {
    fn spend(&self, bytes: usize) {
        let left = self.left.load(Ordering::Relaxed);
        if left != u64::MAX {
            self.left.store(left.saturating_sub(bytes as u64), Ordering::Relaxed);
        }
    }
}

impl<R: BufRead> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = super::chunk::copy(self.fill_buf()?, buffer);
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Limited<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = usize::try_from(self.left.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        if left == 0 {
            return Err(damaged("the header of the encrypted bytes has no end").into());
        }
        let bytes = self.inner.fill_buf()?;
        Ok(bytes.get(..left).unwrap_or(bytes))
    }

    fn consume(&mut self, count: usize) {
        self.spend(count);
        self.inner.consume(count);
    }
}

/// Says what is wrong in words of our own, and does not go on after it.
struct Decrypted<R> {
    inner: R,
    failed: bool,
}

impl<R: Read> Read for Decrypted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Err(damaged("the encrypted bytes were damaged before").into());
        }
        self.inner.read(buffer).map_err(|error| {
            if error.kind() == io::ErrorKind::Interrupted {
                return error;
            }
            self.failed = true;
            let is_ours = Error::is_in(&error);
            match error.kind() {
                _ if is_ours || error.raw_os_error().is_some() => error,
                io::ErrorKind::UnexpectedEof => damaged("the encrypted bytes are cut short").into(),
                io::ErrorKind::InvalidData => damaged("the encrypted bytes are damaged or cut short").into(),
                _ => error,
            }
        })
    }
}
