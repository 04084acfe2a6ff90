//! What `check` says a server does with an append-only file, against what six servers did (`aof_facts.tsv`).

use crate::support::aof::{self, Case, Outcome};
use rediscover::analysis::{CheckOptions, check};
use rediscover::report::{ServerLoad, SourceCheck};
use rediscover::source::{AofSet, Origin, Place};

fn judged(case: &Case) -> SourceCheck {
    let dir = tempfile::tempdir().expect("a temporary folder");
    case.write(dir.path());
    let folder = case.folder(dir.path());
    let place = if case.file == aof::ALONE {
        Place::Path(folder.join(case.file))
    } else {
        Place::Log(Box::new(AofSet::from_appendonlydir(&folder).expect("a set")))
    };
    let mut origin = Origin::new(&case.name, place);
    for setting in case.settings.chunks(2) {
        match setting {
            ["--aof-load-truncated", "no"] => origin.tails.load_truncated = false,
            ["--aof-load-corrupt-tail-max-size", bytes] => {
                origin.tails.corrupt_max_bytes = bytes.parse().expect("a number");
            }
            other => panic!("{other:?}"),
        }
    }
    check(&origin, &CheckOptions::default()).outcome.expect("it can be read")
}

/// Cases in which servers differ from each other, or from what is said of all of them, and how.
const APART: [(&str, &str); 7] = [
    // Valkey refuses what has too many arguments; Redis passes over them.
    ("arity-many", "loads"),
    ("multi-with-argument", "loads"),
    ("exec-with-argument", "loads"),
    // A count is a C int, which begins anew after 2^32.
    ("argc-4294967299", "loads"),
    // Inside a transaction all but Valkey 9.1 cut behind its beginning: it is lost all the same.
    ("multi-cut", "elsewhere"),
    // An annotation before the cut goes with it.
    ("annotation-then-cut", "elsewhere"),
    // The reason says so.
    ("preamble-", "elsewhere"),
];

#[test]
fn server_loads_is_what_servers_do() {
    let recorded = aof::recorded();
    let mut wrong = Vec::new();
    for case in aof::cases() {
        let check = judged(&case);
        let Some(loads) = &check.server_loads else {
            wrong.push(format!("{}: no verdict: {:?} {:?}", case.name, check.verdict, check.integrity.problems));
            continue;
        };
        let name = case.name.rsplit('/').next().expect("a name");
        let apart = APART.iter().find(|(start, _)| name.starts_with(start)).map(|(_, how)| *how);
        let bytes = case.bytes().len() as u64;
        for fact in recorded.iter().filter(|fact| fact.case == case.name) {
            let right = match &fact.outcome {
                Outcome::Loads { .. } => loads.verdict == ServerLoad::Yes || apart == Some("loads"),
                Outcome::Truncates { to, .. } => {
                    let place = bytes - to == loads.bytes_lost || apart == Some("elsewhere");
                    loads.verdict == ServerLoad::Truncating && place
                }
                Outcome::Refuses { .. } | Outcome::Crashes => loads.verdict == ServerLoad::No,
            };
            if !right {
                let said = (loads.verdict, bytes.saturating_sub(loads.bytes_lost), &loads.reason);
                wrong.push(format!("{} on {}: {:?}, and we say {said:?}", case.name, fact.server, fact.outcome));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
