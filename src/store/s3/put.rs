//! Objects written: in one request where they are smaller than a part, else in parts that travel while the caller makes more.
//!
//! Parts are kept in memory until the server has them, so that each can be sent again. What is unfinished is aborted when the
//! upload is dropped. An answer that is lost is looked for: each object carries a token of its put.

use super::failure::Seen;
use super::parts::{self, MOST_OBJECT_BYTES, MOST_PARTS};
use super::settings::{Settings, kept_as};
use super::{Inner, client, info, tag_of};
use crate::base::{Error, ErrorKind, Result};
use crate::store::{ObjectInfo, PutOptions, fresh, other_length};
use aws_sdk_s3::config::Config;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use md5::{Digest, Md5};
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

const OP: &str = "write the object";
/// The metadata that says which put an object comes from.
const TOKEN: &str = "rediscover-put";
/// So much is read before memory for a whole part is taken.
const SMALL_BYTES: u64 = 64 << 10;
/// The longest that an abort may take, its tries included.
const ABORT_TIMEOUT: Duration = Duration::from_secs(90);

/// One put.
struct Put<'a> {
    inner: &'a Arc<Inner>,
    name: &'a str,
    key: String,
    place: String,
    token: String,
    if_absent: bool,
    passing: bool,
}

/// Keeps the bytes under this name.
pub(super) fn put(inner: &Arc<Inner>, name: &str, body: &mut dyn Read, how: &PutOptions) -> Result<ObjectInfo> {
    let key = inner.address.key(name);
    let place = inner.place(&key);
    let token = format!("{:016x}{:016x}", fresh(), fresh());
    let put = Put { inner, name, key, place, token, if_absent: how.if_absent, passing: how.passing };
    if how.bytes.is_some_and(|bytes| bytes > MOST_OBJECT_BYTES) {
        return Err(put.too_large());
    }
    // Spares the upload, and is no promise; who may only write may not look.
    if how.if_absent && inner.head(&put.key).is_ok_and(|found| found.is_some()) {
        return Err(put.exists());
    }
    let mut body = Slowed { inner, body };
    let part = |number| parts::part_bytes(number, inner.options.part_bytes, how.bytes);
    let first = put.read(&mut body, part(1))?;
    let whole = first.len() as u64;
    let measured = |found: u64| match how.bytes {
        Some(stated) if stated != found => Err(other_length(put.place.clone(), stated, found)),
        _ => Ok(()),
    };
    if whole < part(1) {
        measured(whole)?;
        return put.at_once(first);
    }
    let settings = Settings::of(inner, how.passing)?;
    let mut upload = put.begin(&settings)?;
    let (mut number, mut bytes, mut found) = (1, first, whole);
    loop {
        let full = bytes.len() as u64 >= part(number);
        upload.send(number, bytes)?;
        if !full {
            break;
        }
        number += 1;
        bytes = put.read(&mut body, part(number))?;
        if bytes.is_empty() {
            break;
        }
        found = found.saturating_add(bytes.len() as u64);
        if number > MOST_PARTS || found > MOST_OBJECT_BYTES {
            return Err(put.too_large());
        }
    }
    measured(found)?;
    upload.finish(found)
}

