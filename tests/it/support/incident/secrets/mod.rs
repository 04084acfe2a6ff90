//! Secrets and personal data, as tables of templates. What looks like a token is made by the dice, with check digits where its kind
//! has some; no one has issued it.

mod logins;
mod people;
mod services;

/// What is planted for one rule. See `template.rs` for the slots.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) rule: &'static str,
    pub(crate) also: &'static [&'static str],
    pub(crate) hits: &'static [&'static str],
    pub(crate) misses: &'static [&'static str],
}

const fn kind(
    rule: &'static str,
    also: &'static [&'static str],
    hits: &'static [&'static str],
    misses: &'static [&'static str],
) -> Kind {
    Kind { rule, also, hits, misses }
}

/// Every one, in the order they are planted: eight times each, and each of its near misses once.
pub(crate) fn kinds() -> impl Iterator<Item = &'static Kind> {
    [services::KINDS, logins::KINDS, people::KINDS].into_iter().flatten()
}
