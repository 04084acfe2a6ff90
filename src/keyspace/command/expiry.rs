//! When a command lets a key, or fields of a hash, expire.

use super::spec::{Clock, Expires, Spec};
use super::{Args, integer};
use crate::base::UnixMs;

/// What a command says of an expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Its keys expire then.
    At(UnixMs),
    /// Its keys keep what they have.
    Keep,
    /// Its key does not expire any more.
    Persist,
    /// Its fields expire then.
    Fields(UnixMs),
    /// Its fields keep what they have.
    KeepFields,
    /// Its fields do not expire any more.
    PersistFields,
}

impl Spec {
    /// What a command with these arguments says of an expiry; none if it says nothing, or says it from a moment on that
    /// is not known, or beyond the times there are. `now` is when it ran.
    ///
    /// What a command does not say is not in it: SET without options leaves a key that does not expire.
    pub fn expiry(&self, args: &Args<'_>, now: Option<UnixMs>) -> Option<Expiry> {
        match self.expires {
            Expires::Never => None,
            Expires::At(at, clock) => moment(args, usize::from(at), clock, now).map(Expiry::At),
            Expires::Options(from) => options(args, usize::from(from), 0, now),
            Expires::AfterPairs => {
                let pairs = usize::try_from(integer(args.whole(1)?)?).ok()?;
                options(args, pairs.checked_mul(2)?.checked_add(2)?, 0, now)
            }
            Expires::Restored => restored(args, now),
            Expires::Persist => Some(Expiry::Persist),
            Expires::FieldsAt(at, clock) => moment(args, usize::from(at), clock, now).map(Expiry::Fields),
            Expires::FieldOptions(from, words) => {
                options(args, usize::from(from), words, now).map(|expiry| match expiry {
                    Expiry::At(at) => Expiry::Fields(at),
                    Expiry::Keep => Expiry::KeepFields,
                    Expiry::Persist => Expiry::PersistFields,
                    fields => fields,
                })
            }
            Expires::PersistFields => Some(Expiry::PersistFields),
        }
    }
}

impl Clock {
    /// What the number after this option counts: EX, PX, EXAT, PXAT in upper or lower case.
    pub fn of_option(word: &[u8]) -> Option<Clock> {
        const OPTIONS: [(&[u8], Clock); 4] =
            [(b"ex", Clock::Secs), (b"px", Clock::Ms), (b"exat", Clock::UnixSecs), (b"pxat", Clock::UnixMs)];
        OPTIONS.into_iter().find(|(option, _)| word.eq_ignore_ascii_case(option)).map(|(_, clock)| clock)
    }

    /// The moment that this number says to a command that runs `now`; none if it is no number, or counts from a moment
    /// that is not known, or is beyond the times there are.
    pub fn moment(self, number: &[u8], now: Option<UnixMs>) -> Option<UnixMs> {
        let number = integer(number)?;
        let ms = match self {
            Clock::Secs | Clock::UnixSecs => number.checked_mul(1000)?,
            Clock::Ms | Clock::UnixMs => number,
        };
        let since = match self {
            Clock::Secs | Clock::Ms => now?.0,
            Clock::UnixSecs | Clock::UnixMs => 0,
        };
        since.checked_add(ms).map(UnixMs)
    }
}

/// What the options from this argument on say, those of a hash's fields around their fields of so many words.
fn options(args: &Args<'_>, from: usize, words: u8, now: Option<UnixMs>) -> Option<Expiry> {
    let mut at = from;
    while at < args.held() {
        let word = args.whole(at).unwrap_or_default();
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        at = at.checked_add(1)?;
        if let Some(clock) = Clock::of_option(word) {
            return moment(args, at, clock, now).map(Expiry::At);
        } else if is("keepttl") {
            return Some(Expiry::Keep);
        } else if is("persist") {
            return Some(Expiry::Persist);
        } else if words > 0 && is("fields") {
            let fields = usize::try_from(integer(args.whole(at)?)?).ok()?;
            at = fields.checked_mul(usize::from(words))?.checked_add(at)?.checked_add(1)?;
        } else if is("ifeq") || is("ifne") || is("ifdeq") || is("ifdne") {
            // What the value is compared with may be any word.
            at = at.checked_add(1)?;
        }
    }
    None
}

