//! Findings for tests of what collects them.

use super::found::{Found, InKey, Kind, Order};
use crate::keyspace::{KeyName, Type};
use crate::report::{Threat, Where};
use std::sync::Arc;

pub(super) const KIND: Kind = Kind { rule: 0, severity: Threat::Medium, is_capped: false };

/// A finding in the key of this name at this place.
pub(super) fn found(name: &str, offset: u64) -> Found {
    let key = InKey { name: KeyName::whole(name.as_bytes()), ty: Some(Type::String), expire_at: None };
    Found {
        order: Order { offset, ..Order::default() },
        kind: KIND,
        source: "dump".into(),
        file: None,
        server: None,
        db: Some(0),
        key: Some(Arc::new(key)),
        place: Where::Value,
        element: None,
        bytes: 1,
        decoded: Vec::new(),
        excerpt: String::new(),
        matches: 1,
        fingerprint: None,
        valid_until: None,
        at: None,
        notes: Vec::new(),
        structural: None,
    }
}
