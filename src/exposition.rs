//! From snapshots to the bytes of `/metrics`: one [`catalogue`] of families,
//! one writer for Prometheus text 0.0.4 and `OpenMetrics` 1.0.
//!
//! A tenant's samples are written ([`Lines`]) and compressed once, when its
//! snapshot is published ([`Blocks`]); the blocks of all tenants are joined to
//! a [`Page`]; a scrape adds only the exporter's own families, so that it
//! costs the same whatever the number of jobs. [`crate::web`] sends it.
//!
//! Families must not interleave, and several tenants share a page. That is
//! why a tenant's lines are cut into one piece per family, each of them a
//! deflate piece of its own that may stand anywhere in a gzip member.

use std::sync::Arc;

use bytes::Bytes;

pub mod catalogue;
mod gzip;
mod lines;
mod negotiate;
mod own;
mod page;
mod pieces;
#[cfg(test)]
mod tests;
mod writer;

pub use lines::Lines;
pub use negotiate::negotiate;
pub use page::{Blocks, Page};

/// The text format of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl Format {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The content coding of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// What was ready, and a small fresh chunk at the end; none is empty.
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
