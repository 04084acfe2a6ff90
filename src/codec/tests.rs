//! What is sealed can be opened, and nothing else can.

use super::*;
use crate::base::{Error, ErrorKind, Result};
use proptest::prelude::*;
use std::io::{self, Cursor, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Two thirds of it compress, as dumps do.
fn data(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 64);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        match state % 3 {
            0 => bytes.extend(state.to_le_bytes()),
            1 => bytes.extend(format!("user:{}:session", state % 9973).bytes()),
            _ => bytes.extend([0; 16]),
        }
    }
    bytes.truncate(length);
    bytes
}

/// Reads and seals in pieces of any length.
struct Cut<R> {
    inner: R,
    most: usize,
}

impl<R: Read> Read for Cut<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.most);
        self.inner.read(&mut buffer[..most])
    }
}

/// Gives its bytes, then breaks.
struct Breaking(Cursor<Vec<u8>>);

impl Read for Breaking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the line went dead")),
            read => Ok(read),
        }
    }
}

const PACKINGS: [Packing; 3] = [Packing::None, Packing::Gzip { level: 1 }, Packing::Zstd { level: 1 }];

fn seal_all(raw: impl Read + Send + 'static, how: &SealOptions<'_>) -> (Vec<u8>, Sealed) {
    let mut sealer = Sealer::new(Box::new(raw), how).expect("a sealer");
    let mut stored = Vec::new();
    assert_eq!(sealer.sealed(), None);
    sealer.read_to_end(&mut stored).expect("sealed");
    let sealed = sealer.sealed().expect("its end was read");
    assert_eq!(sealer.read(&mut [0; 8]).expect("it stays at its end"), 0);
    (stored, sealed)
}

fn with(packing: Packing, recipients: Option<&Recipients>) -> SealOptions<'_> {
    SealOptions { packing, threads: 2, recipients }
}

fn open_all(
    stored: Vec<u8>,
    packing: Packing,
    identities: Option<&Identities>,
    expect: Option<&Sealed>,
) -> (Vec<u8>, Result<()>) {
    let mut raw = Vec::new();
    let opened = open_sealed(Box::new(Cursor::new(stored)), packing, identities, expect);
    let ended = opened.and_then(|mut reader| {
        let ended = reader.read_to_end(&mut raw).map_err(|error| Error::io("read", error)).map(drop);
        if ended.is_err() {
            assert!(reader.read(&mut [0; 8]).is_err(), "an error was followed by an end");
        }
        ended
    });
    (raw, ended)
}

fn frames_of(stored: Vec<u8>, threads: usize, expect: Option<&Sealed>) -> (Vec<u8>, Result<()>) {
    let length = stored.len() as u64;
    let stored: Arc<[u8]> = stored.into();
    let get = move |range: std::ops::Range<u64>| {
        let mut reader = Cursor::new(Arc::clone(&stored));
        reader.set_position(range.start);
        Ok(Box::new(reader.take(range.end.saturating_sub(range.start))) as Box<dyn Read + Send>)
    };
    let mut raw = Vec::new();
    let ended = open_frames(get, length, threads, expect)
        .and_then(|mut reader| reader.read_to_end(&mut raw).map_err(|error| Error::io("read", error)).map(drop));
    (raw, ended)
}

#[cfg(feature = "crypt")]
fn keys() -> (Recipients, Identities) {
    use age::secrecy::ExposeSecret;
    let secret = age::x25519::Identity::generate();
    let text = format!("# created by a test\n\n{}\n", secret.to_string().expose_secret());
    let identities = Identities::parse(&text).expect("an identity");
    let recipients = Recipients::parse(identities.public_keys().iter().map(String::as_str)).expect("a recipient");
    (recipients, identities)
}

