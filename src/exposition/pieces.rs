//! The samples of one family in one section: a piece, in one format and content
//! coding. Pieces can be placed in any order on a page.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use crc32fast::Hasher;

use super::Encoding;
use super::catalogue::snapshot_families;
use super::compress::Compressors;
use super::samples::Samples;

/// Some samples of one family, or its header, in one content coding.
#[derive(Debug)]
pub(super) struct Piece {
    /// The position of the family on the page.
    pub(super) family: usize,
    /// With gzip a part of a deflate stream, with zstd a frame.
    pub(super) encoded: Bytes,
    /// The length before encoding, in bytes.
    pub(super) length: usize,
    /// Of the bytes before encoding; not computed without gzip.
    crc: u32,
}

/// Positions of families on the page, by their names.
static POSITIONS: LazyLock<HashMap<&'static str, usize>> = LazyLock::new(|| {
    let families = snapshot_families().enumerate();
    families
        .map(|(index, family)| (family.name, index))
        .collect()
});

impl Piece {
    pub(super) fn new(
        family: usize,
        plain: Bytes,
        encoding: Encoding,
        compressors: &mut Compressors,
    ) -> Self {
        let length = plain.len();
        let (encoded, crc) = match encoding {
            Encoding::Identity => (plain, 0),
            Encoding::Gzip => (compressors.deflate(&plain), crc32fast::hash(&plain)),
            Encoding::Zstd => (compressors.zstd(&plain), 0),
        };
        Self {
            family,
            encoded,
            length,
            crc,
        }
    }

    /// A piece for each family.
    pub(super) fn split(
        samples: Samples,
        encoding: Encoding,
        compressors: &mut Compressors,
    ) -> Arc<[Self]> {
        let Samples { bytes, families } = samples;
        let bytes = match encoding {
            // An exact copy: the buffer is as large as was estimated.
            Encoding::Identity => Bytes::copy_from_slice(&bytes),
            Encoding::Gzip | Encoding::Zstd => bytes.into(),
        };
        let pieces = families.into_iter().filter_map(|(name, range)| {
            let family = POSITIONS.get(name)?;
            Some(Self::new(
                *family,
                bytes.slice(range),
                encoding,
                compressors,
            ))
        });
        pieces.collect()
    }

    /// The checksum of the bytes before gzip.
    pub(super) fn checksum(&self) -> Hasher {
        Hasher::new_with_initial_len(self.crc, self.length as u64)
    }
}

/// Concatenates byte strings. Those of a large page are shared, so that they are
/// in memory once; small ones are copied, so that there are few chunks.
#[derive(Debug)]
pub(super) struct ChunkList {
    chunks: Vec<Bytes>,
    tail: Vec<u8>,
    /// From this size on, in bytes, they are shared.
    shared: usize,
}

/// Smaller pages are copied: a system call sends a limited number of chunks.
const LARGE_PAGE: usize = 2 * 1024 * 1024;

/// From this size on, in bytes, the pieces of a large page are shared.
const SHARED: usize = 4 * 1024;

/// The size of a chunk of small pieces, in bytes. Larger buffers are costly to
/// grow, and an allocator may keep their memory.
const CHUNK: usize = 256 * 1024;

impl ChunkList {
    /// An empty list for a page of about this size in bytes.
    pub(super) fn new(length: usize) -> Self {
        let is_large = length >= LARGE_PAGE;
        Self {
            chunks: Vec::new(),
            tail: Vec::new(),
            shared: if is_large { SHARED } else { usize::MAX },
        }
    }

    pub(super) fn push(&mut self, bytes: &Bytes) {
        if bytes.len() < self.shared {
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
