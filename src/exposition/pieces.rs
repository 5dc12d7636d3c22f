//! The lines of each family and format as a piece, compressed once. Pieces can
//! be joined in any order to a plain page or a gzip member.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::Compression;

use super::Format;
use super::catalogue::snapshot_families;
use super::gzip::Deflater;

/// The byte ranges of a family's lines, by format.
#[derive(Clone, Debug)]
pub(super) struct FamilyRanges {
    pub(super) text: Range<usize>,
    /// The same range if the lines are the same.
    pub(super) open_metrics: Range<usize>,
}

/// The byte ranges of each family's lines, by the family's name.
pub(super) type Ranges = BTreeMap<&'static str, FamilyRanges>;

/// The lines of one family in one format.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) plain: Bytes,
    /// The same, as a deflate piece.
    pub(super) deflated: Bytes,
    /// Of the plain bytes.
    pub(super) crc: Hasher,
}

impl Piece {
    fn is_same(&self, other: &Self) -> bool {
        self.plain.as_ptr() == other.plain.as_ptr() && self.plain.len() == other.plain.len()
    }

    /// Joins pieces, which become slices of the result.
    fn join(mut pieces: Vec<&mut Self>) -> Self {
        if let [only] = &pieces[..] {
            return (*only).clone();
        }
        let mut crc = Hasher::new();
        for piece in &pieces {
            crc.combine(&piece.crc);
        }
        Self {
            plain: concatenate(&mut pieces, |piece| &mut piece.plain),
            deflated: concatenate(&mut pieces, |piece| &mut piece.deflated),
            crc,
        }
    }
}

/// Concatenates one byte string of each piece and replaces it with its slice
/// of the result.
fn concatenate(pieces: &mut [&mut Piece], bytes: fn(&mut Piece) -> &mut Bytes) -> Bytes {
    let length = pieces.iter_mut().map(|piece| bytes(piece).len()).sum();
    let mut joined = Vec::with_capacity(length);
    for piece in &mut *pieces {
        joined.extend_from_slice(bytes(piece));
    }
    let joined = Bytes::from(joined);
    let mut start = 0;
    for piece in pieces {
        let own = bytes(piece);
        let end = start + own.len();
        *own = joined.slice(start..end);
        start = end;
    }
    joined
}

/// The pieces of each family that has lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces(BTreeMap<&'static str, [Piece; 2]>);

impl Pieces {
    /// Splits lines into pieces and compresses each. Lines that are the same in
    /// both formats are compressed once.
    pub(super) fn split(mut lines: Vec<u8>, families: &Ranges, level: Compression) -> Self {
        lines.shrink_to_fit();
        let lines = Bytes::from(lines);
        let mut deflater = Deflater::new(level);
        let mut compress = |range: &Range<usize>| deflater.piece(&lines[range.clone()]);
        let compressed: Vec<_> = families
            .values()
            .map(|spans| {
                let text = compress(&spans.text);
                let same = spans.open_metrics == spans.text;
                let open_metrics = (!same).then(|| compress(&spans.open_metrics));
                (text, open_metrics)
            })
            .collect();
        let member = Bytes::from(deflater.finish());
        let piece = |plain: &Range<usize>, compressed: Range<usize>| {
            let plain = lines.slice(plain.clone());
            let mut crc = Hasher::new();
            crc.update(&plain);
            Piece {
                plain,
                deflated: member.slice(compressed),
                crc,
            }
        };
        let pieces = families.iter().zip(compressed);
        let pieces = pieces.map(|((name, spans), (text, open_metrics))| {
            let text = piece(&spans.text, text);
            let open_metrics = open_metrics.map(|range| piece(&spans.open_metrics, range));
            (*name, [text.clone(), open_metrics.unwrap_or(text)])
        });
        Self(pieces.collect())
    }

    /// Joins the pieces of several tenants, family by family. The tenants'
    /// pieces become slices of the joined ones, so that they are in memory
    /// once.
    pub(super) fn join(tenants: &mut [&mut Self]) -> Self {
        let mut joined = BTreeMap::new();
        for family in snapshot_families().map(|family| family.name) {
            let mut pieces: Vec<&mut [Piece; 2]> = tenants
                .iter_mut()
                .filter_map(|tenant| tenant.0.get_mut(family))
                .collect();
            if pieces.is_empty() {
                continue;
            }
            let same = pieces.iter().all(|[text, other]| text.is_same(other));
            let text = Piece::join(pieces.iter_mut().map(|[text, _]| text).collect());
            let open_metrics = if same {
                for [text, open_metrics] in pieces {
                    *open_metrics = text.clone();
                }
                text.clone()
            } else {
                Piece::join(pieces.into_iter().map(|[_, other]| other).collect())
            };
            joined.insert(family, [text, open_metrics]);
        }
        Self(joined)
    }

    /// The lines of a family, if it has any.
    pub(super) fn get(&self, family: &str, format: Format) -> Option<&Piece> {
        let [text, open_metrics] = self.0.get(family)?;
        let piece = match format {
            Format::Text => text,
            Format::OpenMetrics => open_metrics,
        };
        (!piece.plain.is_empty()).then_some(piece)
    }
}

/// Concatenates byte strings: small ones are copied, so that there are few
/// chunks, and large ones are shared, so that they are in memory once.
#[derive(Default)]
pub(super) struct ChunkList {
    chunks: Vec<Bytes>,
    tail: Vec<u8>,
}

/// From this size on, in bytes, sharing is cheaper than copying.
const SHARED: usize = 64 * 1024;

impl ChunkList {
    pub(super) fn push(&mut self, piece: &Bytes) {
        if piece.len() < SHARED {
            self.tail.extend_from_slice(piece);
        } else {
            self.flush();
            self.chunks.push(piece.clone());
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
