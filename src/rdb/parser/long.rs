//! Strings that are too long to be held: taken as they come, handed over in pieces, measured and told from others by a
//! fingerprint. Keys and packed structures are collected up to their limits.

use super::{Parser, State, WHOLE_KEY_BYTES};
use crate::encoding::lzf;
use crate::rdb::grammar::Role;
use crate::rdb::item::{Element, Half, Item, Sink};
use crate::rdb::object::{Text, half_of};
use crate::rdb::walker::is_packed;
use sha2::Digest;

/// A string that comes in pieces.
pub(super) struct Long {
    role: Role,
    pub(super) stored_left: u64,
    pub(super) total: u64,
    at: u64,
    lzf: Option<lzf::Stream>,
    most: usize,
    fingerprint: Box<xxhash_rust::xxh3::Xxh3>,
    sha256: Option<sha2::Sha256>,
    pieces: bool,
    /// Its compression is: what came of it is worth nothing.
    broken: bool,
}

impl Parser {
    #[cold]
    pub(super) fn begin_long<S: Sink>(&mut self, role: Role, stored: u64, unpacked: Option<u64>, sink: &mut S) {
        let (lzf, flaw) = match unpacked.map(|unpacked| lzf::Stream::new(stored, unpacked)).transpose() {
            Ok(lzf) => (lzf, None),
            Err(flaw) => (None, Some(flaw)),
        };
        let plain_node = role == Role::Node && self.decoder.next_is_plain();
        let most = match role {
            Role::Key => WHOLE_KEY_BYTES,
            _ if is_packed(role) && !plain_node => self.config.limits.blob_bytes,
            _ => self.config.limits.string_bytes,
        };
        self.held.clear();
        self.long = Some(Long {
            role,
            stored_left: stored,
            total: unpacked.unwrap_or(stored),
            at: 0,
            lzf,
            most,
            fingerprint: Box::default(),
            sha256: (role == Role::Key).then(sha2::Sha256::default),
            pieces: self.emit
                && matches!(self.state, State::Value(_))
                && flaw.is_none()
                && (half_of(role).is_some() || plain_node),
            broken: flaw.is_some(),
        });
        // The framing holds: the compressed bytes are passed over.
        if let Some(flaw) = flaw {
            self.damage(&flaw, self.offset, false, sink);
        }
    }

    /// Takes what is there of a long string.
    #[cold]
    pub(super) fn long_piece<S: Sink>(&mut self, rest: &[u8], sink: &mut S) -> usize {
        let Some(mut long) = self.long.take() else { return 0 };
        let used = usize::try_from(long.stored_left).unwrap_or(usize::MAX).min(rest.len());
        let here = rest.get(..used).unwrap_or_default();
        long.stored_left = long.stored_left.saturating_sub(used as u64);
        let held = &mut self.held;
        // A packed structure that cannot be held is not kept in part either.
        let hopeless = long.broken || (is_packed(long.role) && long.total > long.most as u64);
        let mut take = |at: &mut u64, bytes: &[u8]| {
            if !hopeless {
                let room = long.most.saturating_sub(held.len());
                held.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            }
            long.fingerprint.update(bytes);
            if let Some(hash) = &mut long.sha256 {
                hash.update(bytes);
            }
            if long.pieces {
                let half = half_of(long.role).unwrap_or(Half::Name);
                sink.item(&Item::Element(Element::Piece { half, at: *at, total: long.total, bytes }));
            }
            *at = at.saturating_add(bytes.len() as u64);
        };
        let outcome = if let Some(stream) = &mut long.lzf {
            stream.feed(here, &mut |piece| take(&mut long.at, piece))
        } else {
            take(&mut long.at, here);
            Ok(())
        };
        if let Err(flaw) = outcome {
            // The framing holds: the compressed bytes are passed over.
            self.damage(&flaw, self.offset, false, sink);
            long.lzf = None;
            long.pieces = false;
            long.broken = true;
        }
        if long.stored_left > 0 {
            self.long = Some(long);
            return used;
        }
        let finished = long.lzf.take().map_or(Ok(()), lzf::Stream::finish);
        if let Some(hash) = long.sha256.take() {
            self.key.sha256 = Some(hash.finalize().into());
        }
        if long.broken {
            // As for a short one: the value goes on without it, a key without its name.
            let outcome = if long.role == Role::Key { self.text(Role::Key, Text::Whole(&[]), sink) } else { Ok(()) };
            if let Err(flaw) = outcome {
                self.damage(&flaw, self.offset, false, sink);
            }
            return used;
        }
        let held = std::mem::take(&mut self.held);
        let is_whole = held.len() as u64 == long.total && is_packed(long.role);
        let text = if is_whole {
            Text::Whole(&held)
        } else {
            Text::Long { head: &held, total: long.total, fingerprint: long.fingerprint.digest128() }
        };
        let outcome = finished.and_then(|()| self.text(long.role, text, sink));
        self.held = held;
        if self.held.capacity() > self.config.limits.string_bytes.saturating_mul(2) {
            self.held = Vec::new();
        }
        if let Err(flaw) = outcome {
            self.damage(&flaw, self.offset, false, sink);
        }
        used
    }
}
