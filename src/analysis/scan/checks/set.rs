//! What the manifest of an append-only file in parts says of its past.

use super::Say;
use super::place::Place;
use crate::analysis::parts::FileRead;
use crate::analysis::scan::told::Told;
use crate::report::{LogRole, Threat, escape};
use crate::source::{Origin, Place as Where};

/// A base that is not the first and holds nothing, with nothing written since: what a full synchronization with an empty or
/// false master leaves, which also ends the log of what was there before. Parts that are replaced and still listed.
pub(super) fn tell(say: &Say<'_>, origin: &Origin, files: &[FileRead], told: &mut Told) {
    let Where::Log(set) = &origin.place else { return };
    let base = files.iter().find(|file| file.part.role == LogRole::Base);
    let seq = set.manifest.base().map_or(1, |base| base.seq);
    let emptied = base.is_some_and(|base| base.examined.keys == 0 && base.totals.commands == 0)
        && files.iter().filter(|file| file.part.role == LogRole::Incr).all(|file| file.scope.tally.bytes == 0)
        && files.iter().all(|file| !file.scope.filtered);
    if seq > 1
        && emptied
        && let Some(mut finding) = say.at("manifest-emptied", Place::default())
    {
        finding.excerpt = format!("base {seq} holds no key, and nothing was written after it");
        finding.notes.push("the parts before it are gone: look for them among the deleted files of the disk".into());
        told.add(finding);
    }
    let replaced: Vec<_> = set.manifest.history().map(|entry| escape(&entry.file)).take(8).collect();
    if !replaced.is_empty()
        && let Some(mut finding) = say.at("manifest-emptied", Place::default())
    {
        finding.severity = Threat::Info;
        finding.technique_severity = Threat::Info;
        finding.excerpt = format!("replaced and still listed: {}", replaced.join(", "));
        finding.notes.push("a rewrite had ended and the server had not yet deleted them".into());
        told.add(finding);
    }
}
