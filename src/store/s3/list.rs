//! Names of a bucket, page by page.

use super::failure::Seen;
use super::{Inner, info};
use crate::base::Result;
use crate::store::ObjectInfo;

/// The objects whose keys begin so and that have a name, sorted by it.
pub(super) fn list(inner: &Inner, prefix: &str, name: impl Fn(&str) -> Option<String>) -> Result<Vec<ObjectInfo>> {
    let request = inner.client.list_objects_v2().bucket(&inner.address.bucket).prefix(prefix);
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = inner.wait(pages.next()) {
        let page = page.map_err(|error| Seen::of(&error).into_error("list the objects", inner.place(prefix)))?;
        for object in page.contents() {
            // Servers are not trusted to give only what was asked for.
            let Some(key) = object.key().filter(|key| key.starts_with(prefix)) else { continue };
            let Some(name) = name(key) else { continue };
            let bytes = object.size().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
            found.push(info(&name, bytes, object.last_modified(), object.e_tag()));
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup_by(|a, b| a.name == b.name);
    Ok(found)
}