/// None, and where this build has it a pair of keys.
fn with_and_without_keys() -> Vec<Option<(Recipients, Identities)>> {
    #[cfg(feature = "crypt")]
    return vec![None, Some(keys())];
    #[cfg(not(feature = "crypt"))]
    vec![None]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_is_sealed_comes_back(
        seed in any::<u64>(),
        length in prop_oneof![0usize..300, 65_000usize..140_000, (8usize << 20) - 3..(8 << 20) + 3, (16usize << 20)..(17 << 20)],
        most in prop_oneof![1usize..8, 4000usize..5000, Just(usize::MAX)],
        threads in 0usize..5,
    ) {
        let raw = data(seed, length);
        // A byte at a time takes its time.
        let most = if length > 1000 { most.max(997) } else { most };
        for keys in with_and_without_keys() {
            for packing in PACKINGS {
                let how = SealOptions { packing, threads, recipients: keys.as_ref().map(|keys| &keys.0) };
                let (stored, sealed) = seal_all(Cut { inner: Cursor::new(raw.clone()), most }, &how);
                prop_assert_eq!(sealed.raw_bytes, raw.len() as u64);
                prop_assert_eq!(sealed.stored_bytes, stored.len() as u64);
                let identities = keys.as_ref().map(|keys| &keys.1);
                let reader = Cut { inner: Cursor::new(stored.clone()), most: most.max(2) };
                let mut opened = Vec::new();
                open_sealed(Box::new(reader), packing, identities, Some(&sealed))
                    .expect("it opens")
                    .read_to_end(&mut opened)
                    .expect("it is whole");
                prop_assert!(opened == raw);
                if keys.is_none() && matches!(packing, Packing::Zstd { .. }) {
                    let (opened, ended) = frames_of(stored, threads, Some(&sealed));
                    prop_assert!(ended.is_ok(), "{ended:?}");
                    prop_assert!(opened == raw);
                }
            }
        }
    }
}

#[test]
fn the_bytes_are_the_same_for_any_number_of_threads() {
    let raw = data(5, 25 << 20);
    for packing in PACKINGS {
        let sealed = |threads, most| {
            let how = SealOptions { packing, threads, recipients: None };
            seal_all(Cut { inner: Cursor::new(raw.clone()), most }, &how)
        };
        let one = sealed(1, usize::MAX);
        assert!(one == sealed(4, 65_537) && one == sealed(2, 1 << 20), "{packing}");
    }
}

#[test]
fn whatever_is_changed_or_cut_is_found() {
    for keys in with_and_without_keys() {
        let identities = keys.as_ref().map(|keys| &keys.1);
        for packing in PACKINGS {
            let raw = data(9, 700);
            let (stored, sealed) =
                seal_all(Cursor::new(raw.clone()), &with(packing, keys.as_ref().map(|keys| &keys.0)));
            let (opened, ended) = open_all(stored.clone(), packing, identities, Some(&sealed));
            assert!(ended.is_ok() && opened == raw);
            let found = |changed: Vec<u8>, how: &str| {
                let (_, ended) = open_all(changed.clone(), packing, identities, Some(&sealed));
                let error = ended.expect_err(how);
                let known = matches!(
                    error.kind(),
                    ErrorKind::Damaged { .. } | ErrorKind::Crypto { .. } | ErrorKind::Unsupported { .. }
                );
                assert!(known, "{packing}, {how}: {error:?}");
                // Without the record other bytes may not come out either, as far as there are checksums; but two files in a
                // row are a file.
                if (packing != Packing::None || keys.is_some()) && changed.len() < 2 * stored.len() {
                    let (opened, ended) = open_all(changed.clone(), packing, identities, None);
                    assert!(ended.is_err() || opened == raw, "{packing}, {how}: other bytes");
                }
                if keys.is_none() && matches!(packing, Packing::Zstd { .. }) {
                    let (_, ended) = frames_of(changed, 2, Some(&sealed));
                    ended.expect_err(how);
                }
            };
            for at in 0..stored.len() {
                let mut flipped = stored.clone();
                flipped[at] ^= 1 << (at % 8);
                found(flipped, &format!("byte {at} of {} flipped", stored.len()));
                if at > 0 {
                    found(stored[..at].to_vec(), &format!("cut at {at} of {}", stored.len()));
                }
            }
            for tail in [&[0][..], b"more", &stored] {
                found([&stored[..], tail].concat(), "something behind its end");
            }
        }
    }
}

#[test]
fn a_record_of_other_bytes_is_found() {
    let raw = data(2, 5000);
    let packing = Packing::default();
    let (stored, sealed) = seal_all(Cursor::new(raw), &with(packing, None));
    let sealed = &sealed;
    for other in [
        Sealed { raw_bytes: sealed.raw_bytes + 1, ..sealed.clone() },
        Sealed { stored_bytes: sealed.stored_bytes - 1, ..sealed.clone() },
        Sealed { raw_sha256: sealed.stored_sha256.clone(), ..sealed.clone() },
        Sealed { stored_sha256: String::new(), ..sealed.clone() },
    ] {
        for (_, ended) in
            [open_all(stored.clone(), packing, None, Some(&other)), frames_of(stored.clone(), 2, Some(&other))]
        {
            let error = ended.expect_err("another record");
            assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{error}");
        }
    }
}

