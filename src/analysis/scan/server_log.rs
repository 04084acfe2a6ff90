//! What a server's log says of an attack: who made it a replica, whose data it took, what it loaded, where it could not write.
//!
//! Lines pass one by one, in memory that does not depend on the log. What repeats word for word is one finding with a count.
//! Source of the texts: Redis 5.0 to 8.6, Valkey 8.1 and 9.1.

use super::told::{Teller, Told, of_rule, shown};
use super::tree::{Class, class};
use crate::analysis::server_log::{Line, read};
use crate::base::{Cancel, Result, UnixMs};
use crate::report::{Finding, Locator, Threat, Where, escape};
use crate::rules::{About, RuleSet, Scanner};
use crate::source::Stream;
use jiff::tz::TimeZone;
use std::collections::VecDeque;
use std::sync::Arc;

/// The checks of logs.
#[cfg(test)]
pub(super) const CHECKS: [&str; 10] = [
    "log-replica-of",
    "log-master-again",
    "log-full-resync",
    "log-wrong-signature",
    "log-module",
    "log-security-attack",
    "log-crash",
    "log-save-failed",
    "log-save-burst",
    "log-gap",
];

/// Findings that are held to count their repetitions: one of each sort at a time.
const HELD: usize = 16;
/// Lines of a crash report that are looked at.
const CRASH_LINES: u64 = 2_000;
/// Saves within so many milliseconds, and how many of them are a burst.
const BURST: (i64, usize) = (60_000, 5);
/// So long nothing was written, or the clock went back by so much.
const GAP_MS: i64 = 86_400_000;
const BACK_MS: i64 = 60_000;
/// A server that is a replica for less than this was made one for a purpose.
const BRIEF_MS: i64 = 3_600_000;
/// Commands that crash servers by known flaws.
const CRASHING: [&str; 8] = ["evalsha", "eval", "fcall", "pfcount", "pfmerge", "pfadd", "xackdel", "restore"];

/// What a log proves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Proof {
    /// Whether the server ran or wrote what it was made to, outside its data.
    pub(super) proven: bool,
}

/// Reads a log. Times without a zone are of `zone`, or, if none is given, taken for UTC.
///
/// # Errors
/// It cannot be read; it was cancelled.
pub(super) fn scan(
    stream: &mut Stream,
    zone: Option<&TimeZone>,
    rules: &Arc<RuleSet>,
    cancel: &Cancel,
    told: &mut Told,
) -> Result<Proof> {
    let name = stream.name().to_owned();
    let mut reader = Reader::new(Teller::new(rules, &name), zone, told);
    let mut patterns = Patterns::new(rules, &name);
    read(stream, cancel, &mut |line| {
        reader.line(line);
        patterns.line(line, reader.told);
        Ok(())
    })?;
    patterns.drain(reader.told);
    Ok(reader.finish())
}

/// Rules with patterns for lines of logs.
struct Patterns<'r> {
    rules: &'r Arc<RuleSet>,
    source: &'r str,
    scanner: Option<Scanner>,
    /// Where the lines stand that the scanner has.
    lines: Vec<(u64, u64)>,
}

impl<'r> Patterns<'r> {
    fn new(rules: &'r Arc<RuleSet>, source: &'r str) -> Self {
        let wanted = rules.rules().iter().any(|rule| rule.scope.log && rule.pattern.is_some());
        Self { rules, source, scanner: wanted.then(|| Scanner::new(Arc::clone(rules))), lines: Vec::new() }
    }

    fn line(&mut self, line: &Line<'_>, told: &mut Told) {
        let Some(scanner) = &mut self.scanner else { return };
        let about = About { place: Where::Log, ty: None, key: b"", field: b"" };
        scanner.text(u32::try_from(self.lines.len()).unwrap_or(u32::MAX), &about, line.message);
        self.lines.push((line.offset, line.number));
        if self.lines.len() >= 1024 {
            self.drain(told);
        }
    }

