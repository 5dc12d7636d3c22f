//! The rendered samples of each tenant, and the page that joins them.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::Compression;
use prometheus::proto::MetricFamily;

use super::catalogue::snapshot_families;
use super::gzip::Deflater;
use super::lines::SampleLines;
use super::pieces::{ChunkList, FamilyRanges, Piece, Pieces, Ranges};
use super::writer::write_header;
use super::{Body, Encoding, Format, gathered, gzip};
use crate::jobs::Job;
use crate::snapshot::Snapshot;

/// One tenant's samples, family by family, plain and compressed.
#[derive(Clone, Debug)]
pub struct RenderedSnapshot(Pieces);

/// The compression level of samples: a third smaller than level 1. Higher
/// levels take longer and gain almost nothing.
const LEVEL: u32 = 2;

/// The headers of all families, made once per process.
static HEADERS: LazyLock<Pieces> = LazyLock::new(|| {
    let mut bytes = Vec::new();
    let mut families = Ranges::new();
    for family in snapshot_families() {
        let mut write = |format| {
            let start = bytes.len();
            write_header(&mut bytes, format, family.name, family.kind, family.help);
            start..bytes.len()
        };
        let spans = FamilyRanges {
            text: write(Format::Text),
            open_metrics: write(Format::OpenMetrics),
        };
        families.insert(family.name, spans);
    }
    Pieces::split(bytes, &families, Compression::best())
});

impl RenderedSnapshot {
    /// Writes and compresses a snapshot. Takes time in proportion to its
    /// series, so do not call it on an async thread.
    #[must_use]
    pub fn render(snapshot: &Snapshot) -> Self {
        Self::split(SampleLines::write(snapshot))
    }

    /// Renders the response to a probe: the series of one job, if it could be
    /// fetched, and the result of the probe.
    #[must_use]
    pub fn probe(
        tenant: &str,
        id: &str,
        job: Option<&Arc<Job>>,
        elapsed: Duration,
        files: bool,
    ) -> Self {
        Self::split(SampleLines::write_probe(tenant, id, job, elapsed, files))
    }

    fn split(SampleLines { text, families }: SampleLines) -> Self {
        Self(Pieces::split(text, &families, Compression::new(LEVEL)))
    }
}

/// The samples of all tenants, ready to be sent in both formats and codings.
#[derive(Debug)]
pub struct Page {
    text: FormattedPage,
    open_metrics: FormattedPage,
}

/// The page in one format.
#[derive(Debug)]
struct FormattedPage {
    plain: Vec<Bytes>,
    /// A gzip member without its end.
    gzip: Vec<Bytes>,
    /// Of the plain bytes.
    crc: Hasher,
    length: usize,
}

impl Page {
    /// Joins the samples of all tenants, given in the order of their names.
    #[must_use]
    pub fn assemble(tenants: &[Arc<RenderedSnapshot>]) -> Self {
        Self::share(&mut tenants.to_vec())
    }

    /// As [`assemble`](Self::assemble), but the tenants' samples become parts
    /// of the page, so that both together take the memory of one.
    #[must_use]
    pub fn share(tenants: &mut [Arc<RenderedSnapshot>]) -> Self {
        let mut pieces: Vec<&mut Pieces> = tenants
            .iter_mut()
            .map(|tenant| &mut Arc::make_mut(tenant).0)
            .collect();
        let joined = Pieces::join(&mut pieces);
        Self {
            text: FormattedPage::new(&joined, Format::Text),
            open_metrics: FormattedPage::new(&joined, Format::OpenMetrics),
        }
    }

    /// The whole page with the exporter's own families at its end. Its cost
    /// does not depend on the number of jobs.
    #[must_use]
    pub fn body(&self, format: Format, encoding: Encoding, gathered: &[MetricFamily]) -> Body {
        let mut end = gathered::write(format, gathered);
        let formatted = match format {
            Format::Text => &self.text,
            Format::OpenMetrics => {
                end.extend_from_slice(b"# EOF\n");
                &self.open_metrics
            }
        };
        let mut chunks = match encoding {
            Encoding::Identity => formatted.plain.clone(),
            Encoding::Gzip => {
                end = formatted.gzip_end(&end);
                formatted.gzip.clone()
            }
        };
        chunks.push(end.into());
        Body::new(chunks, format.content_type())
    }
}

/// From this size on, in bytes, the exporter's own families are compressed at
/// a scrape. For a few tenants that would cost more than the rest of a scrape.
const COMPRESSED: usize = 32 * 1024;

impl FormattedPage {
    /// Writes each family's header and the samples of all tenants. Families
    /// without a sample are left out.
    fn new(samples: &Pieces, format: Format) -> Self {
        let (mut plain, mut gzip) = (ChunkList::default(), ChunkList::default());
        gzip.push(&Bytes::from_static(&gzip::HEADER));
        let (mut crc, mut length) = (Hasher::new(), 0);
        let mut push = |piece: &Piece| {
            plain.push(&piece.plain);
            gzip.push(&piece.deflated);
            crc.combine(&piece.crc);
            length += piece.plain.len();
        };
        for family in snapshot_families() {
            if let Some(samples) = samples.get(family.name, format) {
                HEADERS.get(family.name, format).map(&mut push);
                push(samples);
            }
        }
        Self {
            plain: plain.finish(),
            gzip: gzip.finish(),
            crc,
            length,
        }
    }

    /// The end of the gzip member, with these lines in it.
    fn gzip_end(&self, lines: &[u8]) -> Vec<u8> {
        let mut crc = self.crc.clone();
        crc.update(lines);
        let mut end = if lines.len() < COMPRESSED {
            let mut stored = Vec::with_capacity(lines.len() + 64);
            gzip::store(&mut stored, lines);
            stored
        } else {
            let mut deflater = Deflater::new(Compression::fast());
            deflater.piece(lines);
            deflater.finish()
        };
        gzip::end(&mut end, crc.finalize(), self.length + lines.len());
        end
    }
}
