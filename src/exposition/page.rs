//! The samples of each tenant in pieces, and the page that joins them.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::Compression;
use prometheus::proto::MetricFamily;

use super::catalogue::snapshot_families;
use super::gzip::Deflater;
use super::lines::Lines;
use super::pieces::{Families, Piece, Pieces, Rope, Spans};
use super::writer::write_header;
use super::{Body, Encoding, Format, gzip, own};
use crate::jobs::Job;
use crate::snapshot::Snapshot;

/// One tenant's samples, family by family, plain and compressed.
#[derive(Debug)]
pub struct Blocks(Pieces);

/// The compression level of samples: a third smaller than at level 1, and the
/// levels above take longer for nothing.
const LEVEL: u32 = 2;

/// The headers of all families, made once per process.
static HEADERS: LazyLock<Pieces> = LazyLock::new(|| {
    let mut bytes = Vec::new();
    let mut families = Families::new();
    for family in snapshot_families() {
        let mut write = |format| {
            let start = bytes.len();
            write_header(&mut bytes, format, family.name, family.kind, family.help);
            start..bytes.len()
        };
        let spans = Spans {
            text: write(Format::Text),
            open_metrics: write(Format::OpenMetrics),
        };
        families.insert(family.name, spans);
    }
    Pieces::cut(bytes, &families, Compression::best())
});

impl Blocks {
    /// Writes and compresses a snapshot. Takes time in proportion to its
    /// series: not for an async thread.
    #[must_use]
    pub fn render(snapshot: &Snapshot) -> Self {
        Self::cut(Lines::write(snapshot))
    }

    /// Writes the answer to a probe: the series of one job, if it could be
    /// fetched, and how the probe went.
    #[must_use]
    pub fn probe(
        tenant: &str,
        id: &str,
        job: Option<&Arc<Job>>,
        elapsed: Duration,
        files: bool,
    ) -> Self {
        Self::cut(Lines::write_probe(tenant, id, job, elapsed, files))
    }

    fn cut(Lines { text, families }: Lines) -> Self {
        Self(Pieces::cut(text, &families, Compression::new(LEVEL)))
    }
}

/// The samples of all tenants, ready to be sent in both formats and codings.
#[derive(Debug)]
pub struct Page {
    text: Sheet,
    open_metrics: Sheet,
}

/// The page in one format.
#[derive(Debug)]
struct Sheet {
    plain: Vec<Bytes>,
    /// From the header of the gzip member on; its end is yet to come.
    gzip: Vec<Bytes>,
    /// Of the plain bytes.
    crc: Hasher,
    length: usize,
}

impl Page {
    /// Joins the blocks of all tenants, given in the order of their names.
    /// Nothing of them is read, and only small pieces are copied, so that it
    /// takes little longer for many jobs than for few.
    #[must_use]
    pub fn assemble(tenants: &[Arc<Blocks>]) -> Self {
        Self {
            text: Sheet::join(tenants, Format::Text),
            open_metrics: Sheet::join(tenants, Format::OpenMetrics),
        }
    }

    /// The whole page, with the exporter's own families at its end. Takes no
    /// longer for many jobs than for few.
    #[must_use]
    pub fn body(&self, format: Format, encoding: Encoding, own: &[MetricFamily]) -> Body {
        let mut end = own::write(format, own);
        let sheet = match format {
            Format::Text => &self.text,
            Format::OpenMetrics => {
                end.extend_from_slice(b"# EOF\n");
                &self.open_metrics
            }
        };
        let mut chunks = match encoding {
            Encoding::Identity => sheet.plain.clone(),
            Encoding::Gzip => {
                end = sheet.gzip_end(&end);
                sheet.gzip.clone()
            }
        };
        chunks.push(end.into());
        Body::new(chunks, format.content_type())
    }
}

/// Fresh lines up to this size, those of a few tenants, go uncompressed:
/// compressing them would cost more than all the rest of a scrape.
const COMPRESSED: usize = 32 * 1024;

impl Sheet {
    /// Families one after the other, each with its header and the samples of
    /// all tenants; those without a sample are left out.
    fn join(tenants: &[Arc<Blocks>], format: Format) -> Self {
        let (mut plain, mut gzip) = (Rope::default(), Rope::default());
        gzip.push(&Bytes::from_static(&gzip::HEADER));
        let (mut crc, mut length) = (Hasher::new(), 0);
        let mut push = |piece: &Piece| {
            plain.push(&piece.plain);
            gzip.push(&piece.deflated);
            crc.combine(&piece.crc);
            length += piece.plain.len();
        };
        for family in snapshot_families() {
            let pieces = tenants.iter();
            let mut pieces = pieces
                .filter_map(|blocks| blocks.0.get(family.name, format))
                .peekable();
            if pieces.peek().is_some() {
                HEADERS.get(family.name, format).map(&mut push);
            }
            pieces.for_each(&mut push);
        }
        Self {
            plain: plain.finish(),
            gzip: gzip.finish(),
            crc,
            length,
        }
    }

    /// The end of the gzip member, with fresh lines in it.
    fn gzip_end(&self, fresh: &[u8]) -> Vec<u8> {
        let mut crc = self.crc.clone();
        crc.update(fresh);
        let mut end = if fresh.len() < COMPRESSED {
            let mut stored = Vec::with_capacity(fresh.len() + 64);
            gzip::store(&mut stored, fresh);
            stored
        } else {
            let mut deflater = Deflater::new(Compression::fast());
            deflater.piece(fresh);
            deflater.finish()
        };
        gzip::end(&mut end, crc.finalize(), self.length + fresh.len());
        end
    }
}
