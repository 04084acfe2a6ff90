//! What commands share that write rows as they come.

use crate::cli::exit::Ending;
use crate::cli::ui::{Level, Ui};
use rediscover::analysis::FileEnd;
use rediscover::base::{Error, ErrorKind, size};
use rediscover::render;
use rediscover::report::{SourceFacts, Verdict};
use rediscover::source::{Origin, Place};

/// What ends the command: everything that is not about one source alone.
pub(super) fn fatal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::Usage { .. })
}

/// What the ends of a source's files ask for.
pub(super) fn judge(source: &str, files: &[FileEnd], ending: &mut Ending) {
    for file in files {
        if let Some(verdict) = file.verdict.filter(|verdict| *verdict != Verdict::Intact) {
            let (what, next) = render::not_intact(verdict, &file.integrity);
            match &file.file {
                Some(name) => ending.damaged(source, format!("{name}: {what}"), Some(next)),
                None => ending.damaged(source, what, Some(next)),
            }
        }
    }
}

/// A set with which a server would not start.
pub(super) fn judge_set(origin: &Origin, ending: &mut Ending) {
    if let Place::Log(set) = &origin.place
        && let Some(why) = set.refused()
    {
        ending.damaged(&origin.name, why, Some("'rediscover check' says more".to_owned()));
    }
}

/// Rows have no room for where they come from: it is said with `-v`.
pub(super) fn say_hashes(facts: &SourceFacts, ui: &mut Ui) {
    let single = facts.files.is_empty().then_some(facts);
    for file in facts.files.iter().chain(single) {
        let hashes = [("sha256", &file.sha256), ("sha1", &file.sha1), ("md5", &file.md5)];
        let hashes: Vec<_> =
            hashes.into_iter().filter_map(|(name, hash)| Some(format!("{name} {}", hash.as_ref()?))).collect();
        let within = if facts.files.is_empty() { String::new() } else { format!("{}: ", facts.source) };
        let text = format!("{within}{}: {}, {}", file.source, size::human(file.bytes), hashes.join(", "));
        ui.say(Level::Detail, text.trim_end_matches([',', ' ']), None);
    }
}