fn restored(args: &Args<'_>, now: Option<UnixMs>) -> Option<Expiry> {
    let absolute = (4..args.held()).any(|at| args.whole(at).is_some_and(|word| word.eq_ignore_ascii_case(b"absttl")));
    if integer(args.whole(2)?)? == 0 {
        return None;
    }
    moment(args, 2, if absolute { Clock::UnixMs } else { Clock::Ms }, now).map(Expiry::At)
}

/// The moment that this argument says.
fn moment(args: &Args<'_>, at: usize, clock: Clock, now: Option<UnixMs>) -> Option<UnixMs> {
    clock.moment(args.whole(at)?, now)
}

#[cfg(test)]
mod tests {
    use super::super::lay_out;
    use super::*;

    const NOW: UnixMs = UnixMs(1_700_000_000_000);

    fn expiry(line: &str, now: Option<UnixMs>) -> Option<Expiry> {
        let (bytes, spans) = lay_out(&line.split(' ').collect::<Vec<_>>());
        let args = Args::new(&bytes, &spans, spans.len() as u64);
        Spec::lookup(&args).expect("a command").expiry(&args, now)
    }

    #[test]
    fn reads_every_form() {
        let at = |ms| Some(Expiry::At(UnixMs(NOW.0 + ms)));
        let fields = |ms| Some(Expiry::Fields(UnixMs(NOW.0 + ms)));
        for (line, expected) in [
            ("set k v", None),
            ("set k v ex 10", at(10_000)),
            ("SET k EX PX 10 NX", at(10)),
            ("set k v get exat 1700000001 xx", at(1000)),
            ("set k v PxAt 1700000000001", at(1)),
            ("set k v keepttl", Some(Expiry::Keep)),
            ("set k v ifeq ex px 5", at(5)),
            ("set k v ifdne keepttl", None),
            ("set k v ex", None),
            ("set k v ex 9223372036854775807", None),
            ("setex k 10 v", at(10_000)),
            ("psetex k 10 v", at(10)),
            ("getex k", None),
            ("getex k persist", Some(Expiry::Persist)),
            ("getex k px 10", at(10)),
            ("msetex 2 ex 1 px 2 xx ex 3", at(3000)),
            ("msetex 1 k v keepttl", Some(Expiry::Keep)),
            ("msetex 9223372036854775807 k v ex 1", None),
            ("msetex -1 k v ex 1", None),
            ("expire k 10 nx", at(10_000)),
            ("expire k -1", at(-1000)),
            ("pexpire k 10", at(10)),
            ("expireat k 1700000001", at(1000)),
            ("pexpireat k 1700000000001", at(1)),
            ("pexpire k 9223372036854775807", None),
            ("persist k", Some(Expiry::Persist)),
            ("restore k 0 x", None),
            ("restore k 0 x absttl", None),
            ("restore k 10 x replace", at(10)),
            ("restore-asking k 1700000000001 x replace idletime 5 absttl", at(1)),
            ("hexpire h 10 fields 1 f", fields(10_000)),
            ("hpexpire h 10 fields 1 f", fields(10)),
            ("hexpireat h 1700000001 gt fields 1 f", fields(1000)),
            ("hpexpireat h 1700000000001 fields 1 f", fields(1)),
            ("hpersist h fields 1 f", Some(Expiry::PersistFields)),
            ("hsetex h fnx ex 10 fields 1 f v", fields(10_000)),
            ("hsetex h keepttl fields 1 f v", Some(Expiry::KeepFields)),
            ("hsetex h fields 2 f v ex 10", None),
            ("hsetex h fields 1 ex 20 ex 10", fields(10_000)),
            ("hsetex h fields -1 ex 20 ex 10", None),
            ("hgetex h fields 1 ex px 20", fields(20)),
            ("hgetex h fields 9223372036854775807 ex px 20", None),
            ("hgetex h persist fields 1 f", Some(Expiry::PersistFields)),
            ("hgetex h pxat 1700000000001 fields 1 f", fields(1)),
            ("get k", None),
        ] {
            assert_eq!(expiry(line, Some(NOW)), expected, "{line}");
        }
    }

    #[test]
    fn knows_nothing_from_an_unknown_moment_on() {
        for line in ["set k v ex 10", "setex k 10 v", "restore k 10 x", "hexpire h 10 fields 1 f", "getex k px 10"] {
            assert_eq!(expiry(line, None), None, "{line}");
        }
        let then = Some(Expiry::At(UnixMs(1)));
        assert_eq!(expiry("pexpireat k 1", None), then);
        assert_eq!(expiry("set k v pxat 1", None), then);
    }
}
