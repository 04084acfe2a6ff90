//! Names of elements in the other sections of a report: members are content, and names of fields may be secrets as well.

use super::ScanOptions;
use crate::keyspace::Type;
use crate::report::{BigElement, Where};
use crate::rules::{About, Scanner};
use std::sync::Arc;

/// Takes away the names in which rules for secrets or personal data match, and those of which so little is held that a rule
/// could not tell. Nothing with `reveal`.
pub(in crate::analysis) fn hide_names(elements: &mut [BigElement], options: &ScanOptions) {
    if options.reveal {
        return;
    }
    let rules = options.rules.rules();
    let mut scanner = Scanner::new(Arc::clone(&options.rules));
    for one in elements {
        let Some(name) = &one.element else { continue };
        let ty = Type::from_name(&one.ty);
        let place = if ty == Some(Type::Hash) { Where::Field } else { Where::Element };
        scanner.text(0, &About { place, ty, key: one.key.head(), field: b"" }, name.head());
        let is_redacted = |rule: usize| rules.get(rule).is_none_or(|rule| rule.category.is_redacted());
        let matches = scanner.drain().any(|hit| is_redacted(hit.rule));
        if matches || !name.is_whole() {
            one.element = None;
        }
    }
}
