//! From snapshots to the bytes of `/metrics`: one [`catalogue`] of families,
//! one writer for Prometheus text 0.0.4 and `OpenMetrics` 1.0.
//!
//! A tenant's samples are written ([`SampleLines`]) and compressed once, when
//! its snapshot is published ([`RenderedSnapshot`]); those of all tenants are
//! joined into a [`Page`]. A scrape adds only the exporter's own families, so
//! its cost does not depend on the number of jobs. [`crate::web`] sends it.
//!
//! A page holds the samples of all tenants, but the samples of a family must
//! be contiguous. So a tenant's samples are split into one piece per family,
//! each compressed so that it can be placed anywhere in a gzip member.

use std::sync::Arc;

use bytes::Bytes;

pub mod catalogue;
mod gathered;
mod gzip;
mod limit;
mod lines;
mod negotiate;
mod page;
mod pieces;
#[cfg(test)]
mod tests;
mod workflow_lines;
mod writer;

pub use limit::limit_page;
pub use lines::SampleLines;
pub use negotiate::negotiate;
pub use page::{Page, RenderedSnapshot};
pub(crate) use writer::write_label;

/// The text format of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl Format {
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The content coding of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// None.
    Identity,
    /// gzip.
    Gzip,
}

/// A body in chunks, to be sent one after the other, and its Content-Type.
/// Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Body {
    /// The published page, and a small chunk with the exporter's own families
    /// at the end; none is empty.
    pub chunks: Arc<[Bytes]>,
    /// The value of the Content-Type header.
    pub content_type: &'static str,
}

impl Body {
    /// A body of these bytes.
    #[must_use]
    pub fn new(mut chunks: Vec<Bytes>, content_type: &'static str) -> Self {
        chunks.retain(|chunk| !chunk.is_empty());
        Self {
            chunks: chunks.into(),
            content_type,
        }
    }

    /// The value of the Content-Length header, in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }
}
