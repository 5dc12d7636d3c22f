//! From snapshots to the bytes of `/metrics`: one [`catalogue`] of families,
//! written as Prometheus text, `OpenMetrics` 1.0 or 2.0, or protobuf.
//!
//! A tenant's samples are written ([`Samples`]) and compressed once
//! ([`RenderedSnapshot`]). The first scrape of a new [`Page`] joins those of all
//! tenants, and each adds the exporter's own families. [`crate::web`] sends it.
//!
//! The samples of a family must be contiguous on a page. So a tenant's samples
//! are split into pieces of one family each, compressed so that they can be
//! placed anywhere on a page. A snapshot is split into sections as well: those
//! in which nothing has changed keep their pieces. Formats and content codings
//! that nobody requests are not made.

use std::sync::Arc;

use bytes::Bytes;

use crate::telemetry::family::Kind;

pub mod catalogue;
mod compress;
mod encoder;
mod feed_samples;
mod gathered;
mod gzip;
mod limit;
mod negotiate;
mod openmetrics2;
mod page;
#[cfg(any(test, fuzzing))]
pub(crate) mod parser;
mod pieces;
mod protobuf;
mod recent;
mod rendered;
mod samples;
mod section;
#[cfg(test)]
mod tests;
mod text;
mod workflow_samples;
mod zstd_frames;

pub use limit::limit_page;
pub use negotiate::{Negotiated, negotiate};
pub use page::Page;
pub use rendered::RenderedSnapshot;
pub use samples::Samples;
pub(crate) use text::write_label;

/// The format of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text.
    Text,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
    /// `OpenMetrics` 2.0.
    OpenMetrics2,
    /// Length-delimited protobuf messages.
    Protobuf,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [
        Self::Text,
        Self::OpenMetrics,
        Self::OpenMetrics2,
        Self::Protobuf,
    ];

    /// Appends the header of a family.
    fn write_header(self, out: &mut Vec<u8>, name: &str, kind: Kind, help: &str) {
        let write = match self {
            Self::Text => text::write_header,
            Self::OpenMetrics => text::write_open_metrics_header,
            Self::OpenMetrics2 => openmetrics2::write_header,
            Self::Protobuf => protobuf::write_header,
        };
        write(out, name, kind, help);
    }
}

/// The content coding of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// None.
    Identity,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

impl Encoding {
    /// Every content coding.
    pub const ALL: [Self; 3] = [Self::Identity, Self::Gzip, Self::Zstd];
}

/// A body in chunks, to be sent one after the other. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Body {
    /// The published page, and a small chunk with the exporter's own families
    /// at the end; none is empty.
    pub chunks: Arc<[Bytes]>,
}

impl Body {
    /// A body of these bytes.
    #[must_use]
    pub fn new(mut chunks: Vec<Bytes>) -> Self {
        chunks.retain(|chunk| !chunk.is_empty());
        Self {
            chunks: chunks.into(),
        }
    }

    /// The value of the Content-Length header, in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }
}
