//! The page: the samples of all tenants, joined in every format and content
//! coding that is requested.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use crc32fast::Hasher;

use super::catalogue::snapshot_families;
use super::compress::Compressors;
use super::pieces::{ChunkList, Piece};
use super::recent::RecentForms;
use super::rendered::RenderedSnapshot;
use super::{Body, Encoding, Format, gathered, gzip, protobuf, zstd_frames};
use crate::telemetry::Gathered;

/// The headers of all families in each form, made once per process.
static HEADERS: [[OnceLock<Vec<Piece>>; Encoding::ALL.len()]; Format::ALL.len()] =
    [const { [const { OnceLock::new() }; Encoding::ALL.len()] }; Format::ALL.len()];

fn headers(format: Format, encoding: Encoding) -> &'static [Piece] {
    HEADERS[format as usize][encoding as usize].get_or_init(|| {
        let mut compressors = Compressors::default();
        let families = snapshot_families().enumerate();
        let headers = families.map(|(position, family)| {
            let mut header = Vec::new();
            format.write_header(&mut header, family.name, family.kind, family.help);
            Piece::new(position, header.into(), encoding, &mut compressors)
        });
        headers.collect()
    })
}

/// The samples of all tenants. A form of the page, that is a format in a
/// content coding, is made when it is first needed.
#[derive(Debug, Default)]
pub struct Page {
    tenants: Vec<Arc<RenderedSnapshot>>,
    forms: [[OnceLock<Form>; Encoding::ALL.len()]; Format::ALL.len()],
    recent: RecentForms,
}

/// The page in one format and content coding.
#[derive(Debug)]
struct Form {
    /// Of a gzip member, all but the end.
    chunks: Vec<Bytes>,
    /// Of the bytes before gzip.
    crc: Hasher,
    length: usize,
}

impl Page {
    /// The page of these tenants, given in the order of their names.
    #[must_use]
    pub fn new(tenants: Vec<Arc<RenderedSnapshot>>) -> Self {
        Self {
            tenants,
            ..Self::default()
        }
    }

    /// The page that comes after this one. Its samples are rendered and
    /// compressed now in the forms that were requested lately, so that a scrape
    /// has only to join them; those in other forms are freed. Takes time in
    /// proportion to what has changed, so do not call it on an async thread.
    #[must_use]
    pub fn succeeded_by(&self, tenants: Vec<Arc<RenderedSnapshot>>) -> Self {
        let page = self.with_tenants(tenants);
        let forms = page.recent.list();
        let mut compressors = Compressors::default();
        for tenant in &page.tenants {
            tenant.keep(&forms);
            for (format, encoding) in &forms {
                tenant
                    .pieces(*format, *encoding, &mut compressors)
                    .for_each(drop);
            }
        }
        page
    }

    /// A page of other tenants. What is requested of it is rendered in advance
    /// for those that come after this page.
    #[must_use]
    pub fn with_tenants(&self, tenants: Vec<Arc<RenderedSnapshot>>) -> Self {
        Self {
            tenants,
            forms: Default::default(),
            recent: self.recent.clone(),
        }
    }

    /// The whole page with the exporter's own families at its end. If the form
    /// was made before, the cost does not depend on the number of jobs; do not
    /// call it on an async thread otherwise.
    #[must_use]
    pub fn body(&self, format: Format, encoding: Encoding, own: &Gathered) -> Body {
        self.recent.note(format, encoding);
        let form = self.form(format, encoding);
        let mut end = gathered::write(format, own);
        if matches!(format, Format::OpenMetrics | Format::OpenMetrics2) {
            end.extend_from_slice(b"# EOF\n");
        }
        let end = match encoding {
            Encoding::Identity => end,
            Encoding::Gzip => form.gzip_end(&end),
            Encoding::Zstd => zstd_end(&end),
        };
        let mut chunks = form.chunks.clone();
        chunks.push(end.into());
        Body::new(chunks)
    }

