//! From snapshots to the bytes of `/metrics`: one catalogue of families, one
//! writer for Prometheus text 0.0.4 and OpenMetrics 1.0.
//!
//! A tenant's samples are written and compressed once, when its snapshot is
//! published ([`Blocks`]); the blocks of all tenants are joined to a
//! [`Page`]; a scrape adds only the exporter's own series.

use std::sync::Arc;

use bytes::Bytes;
use prometheus::proto::MetricFamily;

use crate::snapshot::Snapshot;

/// The text format of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

/// The content coding of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// None.
    Identity,
    /// gzip.
    Gzip,
}

/// One tenant's samples, family by family, plain and compressed.
#[derive(Debug)]
pub struct Blocks {}

impl Blocks {
    /// Writes and compresses a snapshot. Takes time in proportion to its
    /// series: not for an async thread.
    #[must_use]
    pub fn render(_snapshot: &Snapshot) -> Self {
        Self {}
    }
}

/// The samples of all tenants, ready to be sent in both formats and codings.
#[derive(Debug)]
pub struct Page {}

/// A body in pieces, to be sent one after the other, and its Content-Type.
#[derive(Debug)]
pub struct Body {
    /// The pieces.
    pub chunks: Vec<Bytes>,
    /// The value of the Content-Type header.
    pub content_type: &'static str,
}

impl Page {
    /// Joins the blocks of all tenants, given in the order of their names.
    #[must_use]
    pub fn assemble(_tenants: &[Arc<Blocks>]) -> Self {
        Self {}
    }

    /// The whole page, with the exporter's own families at its end.
    #[must_use]
    pub fn body(&self, _format: Format, _encoding: Encoding, _own: &[MetricFamily]) -> Body {
        Body {
            chunks: Vec::new(),
            content_type: "",
        }
    }
}

/// Chooses format and coding from the `Accept` and `Accept-Encoding` headers.
#[must_use]
pub fn negotiate(_accept: Option<&str>, _accept_encoding: Option<&str>) -> (Format, Encoding) {
    (Format::Text, Encoding::Identity)
}
