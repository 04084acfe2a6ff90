//! What attackers leave, as tables of templates: see `template.rs` for their slots. Written from what is known of such texts, not
//! from the rules. Nothing in them works: addresses lead nowhere, code is broken or lacks what would run it.

mod gadgets;
mod host;
mod other;
mod web;

/// The texts of one rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    /// The keyspace they are planted in.
    pub(crate) case: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) severity: &'static str,
    /// How many are planted.
    pub(crate) count: usize,
    pub(crate) how: How,
    /// Rules that may fire on these texts as well.
    pub(crate) also: &'static [&'static str],
    pub(crate) hits: &'static [&'static str],
    pub(crate) misses: &'static [&'static str],
}

/// How texts are put into a keyspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// At every place, in every shape.
    Any,
    /// At every place, as they are: what a decoder makes of them would be something else.
    Bare,
    /// As strings of databases that hold little else.
    Notes,
    /// As the source of a function library.
    Function,
}

/// Rules on what a shell is told.
pub(crate) const SHELL: &[&str] =
    &["RD-CRON", "RD-EXEC", "RD-C2", "RD-BIN", "RD-MINE", "RD-MOD-003", "RD-KEY-001", "RD-KEY-002", "RD-ENT"];
/// Rules on what a page or a script of a web server is.
pub(crate) const WEB: &[&str] = &["RD-WEB", "RD-XSS", "RD-SKIM", "RD-C2", "RD-KEY-001", "RD-ENT", "RD-EXEC"];
/// Rules on what is deserialized.
pub(crate) const OBJECTS: &[&str] =
    &["RD-DES", "RD-JNDI", "RD-ENT", "RD-EXEC", "RD-C2", "RD-WEB", "RD-BIN", "RD-KEY-001"];

/// Every one.
pub(crate) fn tables() -> impl Iterator<Item = &'static Table> {
    [host::TABLES, web::TABLES, gadgets::TABLES, other::TABLES].into_iter().flatten()
}