    fn form(&self, format: Format, encoding: Encoding) -> &Form {
        let form = &self.forms[format as usize][encoding as usize];
        form.get_or_init(|| self.make(format, encoding))
    }

    /// Joins the headers of the families and the samples of all tenants.
    /// Families without a sample are left out.
    fn make(&self, format: Format, encoding: Encoding) -> Form {
        let mut compressors = Compressors::default();
        let mut sections = Vec::new();
        for tenant in &self.tenants {
            sections.extend(tenant.pieces(format, encoding, &mut compressors));
        }
        let headers = headers(format, encoding);
        let mut families = vec![Vec::new(); headers.len()];
        let mut length = 0;
        for piece in sections.iter().flat_map(|pieces| &**pieces) {
            families[piece.family].push(piece);
            length += piece.encoded.len();
        }
        let mut form = FormBuilder::new(encoding, length);
        for (header, pieces) in headers.iter().zip(families) {
            if pieces.is_empty() {
                continue;
            }
            if format == Format::Protobuf {
                let samples = pieces.iter().map(|piece| piece.length);
                let length = header.length + samples.sum::<usize>();
                let mut prefix = Vec::with_capacity(5);
                protobuf::write_varint(&mut prefix, length as u64);
                form.push_small(&prefix);
            }
            form.push(header);
            for piece in pieces {
                form.push(piece);
            }
        }
        form.finish()
    }
}

/// From this size on, in bytes, the exporter's own families are compressed at
/// a scrape. For a few tenants that would cost more than the rest of a scrape.
const COMPRESSED: usize = 32 * 1024;

impl Form {
    /// The end of the gzip member, with these samples in it.
    fn gzip_end(&self, samples: &[u8]) -> Vec<u8> {
        let mut crc = self.crc.clone();
        crc.update(samples);
        let mut end = if samples.len() < COMPRESSED {
            let mut stored = Vec::with_capacity(samples.len() + 64);
            gzip::store(&mut stored, samples);
            stored
        } else {
            Compressors::default().deflate(samples).into()
        };
        gzip::end(&mut end, crc.finalize(), self.length + samples.len());
        end
    }
}

/// The last zstd frame, with these samples in it.
fn zstd_end(samples: &[u8]) -> Vec<u8> {
    if samples.len() >= COMPRESSED {
        return Compressors::default().zstd(samples).into();
    }
    let mut stored = Vec::with_capacity(samples.len() + 64);
    zstd_frames::store(&mut stored, samples);
    stored
}

/// Joins pieces in one content coding.
struct FormBuilder {
    encoding: Encoding,
    chunks: ChunkList,
    crc: Hasher,
    length: usize,
}

impl FormBuilder {
    /// `length` is about that of the encoded page, in bytes.
    fn new(encoding: Encoding, length: usize) -> Self {
        let mut chunks = ChunkList::new(length);
        if encoding == Encoding::Gzip {
            chunks.copy(&gzip::HEADER);
        }
        Self {
            encoding,
            chunks,
            crc: Hasher::new(),
            length: 0,
        }
    }

    fn push(&mut self, piece: &Piece) {
        self.chunks.push(&piece.encoded);
        if self.encoding == Encoding::Gzip {
            self.crc.combine(&piece.checksum());
            self.length += piece.length;
        }
    }

    /// Appends a few bytes that are different on every page.
    fn push_small(&mut self, bytes: &[u8]) {
        let mut stored = Vec::with_capacity(bytes.len() + 16);
        match self.encoding {
            Encoding::Identity => stored.extend_from_slice(bytes),
            Encoding::Gzip => {
                gzip::store(&mut stored, bytes);
                self.crc.update(bytes);
                self.length += bytes.len();
            }
            Encoding::Zstd => zstd_frames::store(&mut stored, bytes),
        }
        self.chunks.copy(&stored);
    }

    fn finish(self) -> Form {
        Form {
            chunks: self.chunks.finish(),
            crc: self.crc,
            length: self.length,
        }
    }
}
