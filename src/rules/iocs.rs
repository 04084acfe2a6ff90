//! Indicators of compromise, one a line: addresses, domains, URLs, hashes, SSH fingerprints, wallets.
//!
//! They may be defanged (`hxxp://a[.]example`). What follows a blank, a comma or a `#` is a comment.

use super::extra::{Extra, ExtraMatch};
use super::rule::{Rule, Scope};
use super::scanner::About;
use crate::base::{Error, ErrorKind, Result};
use crate::report::{Category, Confidence, Threat, hex};
use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;

/// Most indicators of one run.
const MOST: usize = 1_000_000;

/// What an indicator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Address,
    Domain,
    Url,
    Hash,
    Ssh,
    Wallet,
}

const KINDS: [(Kind, &str, &str); 6] = [
    (Kind::Address, "RD-IOC-ADDRESS", "An address from the list of indicators"),
    (Kind::Domain, "RD-IOC-DOMAIN", "A domain from the list of indicators"),
    (Kind::Url, "RD-IOC-URL", "A URL from the list of indicators"),
    (Kind::Hash, "RD-IOC-HASH", "A hash from the list of indicators, or what has it"),
    (Kind::Ssh, "RD-IOC-SSH", "An SSH key from the list of indicators"),
    (Kind::Wallet, "RD-IOC-WALLET", "A wallet from the list of indicators"),
];

/// Indicators, ready to be looked for.
#[derive(Debug)]
pub struct Iocs {
    words: Vec<(Vec<u8>, Kind)>,
    finder: AhoCorasick,
    /// Hashes of whole texts, in lower case.
    hashes: HashSet<String>,
    /// Fingerprints as ssh-keygen prints them: `SHA256:…` without padding, or `MD5:` in hexadecimal without colons.
    ssh: HashSet<String>,
}

impl Iocs {
    /// The indicators of files.
    ///
    /// # Errors
    /// A file cannot be read; [`ErrorKind::Config`] for a line that is no indicator, and past a million of them.
    pub fn from_files<P: AsRef<Path>>(files: &[P]) -> Result<Self> {
        let (mut words, mut hashes, mut ssh) = (Vec::new(), HashSet::new(), HashSet::new());
        for file in files.iter().map(AsRef::as_ref) {
            let read = std::fs::read(file);
            let text = read.map_err(|error| Error::io("read", error).about(file.display().to_string()))?;
            let text = String::from_utf8_lossy(&text);
            for (number, line) in text.lines().enumerate() {
                let wrong = |what: String| {
                    let line = u32::try_from(number.saturating_add(1)).unwrap_or(0);
                    Error::new(ErrorKind::Config { file: file.to_owned(), line, what })
                };
                let Some(word) = indicator(line) else { continue };
                let Some((kind, word)) = classify(&word) else {
                    return Err(wrong(format!("{word:?} is no address, domain, URL, hash, SSH fingerprint or wallet")));
                };
                match kind {
                    Kind::Ssh => drop(ssh.insert(word)),
                    Kind::Hash => {
                        words.push((word.clone().into_bytes(), kind));
                        hashes.insert(word);
                    }
                    _ => words.push((word.into_bytes(), kind)),
                }
                if words.len().max(ssh.len()) > MOST {
                    return Err(wrong(format!("these are more than {MOST} indicators")));
                }
            }
        }
        let finder = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(words.iter().map(|(word, _)| word))
            .map_err(|error| Error::new(ErrorKind::Unsupported { what: format!("so many indicators: {error}") }))?;
        Ok(Self { words, finder, hashes, ssh })
    }

    fn ssh_keys(&self, text: &[u8], found: &mut dyn FnMut(ExtraMatch)) {
        if self.ssh.is_empty() {
            return;
        }
        // The length and the name of the type stand first in the blob: all of them begin so in base64.
        for at in memchr::memmem::find_iter(text, b"AAAA") {
            let rest = text.get(at..).unwrap_or_default();
            let length = rest.iter().take(16 << 10).take_while(|byte| is_base64(**byte)).count();
            let blob = rest.get(..length).and_then(|run| {
                let run = run.get(..run.iter().position(|byte| *byte == b'=').unwrap_or(run.len()))?;
                STANDARD_NO_PAD.decode(run).or_else(|_| STANDARD.decode(run)).ok()
            });
            let Some(blob) = blob.filter(|blob| blob.len() > 16) else { continue };
            let sha256 = format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&blob)));
            if self.ssh.contains(&sha256) || self.ssh.contains(&format!("MD5:{}", hex(&Md5::digest(&blob)))) {
                found(ExtraMatch { rule: place(Kind::Ssh), at, bytes: length });
            }
        }
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn place(kind: Kind) -> usize {
    KINDS.iter().position(|(one, ..)| *one == kind).unwrap_or(0)
}

