//! Lines in pieces, one per family, that can be joined in any order: plain
//! text, or deflate pieces of it.

use std::ops::Range;

use bytes::Bytes;
use flate2::Compression;

use super::Format;
use super::gzip::Deflater;

/// One buffer, and where in it the lines of each family are.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) bytes: Bytes,
    pub(super) families: Vec<Spans>,
}

/// Where the lines of a family are.
#[derive(Clone, Debug)]
pub(super) struct Spans {
    pub(super) text: Range<usize>,
    /// The same range, if the lines are the same.
    pub(super) open_metrics: Range<usize>,
}

impl Pieces {
    /// The piece of a family, by its place in the catalogue.
    pub(super) fn get(&self, family: usize, format: Format) -> Bytes {
        let range = match (self.families.get(family), format) {
            (Some(spans), Format::Text) => spans.text.clone(),
            (Some(spans), Format::OpenMetrics) => spans.open_metrics.clone(),
            (None, _) => 0..0,
        };
        self.bytes.slice(range)
    }

    /// Compresses each piece by itself, and lines that are the same in both
    /// formats once.
    pub(super) fn deflate(&self, level: Compression) -> Self {
        let mut deflater = Deflater::new(level);
        let mut piece = |range: &Range<usize>| {
            let plain = self.bytes.get(range.clone());
            deflater.piece(plain.unwrap_or_default())
        };
        let mut families = Vec::with_capacity(self.families.len());
        for Spans { text, open_metrics } in &self.families {
            let first = piece(text);
            families.push(Spans {
                open_metrics: if open_metrics == text {
                    first.clone()
                } else {
                    piece(open_metrics)
                },
                text: first,
            });
        }
        Self {
            families,
            bytes: deflater.finish().into(),
        }
    }
}

/// Bytes that are put together from pieces: small ones are copied, so that
/// there are few, and large ones are shared, so that they are in memory once.
#[derive(Default)]
pub(super) struct Rope {
    chunks: Vec<Bytes>,
    tail: Vec<u8>,
}

/// From this size on sharing is cheaper than copying.
const SHARED: usize = 64 * 1024;

impl Rope {
    pub(super) fn push(&mut self, piece: &Bytes) {
        if piece.len() < SHARED {
            self.tail.extend_from_slice(piece);
        } else {
            self.cut();
            self.chunks.push(piece.clone());
        }
    }

    pub(super) fn finish(mut self) -> Vec<Bytes> {
        self.cut();
        self.chunks
    }

    fn cut(&mut self) {
        if !self.tail.is_empty() {
            // An exact copy: what grew by doubling may be half empty.
            self.chunks.push(Bytes::copy_from_slice(&self.tail));
            self.tail.clear();
        }
    }
}
