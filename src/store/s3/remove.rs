//! Objects removed, and what uploads have left.

use super::Inner;
use super::failure::Seen;
use crate::base::{Result, UnixMs};
use crate::store::Deleted;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::ObjectLockLegalHoldStatus;

const OP: &str = "delete the object";

/// Removes an object unless it is locked. A marker over a locked version would hide what is still there and still paid for, so
/// the lock is looked at first. Who may not look gets what the server does.
pub(super) fn delete(inner: &Inner, key: &str) -> Result<Deleted> {
    let bucket = &inner.address.bucket;
    let look = |version: Option<String>| {
        let request = inner.client.head_object().bucket(bucket).key(key).set_version_id(version);
        inner.wait(request.send()).map_err(|error| Seen::of(&error))
    };
    match look(None) {
        Ok(found) => {
            if let Some(locked) = locked(inner, &found)? {
                return Ok(locked);
            }
        }
        Err(seen) if seen.is("NoSuchKey", 404) || seen.is_denied() || seen.is("MethodNotAllowed", 405) => {}
        Err(seen) => return Err(seen.into_error(OP, inner.place(key))),
    }
    let versions = if inner.options.delete_versions { versions(inner, key)? } else { vec![None] };
    for version in versions {
        let request = inner.client.delete_object().bucket(bucket).key(key).set_version_id(version.clone());
        let Err(error) = inner.wait(request.send()) else { continue };
        let seen = Seen::of(&error);
        if seen.is("NoSuchKey", 404) || seen.code.as_deref() == Some("NoSuchVersion") {
            continue;
        }
        let held = if seen.is_denied() { look(version).ok() } else { None };
        let held = held.map_or(Ok(None), |found| locked(inner, &found))?;
        return held.ok_or_else(|| seen.into_error(OP, inner.place(key)));
    }
    Ok(Deleted::Gone)
}

/// Takes an object out of sight. Where it is locked it has versions, and a marker hides the newest.
pub(super) fn clear(inner: &Inner, key: &str) -> Result<()> {
    if delete(inner, key)? == Deleted::Gone {
        return Ok(());
    }
    let request = inner.client.delete_object().bucket(&inner.address.bucket).key(key);
    let hidden = inner.wait(request.send());
    hidden.map(drop).map_err(|error| Seen::of(&error).into_error(OP, inner.place(key)))
}

/// Whether it has to stay now.
fn locked(inner: &Inner, found: &HeadObjectOutput) -> Result<Option<Deleted>> {
    let until = found.object_lock_retain_until_date().map(aws_sdk_s3::primitives::DateTime::secs);
    let now = inner.now()?;
    let until = until.filter(|until| *until > now).map(|until| UnixMs(until.saturating_mul(1000)));
    if found.object_lock_legal_hold_status() == Some(&ObjectLockLegalHoldStatus::On) {
        // Until somebody lifts it, whenever that is.
        return Ok(Some(Deleted::Locked { until: None }));
    }
    Ok(until.map(|until| Deleted::Locked { until: Some(until) }))
}

/// All versions of an object, and the markers over them.
fn versions(inner: &Inner, key: &str) -> Result<Vec<Option<String>>> {
    let (mut key_marker, mut version_marker): (Option<String>, Option<String>) = (None, None);
    let mut found = Vec::new();
    loop {
        let last = version_marker.clone();
        let request = inner.client.list_object_versions().bucket(&inner.address.bucket).prefix(key);
        let request = request.set_key_marker(key_marker).set_version_id_marker(version_marker);
        let page = inner.wait(request.send());
        let page = page.map_err(|error| Seen::of(&error).into_error("list the versions", inner.place(key)))?;
        let versions = page.versions().iter().map(|version| (version.key(), version.version_id()));
        let markers = page.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
        let own = versions.chain(markers).filter(|(of, _)| *of == Some(key));
        found.extend(own.map(|(_, version)| version.map(str::to_owned)));
        // Other keys that begin so come after this one.
        let next = page.next_version_id_marker.clone();
        let more = page.is_truncated() == Some(true) && page.next_key_marker() == Some(key) && next != last;
        if !more {
            return Ok(found);
        }
        (key_marker, version_marker) = (page.next_key_marker, next);
    }
}

/// Aborts uploads below a prefix that were begun before this.
pub(super) fn sweep(inner: &Inner, prefix: &str, older_than: UnixMs) -> Result<u64> {
    const OP: &str = "sweep what is unfinished";
    let bucket = &inner.address.bucket;
    let (mut key_marker, mut id_marker) = (None, None);
    let mut old = Vec::new();
    loop {
        let request = inner.client.list_multipart_uploads().bucket(bucket).prefix(prefix);
        let request = request.set_key_marker(key_marker.clone()).set_upload_id_marker(id_marker.clone());
        let page = inner.wait(request.send());
        let page = page.map_err(|error| Seen::of(&error).into_error(OP, inner.place(prefix)))?;
        for upload in page.uploads() {
            let (Some(key), Some(id), Some(begun)) = (upload.key(), upload.upload_id(), upload.initiated()) else {
                continue;
            };
            let named = inner.address.name(key).is_some_and(|name| crate::store::is_name(name, false));
            if named && key.starts_with(prefix) && begun.secs().saturating_mul(1000) < older_than.0 {
                old.push((key.to_owned(), id.to_owned()));
            }
        }
        let next = (page.next_key_marker, page.next_upload_id_marker);
        if page.is_truncated != Some(true) || next == (key_marker, id_marker) {
            break;
        }
        (key_marker, id_marker) = next;
    }
    let mut swept = 0u64;
    for (key, id) in old {
        let request = inner.client.abort_multipart_upload().bucket(bucket).key(&key).upload_id(id);
        match inner.wait(request.send()).map_err(|error| Seen::of(&error)) {
            Ok(_) => swept = swept.saturating_add(1),
            // Somebody else was quicker.
            Err(seen) if seen.is("NoSuchUpload", 404) => {}
            Err(seen) => return Err(seen.into_error(OP, inner.place(&key))),
        }
    }
    Ok(swept)
}