#[test]
fn a_raw_side_that_breaks_never_ends_cleanly() {
    for keys in with_and_without_keys() {
        for packing in PACKINGS {
            for length in [0, 10, 8 << 20, 9 << 20] {
                let raw = Breaking(Cursor::new(data(1, length)));
                let how = with(packing, keys.as_ref().map(|keys| &keys.0));
                let mut sealer = Sealer::new(Box::new(raw), &how).expect("a sealer");
                let mut stored = Vec::new();
                let error = sealer.read_to_end(&mut stored).expect_err("it broke");
                assert!(error.to_string().contains("the line went dead"), "{error}");
                assert!(sealer.read(&mut [0; 8]).is_err(), "an error was followed by an end");
                assert_eq!(sealer.sealed(), None);
            }
        }
    }
}

#[test]
fn an_error_of_ours_comes_through_on_both_ways() {
    struct Refusing;
    impl Read for Refusing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(Error::new(ErrorKind::Interrupted).into())
        }
    }
    for packing in PACKINGS {
        let mut sealer = Sealer::new(Box::new(Refusing), &with(packing, None)).expect("a sealer");
        let error = Error::io("read", sealer.read(&mut [0; 8]).expect_err("it refuses"));
        assert_eq!(*error.kind(), ErrorKind::Interrupted);
        let (stored, _) = seal_all(Cursor::new(data(3, 300_000)), &with(packing, None));
        let half = Cursor::new(stored[..stored.len() / 2].to_vec()).chain(Refusing);
        let ended = open_sealed(Box::new(half), packing, None, None)
            .and_then(|mut opened| opened.read_to_end(&mut Vec::new()).map_err(|error| Error::io("read", error)));
        let error = ended.expect_err("it refuses");
        assert_eq!(*error.kind(), ErrorKind::Interrupted, "{packing}");
    }
}

#[test]
fn seek_tables_that_lie_open_nothing() {
    let raw = data(4, 17 << 20);
    let (stored, _) = seal_all(Cursor::new(raw.clone()), &with(Packing::Zstd { level: 1 }, None));
    assert!(frames_of(stored.clone(), 3, None).0 == raw);
    let table = stored.len() - (8 + 3 * 8 + 9);
    let word = |at: usize| u32::from_le_bytes(stored[at..at + 4].try_into().expect("four bytes"));
    let changed = |changes: &[(usize, u32)]| {
        let mut other = stored.clone();
        for (at, value) in changes {
            other[*at..*at + 4].copy_from_slice(&value.to_le_bytes());
        }
        frames_of(other, 3, None)
    };
    let (first, second) = (table + 8, table + 16);
    for (what, changes) in [
        ("frames of other lengths", vec![(first, word(first) + 1), (second, word(second) - 1)]),
        ("one that is longer than it is", vec![(first + 4, 16 << 20)]),
        ("one that is shorter than it is", vec![(first + 4, 1)]),
        ("one with nothing in it", vec![(first + 4, 0)]),
        ("one that fills the file", vec![(first, u32::try_from(table).expect("small"))]),
        ("another length of its own", vec![(table + 4, 40)]),
        ("no skippable frame", vec![(table, 0xfd2f_b528)]),
    ] {
        let error = changed(&changes).1.expect_err(what);
        assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{what}: {error}");
    }
    // Frames too long to be held, and no table at all: as a stream.
    assert!(changed(&[(first + 4, u32::MAX)]).0 == raw);
    let (opened, ended) = frames_of(stored[..table].to_vec(), 3, None);
    assert!(ended.is_ok() && opened == raw);
    let plain = zstd::bulk::compress(&raw, 1).expect("zstd");
    assert!(frames_of(plain, 3, None).0 == raw);
    assert!(frames_of(vec![], 3, None).0.is_empty());
}

/// What this program makes of these bytes; none where there is no such program.
fn program(name: &str, arguments: &[&str], input: Vec<u8>) -> Option<Vec<u8>> {
    let command = Command::new(name).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = match command {
        Ok(child) => child,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "what was not tried is worth seeing")]
            {
                eprintln!("{name} cannot be run, so what it reads was not tried: {error}");
            }
            return None;
        }
    };
    let mut pipe = child.stdin.take().expect("a pipe");
    let feeding = std::thread::spawn(move || pipe.write_all(&input));
    let output = child.wait_with_output().expect("its output");
    feeding.join().expect("the feeder").expect("it reads all");
    assert!(output.status.success(), "{name} {arguments:?}: {:?}", output.status);
    Some(output.stdout)
}

