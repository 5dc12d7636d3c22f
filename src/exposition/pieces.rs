//! The samples of one family in one section: a piece, compressed once, when it
//! is first needed. Pieces can be placed in any order on a page of any content
//! coding.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use crc32fast::Hasher;

use super::Encoding;
use super::catalogue::snapshot_families;
use super::compress::Compressors;
use super::samples::Samples;

/// Some samples of one family, or its header.
#[derive(Debug)]
pub(super) struct Piece {
    /// The position of the family on the page.
    pub(super) family: usize,
    pub(super) plain: Bytes,
    deflated: OnceLock<Bytes>,
    zstd: OnceLock<Bytes>,
    crc: OnceLock<Hasher>,
}

/// Positions of families on the page, by their names.
static POSITIONS: LazyLock<HashMap<&'static str, usize>> = LazyLock::new(|| {
    let families = snapshot_families().enumerate();
    families
        .map(|(index, family)| (family.name, index))
        .collect()
});

/// From this size on, in bytes, combining checksums is cheaper than computing
/// them again.
const COMBINED: usize = 64 * 1024;

impl Piece {
    pub(super) fn new(family: usize, plain: Bytes) -> Self {
        Self {
            family,
            plain,
            deflated: OnceLock::new(),
            zstd: OnceLock::new(),
            crc: OnceLock::new(),
        }
    }

    /// A piece for each family.
    pub(super) fn split(samples: Samples) -> Vec<Self> {
        let Samples { bytes, families } = samples;
        // An exact copy: the buffer is as large as was estimated.
        let bytes = Bytes::copy_from_slice(&bytes);
        let pieces = families.into_iter().filter_map(|(name, range)| {
            let family = POSITIONS.get(name)?;
            Some(Self::new(*family, bytes.slice(range)))
        });
        pieces.collect()
    }

    /// The samples in a content coding: with gzip as a part of a deflate stream,
    /// with zstd as a frame.
    pub(super) fn encoded(&self, encoding: Encoding, compressors: &mut Compressors) -> &Bytes {
        match encoding {
            Encoding::Identity => &self.plain,
            Encoding::Gzip => self
                .deflated
                .get_or_init(|| compressors.deflate(&self.plain)),
            Encoding::Zstd => self.zstd.get_or_init(|| compressors.zstd(&self.plain)),
        }
    }

    /// Adds the plain bytes to a checksum of those before.
    pub(super) fn add_to(&self, crc: &mut Hasher) {
        if self.plain.len() < COMBINED {
            crc.update(&self.plain);
            return;
        }
        crc.combine(self.crc.get_or_init(|| {
            let mut own = Hasher::new();
            own.update(&self.plain);
            own
        }));
    }
}

/// Concatenates byte strings: small ones are copied, so that there are few
/// chunks, and large ones are shared, so that they are in memory once.
#[derive(Debug, Default)]
pub(super) struct ChunkList {
    chunks: Vec<Bytes>,
    tail: Vec<u8>,
}

/// From this size on, in bytes, sharing is cheaper than copying.
const SHARED: usize = 8 * 1024;

/// The size of a chunk of small pieces, in bytes. Larger buffers are costly to
/// grow, and an allocator may keep their memory.
const CHUNK: usize = 256 * 1024;

impl ChunkList {
    pub(super) fn push(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARED {
            self.copy(bytes);
        } else {
            self.flush();
            self.chunks.push(bytes.clone());
        }
    }

    pub(super) fn copy(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        if self.tail.len() >= CHUNK {
            self.flush();
        }
    }

    pub(super) fn finish(mut self) -> Vec<Bytes> {
        self.flush();
        self.chunks
    }

    fn flush(&mut self) {
        if !self.tail.is_empty() {
            // An exact copy: the buffer may have twice the capacity it needs.
            self.chunks.push(Bytes::copy_from_slice(&self.tail));
            self.tail.clear();
        }
    }
}