/// The indicator of a line, refanged; none of a line without one.
fn indicator(line: &str) -> Option<String> {
    let word = line.trim_start_matches('\u{feff}').split([' ', '\t', ',', ';', '#']).next()?.trim_matches('"');
    if word.is_empty() {
        return None;
    }
    let word = word.replace("[.]", ".").replace("(.)", ".").replace("[:]", ":").replace("[@]", "@");
    let rest = ["hxxps://", "hxxp://"].iter().find_map(|defanged| {
        let rest = word.get(defanged.len()..)?;
        word.get(..defanged.len())?.eq_ignore_ascii_case(defanged).then(|| defanged.replace("xx", "tt") + rest)
    });
    Some(rest.unwrap_or(word))
}

fn classify(word: &str) -> Option<(Kind, String)> {
    let lower = word.to_ascii_lowercase();
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(rest) = word.strip_prefix("SHA256:") {
        return Some((Kind::Ssh, format!("SHA256:{}", rest.trim_end_matches('='))));
    }
    let bare = lower.strip_prefix("md5:").unwrap_or(&lower).replace(':', "");
    if lower.matches(':').count() >= 15 && bare.len() == 32 && is_hex(&bare) {
        return Some((Kind::Ssh, format!("MD5:{bare}")));
    }
    if lower.parse::<IpAddr>().is_ok() {
        return Some((Kind::Address, lower));
    }
    if lower.contains("://") {
        return Some((Kind::Url, word.to_owned()));
    }
    if matches!(lower.len(), 32 | 40 | 64) && is_hex(&lower) {
        return Some((Kind::Hash, lower));
    }
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if lower.contains('.') && lower.split('.').all(label) && lower.len() <= 253 {
        return Some((Kind::Domain, lower));
    }
    let wallet = (25..=128).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    wallet.then(|| (Kind::Wallet, word.to_owned()))
}

/// Whether a word that was found stands for itself, and is not part of a longer one.
fn stands_alone(kind: Kind, word: &[u8], before: Option<u8>, after: &[u8], as_found: &[u8]) -> bool {
    let word_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let next = after.first().copied();
    let goes_on = next == Some(b'.') && after.get(1).is_some_and(u8::is_ascii_alphanumeric);
    match kind {
        Kind::Address => {
            let digit = |byte: u8| byte.is_ascii_hexdigit() || byte == b'.';
            let v6 = word.contains(&b':');
            let part_before = |byte: u8| digit(byte) || (v6 && byte == b':');
            let part_after = |byte: u8| byte.is_ascii_digit() || (v6 && (byte.is_ascii_hexdigit() || byte == b':'));
            let more = next == Some(b'.') && after.get(1).is_some_and(u8::is_ascii_digit);
            !(before.is_some_and(part_before) || next.is_some_and(part_after) || more)
        }
        // A subdomain belongs to it.
        Kind::Domain => !before.is_some_and(word_byte) && !next.is_some_and(word_byte) && !goes_on,
        Kind::Url => !next.is_some_and(word_byte) && !goes_on,
        Kind::Hash => {
            !before.is_some_and(|byte| byte.is_ascii_hexdigit()) && !next.is_some_and(|byte| byte.is_ascii_hexdigit())
        }
        Kind::Ssh => true,
        Kind::Wallet => {
            let part = |byte: u8| byte.is_ascii_alphanumeric();
            word == as_found && !before.is_some_and(part) && !next.is_some_and(part)
        }
    }
}

impl Extra for Iocs {
    fn rules(&self) -> Vec<Rule> {
        let rule = |(_, id, title): &(Kind, &str, &str)| Rule {
            id: (*id).to_owned(),
            version: 1,
            title: (*title).to_owned(),
            severity: Threat::High,
            confidence: Confidence::High,
            category: Category::Attack,
            story: "Indicators that were given".into(),
            scope: Scope {
                key: true,
                value: true,
                function: true,
                aux: true,
                command: true,
                log: true,
                ..Scope::default()
            },
            decode: true,
            why: "Something on the list of indicators that was given stands here.".into(),
            advice: "See what the list says of it, and who wrote this key.".into(),
            ..Rule::default()
        };
        KINDS.iter().map(rule).collect()
    }