#[test]
fn other_programs_read_what_is_written() {
    for length in [0, 1, 100_000, 9 << 20] {
        let raw = data(8, length);
        for (packing, name) in [(Packing::Zstd { level: 3 }, "zstd"), (Packing::Gzip { level: 6 }, "gzip")] {
            let (stored, sealed) = seal_all(Cursor::new(raw.clone()), &with(packing, None));
            for (bytes, sha256) in [(&stored, &sealed.stored_sha256), (&raw, &sealed.raw_sha256)] {
                if let Some(said) = program("sha256sum", &[], bytes.clone()) {
                    assert_eq!(String::from_utf8_lossy(&said).split_whitespace().next(), Some(&**sha256));
                }
            }
            if let Some(unpacked) = program(name, &["-dc"], stored.clone()) {
                assert!(unpacked == raw, "{name}, {length}");
            }
            program(name, &["-t"], stored);
        }
    }
}

#[test]
fn little_is_lost_to_independent_frames() {
    let raw = data(6, 24 << 20);
    let (stored, _) = seal_all(Cursor::new(raw.clone()), &with(Packing::Zstd { level: 3 }, None));
    let whole = zstd::bulk::compress(&raw, 3).expect("zstd").len();
    assert!(stored.len() <= whole + whole / 33, "{} bytes, {whole} as one frame", stored.len());
}

#[test]
fn what_is_encrypted_is_known_by_how_it_begins() {
    assert!(is_age(b"age-encryption.org/v1\n-> X25519"));
    assert!(!is_age(b"age-encryption") && !is_age(b"REDIS0011") && !is_age(b""));
    let encrypted = b"age-encryption.org/v1\n-> X25519".to_vec();
    let error = open_all(encrypted, Packing::None, None, None).1.expect_err("no identity");
    assert!(matches!(error.kind(), ErrorKind::Crypto { .. }), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("--identity")));
}

#[cfg(not(feature = "crypt"))]
#[test]
fn a_build_without_encryption_says_so() {
    for error in
        [Recipients::parse(["age1"]).expect_err("no encryption"), Identities::parse("").expect_err("no encryption")]
    {
        assert!(matches!(error.kind(), ErrorKind::Unsupported { .. }), "{error}");
    }
}

#[cfg(feature = "crypt")]
mod with_keys {
    use super::*;
    use age::secrecy::ExposeSecret;

    #[test]
    fn recipients_are_taken_once_and_none_is_none() {
        let (one, _) = keys();
        let (other, _) = keys();
        let [one, other] = [one, other].map(|some| some.public_keys().remove(0));
        let text = format!("# two\n\n  {one}\n{other}\t\n{one}\n");
        let both = Recipients::parse(text.lines()).expect("two recipients");
        assert_eq!(both.public_keys(), [one.clone(), other.clone()]);
        let joined = [&one, &other, &one].map(|key| Recipients::parse([key.as_str()]).expect("one"));
        assert_eq!(Recipients::joined(joined).expect("two").public_keys(), [one, other]);
        for none in [vec![], vec!["", "# age1"]] {
            let error = Recipients::parse(none).expect_err("none");
            assert!(matches!(error.kind(), ErrorKind::Crypto { .. }), "{error}");
        }
        assert!(Recipients::joined([]).is_err());
    }

    #[test]
    fn what_stands_in_a_file_of_keys_is_never_said() {
        let secret = age::x25519::Identity::generate().to_string();
        let secret = secret.expose_secret();
        let nearly = format!("{}B", &secret[..secret.len() - 1]);
        let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 somebody@example.com";
        for (line, text) in [(1, secret.to_owned()), (2, format!("#\n{}", secret.to_lowercase())), (1, ssh.to_owned())]
        {
            let error = Recipients::parse(text.lines()).expect_err("no recipient");
            let said = format!("{error} {error:?} {:?}", error.hint());
            assert!(said.contains(&format!("line {line} ")), "{said}");
            assert!(
                !said.to_lowercase().contains(&secret[20..30].to_lowercase()) && !said.contains("somebody"),
                "{said}"
            );
        }
        for text in [&*nearly, "", "# nothing", "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq"] {
            let error = Identities::parse(text).expect_err("no identity");
            let said = format!("{error} {error:?} {:?}", error.hint());
            assert!(matches!(error.kind(), ErrorKind::Crypto { .. }) && !said.contains(&secret[20..30]), "{said}");
        }
        let shown = format!("{:?}", Identities::parse(secret).expect("an identity"));
        assert_eq!(shown, "1 identities");
        let error = Identities::parse("age-encryption.org/v1\n-> scrypt").expect_err("encrypted");
        assert!(error.hint().is_some_and(|hint| hint.contains("passphrase")), "{error}");
    }

