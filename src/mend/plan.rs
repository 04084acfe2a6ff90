//! What is done to each file: bytes that go, and what comes in their place.

use crate::pipeline::Scope;
use crate::report::DroppedCommand;
use crate::source::Part;

/// What comes in the place of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum With {
    /// Nothing.
    Nothing,
    /// These bytes.
    Text(Vec<u8>),
    /// The same commands, as servers write them.
    Rewritten,
    /// Nothing; the bytes go to the side file.
    Side,
}

/// A stretch of a file that does not stay as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Its first byte.
    pub from: u64,
    /// The first byte after it.
    pub to: u64,
    /// What comes in its place.
    pub with: With,
}

/// What is done to one file: edits in their order, which do not overlap; all else stays.
#[derive(Debug, Clone)]
pub struct FilePlan {
    /// The file.
    pub part: Part,
    /// Where its log begins; none of a file that is an RDB.
    pub log_at: Option<u64>,
    /// Bytes of its uncompressed stream.
    pub bytes: u64,
    /// Whether it is compressed; what is written never is.
    pub compressed: bool,
    /// What changes.
    pub edits: Vec<Edit>,
}

impl FilePlan {
    /// A file that stays as it is.
    pub fn unchanged(part: Part, scope: &Scope) -> Self {
        Self { part, log_at: scope.tally.log_at, bytes: scope.tally.bytes, compressed: false, edits: Vec::new() }
    }

    /// Whether all that goes is at its end.
    pub fn only_cuts_the_end(&self) -> bool {
        let mut goes = self.edits.iter().filter(|edit| edit.with != With::Rewritten);
        goes.all(|edit| edit.with == With::Nothing && edit.to == self.bytes)
    }

    /// Puts an edit in the place of those that it covers.
    pub(super) fn put(&mut self, edit: Edit) {
        let first = self.edits.partition_point(|other| other.to <= edit.from);
        let last = self.edits.partition_point(|other| other.from < edit.to);
        // One that begins before and reaches into it is cut to what is before.
        let mut first = first;
        if let Some(before) = self.edits.get_mut(first).filter(|other| other.from < edit.from) {
            before.to = edit.from;
            first = first.saturating_add(1);
        }
        self.edits.splice(first..last.max(first), [edit]);
    }
}

/// A plan for a whole source.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Its files, in the order a server reads them. Those that are not here are left out.
    pub files: Vec<FilePlan>,
    /// Commands that go, at most 10,000 of them.
    pub dropped: Vec<DroppedCommand>,
    /// How many go in all.
    pub dropped_commands: u64,
    /// Bytes that go; those that go aside are not among them.
    pub lost_bytes: u64,
    /// Commands whose database is not known, which go to a side file.
    pub unplaced_commands: u64,
    /// Commands that are written anew because a line of theirs was not as servers write it.
    pub rewritten_commands: u64,
    /// Commands that stay.
    pub kept_commands: u64,
}

impl Plan {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.files.iter().all(|file| file.edits.is_empty())
    }

    /// Commands that are kept with their names and keys.
    pub(super) const MOST_DROPPED: usize = 10_000;

    pub(super) fn drop_command(&mut self, command: DroppedCommand) {
        self.dropped_commands = self.dropped_commands.saturating_add(1);
        if self.dropped.len() < Self::MOST_DROPPED {
            self.dropped.push(command);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::LogRole;
    use crate::source::Place;

    #[test]
    fn an_edit_takes_the_place_of_those_it_covers() {
        let part = Part { file: None, role: LogRole::Log, place: Place::Stdin };
        let mut plan = FilePlan { part, log_at: Some(0), bytes: 100, compressed: false, edits: Vec::new() };
        let edit = |from, to, with| Edit { from, to, with };
        for (from, to) in [(10, 20), (30, 40), (50, 60)] {
            plan.put(edit(from, to, With::Side));
        }
        plan.put(edit(25, 45, With::Nothing));
        plan.put(edit(55, 70, With::Nothing));
        let spans: Vec<_> = plan.edits.iter().map(|edit| (edit.from, edit.to)).collect();
        assert_eq!(spans, [(10, 20), (25, 45), (50, 55), (55, 70)]);
    }
}
