//! gzip in pieces: deflate blocks made at different times and joined into one
//! ordinary gzip member.
//!
//! A piece begins with an empty window and is flushed to a byte boundary, so
//! it does not depend on what precedes it. A deflate stream is any number of
//! such pieces and a block marked as the last one; the trailer holds the
//! CRC-32 and the length of the whole.

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};

/// The header of a member: deflate, no name, no time, unknown system.
pub(super) const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Compresses pieces, one after the other.
pub(super) struct Deflater {
    compress: Compress,
    /// For a piece, to be copied when its size is known.
    buffer: Vec<u8>,
}

impl Deflater {
    pub(super) fn new(level: Compression) -> Self {
        Self {
            compress: Compress::new(level, false),
            buffer: Vec::new(),
        }
    }

    /// Compresses `plain` to a piece. No bytes give an empty piece.
    pub(super) fn piece(&mut self, plain: &[u8]) -> Bytes {
        self.buffer.clear();
        if !plain.is_empty() && self.deflate(plain).is_none() {
            self.buffer.clear();
            store(&mut self.buffer, plain);
        }
        Bytes::copy_from_slice(&self.buffer)
    }

    /// `None` if the compressor fails, which is not expected.
    fn deflate(&mut self, plain: &[u8]) -> Option<()> {
        let Self {
            compress,
            buffer: out,
        } = self;
        compress.reset();
        let mut rest = plain;
        loop {
            out.reserve(plain.len() / 16 + 256);
            compress.compress_vec(rest, out, FlushCompress::Sync).ok()?;
            let consumed = usize::try_from(compress.total_in()).ok()?;
            rest = plain.get(consumed..)?;
            // Spare capacity means that the compressor has no more output.
            if rest.is_empty() && out.len() < out.capacity() {
                return Some(());
            }
        }
    }
}

/// The size limit of a stored block, in bytes.
const STORED: usize = 0xffff;

/// Appends a piece that is not compressed.
pub(super) fn store(out: &mut Vec<u8>, plain: &[u8]) {
    for block in plain.chunks(STORED) {
        stored_block(out, block, false);
    }
}

/// Appends the end of a member with this CRC-32 and length.
pub(super) fn end(out: &mut Vec<u8>, crc: u32, length: usize) {
    stored_block(out, &[], true);
    out.extend_from_slice(&crc.to_le_bytes());
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the trailer's is modulo 2^32"
    )]
    out.extend_from_slice(&(length as u32).to_le_bytes());
}

fn stored_block(out: &mut Vec<u8>, block: &[u8], last: bool) {
    #[expect(clippy::cast_possible_truncation, reason = "chunks of at most STORED")]
    let length = block.len() as u16;
    out.push(last.into());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&(!length).to_le_bytes());
    out.extend_from_slice(block);
}
