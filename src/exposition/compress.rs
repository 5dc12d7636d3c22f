//! Compresses pieces of pages. Compressors are reused, since they cost more to
//! create than a small piece costs to compress.

use bytes::Bytes;
use flate2::Compression;
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

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
    /// For zstd, to be copied when its size is known.
    buffer: Vec<u8>,
}

impl Compressors {
    pub(super) fn deflate(&mut self, plain: &[u8]) -> Bytes {
        let level = Compression::new(DEFLATE_LEVEL);
        let deflater = self.deflater.get_or_insert_with(|| Deflater::new(level));
        deflater.piece(plain)
    }

    pub(super) fn zstd(&mut self, plain: &[u8]) -> Bytes {
        self.compressed(plain).unwrap_or_else(|| {
            let mut stored = Vec::with_capacity(plain.len() + 64);
            zstd_frames::store(&mut stored, plain);
            stored.into()
        })
    }

    /// `None` if the compressor fails, which is not expected.
    fn compressed(&mut self, plain: &[u8]) -> Option<Bytes> {
        if self.zstd.is_none() {
            self.zstd = Compressor::new(ZSTD_LEVEL).ok();
        }
        self.buffer.clear();
        self.buffer.reserve(compress_bound(plain.len()));
        let zstd = self.zstd.as_mut()?;
        zstd.compress_to_buffer(plain, &mut self.buffer).ok()?;
        Some(Bytes::copy_from_slice(&self.buffer))
    }
}