impl Put<'_> {
    /// Up to so many bytes of the body; fewer at its end.
    fn read(&self, body: &mut dyn Read, most: u64) -> Result<Vec<u8>> {
        let failed = |error| Error::io("read what is to be stored", error).about(self.place.clone());
        let mut bytes = Vec::new();
        let small = body.take(most.min(SMALL_BYTES)).read_to_end(&mut bytes).map_err(failed)? as u64;
        if small == SMALL_BYTES && small < most {
            let more = most.saturating_sub(small);
            let room = bytes.try_reserve_exact(usize::try_from(more).unwrap_or(usize::MAX));
            room.map_err(|_| failed(io::ErrorKind::OutOfMemory.into()))?;
            body.take(more).read_to_end(&mut bytes).map_err(failed)?;
        }
        Ok(bytes)
    }

    /// In one request.
    fn at_once(&self, bytes: Vec<u8>) -> Result<ObjectInfo> {
        let inner = self.inner;
        let settings = Settings::of(inner, self.passing)?;
        let length = bytes.len() as u64;
        let tag = hex(&Md5::digest(&bytes));
        let bytes = ByteStream::from(bytes).into_inner();
        let mut tries = 0;
        loop {
            let body = bytes.try_clone().ok_or_else(|| Seen::default().into_error(OP, self.place.clone()))?;
            let request = inner.client.put_object().bucket(&inner.address.bucket).key(&self.key);
            let request = kept_as!(request, settings).metadata(TOKEN, &self.token).body(ByteStream::new(body));
            let request = request.set_if_none_match(self.if_absent.then(|| "*".to_owned()));
            let limits = Config::builder().timeout_config(client::timeouts(&inner.options, length));
            let sent = inner.wait(async { request.customize().config_override(limits).send().await });
            match sent {
                Ok(answer) => return Ok(self.kept(length, answer.e_tag())),
                Err(error) => {
                    if let Some(found) = self.after(&Seen::of(&error), length, &tag, &mut tries)? {
                        return Ok(found);
                    }
                }
            }
        }
    }

    /// What became of a put whose answer says that it failed: the object where it is ours, nothing where it is to be tried again.
    fn after(&self, seen: &Seen, length: u64, tag: &str, tries: &mut u32) -> Result<Option<ObjectInfo>> {
        // Somebody else is at the same name, and one of us will win.
        if seen.is("ConditionalRequestConflict", 409) || seen.code.as_deref() == Some("OperationAborted") {
            *tries = tries.saturating_add(1);
            if *tries < self.inner.options.attempts {
                self.inner.pause(*tries);
                return Ok(None);
            }
        }
        // Whatever the answer: a second try is refused in many words where the first was done and its answer lost.
        if let Some(found) = self.ours(length, tag) {
            return Ok(Some(found));
        }
        let refused = seen.is("PreconditionFailed", 412);
        if refused && self.if_absent {
            return Err(self.exists());
        }
        let (what, hint) = seen.explained();
        let error = Error::new(ErrorKind::Store { op: OP, what }).about(self.place.clone());
        Err(if hint.is_empty() { error } else { error.with_hint(hint) })
    }

    /// The object, if it is there and this put has made it. Who may not look at objects may list them: then the tag counts, that
    /// the server makes of these bytes alone.
    fn ours(&self, length: u64, tag: &str) -> Option<ObjectInfo> {
        let inner = self.inner;
        let bucket = &inner.address.bucket;
        match inner.wait(inner.client.head_object().bucket(bucket).key(&self.key).send()) {
            Ok(found) => {
                let token = found.metadata().and_then(|metadata| metadata.get(TOKEN));
                let same = token == Some(&self.token)
                    && found.content_length().and_then(|n| u64::try_from(n).ok()) == Some(length);
                same.then(|| info(self.name, length, found.last_modified(), found.e_tag()))
            }
            Err(error) if Seen::of(&error).is_denied() => {
                let request = inner.client.list_objects_v2().bucket(bucket).prefix(&self.key).max_keys(1);
                let listed = inner.wait(request.send()).ok()?;
                let found = listed.contents().first().filter(|found| found.key() == Some(&self.key))?;
                let same = found.e_tag().map(tag_of).as_deref() == Some(tag);
                same.then(|| info(self.name, length, found.last_modified(), found.e_tag()))
            }
            Err(_) => None,
        }
    }

    fn begin(&self, settings: &Settings) -> Result<Upload<'_>> {
        let inner = self.inner;
        let request = inner.client.create_multipart_upload().bucket(&inner.address.bucket).key(&self.key);
        let request = kept_as!(request, settings).metadata(TOKEN, &self.token);
        let begun = inner.wait(request.send()).map_err(|error| Seen::of(&error).into_error(OP, self.place.clone()))?;
        let garbled =
            || Seen { way: super::failure::Way::Garbled, ..Seen::default() }.into_error(OP, self.place.clone());
        let id = begun.upload_id().filter(|id| !id.is_empty()).ok_or_else(garbled)?.to_owned();
        Ok(Upload { put: self, id, tasks: JoinSet::new(), parts: Vec::new(), whole: false })
    }

    fn kept(&self, bytes: u64, tag: Option<&str>) -> ObjectInfo {
        info(self.name, bytes, None, tag)
    }

    fn exists(&self) -> Error {
        Error::new(ErrorKind::Exists { name: self.place.clone() })
    }

    fn too_large(&self) -> Error {
        let what = "it is larger than an object may be (5 TiB)".to_owned();
        Error::new(ErrorKind::Store { op: OP, what }).about(self.place.clone())
    }
}

/// An upload in parts; aborted unless it becomes whole.
struct Upload<'a> {
    put: &'a Put<'a>,
    id: String,
    tasks: JoinSet<std::result::Result<CompletedPart, Seen>>,
    parts: Vec<CompletedPart>,
    whole: bool,
}