    fn scan(&self, _: &About<'_>, text: &[u8], whole: bool, found: &mut dyn FnMut(ExtraMatch)) {
        for one in self.finder.find_overlapping_iter(text) {
            let Some((word, kind)) = self.words.get(one.pattern().as_usize()) else { continue };
            let before = one.start().checked_sub(1).and_then(|at| text.get(at)).copied();
            let after = text.get(one.end()..).unwrap_or_default();
            let as_found = text.get(one.range()).unwrap_or_default();
            if stands_alone(*kind, word, before, after, as_found) {
                found(ExtraMatch { rule: place(*kind), at: one.start(), bytes: one.len() });
            }
        }
        self.ssh_keys(text, found);
        if whole && !self.hashes.is_empty() {
            let digests = [hex(&Sha256::digest(text)), hex(&Sha1::digest(text)), hex(&Md5::digest(text))];
            if digests.iter().any(|digest| self.hashes.contains(digest)) {
                found(ExtraMatch { rule: place(Kind::Hash), at: 0, bytes: text.len() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Where;
    use std::io::Write;

    fn iocs(lines: &str) -> Iocs {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(lines.as_bytes()).expect("written");
        Iocs::from_files(&[file.path()]).expect("they load")
    }

    fn found(iocs: &Iocs, text: &[u8]) -> Vec<(&'static str, usize, usize)> {
        let about = About { place: Where::Value, ty: None, key: b"", field: b"" };
        let mut all = Vec::new();
        iocs.scan(&about, text, true, &mut |one| all.push((KINDS[one.rule].1, one.at, one.bytes)));
        all
    }

    #[test]
    fn each_kind_is_found_and_its_neighbours_are_not() {
        let iocs = iocs(
            "# a list\n192.0.2.7  the first\nhxxps://bad[.]invalid/x,why\nevil[.]test\n2001:db8::1\n\
             44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A\n",
        );
        assert_eq!(found(&iocs, b"ping 192.0.2.7."), [("RD-IOC-ADDRESS", 5, 9)]);
        assert!(found(&iocs, b"192.0.2.71 1192.0.2.7 192.0.2.7.8").is_empty());
        assert_eq!(found(&iocs, b"x 2001:DB8::1 y"), [("RD-IOC-ADDRESS", 2, 11)]);
        assert_eq!(found(&iocs, b"GET https://bad.invalid/x HTTP"), [("RD-IOC-URL", 4, 21)]);
        assert_eq!(found(&iocs, b"a.EVIL.test/x"), [("RD-IOC-DOMAIN", 2, 9)]);
        assert!(found(&iocs, b"notevil.test evil.test.example evil.tester").is_empty());
        let wallet = b"44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A";
        assert_eq!(found(&iocs, wallet), [("RD-IOC-WALLET", 0, wallet.len())]);
        assert!(found(&iocs, &wallet.to_ascii_lowercase()).is_empty());
    }

    #[test]
    fn a_hash_is_found_as_text_and_as_what_has_it() {
        let digest = hex(&Sha256::digest(b"payload"));
        let iocs = iocs(&digest);
        assert_eq!(found(&iocs, b"payload"), [("RD-IOC-HASH", 0, 7)]);
        assert_eq!(found(&iocs, digest.to_ascii_uppercase().as_bytes()), [("RD-IOC-HASH", 0, 64)]);
        assert!(found(&iocs, b"payloae").is_empty());
    }

    #[test]
    fn an_ssh_key_is_known_by_its_fingerprint() {
        let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
        blob.extend([0; 32]);
        let line = format!("ssh-ed25519 {} root@host\n", STANDARD.encode(&blob));
        for fingerprint in [
            format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&blob))),
            Md5::digest(&blob).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"),
        ] {
            assert_eq!(found(&iocs(&fingerprint), line.as_bytes()).first().map(|one| one.0), Some("RD-IOC-SSH"));
        }
        assert!(found(&iocs("SHA256:AAAA"), line.as_bytes()).is_empty());
    }

    #[test]
    fn a_line_that_is_none_is_refused_with_its_number() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(b"192.0.2.1\n\nnonsense!\n").expect("written");
        let error = Iocs::from_files(&[file.path()]).expect_err("refused");
        assert!(matches!(error.kind(), ErrorKind::Config { line: 3, .. }), "{error}");
    }
}
