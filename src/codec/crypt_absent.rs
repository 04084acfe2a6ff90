//! What a build without the feature `crypt` has instead: the same words, and no keys.

use crate::base::{Error, ErrorKind, Result};
use std::convert::Infallible;
use std::io::{self, Read};
use std::path::Path;

/// Whom payloads are encrypted to: in this build there are none.
#[derive(Debug, Clone)]
pub struct Recipients(Infallible);

/// Who can open payloads: in this build there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identities(Infallible);

fn absent() -> Error {
    let what = "this build has no encryption: it was made without the feature `crypt`".to_owned();
    Error::new(ErrorKind::Unsupported { what })
}

impl Recipients {
    /// # Errors
    /// Always [`ErrorKind::Unsupported`].
    pub fn parse<'t>(_: impl IntoIterator<Item = &'t str>) -> Result<Self> {
        Err(absent())
    }

    /// # Errors
    /// Always [`ErrorKind::Unsupported`].
    pub fn read(_: &Path) -> Result<Self> {
        Err(absent())
    }

    /// # Errors
    /// Always [`ErrorKind::Unsupported`].
    pub fn joined(_: impl IntoIterator<Item = Self>) -> Result<Self> {
        Err(absent())
    }

    /// None there are.
    pub fn public_keys(&self) -> Vec<String> {
        match self.0 {}
    }
}

impl Identities {
    /// # Errors
    /// Always [`ErrorKind::Unsupported`].
    pub fn read(_: &Path) -> Result<Self> {
        Err(absent())
    }

    /// # Errors
    /// Always [`ErrorKind::Unsupported`].
    pub fn parse(_: &str) -> Result<Self> {
        Err(absent())
    }

    /// The first of several: there are none.
    ///
    /// # Errors
    /// Always [`ErrorKind::Unsupported`].
    pub fn joined(all: impl IntoIterator<Item = Self>) -> Result<Self> {
        all.into_iter().next().ok_or_else(absent)
    }

    /// None there are.
    pub fn public_keys(&self) -> Vec<String> {
        match self.0 {}
    }
}

pub(super) struct Encrypting(Infallible);

impl Encrypting {
    pub(super) fn new(recipients: &Recipients) -> Result<Self> {
        match recipients.0 {}
    }

    pub(super) fn push(&mut self, _: &[u8]) -> io::Result<()> {
        match self.0 {}
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self.0 {}
    }

    pub(super) fn take(&mut self, _: Vec<u8>) -> Vec<u8> {
        match self.0 {}
    }
}

/// # Errors
/// There are no identities to call this with.
pub fn decrypt(_: Box<dyn Read + Send>, identities: &Identities) -> Result<Box<dyn Read + Send>> {
    match identities.0 {}
}