    #[test]
    fn keys_are_read_from_files_and_the_file_is_named() {
        let scratch = tempfile::tempdir().expect("a folder");
        let file = scratch.path().join("backup.keys");
        let missing = Identities::read(&file).expect_err("no file");
        assert!(missing.to_string().contains("backup.keys: cannot read the keys: no such file"), "{missing}");
        std::fs::write(&file, "nonsense").expect("a file");
        let wrong = Recipients::read(&file).expect_err("no recipient");
        assert!(wrong.to_string().contains("backup.keys: line 1 is no recipient"), "{wrong}");
        let secret = age::x25519::Identity::generate();
        std::fs::write(&file, secret.to_string().expose_secret()).expect("a file");
        assert_eq!(Identities::read(&file).expect("a key").public_keys(), [secret.to_public().to_string()]);
        std::fs::write(&file, vec![b'#'; 2 << 20]).expect("a file");
        assert!(Identities::read(&file).is_err());
        std::fs::write(&file, [0xff, 0xfe]).expect("a file");
        assert!(Recipients::read(&file).is_err());
    }

    #[test]
    fn only_who_it_was_encrypted_to_opens_it() {
        let raw = data(1, 200_000);
        let all: Vec<_> = (0..3).map(|_| keys()).collect();
        let two = Recipients::joined([all[0].0.clone(), all[1].0.clone()]).expect("two");
        let (stored, sealed) = seal_all(Cursor::new(raw.clone()), &with(Packing::default(), Some(&two)));
        for (_, identities) in &all[..2] {
            let (opened, ended) = open_all(stored.clone(), Packing::default(), Some(identities), Some(&sealed));
            assert!(ended.is_ok() && opened == raw);
        }
        let both = Identities::joined([all[2].1.clone(), all[1].1.clone()]).expect("two");
        assert!(open_all(stored.clone(), Packing::default(), Some(&both), Some(&sealed)).1.is_ok());
        let error = open_all(stored.clone(), Packing::default(), Some(&all[2].1), None).1.expect_err("another's");
        assert!(matches!(error.kind(), ErrorKind::Crypto { .. }), "{error}");
        assert!(error.to_string().contains("none of the identities fits"), "{error}");
        let error = open_all(raw, Packing::None, Some(&all[0].1), None).1.expect_err("plain");
        assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{error}");
        // The age crate itself opens it with the compressed bytes inside.
        let mut compressed = Vec::new();
        decrypt(Box::new(Cursor::new(stored)), &all[0].1).expect("opens").read_to_end(&mut compressed).expect("whole");
        assert_eq!(sniff(&compressed), Some(Compression::Zstd));
    }

    #[test]
    fn a_cut_at_a_chunk_of_age_is_no_end() {
        // A multiple of 64 KiB: cut there, the last chunk is missing and all before it is sound.
        let raw = data(1, 5 * 65_536);
        let (recipients, identities) = keys();
        let (stored, _) = seal_all(Cursor::new(raw), &with(Packing::None, Some(&recipients)));
        let header = stored.len() - 5 * (65_536 + 16);
        for chunks in 0..5 {
            let cut = stored[..header + chunks * (65_536 + 16)].to_vec();
            let (opened, ended) = open_all(cut, Packing::None, Some(&identities), None);
            let error = ended.expect_err("it is cut short");
            assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{error}");
            assert!(opened.len() <= chunks * 65_536);
        }
    }

    #[test]
    fn a_header_without_an_end_is_not_read_for_ever() {
        struct Endless(u64);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                assert!(self.0 < 4 << 20, "it was read on and on");
                self.0 += buffer.len() as u64;
                buffer.fill(b'A');
                Ok(buffer.len())
            }
        }
        let (_, identities) = keys();
        for head in [
            &b"age-encryption.org/v1\n-> X25519 "[..],
            b"age-encryption.org/v1\n-> X25519 AAAA\n",
            b"age-encryption.org/v1",
        ] {
            let reader = Cursor::new(head.to_vec()).chain(Endless(0));
            let error = decrypt(Box::new(reader), &identities).err().expect("no header");
            assert!(matches!(error.kind(), ErrorKind::Damaged { .. } | ErrorKind::Unsupported { .. }), "{error}");
        }
    }
}
