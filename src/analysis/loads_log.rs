//! Which servers load an append-only file: as its base allows, and if they know its commands.

use super::loads_on::{Judged, Server};
use super::parts::FileRead;
use crate::keyspace::command::{Servers, Spec};
use crate::report::{LoadVerdict, LogTotals, ServerLoad, ServerLoads};

/// The measured servers next to one: the older, whose commands it has, and the newer, beyond whose commands it has none.
fn neighbours(server: &str) -> Option<(Servers, Servers)> {
    let measured = Servers::NAMED.iter().find(|(name, _)| *name == server).map(|(_, own)| (*own, *own));
    measured.or(match server {
        "redis-7.2" | "elasticache-redis-7.1" => Some((Servers::REDIS_7_0, Servers::REDIS_7_4)),
        "redis-8.2" | "redis-8.4" => Some((Servers::REDIS_8_0, Servers::REDIS_8_6)),
        "valkey-7.2" | "valkey-8.0" => Some((Servers::REDIS_7_0, Servers::VALKEY_8_1)),
        "valkey-9.0" => Some((Servers::VALKEY_8_1, Servers::VALKEY_9_1)),
        _ => None,
    })
}

/// What a server does with the files of a log, given what it does with their base.
pub(super) fn judge(
    server: &Server,
    files: &[FileRead],
    totals: &LogTotals,
    loads: &ServerLoads,
    base: Option<Judged>,
) -> Judged {
    let manifest = files.iter().any(|file| file.part.file.is_some());
    if manifest && server.is_before_manifests() {
        return Judged::no("it does not know append-only files in several parts", None);
    }
    if let Some(base) = base.filter(|base| base.verdict != LoadVerdict::Yes) {
        return base;
    }
    if loads.verdict == ServerLoad::No {
        return Judged::no(loads.reason.clone(), None);
    }
    let Some((older, newer)) = neighbours(server.name) else {
        return Judged::unknown("which commands it has was not measured");
    };
    for name in totals.by_command.keys() {
        let Some(spec) = Spec::named(name) else { continue };
        if spec.known_to(older) {
            continue;
        }
        let shown = name.replace('|', " ").to_uppercase();
        if spec.servers == Servers::REDIS_STACK_7_4 {
            return Judged::with(format!("{shown} is a module's"), format!("a module that has {shown}"));
        }
        return if spec.known_to(newer) {
            Judged::unknown(format!("whether it has {shown} was not measured"))
        } else {
            Judged::no(format!("it does not know {shown}"), None)
        };
    }
    if loads.verdict == ServerLoad::Truncating {
        return Judged::lossy(loads.reason.clone());
    }
    Judged::yes()
}
