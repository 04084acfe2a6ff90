//! Why a backup stays or goes, in words.

use super::{Count, Rule, Span};
use crate::backup::status_word;
use crate::repository::BackupStatus;
use std::fmt;

/// Why a backup stays, or why it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Stays: somebody pinned it.
    Pinned,
    /// Stays: it has these tags.
    Tagged(Vec<String>),
    /// Stays: the newest in its bucket of a rule with room.
    Bucket(Rule),
    /// Stays: the oldest that counts, and the rule has room.
    Oldest(Rule),
    /// Stays: in the window of a rule, and the newest of its bucket there. With `Last` each one stays.
    Within(Rule, Span),
    /// Stays: the oldest that counts, and in the window of the rule.
    OldestWithin(Rule, Span),
    /// Stays whatever the policy says: the newest that counts.
    NewestGood,
    /// Stays whatever the policy says: the newest that counts and is no `scan`, which `latest` means.
    NewestWhole,
    /// Stays whatever the policy says: the newest that counts of those verified `full`.
    NewestFull,
    /// Stays: it is dated in the future.
    Future,
    /// Stays: far smaller than the one before it.
    Suspect,
    /// Stays: its signature is not one that counts.
    Untrusted,
    /// Stays: one of the newest of those that are damaged or incomplete; this one is that.
    KeptDamaged(BackupStatus),
    /// Stays, although damaged or incomplete: none that counts is newer.
    NoNewerGood(BackupStatus),
    /// Stays: the policy would keep none of those that count.
    PolicyKeepsNone,
    /// Goes by this rule: its bucket has a newer one.
    NotNewest(Rule),
    /// Goes by this rule: so many newer ones have used it up.
    UsedUp(Rule, Count),
    /// Goes by this rule: before its window.
    TooOld(Rule, Span),
    /// Goes by the tags: it has not those asked for.
    NotTagged,
    /// Goes: damaged or incomplete, and one that counts is newer.
    Damaged(BackupStatus),
    /// Goes: somebody named it.
    Forgotten,
}

impl Reason {
    /// Whether somebody should look at it.
    pub fn is_warning(&self) -> bool {
        matches!(self, Self::Future | Self::Suspect | Self::Untrusted | Self::PolicyKeepsNone | Self::NoNewerGood(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned => f.write_str("pinned"),
            Self::Tagged(tags) => write!(f, "tag {}", tags.join(",")),
            Self::Bucket(Rule::Last) => f.write_str("one of the last"),
            Self::Bucket(rule) => write!(f, "newest of its {}", rule.bucket()),
            Self::Oldest(rule) => write!(f, "oldest, and {} has room", rule.name()),
            Self::Within(Rule::Last, span) => write!(f, "within {span}"),
            Self::Within(rule, span) => write!(f, "newest of its {} within {span}", rule.bucket()),
            Self::OldestWithin(rule, span) => write!(f, "oldest, and within {span} ({})", rule.name()),
            Self::NewestGood => f.write_str("the newest good one"),
            Self::NewestWhole => f.write_str("the newest good one that is no scan"),
            Self::NewestFull => f.write_str("the newest one verified full"),
            Self::Future => f.write_str("dated in the future"),
            Self::Suspect => f.write_str("suspect: stays until it is forgotten by name"),
            Self::Untrusted => f.write_str("no signature that counts here: stays until it is forgotten by name"),
            Self::KeptDamaged(status) => write!(f, "{}: one of the newest that are not good", status_word(*status)),
            Self::NoNewerGood(status) => write!(f, "{}, and no good one is newer", status_word(*status)),
            Self::PolicyKeepsNone => f.write_str("the policy would keep no good one, so none goes"),
            Self::NotNewest(rule) => write!(f, "its {} has a newer one", rule.bucket()),
            Self::UsedUp(rule, count) => write!(f, "{} {count} used up", rule.name()),
            Self::TooOld(Rule::Last, span) => write!(f, "not within {span}"),
            Self::TooOld(rule, span) => write!(f, "not within {span} ({})", rule.name()),
            Self::NotTagged => f.write_str("has not the tag"),
            Self::Damaged(status) => write!(f, "{}, and a good one is newer", status_word(*status)),
            Self::Forgotten => f.write_str("forgotten by name"),
        }
    }
}