    fn drain(&mut self, told: &mut Told) {
        let Some(scanner) = &mut self.scanner else { return };
        for hit in scanner.drain() {
            let (Some(rule), Some((offset, number))) =
                (self.rules.rules().get(hit.rule), self.lines.get(hit.tag as usize))
            else {
                continue;
            };
            let redacted = rule.category.is_redacted();
            told.add(Finding {
                severity: hit.severity,
                place: Where::Log,
                offset: Some(*offset),
                element: Some(Locator { line: Some(*number), ..Locator::default() }),
                match_offset: Some(hit.at),
                match_bytes: Some(hit.bytes),
                decoded_from: hit.decoded.iter().map(|decoder| decoder.name().to_owned()).collect(),
                excerpt: if redacted { format!("<{} bytes>", hit.bytes) } else { escape(&hit.excerpt) },
                matches: hit.matches,
                notes: hit.notes,
                ..of_rule(rule, self.source)
            });
        }
        self.lines.clear();
    }
}

/// A save that ended well.
#[derive(Debug, Clone, Copy)]
struct Saved {
    at: UnixMs,
    offset: u64,
    line: u64,
}

struct Reader<'r, 't> {
    teller: Teller<'r>,
    zone: Option<&'r TimeZone>,
    told: &'t mut Told,
    proof: Proof,
    /// Findings whose repetitions are counted.
    held: VecDeque<Finding>,
    replica_since: Option<(UnixMs, Option<String>)>,
    resynced: bool,
    saves: VecDeque<Saved>,
    burst: Option<(Saved, u64, UnixMs)>,
    /// A crash report in progress: its finding, and the line it began at.
    crash: Option<(Finding, u64)>,
    began: bool,
    last: Option<(UnixMs, u64)>,
    unended: Option<(u64, u64)>,
}

impl<'r, 't> Reader<'r, 't> {
    fn new(teller: Teller<'r>, zone: Option<&'r TimeZone>, told: &'t mut Told) -> Self {
        Self {
            teller,
            zone,
            told,
            proof: Proof::default(),
            held: VecDeque::new(),
            replica_since: None,
            resynced: false,
            saves: VecDeque::new(),
            burst: None,
            crash: None,
            began: false,
            last: None,
            unended: None,
        }
    }

    fn line(&mut self, line: &Line<'_>) {
        let at = line.time.as_ref().and_then(|time| time.at(self.zone));
        self.clock(line, at);
        self.crashing(line);
        let message = String::from_utf8_lossy(line.message);
        let message = message.trim_start();
        if let Some((rest, user)) = message.split_once(" enabled (user request from '") {
            let client = Client::of(user);
            match rest.split_once(' ') {
                Some(("REPLICAOF" | "SLAVEOF" | "SLAVE OF", master)) => self.made_replica(line, at, master, &client),
                Some(("SLAVE", master)) => {
                    self.made_replica(line, at, master.trim_start_matches("OF "), &client);
                }
                Some(("MASTER" | "PRIMARY", "MODE")) => self.made_master(line, at, &client),
                _ => {}
            }
        } else if let Some((_, id)) = split_any(message, &["Full resync from master: ", "Full resync from primary: "]) {
            self.resync(line, at, id);
        } else if message.starts_with("Wrong signature trying to load DB")
            || message.starts_with("Failed trying to load the MASTER synchronization DB")
            || message.starts_with("Failed trying to load the PRIMARY synchronization DB")
        {
            let rogue = self.resynced;
            self.tell("log-wrong-signature", line, at, |finding| {
                if rogue {
                    finding.severity = Threat::Critical;
                    finding.notes.push("what a master had sent was no dump; the file lies where the dump was".into());
                }
            });
        } else if message.starts_with("Module ") {
            self.module(line, at, message);
        } else if message.starts_with("Possible SECURITY ATTACK detected") {
            self.tell("log-security-attack", line, at, |finding| {
                let address = after(message, "from ").map(|rest| rest.split_whitespace().next().unwrap_or_default());
                if let Some(address) = address.and_then(|text| text.split(',').next()).filter(|text| is_address(text)) {
                    finding.notes.push(format!("client {}", shown(address.as_bytes())));
                }
            });
        } else if let Some((_, rest)) =
            split_any(message, &["Failed opening the temp RDB file ", "Failed opening the RDB file "])
        {
            self.save_failed(line, at, rest);
        } else if message.starts_with("DB saved on disk") {
            self.saved(line, at);
        } else if message.contains("oO0OoO0OoO0Oo") {
            (self.resynced, self.replica_since) = (false, None);
        }
    }

