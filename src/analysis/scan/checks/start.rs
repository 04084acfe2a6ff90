//! What AUX fields say of the server that wrote the dump.

use super::Say;
use super::place::Place;
use super::versions::{TABLE, Version};
use crate::analysis::parts::FileRead;
use crate::analysis::scan::told::{Told, shown};
use crate::keyspace::KeyName;
use crate::report::{Finding, Locator, Where};
use std::collections::BTreeMap;

/// Fields that are kept, each with its first place.
const WANTED: [&[u8]; 5] = [b"redis-ver", b"valkey-ver", b"repl-id", b"repl-offset", b"repl-stream-db"];

/// What stands before the keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Start {
    fields: BTreeMap<&'static [u8], (Place, Vec<u8>)>,
}

impl Start {
    pub(super) fn aux(&mut self, place: Place, name: &[u8], value: &[u8]) {
        if let Some(name) = WANTED.into_iter().find(|wanted| *wanted == name) {
            self.add(name, place, value.get(..256).unwrap_or(value).to_vec());
        }
    }

    fn add(&mut self, name: &'static [u8], place: Place, value: Vec<u8>) {
        let own = self.fields.entry(name).or_insert_with(|| (place, value.clone()));
        if place < own.0 {
            *own = (place, value);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (name, (place, value)) in other.fields {
            self.add(name, place, value);
        }
    }

    pub(super) fn tell(&self, say: &Say<'_>, _: &[FileRead], told: &mut Told) {
        if let Some(mut finding) = self.about(say, "replication-fields", b"repl-id") {
            for name in [&b"repl-offset"[..], b"repl-stream-db"] {
                if let Some((_, value)) = self.fields.get(name) {
                    finding.notes.push(format!("{} {}", shown(name), shown(value)));
                }
            }
            told.add(finding);
        }
        let field = if self.fields.contains_key(&b"valkey-ver"[..]) { &b"valkey-ver"[..] } else { b"redis-ver" };
        let Some((_, value)) = self.fields.get(field) else { return };
        let Some(version) = Version::parse(field == b"valkey-ver", value) else { return };
        for row in TABLE.iter().filter(|row| row.exposes(version)) {
            if let Some(mut finding) = self.about(say, row.check, field) {
                let fixed: Vec<_> = row.fixed(version.valkey).iter().map(ToString::to_string).collect();
                finding.notes.push(format!("mended in {}", fixed.join(", ")));
                told.add(finding);
            }
        }
    }

    fn about(&self, say: &Say<'_>, check: &str, name: &[u8]) -> Option<Finding> {
        let (place, value) = self.fields.get(name)?;
        let mut finding = say.at(check, *place)?;
        finding.place = Where::Aux;
        finding.element = Some(Locator { name: Some(KeyName::whole(name)), ..Locator::default() });
        finding.excerpt = format!("{} {}", shown(name), shown(value));
        Some(finding)
    }
}
