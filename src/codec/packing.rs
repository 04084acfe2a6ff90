//! How payloads are compressed: what to ask for, and how one frame is made.

use super::chunk::{Pool, Shared};
use crate::base::{Error, ErrorKind};
use std::fmt;
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::str::FromStr;
use zstd::zstd_safe::{self, CParameter};

const GZIP_LEVELS: RangeInclusive<u32> = 1..=9;
/// Those that zstd takes without being asked twice.
const ZSTD_LEVELS: RangeInclusive<i32> = 1..=19;

/// How a payload is compressed, written as `zstd:3`, `gzip:6` or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    None,
    /// As gzip members, which `gzip -d` reads as one file.
    Gzip {
        /// 1 to 9.
        level: u32,
    },
    /// As zstd frames with a seek table, which `zstd -d` reads as one file.
    Zstd {
        /// 1 to 19.
        level: i32,
    },
}

impl Default for Packing {
    /// `zstd:3`.
    fn default() -> Self {
        Packing::Zstd { level: 3 }
    }
}

impl Packing {
    /// `none`, `gzip` or `zstd`.
    pub fn name(self) -> &'static str {
        match self {
            Packing::None => "none",
            Packing::Gzip { .. } => "gzip",
            Packing::Zstd { .. } => "zstd",
        }
    }

    /// The level, where there is one.
    pub fn level(self) -> Option<i32> {
        match self {
            Packing::None => None,
            Packing::Gzip { level } => i32::try_from(level).ok(),
            Packing::Zstd { level } => Some(level),
        }
    }

    /// What names of files end in: nothing, `.gz` or `.zst`.
    pub fn suffix(self) -> &'static str {
        match self {
            Packing::None => "",
            Packing::Gzip { .. } => ".gz",
            Packing::Zstd { .. } => ".zst",
        }
    }
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        self.level().map_or(Ok(()), |level| write!(f, ":{level}"))
    }
}

impl FromStr for Packing {
    type Err = Error;

    /// Reads what [`Packing`] writes; without a level `zstd` is `zstd:3`, and `gzip` is `gzip:6`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |what: String| Error::new(ErrorKind::Usage { option: "--compression", what });
        let (name, level) = text.split_once(':').map_or((text, None), |(name, level)| (name, Some(level)));
        let shown: String = text.escape_debug().take(40).collect();
        match (name, level) {
            ("none", None) => Ok(Packing::None),
            ("gzip", level) => {
                let level = level.unwrap_or("6").parse().ok().filter(|level| GZIP_LEVELS.contains(level));
                let level = level.ok_or_else(|| wrong(format!("`{shown}`: levels of gzip are 1 to 9")))?;
                Ok(Packing::Gzip { level })
            }
            ("zstd", level) => {
                let level = level.unwrap_or("3").parse().ok().filter(|level| ZSTD_LEVELS.contains(level));
                let level = level.ok_or_else(|| wrong(format!("`{shown}`: levels of zstd are 1 to 19")))?;
                Ok(Packing::Zstd { level })
            }
            _ => Err(wrong(format!("`{shown}` is none of `zstd:LEVEL`, `gzip:LEVEL` and `none`"))),
        }
    }
}

/// Compresses one chunk after the other, each by itself.
pub(super) enum Packer {
    Gzip { level: u32 },
    Zstd(Box<zstd::bulk::Compressor<'static>>),
}

impl Packer {
    /// None where nothing is to be compressed.
    pub(super) fn new(packing: Packing) -> io::Result<Option<Self>> {
        Ok(match packing {
            Packing::None => None,
            Packing::Gzip { level } => Some(Packer::Gzip { level }),
            Packing::Zstd { level } => {
                let mut compressor = zstd::bulk::Compressor::new(level)?;
                compressor.set_parameter(CParameter::ChecksumFlag(true))?;
                compressor.set_parameter(CParameter::ContentSizeFlag(true))?;
                Some(Packer::Zstd(Box::new(compressor)))
            }
        })
    }

    /// A frame or member of its own, with its checksum; of zstd also with its length.
    pub(super) fn pack(&mut self, raw: &[u8], pool: &Pool) -> io::Result<Shared> {
        match self {
            Packer::Gzip { level } => {
                let mut buffer = pool.buffer(0);
                buffer.clear();
                let mut encoder = flate2::write::GzEncoder::new(buffer, flate2::Compression::new(*level));
                encoder.write_all(raw)?;
                let buffer = encoder.finish()?;
                let length = buffer.len();
                Ok(pool.share(buffer, length))
            }
            Packer::Zstd(compressor) => {
                let mut buffer = pool.buffer(zstd_safe::compress_bound(raw.len()));
                let length = compressor.compress_to_buffer(raw, buffer.as_mut_slice())?;
                Ok(pool.share(buffer, length))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packings_are_read_as_they_are_written() {
        for text in ["none", "gzip:1", "gzip:9", "zstd:1", "zstd:3", "zstd:19"] {
            assert_eq!(text.parse::<Packing>().expect(text).to_string(), text);
        }
        assert_eq!("zstd".parse::<Packing>().expect("a level of its own"), Packing::default());
        assert_eq!("gzip".parse::<Packing>().expect("a level of its own"), Packing::Gzip { level: 6 });
        for text in
            ["", "lz4", "none:1", "zstd:0", "zstd:20", "zstd:-1", "zstd:", "gzip:0", "gzip:10", "gzip:x", "Zstd"]
        {
            let wrong = text.parse::<Packing>().expect_err(text);
            assert!(wrong.to_string().starts_with("--compression: `"), "{wrong}");
        }
    }
}