    fn made_replica(&mut self, line: &Line<'_>, at: Option<(UnixMs, bool)>, master: &str, client: &Client) {
        self.replica_since = at.map(|(at, _)| (at, client.host()));
        self.tell("log-replica-of", line, at, |finding| {
            finding.notes.push(format!("master {}", shown(master.as_bytes())));
            client.word(finding);
            if client.is_sentinel() {
                (finding.severity, finding.technique_severity) = (Threat::Low, Threat::Low);
                finding.notes.push("by a connection that is named as Sentinel's are".into());
            }
        });
    }

    fn made_master(&mut self, line: &Line<'_>, at: Option<(UnixMs, bool)>, client: &Client) {
        let since = self.replica_since.take();
        self.tell("log-master-again", line, at, |finding| {
            client.word(finding);
            if client.is_sentinel() {
                (finding.severity, finding.technique_severity) = (Threat::Low, Threat::Low);
                return;
            }
            if let (Some((since, host)), Some((at, _))) = (since, at) {
                let ms = at.0.saturating_sub(since.0);
                if (0..BRIEF_MS).contains(&ms) {
                    finding.severity = Threat::High;
                    let same = host.is_some() && host == client.host();
                    let who = if same { ", by the same address" } else { "" };
                    finding.notes.push(format!("it was a replica for {} s{who}", ms / 1000));
                }
            }
        });
    }

    fn resync(&mut self, line: &Line<'_>, at: Option<(UnixMs, bool)>, id: &str) {
        let id = id.split([':', ' ']).next().unwrap_or_default();
        let hex = id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let one = id.bytes().next().is_some_and(|first| id.bytes().all(|byte| byte == first));
        self.resynced = true;
        self.tell("log-full-resync", line, at, |finding| {
            if hex && !one {
                (finding.severity, finding.technique_severity) = (Threat::Info, Threat::Info);
            } else {
                finding.notes.push("no server gives itself such an id: kits that act as a master do".into());
            }
        });
    }

    fn module(&mut self, line: &Line<'_>, at: Option<(UnixMs, bool)>, message: &str) {
        let loaded = split_any(message, &["' loaded from "]).map(|(_, path)| (path, true));
        let failed = after(message, "Module ").and_then(|rest| rest.split_once(" failed to load"));
        let Some((path, loaded)) = loaded.or(failed.map(|(path, _)| (path, false))) else { return };
        let odd = is_odd_for_module(path);
        self.proof.proven |= loaded && odd;
        self.tell("log-module", line, at, |finding| {
            finding.severity = match (loaded, odd) {
                (true, true) => Threat::Critical,
                (false, true) => Threat::High,
                (true, false) => Threat::Info,
                (false, false) => Threat::Low,
            };
            finding.technique_severity = finding.severity;
            let what = if loaded { "it was loaded" } else { "it was not loaded" };
            let place = if odd { ", from where anybody can write or no package puts modules" } else { "" };
            finding.notes.push(format!("{what}{place}"));
        });
    }

    fn save_failed(&mut self, line: &Line<'_>, at: Option<(UnixMs, bool)>, rest: &str) {
        let file = rest.split(" (in server root dir ").next().unwrap_or_default();
        let dir =
            after(rest, "(in server root dir ").map_or("", |rest| rest.split(") for saving").next().unwrap_or(rest));
        // Temporary names say nothing; others are dbfilename.
        let place = class(format!("{dir}/x").as_bytes());
        let by_name = if file.starts_with("temp-") { Class::Elsewhere } else { class(file.as_bytes()) };
        let odd = place != Class::Elsewhere || by_name != Class::Elsewhere;
        self.tell("log-save-failed", line, at, |finding| {
            finding.notes.push(format!("dir {}", shown(dir.as_bytes())));
            if !odd {
                (finding.severity, finding.technique_severity) = (Threat::Low, Threat::Low);
            }
        });
    }

