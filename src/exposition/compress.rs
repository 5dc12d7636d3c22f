//! Compresses pieces of pages. Compressors are reused, since they cost more to
//! create than a small piece costs to compress.

use bytes::Bytes;
use flate2::Compression;
use zstd::bulk::Compressor;

use super::gzip::Deflater;
use super::zstd_frames;

/// The deflate level of samples: a third smaller than level 1. Higher levels
/// take longer and gain almost nothing.
const DEFLATE_LEVEL: u32 = 2;

/// The zstd level of samples.
const ZSTD_LEVEL: i32 = 1;

/// Created when first used.
#[derive(Default)]
pub(super) struct Compressors {
    deflater: Option<Deflater>,
    zstd: Option<Compressor<'static>>,
}

impl Compressors {
    pub(super) fn deflate(&mut self, plain: &[u8]) -> Bytes {
        let level = Compression::new(DEFLATE_LEVEL);
        let deflater = self.deflater.get_or_insert_with(|| Deflater::new(level));
        Bytes::from(deflater.piece(plain))
    }

    pub(super) fn zstd(&mut self, plain: &[u8]) -> Bytes {
        Bytes::from(self.compressed(plain).unwrap_or_else(|| {
            let mut stored = Vec::with_capacity(plain.len() + 64);
            zstd_frames::store(&mut stored, plain);
            stored
        }))
    }

    /// `None` if the compressor fails, which is not expected.
    fn compressed(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        if self.zstd.is_none() {
            self.zstd = Compressor::new(ZSTD_LEVEL).ok();
        }
        let mut compressed = self.zstd.as_mut()?.compress(plain).ok()?;
        compressed.shrink_to_fit();
        Some(compressed)
    }
}