impl Upload<'_> {
    /// Sends a part, once there is room for one more on the way.
    fn send(&mut self, number: u64, bytes: Vec<u8>) -> Result<()> {
        let inner = self.put.inner;
        let length = bytes.len() as u64;
        while self.tasks.len() >= parts::in_flight(length) {
            self.arrived()?;
        }
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        let request = inner.client.upload_part().bucket(&inner.address.bucket).key(&self.put.key).upload_id(&self.id);
        let request = request.part_number(number).set_checksum_algorithm(Settings::checksum(inner));
        let request = request.body(ByteStream::from(bytes));
        let limits = Config::builder().timeout_config(client::timeouts(&inner.options, length));
        let sending = async move {
            let sent = request.customize().config_override(limits).send().await.map_err(|error| Seen::of(&error))?;
            let part = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag);
            let part = part.set_checksum_crc32(sent.checksum_crc32).set_checksum_crc32_c(sent.checksum_crc32_c);
            let part = part.set_checksum_crc64_nvme(sent.checksum_crc64_nvme).set_checksum_sha256(sent.checksum_sha256);
            Ok(part.build())
        };
        self.tasks.spawn_on(sending, &inner.handle);
        Ok(())
    }

    /// Waits for one part; false where none is on the way.
    fn arrived(&mut self) -> Result<bool> {
        let (inner, tasks) = (self.put.inner, &mut self.tasks);
        match inner.wait(tasks.join_next()) {
            None => return Ok(false),
            Some(Ok(Ok(part))) => self.parts.push(part),
            Some(Ok(Err(seen))) => return Err(seen.into_error(OP, self.put.place.clone())),
            Some(Err(_)) => return Err(Error::new(ErrorKind::Interrupted).about(self.put.place.clone())),
        }
        Ok(true)
    }

    fn finish(mut self, length: u64) -> Result<ObjectInfo> {
        while self.arrived()? {}
        self.parts.sort_by_key(CompletedPart::part_number);
        let (put, inner) = (self.put, self.put.inner);
        let tag = tag_of_parts(&self.parts);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts.clone())).build();
        let mut tries = 0;
        loop {
            let request = inner.client.complete_multipart_upload().bucket(&inner.address.bucket).key(&put.key);
            let request = request.upload_id(&self.id).multipart_upload(parts.clone());
            let request = request.set_if_none_match(put.if_absent.then(|| "*".to_owned()));
            let found = match inner.wait(request.send()) {
                Ok(answer) => Some(put.kept(length, answer.e_tag())),
                Err(error) => put.after(&Seen::of(&error), length, &tag, &mut tries)?,
            };
            if let Some(found) = found {
                self.whole = true;
                return Ok(found);
            }
        }
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if self.whole {
            return;
        }
        let (put, tasks, id) = (self.put, &mut self.tasks, &self.id);
        let (inner, bucket) = (put.inner, &put.inner.address.bucket);
        let abort = async {
            // A part that arrives after the abort would stay.
            tasks.shutdown().await;
            for _ in 0..3 {
                let _ = inner.client.abort_multipart_upload().bucket(bucket).key(&put.key).upload_id(id).send().await;
                let left = inner.client.list_parts().bucket(bucket).key(&put.key).upload_id(id).send().await;
                if left.is_err() || left.is_ok_and(|left| left.parts().is_empty()) {
                    break;
                }
            }
        };
        let _ = inner.wait(async { tokio::time::timeout(ABORT_TIMEOUT, abort).await });
    }
}

/// A body that comes no faster than the settings say.
struct Slowed<'a> {
    inner: &'a Inner,
    body: &'a mut dyn Read,
}

impl Read for Slowed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.body.read(buffer)?;
        self.inner.slow_down(count);
        Ok(count)
    }
}

/// The tag that AWS gives to an object of these parts: MD5 over the parts' own, and how many there are.
fn tag_of_parts(parts: &[CompletedPart]) -> String {
    let mut all = Md5::new();
    for part in parts {
        let tag = part.e_tag().map(tag_of).unwrap_or_default();
        let nibbles: Vec<u8> =
            tag.chars().filter_map(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
        let bytes: Vec<u8> =
            nibbles.chunks(2).map(|pair| pair.iter().fold(0, |sum, nibble| (sum << 4) | nibble)).collect();
        all.update(bytes);
    }
    format!("{}-{}", hex(&all.finalize()), parts.len())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_parts_is_what_servers_make_of_them() {
        let part = |number, bytes: &[u8]| {
            let tag = format!("\"{}\"", hex(&Md5::digest(bytes)));
            CompletedPart::builder().part_number(number).e_tag(tag).build()
        };
        let mut both = Md5::digest(b"a").to_vec();
        both.extend(Md5::digest(b"b"));
        let expected = format!("{}-2", hex(&Md5::digest(&both)));
        assert_eq!(tag_of_parts(&[part(1, b"a"), part(2, b"b")]), expected);
        assert_ne!(tag_of_parts(&[part(1, b"b"), part(2, b"a")]), expected);
    }
}