    fn saved(&mut self, line: &Line<'_>, at: Option<(UnixMs, bool)>) {
        let Some((at, _)) = at else { return };
        let saved = Saved { at, offset: line.offset, line: line.number };
        while self.saves.front().is_some_and(|first| at.0.saturating_sub(first.at.0) > BURST.0) {
            self.saves.pop_front();
        }
        self.saves.push_back(saved);
        if let Some((_, count, last)) = &mut self.burst
            && at.0.saturating_sub(last.0) <= BURST.0
        {
            *count = count.saturating_add(1);
            *last = at;
            self.saves.clear();
            return;
        }
        self.end_burst();
        if self.saves.len() >= BURST.1
            && let Some(first) = self.saves.front().copied()
        {
            self.burst = Some((first, self.saves.len() as u64, at));
            self.saves.clear();
        }
    }

    fn end_burst(&mut self) {
        let Some((first, count, last)) = self.burst.take() else { return };
        let Some(mut finding) = self.teller.tell("log-save-burst") else { return };
        let seconds = last.0.saturating_sub(first.at.0) / 1000;
        finding.excerpt = format!("DB saved on disk, {count} times in {seconds} s");
        finding.matches = count;
        if let Some(at) = first.at.rfc3339() {
            finding.notes.push(format!("from {at} on"));
        }
        put(&mut finding, first.offset, first.line);
        self.told.add(finding);
    }

    /// Begins, goes on with and ends the report of a crash.
    fn crashing(&mut self, line: &Line<'_>) {
        let message = line.message;
        let has = |text: &[u8]| memchr::memmem::find(message, text).is_some();
        if has(b"BUG REPORT START") {
            self.end_crash();
            if let Some(mut finding) = self.teller.tell("log-crash") {
                let at =
                    line.time.as_ref().and_then(|time| time.at(self.zone)).or(self.last.map(|(at, _)| (at, false)));
                word(&mut finding, line, at);
                self.crash = Some((finding, line.number));
            }
            return;
        }
        let Some((finding, began)) = &mut self.crash else { return };
        let lower = String::from_utf8_lossy(message.get(..4096).unwrap_or(message)).to_ascii_lowercase();
        let is_word =
            |name: &str| lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| starts(word, name));
        if let Some(name) = CRASHING.into_iter().find(|name| is_word(name)) {
            let note = format!("its report names {name}");
            if finding.severity < Threat::High {
                finding.severity = Threat::High;
                finding.notes.push(note);
            }
        }
        if has(b"BUG REPORT END") || line.number.saturating_sub(*began) > CRASH_LINES {
            self.end_crash();
        }
    }

    fn end_crash(&mut self) {
        if let Some((finding, _)) = self.crash.take() {
            self.told.add(finding);
        }
    }

    /// What the times and the ends of lines say of what is missing.
    fn clock(&mut self, line: &Line<'_>, at: Option<(UnixMs, bool)>) {
        if !self.began {
            self.began = true;
            let banner = memchr::memmem::find(line.message, b"oO0OoO0OoO0Oo").is_some()
                || memchr::memmem::find(line.message, b"Starting").is_some()
                || memchr::memmem::find(line.message, b"WARNING").is_some();
            if !banner {
                self.gap(
                    line.offset,
                    line.number,
                    "the log begins with no start of a server: what came before was rotated away or cut off",
                );
            }
        }
        if memchr::memchr(0, line.message).is_some() {
            self.gap(line.offset, line.number, "zero bytes: the log was cut while the server wrote to it");
        }
        if !line.ended {
            self.unended = Some((line.offset, line.number));
        }
        let Some((at, _)) = at else { return };
        if let Some((last, _)) = self.last {
            let apart = at.0.saturating_sub(last.0);
            if apart > GAP_MS {
                let hours = apart / 3_600_000;
                self.gap(line.offset, line.number, &format!("nothing for {hours} hours before this line"));
            } else if apart < -BACK_MS {
                let seconds = apart.unsigned_abs() / 1000;
                self.gap(line.offset, line.number, &format!("the clock goes back by {seconds} s"));
            }
        }
        self.last = Some((at, line.number));
    }

    fn gap(&mut self, offset: u64, number: u64, what: &str) {
        let Some(mut finding) = self.teller.tell("log-gap") else { return };
        what.clone_into(&mut finding.excerpt);
        put(&mut finding, offset, number);
        self.told.add(finding);
    }

    /// A finding in this line; one that says the same as an earlier one is counted there.
    fn tell(&mut self, check: &str, line: &Line<'_>, at: Option<(UnixMs, bool)>, more: impl FnOnce(&mut Finding)) {
        let Some(mut finding) = self.teller.tell(check) else { return };
        word(&mut finding, line, at);
        more(&mut finding);
        let same = |held: &&mut Finding| held.rule == finding.rule && held.excerpt == finding.excerpt;
        if let Some(held) = self.held.iter_mut().find(same) {
            held.matches = held.matches.saturating_add(1);
            return;
        }
        self.held.push_back(finding);
        if self.held.len() > HELD
            && let Some(oldest) = self.held.pop_front()
        {
            self.told.add(oldest);
        }
    }

    fn finish(mut self) -> Proof {
        self.end_burst();
        self.end_crash();
        if let Some((offset, number)) = self.unended {
            self.gap(offset, number, "the last line has no end: the log was cut off, or copied while it was written");
        }
        for finding in std::mem::take(&mut self.held) {
            self.told.add(finding);
        }
        self.proof
    }
}

fn word(finding: &mut Finding, line: &Line<'_>, at: Option<(UnixMs, bool)>) {
    finding.excerpt = shown(line.message);
    if let Some((at, assumed)) = at
        && let Some(text) = at.rfc3339()
    {
        let zone = if assumed { " if the server's zone is UTC" } else { "" };
        finding.notes.push(format!("at {text}{zone}"));
    }
    put(finding, line.offset, line.number);
}

fn put(finding: &mut Finding, offset: u64, number: u64) {
    finding.place = Where::Log;
    finding.offset = Some(offset);
    finding.element = Some(Locator { line: Some(number), ..Locator::default() });
}

/// Who sent a command: `id=3 addr=192.0.2.7:4242 laddr=… fd=8 name= …`
struct Client {
    address: Option<String>,
    name: Option<String>,
    user: Option<String>,
}

impl Client {
    fn of(text: &str) -> Self {
        let field = |name: &str| {
            let value = text.split([' ', '\'']).find_map(|word| word.strip_prefix(name))?;
            (!value.is_empty()).then(|| shown(value.as_bytes()))
        };
        Self { address: field("addr="), name: field("name="), user: field("user=") }
    }

    fn host(&self) -> Option<String> {
        let address = self.address.as_deref()?;
        Some(address.rsplit_once(':').map_or(address, |(host, _)| host).to_owned())
    }

    fn is_sentinel(&self) -> bool {
        self.name.as_deref().is_some_and(|name| name.starts_with("sentinel-"))
    }

    fn word(&self, finding: &mut Finding) {
        let parts = [("client", &self.address), ("name", &self.name), ("user", &self.user)];
        for (what, value) in parts {
            if let Some(value) = value {
                finding.notes.push(format!("{what} {value}"));
            }
        }
    }
}

fn split_any<'m>(message: &'m str, marks: &[&str]) -> Option<(&'m str, &'m str)> {
    marks.iter().find_map(|mark| message.split_once(mark))
}

fn after<'m>(message: &'m str, mark: &str) -> Option<&'m str> {
    message.split_once(mark).map(|(_, rest)| rest)
}

fn is_address(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit() || b".:[]%".contains(&byte))
}

/// `evalsha` is `eval` as well; `evaluate` is none.
fn starts(word: &str, name: &str) -> bool {
    let rest = word.strip_prefix(name);
    rest.is_some_and(|rest| ["", "_ro", "sha", "command", "genericcommand"].contains(&rest))
}

/// Where everybody may write, where files have no name any more, where a server keeps its data; and what is no full path.
fn is_odd_for_module(path: &str) -> bool {
    let odd = [
        "/tmp/",
        "/var/tmp/",
        "/dev/shm/",
        "/dev/fd/",
        "/proc/",
        "/run/",
        "/home/",
        "/root/",
        "/var/lib/",
        "/data/",
        "/var/www/",
    ];
    !path.starts_with('/') || odd.iter().any(|place| path.starts_with(place)) || path.contains("/../")
}

#[cfg(test)]
mod tests;
